"""A second answer takes nothing away from what the first one had, unless the run says so.

This file names no vendor. The journal, the tracker and its decisions are those of a run into an index.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import connectors
from connectors.models import Detail, MeetingRecord, MeetingRef
from harvester.documents import encode, to_documents
from harvester.pipeline.journal_tracker import JournalTracker
from harvester.pipeline.planner import filtered
from harvester.pipeline.tracker import Fetch, KeepStored, LoadedMeeting
from harvester.simulator.server import Options, serving
from harvester.sinks.base import Load
from harvester.state.journal import Journal
from tests.contract.recorded_harvest import SHOWN, WINDOW, RecordedVendor, change_places
from tests.hypothesis_examples import one_in

# One process tests all of a vendor: it records the harvest.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.parametrize("name", sorted(connectors.CONNECTORS), scope="session"),
]

Recorded = Callable[[str], RecordedVendor]
DAMAGE: list[Any] = [None, "", {}, []]
COMPUTED = {
    *(
        "duration",
        "participants",
        "participant_seconds",
        "participant_sessions",
        "user_type",
        "role",
        "stay",
        "state",
    ),
    *("meeting_timestamp", "@timestamp", "period.gte", "period.lte", "detail", "harvested_at"),
}
"""Fields that follow from others."""


@pytest.fixture(scope="session")
def recorded() -> Iterator[Recorded]:
    with serving(Options(port=0, seed=7, size=8, days=2, now=SHOWN, speed=500.0)) as values:
        yield cache(lambda name: RecordedVendor(name, values))


@dataclass
class Clock:
    now: datetime = SHOWN

    def __call__(self) -> datetime:
        return self.now


def read(
    journal: Journal, clock: Clock, records: Mapping[str, MeetingRecord]
) -> dict[str, Load | KeepStored]:
    """What a forced run decides about each meeting; the journal learns of it as if the sink had stored the loads."""
    plan = filtered(WINDOW, timedelta(days=30), since=clock())
    run = journal.begin_run("test", clock())
    tracker = JournalTracker(journal, plan, extras=frozenset(), run=run, now=clock, was_empty=False)
    decisions: dict[str, Load | KeepStored] = {}
    for uuid, record in records.items():
        ref = MeetingRef(uuid=uuid, start_time=record.meeting.start_time, digest=str(clock()))
        fetch = tracker.should_fetch(ref)
        assert isinstance(fetch, Fetch)
        tracker.on_fetching(fetch)
        decision = tracker.decide(ref, record)
        assert isinstance(decision, Load | KeepStored)
        decisions[uuid] = decision
        if isinstance(decision, Load):
            tracker.on_acknowledged(LoadedMeeting.of(ref, decision.record))
        else:
            tracker.on_kept(ref, decision)
    journal.flush()
    return decisions


def first_of_each(records: Sequence[MeetingRecord]) -> dict[str, MeetingRecord]:
    return {record.meeting.uuid: record for record in reversed(records)}


def values_of(record: MeetingRecord) -> dict[str, set[str]]:
    """The names of the fields of each document, by its id; the parts of a quality count as one."""
    documents = [json.loads(encode(document)) for document in to_documents(record)]
    return {document["document_id"]: set(_names(document)) - COMPUTED for document in documents}


def _names(document: Mapping[str, Any], above: str = "") -> Iterator[str]:
    for name, value in document.items():
        if isinstance(value, dict) and name not in {"quality", "vendor_data"}:
            yield from _names(value, f"{above}{name}.")
        else:
            yield f"{above}{name}"


def test_the_same_answer_again_loses_nothing(name: str, recorded: Recorded) -> None:
    usual = first_of_each(recorded(name).usual.fetched)
    with TemporaryDirectory() as folder, closing(Journal(Path(folder) / "scope")) as journal:
        clock = Clock()
        read(journal, clock, usual)
        clock.now += timedelta(days=1)
        for decision in read(journal, clock, usual).values():
            lost = decision.has_lost_values if isinstance(decision, Load) else decision.doubt is not None
            assert not lost


@one_in(2)
@given(data=st.data())
def test_a_field_without_its_value_in_every_row_loses_nothing_in_silence(
    name: str, recorded: Recorded, data: st.DataObject
) -> None:
    vendor = recorded(name)
    named = [place for place in vendor.places if place[1] and isinstance(place[1][-1], str)]
    url, path = data.draw(st.sampled_from(named))
    field = [step for step in path if isinstance(step, str)]
    places = [place for place in named if [step for step in place[1] if isinstance(step, str)] == field]
    value = data.draw(st.sampled_from(DAMAGE))
    damaged = vendor.harvest(change_places(dict.fromkeys(places, value)))
    usual = first_of_each(vendor.usual.fetched)
    again = {uuid: record for uuid, record in first_of_each(damaged.fetched).items() if uuid in usual}
    if damaged.said - vendor.usual.said:
        return
    with TemporaryDirectory() as folder, closing(Journal(Path(folder) / "scope")) as journal:
        clock = Clock()
        read(journal, clock, usual)
        clock.now += timedelta(days=1)
        for uuid, decision in read(journal, clock, again).items():
            if isinstance(decision, Load) and not decision.has_lost_values:
                _require_nothing_lost(usual[uuid], decision.record, f"{field} = {value!r} at {url}")


def _require_nothing_lost(stored: MeetingRecord, loaded: MeetingRecord, damage: str) -> None:
    """A live or planned meeting is read again in any case. A session that is missing is deleted, and counted."""
    if stored.meeting.detail < Detail.basic:
        return
    found = values_of(loaded)
    for identity, names in values_of(stored).items():
        assert names <= found.get(identity, names), f"{damage}: lost {names - found[identity]}"
