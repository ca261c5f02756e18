"""harvester/rooms/state_indexer.py"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connectors.errors import ConfigurationError, Interrupted, Unreachable
from harvester.rooms.state_indexer import RETRY_SECONDS, StateIndexer, state_document
from harvester.rooms.status import status, unknown_status
from harvester.rooms.status_json import RoomReading
from tests.unit.rooms.fake_calendars import at, event

UTC = ZoneInfo("UTC")


def reading(hour: float, room: str = "blue") -> RoomReading:
    now = status([event("talk", 10, 11)], at(hour), UTC)
    return RoomReading(room=room, calendar=f"{room}@example.org", status=now, as_of=at(hour))


class Sink:
    def __init__(self) -> None:
        self.stored: dict[str, bool] = {}
        self.batches = 0
        self.error: Exception | None = None

    def put_states(self, states: Iterable[Mapping[str, Any]]) -> int:
        self.batches += 1
        if self.error is not None:
            raise self.error
        self.stored |= {state["room"]: state["busy"] for state in states}
        return 0


class Running:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seconds = 0.0
        self.sink = Sink()
        self.prepared = 0
        self.obstacle: Exception | None = None
        self.indexer = StateIndexer(self.sink, "main", lambda: self.seconds, self._prepare)
        monkeypatch.setattr(self.indexer._condition, "wait", lambda _seconds: None)

    def _prepare(self) -> None:
        self.prepared += 1
        if self.obstacle is not None:
            raise self.obstacle

    def run(self, seconds: float) -> None:
        until = self.seconds + seconds

        def check_stop() -> None:
            self.seconds += 1
            if self.seconds > until:
                raise Interrupted(exit_code=130)

        with pytest.raises(Interrupted):
            self.indexer.run(check_stop)


def test_the_newest_state_of_each_room_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    running = Running(monkeypatch)
    for hour in (9, 10, 11):
        running.indexer.show(reading(hour))
    running.indexer.show(reading(10, "red"))
    running.run(5)
    assert running.sink.stored == {"blue": False, "red": True}
    assert running.sink.batches == 1


def test_after_a_failure_the_newest_state_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    running = Running(monkeypatch)
    running.sink.error = Unreachable("no connection")
    running.indexer.show(reading(10))
    running.run(5)
    running.sink.error = None
    running.indexer.show(reading(11))
    running.run(RETRY_SECONDS + 5)
    assert running.sink.stored == {"blue": False}


def test_an_elasticsearch_that_cannot_be_reached_at_first_is_prepared_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    running = Running(monkeypatch)
    running.obstacle = Unreachable("no connection")
    running.indexer.show(reading(10))
    running.run(RETRY_SECONDS + 5)
    assert (running.prepared, running.sink.stored) == (2, {})
    running.obstacle = None
    running.run(RETRY_SECONDS + 5)
    assert (running.prepared, running.sink.stored) == (3, {"blue": True})
    running.indexer.show(reading(11))
    running.run(5)
    assert (running.prepared, running.sink.stored) == (3, {"blue": False})


def test_a_wrong_setting_ends_the_indexer(monkeypatch: pytest.MonkeyPatch) -> None:
    running = Running(monkeypatch)
    running.obstacle = ConfigurationError("not Elasticsearch 8 or 9")
    running.indexer.show(reading(10))
    with pytest.raises(ConfigurationError):
        running.indexer.run(lambda: None)


def test_a_failure_is_logged_once_and_its_end_too(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    running = Running(monkeypatch)
    running.sink.error = Unreachable("no connection")
    running.indexer.show(reading(10))
    running.run(4 * RETRY_SECONDS)
    running.sink.error = None
    running.run(2 * RETRY_SECONDS)
    assert running.sink.batches > 3
    assert caplog.messages == [
        "rooms: the states cannot be stored: no connection",
        "rooms: the states can be stored again",
    ]


def test_a_state_is_one_document_whose_id_stays() -> None:
    found = state_document(reading(10), "main")
    assert found["document_id"] == "room:main:blue@example.org"
    assert (found["kind"], found["@timestamp"], found["busy"], found["text"]) == (
        "room",
        at(10),
        True,
        "talk",
    )
    assert "free_until" not in found
    assert "running" not in found


def test_an_unknown_state_has_no_busy() -> None:
    unknown = RoomReading(room="blue", calendar="b", status=unknown_status(at(10), UTC), as_of=None)
    found = state_document(unknown, "main")
    assert "busy" not in found
    assert found["text"] == "Unknown"
