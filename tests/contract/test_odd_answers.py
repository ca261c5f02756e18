"""No value in a vendor's answer, whatever its type, ends a run with a traceback or loses a meeting in silence.

This file names no vendor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import connectors
from connectors.parsing import parse_instant
from harvester.simulator.server import Options, serving
from tests.contract.recorded_harvest import SHOWN, Outcome, Path, RecordedVendor, change_places
from tests.hypothesis_examples import one_in

# One process tests all of a vendor: it records the harvest.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.parametrize("name", sorted(connectors.CONNECTORS), scope="session"),
]

Recorded = Callable[[str], RecordedVendor]

OTHER_TYPES: list[Any] = [[], {}, [[]], {"a": 1}, [None]]
"""Values that no field with a text, a number or a truth value has."""

ODD: list[Any] = [
    *OTHER_TYPES,
    *(None, True, False, "", " ", 0, -1, 1.5, 2**31, 2**63, 1e308, -1e308),
    *("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "1970-01-01T00:00:00Z", "2026-11-19T09:00:00"),
    *("99999:99:99", "PT999999H", "9" * 25, "9" * 400, "9" * 5000, "-1", "NaN", "true"),
    *("\x00", "a\r\nb", "é", "../../x", "a/b?c#d%2f", "%"),
]


@pytest.fixture(scope="session")
def recorded() -> Iterator[Recorded]:
    with serving(Options(port=0, seed=7, size=8, days=2, now=SHOWN, speed=500.0)) as values:
        yield cache(lambda name: RecordedVendor(name, values))


def harvest_with(vendor: RecordedVendor, changes: dict[tuple[str, Path], Any]) -> Outcome:
    """A harvest with other values at these places."""
    return vendor.harvest(change_places(changes))


def everywhere(vendor: RecordedVendor, field: tuple[str | int, ...]) -> list[tuple[str, Path]]:
    """The places of a field in all rows of all answers."""
    return [(url, path) for url, path in vendor.places if _field(path) == field]


def _field(path: Path) -> tuple[str, ...]:
    return tuple("[]" if isinstance(step, int) else step for step in path)


def test_the_recorded_harvest_has_meetings_and_their_sessions(name: str, recorded: Recorded) -> None:
    usual = recorded(name).usual
    assert usual.listed
    assert any(record.sessions for record in usual.fetched)


@one_in(4)
@given(data=st.data())
def test_any_odd_values_end_in_documents_or_foreseen_errors(
    name: str, recorded: Recorded, data: st.DataObject
) -> None:
    vendor = recorded(name)
    places = st.sampled_from(vendor.places)
    harvest_with(vendor, data.draw(st.dictionaries(places, st.sampled_from(ODD), min_size=1, max_size=3)))


@one_in(4)
@given(data=st.data())
def test_a_field_that_is_odd_in_every_row_ends_in_documents_or_foreseen_errors(
    name: str, recorded: Recorded, data: st.DataObject
) -> None:
    vendor = recorded(name)
    field = data.draw(st.sampled_from(sorted({_field(path) for _, path in vendor.places if path})))
    value = data.draw(st.sampled_from(ODD))
    harvest_with(vendor, dict.fromkeys(everywhere(vendor, field), value))


@one_in(4)
@given(data=st.data())
def test_a_value_of_another_type_loses_no_meeting_in_silence(
    name: str, recorded: Recorded, data: st.DataObject
) -> None:
    vendor = recorded(name)
    values = [
        place for place in vendor.places if isinstance(vendor.value_at(*place), str | int | float | bool)
    ]
    place = data.draw(st.sampled_from(values))
    found = harvest_with(vendor, {place: data.draw(st.sampled_from(OTHER_TYPES))})
    assert found.listed >= vendor.usual.listed or found.said - vendor.usual.said


FAR = [
    "1999-12-31T23:00:00Z",
    "2019-05-05T05:05:05Z",
    "2031-01-01T00:00:00Z",
    "2090-01-01T00:00:00Z",
    946_684_800,
    3_786_912_000,
]
"""Times in other years than those of the meetings."""


@one_in(4)
@given(data=st.data())
def test_a_time_in_another_year_belongs_to_no_stay(
    name: str, recorded: Recorded, data: st.DataObject
) -> None:
    vendor = recorded(name)
    times = [place for place in vendor.places if parse_instant(vendor.value_at(*place)) is not None]
    changes = data.draw(st.dictionaries(st.sampled_from(times), st.sampled_from(FAR), min_size=1, max_size=4))
    for record in harvest_with(vendor, changes).fetched:
        start, until = record.meeting.start_time, SHOWN + timedelta(days=2)
        if start is None:
            continue
        for session in record.sessions:
            times_of_stay = [each for each in (session.join_time, session.leave_time) if each is not None]
            assert all(
                start - timedelta(days=1) <= each < max(until, start + timedelta(days=2))
                for each in times_of_stay
            )
