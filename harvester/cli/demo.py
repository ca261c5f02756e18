"""`harvester demo`: simulated vendors, and a harvest of everything from them."""

from __future__ import annotations

import json
import logging
import shlex
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any, BinaryIO

import click
import orjson

import connectors
from connectors.errors import OutputError
from connectors.models import MeetingRecord
from harvester.cli import harvest
from harvester.cli.environment import RunEnvironment
from harvester.cli.options import (
    DESTINATION,
    ES_HOST,
    INDEX_PERIOD,
    OUTPUT,
    apply,
    examples,
    general_options,
    pass_env,
)
from harvester.cli.simulate import simulator
from harvester.config import RETIRED, Environment
from harvester.documents import to_documents
from harvester.pipeline.request import HarvestRequest
from harvester.simulator import VENDORS
from harvester.sinks.base import Ack, Sink

logger = logging.getLogger(__name__)

DAYS = 2


class Showing:
    """A sink around another one that remembers a meeting worth showing: the first that has ended and has a few sessions."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self.example: MeetingRecord | None = None

    def load(self, records: Iterable[MeetingRecord]) -> Iterator[Ack]:
        return self._sink.load(map(self._look, records))

    def _look(self, seen: MeetingRecord) -> MeetingRecord:
        if self.example is None and len(seen.sessions) > 2 and seen.meeting.state == "ended":
            self.example = seen
        return seen


@click.command(
    epilog=examples("harvester demo --output documents.ndjson", "harvester demo --size 20 | jq -c .topic")
)
@click.option("--size", type=click.IntRange(1), default=120, show_default=True, help="Meetings per vendor.")
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed, another organisation.")
@click.option(
    "--speed",
    type=click.FloatRange(1, 1000),
    default=25.0,
    show_default=True,
    help="How much faster than life.",
)
@apply([DESTINATION, ES_HOST, INDEX_PERIOD, OUTPUT])
@general_options
@pass_env
def demo(env: RunEnvironment, size: int, seed: int, speed: float, output: Path | None, **given: Any) -> int:
    """Simulate the vendors, and harvest two days of an invented organisation from them.

    The documents go to stdout, to --output, or into the index where ES_HOST is set. Their account is "demo".
    """
    server = simulator()
    # Noon yesterday: two days are then one whole day and a morning, with meetings going on.
    shown = datetime.combine(datetime.now(UTC).date(), time(12), UTC) - timedelta(days=1)
    vendors = [name for name in sorted(connectors.CONNECTORS) if name in VENDORS]
    options = server.Options(
        port=0,
        seed=seed,
        size=size,
        days=DAYS,
        now=shown,
        speed=speed,
        vendors=vendors,
        google=server.GoogleOptions(refuses=False),  # nobody is to blame for what a first look shows
    )
    with ExitStack() as stack:
        simulated = stack.enter_context(server.serving(options))
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="harvester-demo-"))
        env.environment = _pointed(env.environment, simulated, folder)
        request = HarvestRequest(
            first=shown.date() - timedelta(days=DAYS - 1),
            last=shown.date(),
            timezone="UTC",
            rate_share=1.0,
            **given,
        )
        if output is not None:
            request = replace(request, destination=request.destination or "stdout")
        stream = stack.enter_context(_opened(output)) if output is not None else None
        return _harvested(vendors, request, env, output, stream)


def _harvested(
    vendors: Sequence[str],
    request: HarvestRequest,
    env: RunEnvironment,
    output: Path | None,
    stream: BinaryIO | None,
) -> int:
    showing: list[Showing] = []

    def wrapped(sink: Sink) -> Sink:
        showing.append(Showing(sink))
        return showing[-1]

    code = harvest.harvest_all(vendors, request, env, stream=stream, wrapped=wrapped)
    example = next((shown.example for shown in showing if shown.example is not None), None)
    if example is not None:
        _show(example)
    if output is not None:
        _suggest(output)
    return code


def _pointed(environment: Environment, simulated: Mapping[str, str], state: str) -> Environment:
    """The user's settings, with every vendor's replaced by the simulator's."""
    theirs = {setting.name for name in connectors.CONNECTORS for setting in connectors.load(name).settings}
    theirs |= {f"{name}_FILE" for name in theirs} | set(RETIRED)
    kept = {name: value for name, value in environment.values.items() if name not in theirs}
    return Environment(
        values={**kept, **simulated, "HARVESTER_ACCOUNT": "demo", "HARVESTER_STATE_DIR": state}
    )


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("wb")
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error.strerror})") from None


def _show(example: MeetingRecord) -> None:
    meeting, session, *_ = to_documents(example)
    for title, document in (("A meeting", meeting), ("One of its sessions", session)):
        plain = json.loads(orjson.dumps(document, option=orjson.OPT_UTC_Z))
        logger.info(f"\n{title}:\n{json.dumps(plain, indent=2, ensure_ascii=False)}")


def _suggest(output: Path) -> None:
    file = shlex.quote(str(output))
    logger.info(
        f"\nThe documents are in {file}, one a line. Try next:\n"
        f"  jq -r 'select(.kind==\"session\" and .email) | .email' {file} | sort | uniq -c | sort -rn | head\n"
        f"  jq -r 'select(.kind==\"meeting\") | [.start_time // .scheduled_start_time, .participants, .topic] | @tsv' {file}\n"
        f"  jq -s 'map(select(.kind==\"meeting\") | .participant_seconds) | add / 3600' {file}"
    )
    sys.stderr.flush()
