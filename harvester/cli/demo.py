"""`harvester demo`: simulated vendors, and a harvest of everything from them."""

from __future__ import annotations

import json
import logging
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal

import click
import orjson

import connectors
from connectors.models import MeetingRecord
from harvester.cli import PROGRAM, vendor_commands
from harvester.cli.options import (
    ES_HOST,
    INDEX_PERIOD,
    OUTPUT,
    DecimalNumber,
    WholeNumber,
    apply,
    examples,
    general_options,
    pass_env,
    usage_errors,
)
from harvester.cli.run_environment import RunEnvironment
from harvester.cli.simulate import simulator
from harvester.config import OWN, RETIRED, Environment
from harvester.documents import to_documents
from harvester.formatting import plural
from harvester.logging_setup import LINES
from harvester.pipeline.destination import choose_destination
from harvester.pipeline.request import VendorOptions
from harvester.pipeline.run_summary import DestinationKind
from harvester.simulator import VENDORS
from harvester.sinks.base import Ack, Load, Sink

if TYPE_CHECKING:
    from harvester.simulator.server import Options

logger = logging.getLogger(__name__)

DAYS = 2

PREFIX = "demo-"
"""Put before the index prefix of the settings: invented documents never mix with real ones."""


class ExampleFinder:
    """Counts the meetings that sinks load, and shows the first that has ended and has a few sessions.

    It is shown at once, so that the summary of the run stays on the screen below it.
    """

    def __init__(self) -> None:
        self.meetings = 0
        self._is_shown = False
        self._lock = Lock()  # each account has a thread of its own

    def watch(self, sink: Sink) -> Sink:
        return _WatchedSink(sink, self)

    def look(self, load: Load) -> Load:
        record = load.record
        with self._lock:
            self.meetings += 1
            shows = not self._is_shown and len(record.sessions) > 2 and record.meeting.state == "ended"
            self._is_shown = self._is_shown or shows
        if shows:
            _show(record)
        return load


class _WatchedSink:
    def __init__(self, sink: Sink, finder: ExampleFinder) -> None:
        self._sink = sink
        self._finder = finder

    def load(self, loads: Iterable[Load]) -> Iterator[Ack]:
        return self._sink.load(map(self._finder.look, loads))


DEMO_DESTINATION = click.option(
    "--destination",
    type=click.Choice(["stdout", "index"]),
    help="Where documents go; index needs ES_HOST and uses indices of its own.  [default: stdout]",
)


@click.command(
    epilog=examples("harvester demo --output documents.ndjson", "harvester demo --size 20 | jq -c .topic")
)
@click.option(
    "--size", type=WholeNumber(1), metavar="N", default=120, help="Meetings per vendor.  [default: 120]"
)
@click.option(
    "--seed", type=int, metavar="N", default=1, help="Seed of the invented organisation.  [default: 1]"
)
@click.option(
    "--speed",
    type=DecimalNumber(1, 1000),
    metavar="FACTOR",
    default=25.0,
    help="Divide all waits by this factor.  [default: 25]",
)
@apply([DEMO_DESTINATION, ES_HOST, INDEX_PERIOD, OUTPUT])
@general_options
@pass_env
def demo(
    env: RunEnvironment,
    size: int,
    seed: int,
    speed: float,
    output: Path | None,
    destination: Literal["stdout", "index"] | None,
) -> int:
    """Simulate the vendors, and harvest two days of an invented organisation from them.

    The documents go to stdout or to --output. With --destination index they go into Elasticsearch, into indices
    that begin with "demo-", apart from yours. Their account is "demo".
    """
    with usage_errors():
        kind = choose_destination(
            destination or ("stdout" if output is None else None), output, env.environment
        )
    # Noon yesterday: two days are then one whole day and a morning, with meetings going on.
    shown = datetime.combine(datetime.now(UTC).date(), time(12), UTC) - timedelta(days=1)
    options = _simulator_options(seed=seed, size=size, now=shown, speed=speed)
    example = ExampleFinder()
    code = _harvest_simulated(env, options, shown.date(), kind, output, example)
    if output is not None and output != Path("-"):
        _suggest(output, example.meetings)
    return code


