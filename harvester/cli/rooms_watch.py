"""`harvester rooms watch`: prints each change, and passes it on."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import click

from connectors.exit_codes import ExitCode
from harvester.background_task import background_task
from harvester.cli.from_settings import elastic_config
from harvester.cli.options import (
    ONE_ACCOUNT,
    examples,
    general_options_without_config,
    pass_env,
)
from harvester.cli.render.echo import stdout_bytes
from harvester.cli.rooms_options import CONFIG, TITLES, opened, read_file
from harvester.cli.run_environment import RunEnvironment
from harvester.cli.standard_streams import stdout_reader_is_gone
from harvester.pipeline.destination import retry_policy
from harvester.rooms.open_calendars import RoomsAccount
from harvester.rooms.rooms_file import ArduinoAccount, RoomsFile
from harvester.rooms.state_printer import StatePrinter
from harvester.rooms.status_json import Titles, to_json
from harvester.rooms.watcher import Watcher
from harvester.sinks.base import PipeClosed
from harvester.sinks.ndjson import LineWriter

logger = logging.getLogger(__name__)


@click.command(
    epilog=examples("harvester rooms watch > changes.ndjson", "harvester rooms watch | jq -r .text")
)
@CONFIG
@TITLES
@ONE_ACCOUNT
@general_options_without_config
@pass_env
def watch(env: RunEnvironment, config: Path, titles: Titles | None) -> int:
    """Watch all rooms, and print a JSON line whenever the state of one changes, until it is stopped.

    Each calendar is read once a minute. The first lines are the present states. If FILE has a table [rooms.arduino], the
    Things of the rooms' names are kept in step; if ES_HOST is set, the index harvester-rooms has a document for each room.
    """
    file = read_file(env, config, titles)
    with opened(env) as account:
        watcher = Watcher([account.copy(room) for room in file.rooms], account.context, titles=file.titles)
        lines = LineWriter(stdout_bytes())
        printer = StatePrinter(lambda reading: lines.write(to_json(reading)), stdout_reader_is_gone)
        watcher.add_listener(printer.show)
        try:
            with (
                background_task(printer.run, env.stop, name="printer"),
                feeding_displays(env, account, file, watcher),
            ):
                watcher.run(env.stop.check)
        except PipeClosed:
            return ExitCode.OK


@contextmanager
def feeding_displays(
    env: RunEnvironment, account: RoomsAccount, file: RoomsFile, watcher: Watcher
) -> Iterator[None]:
    """Pass the watcher's states on to what the file and the settings name: Arduino Things, an index."""
    with ExitStack() as stack:
        if file.arduino is not None:
            stack.enter_context(_updating_things(env, account, file.arduino, watcher))
        if env.environment.get("ES_HOST"):
            stack.enter_context(_indexing_states(env, account.label, watcher))
        yield


@contextmanager
def _updating_things(
    env: RunEnvironment, account: RoomsAccount, arduino: ArduinoAccount, watcher: Watcher
) -> Iterator[None]:
    from harvester.rooms.arduino_client import ArduinoClient
    from harvester.rooms.thing_updater import ThingUpdater

    client = ArduinoClient(arduino, env.own["ARDUINO_API_URL"], account.context)
    updater = ThingUpdater(client, account.context.elapsed, speed=account.context.speed)
    watcher.add_listener(updater.show)
    with background_task(updater.run, env.stop, name="arduino"):
        yield


@contextmanager
def _indexing_states(env: RunEnvironment, account: str, watcher: Watcher) -> Iterator[None]:
    from harvester.rooms.state_indexer import StateIndexer
    from harvester.sinks.elastic import templates
    from harvester.sinks.elastic.client import Client
    from harvester.sinks.elastic.room_documents import RoomDocuments

    with closing(Client(elastic_config(env), env.machine.monotonic)) as client:
        retry = retry_policy(env.stop, env.machine)

        def prepare() -> None:
            if notice := templates.install_missing(client, retry):
                logger.info("rooms: %s", notice)

        indexer = StateIndexer(RoomDocuments(client, retry), account, env.machine.elapsed, prepare)
        watcher.add_listener(indexer.show)
        with background_task(indexer.run, env.stop, name="room-states"):
            yield
