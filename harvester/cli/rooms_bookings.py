"""`harvester rooms bookings`: the events of the rooms' calendars as documents."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from connectors.errors import CredentialsError, HarvestError
from connectors.exit_codes import ExitCode
from connectors.models import Window
from connectors.parsing import truncate_to_milliseconds
from harvester.cli.from_settings import elastic_config
from harvester.cli.options import (
    DESTINATION,
    ONE_ACCOUNT,
    apply,
    day_options,
    elasticsearch_options,
    examples,
    general_options_without_config,
    pass_env,
)
from harvester.cli.render.echo import stdout_bytes
from harvester.cli.rooms_options import CONFIG, TITLES, opened, read_file, report_errors
from harvester.cli.run_environment import RunEnvironment
from harvester.formatting import plural
from harvester.pipeline.destination import retry_policy
from harvester.pipeline.request import Day, to_date
from harvester.rooms.booking_documents import booking_documents
from harvester.rooms.open_calendars import RoomsAccount
from harvester.rooms.rooms_file import Room, RoomsFile
from harvester.rooms.status_json import Titles
from harvester.sinks.elastic.room_documents import RoomDocuments
from harvester.sinks.ndjson import LineWriter

PAST_DAYS = 7
FUTURE_DAYS = 30
LONGEST_DAYS = 366

logger = logging.getLogger(__name__)


@click.command(
    epilog=examples(
        "harvester rooms bookings --destination stdout | jq -r .room | sort | uniq -c",
        "harvester rooms bookings --from 2026-11-01 --to 2026-12-31",
    )
)
@apply(
    day_options(
        None,
        f"First day.  [default: {PAST_DAYS} days ago]",
        f"Last day, inclusive; it may be in the future.  [default: in {FUTURE_DAYS} days]",
    )
)
@DESTINATION
@CONFIG
@TITLES
@elasticsearch_options
@ONE_ACCOUNT
@general_options_without_config
@pass_env
def bookings(
    env: RunEnvironment,
    first: Day | None,
    last: Day | None,
    timezone: str | None,
    destination: str | None,
    config: Path,
    titles: Titles | None,
) -> int:
    """Harvest what is booked: one document for each event that occupies a room and starts on these days.

    In an index, a changed booking replaces the earlier one, and one that was cancelled or moved is deleted. Without dates, run
    it every night.
    """
    file = read_file(env, config, titles)
    with opened(env) as account:
        window = _window(first, last, account.context.now(), env.zone(timezone))
        into_index = destination == "index" or (destination is None and bool(env.environment.get("ES_HOST")))
        with _writer(env, account.label, into_index=into_index) as writer:
            return _harvest(account, file, window, writer)


class _Stdout:
    def __init__(self) -> None:
        self._lines = LineWriter(stdout_bytes())

    def put(self, _room: Room, documents: list[dict[str, Any]], _window: Window, _read_at: datetime) -> int:
        for document in documents:
            self._lines.write(document)
        return 0


class _Index:
    def __init__(self, documents: RoomDocuments, account: str) -> None:
        self._documents = documents
        self._account = account

    def put(self, room: Room, documents: list[dict[str, Any]], window: Window, read_at: datetime) -> int:
        refused = self._documents.put_bookings(documents)
        if not refused:
            self._documents.delete_other_bookings(room.calendar, self._account, window, read_at)
        return refused


@contextmanager
def _writer(env: RunEnvironment, account: str, *, into_index: bool) -> Iterator[_Stdout | _Index]:
    if not into_index:
        yield _Stdout()
        return
    from harvester.sinks.elastic import templates
    from harvester.sinks.elastic.client import Client

    with closing(Client(elastic_config(env), env.machine.monotonic)) as client:
        retry = retry_policy(env.stop, env.machine)
        if notice := templates.install_missing(client, retry):
            logger.info("rooms: %s", notice)
        yield _Index(RoomDocuments(client, retry), account)


def _harvest(account: RoomsAccount, file: RoomsFile, window: Window, writer: _Stdout | _Index) -> int:
    errors: list[tuple[str, HarvestError | None]] = []
    count = refused = 0
    for room in file.rooms:
        copy = account.copy(room, about=window.start)
        error = copy.refresh()
        if error is None and copy.has_busy_times_only:
            # Busy times have no ids: stored bookings would be deleted, and others take their place.
            error = CredentialsError(
                "the events may not be read, only busy times: let GOOGLE_ADMIN see the details of the calendar's events"
            )
        errors.append((room.name, error))
        if error is not None or copy.as_of is None:
            continue
        read_at = truncate_to_milliseconds(copy.as_of)
        documents = list(
            booking_documents(
                room,
                copy.events(),
                window,
                zone=copy.zone,
                account=account.label,
                harvested_at=read_at,
                titles=file.titles,
            )
        )
        refused += writer.put(room, documents, window, read_at)
        count += len(documents)
    logger.info("rooms: %s in %s", plural(count, "booking"), plural(len(file.rooms), "room"))
    if refused:
        logger.error("rooms: Elasticsearch refused %s", plural(refused, "booking"))
    return ExitCode.worst([report_errors(errors), ExitCode.DATAERR if refused else ExitCode.OK])


def _window(first: Day | None, last: Day | None, now: datetime, zone: ZoneInfo) -> Window:
    today = now.astimezone(zone).date()
    begin = to_date(first, now, zone) or today - timedelta(days=PAST_DAYS)
    end = to_date(last, now, zone) or max(begin, today + timedelta(days=FUTURE_DAYS))
    if end < begin:
        raise click.UsageError(f"--from {begin} is after --to {end}")
    if end - begin > timedelta(days=LONGEST_DAYS):
        raise click.UsageError(f"--from and --to are more than {LONGEST_DAYS} days apart")
    return Window.days(begin, end, zone)