def _simulator_options(*, seed: int, size: int, now: datetime, speed: float) -> Options:
    server = simulator()
    options: Options = server.Options(
        port=0,
        seed=seed,
        size=size,
        days=DAYS,
        now=now,
        speed=speed,
        vendors=[name for name in sorted(connectors.CONNECTORS) if name in VENDORS],
        google=server.GoogleOptions(refuses=False),  # a first look should not end with an error
    )
    return options


def _harvest_simulated(
    env: RunEnvironment,
    options: Options,
    last: date,
    kind: DestinationKind,
    output: Path | None,
    example: ExampleFinder,
) -> int:
    """Serve the vendors, and harvest their days up to `last` into the destination. Returns the exit code."""
    with ExitStack() as stack:
        simulated = stack.enter_context(simulator().serving(options))
        # A request that the run no longer waits for may still create a file in the folder.
        folder = stack.enter_context(
            tempfile.TemporaryDirectory(prefix="harvester-demo-", ignore_cleanup_errors=True)
        )
        env.environment = pointed_at_simulator(env.environment, simulated, folder)
        env.accounts_file = None
        if kind == "index":
            vendor_commands.log_destination(kind, env)
        return vendor_commands.run_harvest(
            env,
            options.vendors,
            first=last - timedelta(days=DAYS - 1),
            last=last,
            timezone="UTC",
            rate_share=1.0,
            options=VendorOptions(switches=frozenset({"qos", "series"})),  # for the report's charts over time
            output=output,
            destination="index" if kind == "index" else None if output is not None else "stdout",
            decorate=example.watch,
        )


def pointed_at_simulator(environment: Environment, simulated: Mapping[str, str], state: str) -> Environment:
    """The user's settings, with every vendor's replaced by the simulator's."""
    vendor_settings = {
        setting.name for name in connectors.CONNECTORS for setting in connectors.load(name).settings
    }
    vendor_settings |= {f"{name}_FILE" for name in vendor_settings} | set(RETIRED)
    kept = {name: value for name, value in environment.values.items() if name not in vendor_settings}
    own = {
        "HARVESTER_ACCOUNT": "demo",
        "HARVESTER_STATE_DIR": state,
        "ES_INDEX_PREFIX": PREFIX + environment.of(OWN)["ES_INDEX_PREFIX"],
    }
    pointed = replace(environment, values={**kept, **simulated})
    for name, value in own.items():
        pointed = pointed.override(name, value)
    return pointed


def _show(example: MeetingRecord) -> None:
    meeting, session, *_ = to_documents(example)
    for title, document in (("A meeting", meeting), ("One of its sessions", session)):
        plain = _shortened(json.loads(orjson.dumps(document, option=orjson.OPT_UTC_Z)))
        logger.info(f"\n{title}:\n{json.dumps(plain, indent=2, ensure_ascii=False)}", extra=LINES)


def _shortened(document: dict[str, Any]) -> dict[str, Any]:
    """The document as an example: with the first stream of its quality, and without the samples over time."""
    quality = document.get("quality")
    if not isinstance(quality, dict):
        return document
    streams = [(name, stream) for name, stream in quality.items() if isinstance(stream, dict)][:1]
    short = {name: {k: v for k, v in stream.items() if k != "series"} for name, stream in streams}
    return {**document, "quality": short}


def _typed_program() -> str:
    """How this program was called, if a shell would not find it by its name: `.venv/bin/harvester`."""
    called = Path(sys.argv[0])
    if shutil.which(PROGRAM) or called.name != PROGRAM:
        return PROGRAM
    return shlex.quote(str(called))


def _suggest(output: Path, meetings: int) -> None:
    file, program = shlex.quote(str(output)), _typed_program()
    logger.info(
        f"\nThe documents of {plural(meetings, 'meeting')} are in {file}, one document a line. A listed meeting without any\n"
        "time yet has none, and a report counts only meetings that were held. Try next:\n"
        f"  {program} attendance {file} --by person\n"
        f"  {program} report {file} -o report.html\n"
        f"  jq -r 'select(.kind==\"session\" and .email) | .email' {file} | sort | uniq -c | sort -rn | head\n"
        f"  jq -r 'select(.kind==\"meeting\") | [.start_time // .scheduled_start_time, .participants, .topic] | @tsv' {file}\n"
        f"  jq -s 'map(select(.kind==\"meeting\") | .participant_seconds) | add / 3600' {file}\n"
        f"For your own accounts: {program} init, then {program} all. The README goes on from there.",
        extra=LINES,
    )
    sys.stderr.flush()
