"""Keeps one document per room, with its current state, in an index."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from threading import Condition
from typing import Any, NoReturn, Protocol

from connectors.errors import HarvestError, Interrupted, Unreachable
from harvester.rooms.status_json import RoomReading, to_json

RETRY_SECONDS = 30.0
_LEFT_OUT = frozenset({"running", "stale_seconds"})

logger = logging.getLogger(__name__)


class StateSink(Protocol):
    def put_states(self, states: Iterable[Mapping[str, Any]]) -> int:
        """Store states, and return how many were refused."""
        ...


class StateIndexer:
    """`run` blocks; `show` is safe for all threads and returns at once. The newest state of a room wins."""

    def __init__(
        self,
        sink: StateSink,
        account: str,
        elapsed: Callable[[], float],
        prepare: Callable[[], None] = lambda: None,
    ) -> None:
        """`elapsed`: real seconds. `prepare`: called before the first states are stored, again if Elasticsearch cannot be
        reached; what else it raises ends `run`."""
        self._sink = sink
        self._account = account
        self._elapsed = elapsed
        self._prepare = prepare
        self._is_prepared = False
        self._failed = ""
        """The message of the last failure; empty if the last states were stored."""
        self._condition = Condition()
        self._waiting: dict[str, dict[str, Any]] = {}

    def show(self, reading: RoomReading) -> None:
        with self._condition:
            self._waiting[reading.room] = state_document(reading, self._account)
            self._condition.notify()

    def run(self, check_stop: Callable[[], None]) -> NoReturn:
        """Write until `check_stop`, which is called often, raises."""
        while True:
            check_stop()
            with self._condition:
                if not self._waiting:
                    self._condition.wait(0.5)
                states, self._waiting = self._waiting, {}
            if states:
                self._put(states, check_stop)

    def _put(self, states: dict[str, dict[str, Any]], check_stop: Callable[[], None]) -> None:
        try:
            if not self._is_prepared:
                self._prepare()
                self._is_prepared = True
            if refused := self._sink.put_states(states.values()):
                logger.warning("rooms: Elasticsearch refused the states of %d rooms", refused)
            if self._failed:
                self._failed = ""
                logger.info("rooms: the states can be stored again")
        except Interrupted:
            raise
        except HarvestError as error:
            if not self._is_prepared and not isinstance(error, Unreachable):
                raise
            if str(error) != self._failed:
                self._failed = str(error)
                logger.warning("rooms: the states cannot be stored: %s", error)
            with self._condition:
                self._waiting = states | self._waiting
            until = self._elapsed() + RETRY_SECONDS
            while self._elapsed() < until:
                check_stop()
                with self._condition:
                    self._condition.wait(0.5)


def state_document(reading: RoomReading, account: str) -> dict[str, Any]:
    """The current state as a document of the kind `room`; what is unknown is left out."""
    at: datetime = reading.status.at
    state = to_json(reading).items()
    return {
        "document_id": f"room:{account}:{reading.calendar}",
        "kind": "room",
        "account": account,
        "@timestamp": at,
        "harvested_at": at,
        **{name: value for name, value in state if name not in _LEFT_OUT and value is not None},
    }
