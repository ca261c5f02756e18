"""`harvester rooms` against simulated rooms: what it shows equals the truth, which is computed from the events alone."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from harvester.simulator.expected.rooms import edges
from tests.e2e.rooms_bench import NOW, Bench, Running, rooms_bench, wait_for, without_ids


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with rooms_bench(tmp_path_factory.mktemp("rooms"), rooms=40) as bench:
        yield bench


@pytest.mark.parametrize("offset", [timedelta(minutes=m) for m in (0, 131, -26 * 60)])
def test_the_status_at_an_instant_is_the_truth(offset: timedelta, bench: Bench) -> None:
    at = NOW + offset
    ended = bench("status", "--json", "--at", at.isoformat())
    assert ended.returncode == 0, ended.stderr
    truth = bench.truth(at)
    assert {each["room"]: without_ids(each) for each in json.loads(ended.stdout)} == {
        name: without_ids(each) for name, each in truth.items()
    }


@pytest.mark.parametrize(
    "now", [datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 3, 29, 1, tzinfo=UTC)]
)
def test_the_status_on_a_day_on_which_the_clock_changes_is_the_truth(now: datetime, tmp_path: Path) -> None:
    with rooms_bench(tmp_path, rooms=20, now=now) as bench:
        for hours in (1, 22):
            at = now + timedelta(hours=hours)
            ended = bench("status", "--json", "--at", at.isoformat())
            assert ended.returncode == 0, ended.stderr
            assert {each["room"]: without_ids(each) for each in json.loads(ended.stdout)} == {
                name: without_ids(each) for name, each in bench.truth(at).items()
            }


def expected_sequence(
    bench: Bench, room: str, first: datetime, last: datetime
) -> list[tuple[datetime, dict[str, Any]]]:
    """The distinct states of a room between two instants, each with the instant from which it is right."""
    calendar = bench.rooms.store.named(room)
    moments = [
        first,
        *(datetime.fromtimestamp(edge / 1000, UTC) for edge in edges(calendar.room, calendar.events())),
    ]
    half_hour = first.replace(minute=0, second=0, microsecond=0)
    moments += [half_hour + timedelta(minutes=30 * n) for n in range(1, 60)]  # at some of them a day begins
    found: list[tuple[datetime, dict[str, Any]]] = []
    for moment in sorted(moment for moment in moments if first <= moment <= last):
        state = without_ids(bench.truth_of(room, moment))
        if not found or found[-1][1] != state:
            found.append((moment, state))
    return found


def expected_thing(state: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """The values of a Thing, without the texts of times, which the truth does not have."""
    values: dict[str, Any] = {"busynow": state["busy"], "curevmsg": state["text"], "curevmtg": state["text"]}
    for prefix, meeting in (("curev", state["current"]), ("nextev", state["next"])):
        for name, key in (("start", "start"), ("end", "end"), ("organizer", "organizer"), ("id", "id")):
            values[prefix + name] = (meeting and meeting[key]) or ""
    title = state["next"]["title"] if state["next"] else ""
    values |= {"nextevmsg": title, "nextevmtg": title}
    return {name: values[name] for name in names if name in values}


def wrong_things(bench: Bench) -> list[str]:
    truth = bench.truth(bench.now())
    found = []
    for name, values in bench.things().items():
        compared = {key: value for key, value in values.items() if not key.endswith("tm")}
        if name in truth and compared != expected_thing(truth[name], list(compared)):
            found.append(name)
    return found


def check_sequences(bench: Bench, running: Running, first: datetime, last: datetime) -> list[float]:
    """Check that the printed states of every room are the true ones, in order, without one missing.

    Returns by how many seconds of the calendar each was late.
    """
    late = []
    lines = list(running.lines)
    for room in bench.truth(first):
        printed = [(when, without_ids(state)) for when, state in lines if state["room"] == room]
        expected = expected_sequence(bench, room, first, last)
        states = [state for _, state in expected]
        begin = states.index(printed[0][1])
        assert [state for _, state in printed] == states[begin : begin + len(printed)], room
        assert begin + len(printed) >= len(states) - 1, room
        late += [
            (when - since).total_seconds()
            for (when, _), (since, _) in zip(printed[1:], expected[begin + 1 :], strict=False)
        ]
    return late


def test_watching_shows_every_state_and_keeps_the_things_in_step(tmp_path: Path) -> None:
    """Two hours of twenty rooms, 180 times as fast."""
    with rooms_bench(tmp_path, speed=180.0) as bench:
        first = bench.now()
        with bench.running("watch") as running:
            wait_for(lambda: bench.now() >= NOW + timedelta(hours=2))
            last = bench.now()
            late = check_sequences(bench, running, first, last)
            wait_for(lambda: not wrong_things(bench))
        listings = [row for row in bench.rooms.requests.log if row["call"].startswith("GET calendar")]
        by_room = {room: sum(row["room"] == room for row in listings) for room in bench.truth(last)}
        hours = (bench.now() - first).total_seconds() / 3600
        # One a minute, and every hour one in full, which may be in several pages.
        assert max(by_room.values()) <= 60 * hours + 10
        publishes = [row for row in bench.simulator.arduino.log if row.get("property")]
        assert not [row for row in publishes if row["unchanged"]]
        things = len(bench.simulator.arduino.log) / len(by_room) / hours
        logging.getLogger(__name__).info(
            "late: median %.0f s, worst %.0f s of the calendar; requests per room and hour: %.1f to Google, %.1f to Arduino",
            sorted(late)[len(late) // 2],
            max(late),
            len(listings) / len(by_room) / hours,
            things,
        )
