"""How many values a meeting and its sessions have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from types import SimpleNamespace
from typing import Any

import pytest

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


@pytest.mark.parametrize(
    ("whole", "count", "computed"),
    [
        (full_session(), count_session, COMPUTED),
        (full_meeting(), count_meeting, COMPUTED | {"quality", "host"}),
        (full_meeting().host, lambda host: count_meeting(replace(full_meeting(), host=host)), frozenset()),
    ],
)
def test_every_field_that_a_vendor_sends_counts_as_what_it_is(
    whole: Any, count: Callable[[Any], int], computed: frozenset[str]
) -> None:
    counted = set()
    for field in fields(whole):
        name = f"host.{field.name}" if isinstance(whole, Host) else field.name
        lost = 0 if name == "host" else count(whole) - count(replace(whole, **{field.name: None}))
        if lost:
            counted.add(field.name)
            assert lost == (1 if name in PERSONAL else NEUTRAL_VALUE)
            assert name in PERSONAL or name in NEUTRAL
    sent = {field.name for field in fields(whole) if getattr(whole, field.name) is not None}
    assert counted == sent - computed


def test_the_most_values_fit() -> None:
    host = Host(host_id="x", name="x", email="x", user_type="x")
    for kind, count in ((Session, count_session), (Meeting, count_meeting)):
        most: Any = SimpleNamespace(**{field.name: "x" for field in fields(kind)} | {"host": host})
        neutral, personal = divmod(count(most), NEUTRAL_VALUE)
        assert max(neutral, personal) <= 15


def test_a_summary_has_the_values_of_the_meeting_and_of_the_sampled_sessions() -> None:
    record = full_harvest()
    summary = summarize(record)
    others = replace(record, sessions=[Session(key=each.key) for each in record.sessions])
    hollow = summarize(replace(others, meeting=replace(record.meeting, topic=None)))
    assert (summary.count, summary.digest) == (hollow.count, hollow.digest)
    assert SessionSummary.parse(str(summary)) == summary != hollow
    meeting = divmod(count_meeting(record.meeting), NEUTRAL_VALUE)
    sessions = [divmod(count_session(each), NEUTRAL_VALUE) for each in record.sessions]
    assert sorted(summary.pairs(hollow)) == sorted(
        [(meeting, (meeting[0], meeting[1] - 1)), *((each, (0, 0)) for each in sessions)]
    )
