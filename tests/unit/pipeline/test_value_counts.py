"""How many values a meeting and its sessions have."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec import structs

from connectors.models import Host, Meeting, Session
from harvester.pipeline.value_counts import (
    NEUTRAL_VALUE,
    count_meeting,
    count_session,
    summarize,
)
from harvester.privacy.personal_fields import NEUTRAL, PERSONAL
from harvester.state.session_digest import SessionSummary
from tests.invented_meetings import full_harvest, full_meeting, full_session

COMPUTED = frozenset(
    {
        *(
            "key",
            "stay",
            "breakout_id",
            "user_type",
            "role",
            "duration",
            "vendor_data",
            "vendor",
            "account",
            "uuid",
        ),
        *("detail", "harvested_at", "state", "participant_sessions", "participants", "participant_seconds"),
    }
)


def names_of(kind: Any) -> list[str]:
    """The fields of a dataclass or of a struct, or of an instance."""
    found = dataclasses.fields(kind) if dataclasses.is_dataclass(kind) else structs.fields(kind)
    return [field.name for field in found]


def changed(whole: Any, **values: Any) -> Any:
    change = dataclasses.replace if dataclasses.is_dataclass(whole) else structs.replace
    return change(whole, **values)


@pytest.mark.parametrize(
    ("whole", "count", "computed"),
    [
        (full_session(), count_session, COMPUTED),
        (full_meeting(), count_meeting, COMPUTED | {"quality", "host"}),
        (full_meeting().host, lambda host: count_meeting(changed(full_meeting(), host=host)), frozenset()),
    ],
)
def test_every_field_that_a_vendor_sends_counts_as_what_it_is(
    whole: Any, count: Callable[[Any], int], computed: frozenset[str]
) -> None:
    counted = set()
    for field in names_of(whole):
        name = f"host.{field}" if isinstance(whole, Host) else field
        lost = 0 if name == "host" else count(whole) - count(changed(whole, **{field: None}))
        if lost:
            counted.add(field)
            assert lost == (1 if name in PERSONAL else NEUTRAL_VALUE)
            assert name in PERSONAL or name in NEUTRAL
    sent = {field for field in names_of(whole) if getattr(whole, field) is not None}
    remedy = "count it in harvester/pipeline/value_counts.py, or add it to COMPUTED here"
    assert counted == sent - computed, remedy


def test_the_most_values_fit() -> None:
    host = Host(host_id="x", name="x", email="x", user_type="x")
    for kind, count in ((Session, count_session), (Meeting, count_meeting)):
        most: Any = SimpleNamespace(**dict.fromkeys(names_of(kind), "x") | {"host": host})
        neutral, personal = divmod(count(most), NEUTRAL_VALUE)
        assert max(neutral, personal) <= 15, (
            f"harvester/pipeline/value_counts.py counts more than 15 fields of {kind.__name__}: the journal keeps a digit of each"
        )


def test_a_summary_has_the_values_of_the_meeting_and_of_the_sampled_sessions() -> None:
    record = full_harvest()
    summary = summarize(record)
    others = changed(record, sessions=[Session(key=each.key) for each in record.sessions])
    hollow = summarize(changed(others, meeting=changed(record.meeting, topic=None)))
    assert (summary.count, summary.digest) == (hollow.count, hollow.digest)
    assert SessionSummary.parse(str(summary)) == summary != hollow
    meeting = divmod(count_meeting(record.meeting), NEUTRAL_VALUE)
    sessions = [divmod(count_session(each), NEUTRAL_VALUE) for each in record.sessions]
    assert sorted(summary.pairs(hollow)) == sorted(
        [(meeting, (meeting[0], meeting[1] - 1)), *((each, (0, 0)) for each in sessions)]
    )
