"""When a refused user is skipped for good."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from connectors.google_meet.record_listing import settle_refusals
from connectors.models import (
    MeetingRef,
    Reason,
    RefusedPartition,
    SkippedPartition,
    user_partition,
)
from tests.unit.fake_context import FakeContext
from tests.unit.google_meet.fake_api import (
    DAY,
    GUEST,
    Google,
    status_body,
)
from tests.unit.google_meet.listed_meetings import Build, refs


def skipped(reason: Reason) -> SkippedPartition:
    return SkippedPartition(partition="user x", reason=reason, permanent=False)


@pytest.mark.parametrize("reason", [Reason.refused, Reason.unknown_user])
def test_a_user_who_is_refused_while_others_are_not_is_skipped_permanently(reason: Reason) -> None:
    found = list(settle_refusals([skipped(reason), ("a", []), ("b", [])]))
    assert [one.permanent for one in found if isinstance(one, SkippedPartition)] == [True]
    assert [one for one in found if not isinstance(one, SkippedPartition)] == [("a", []), ("b", [])]


def test_a_failed_list_is_requested_again() -> None:
    found = list(settle_refusals([skipped(Reason.error), ("a", [])]))
    assert [one.permanent for one in found if isinstance(one, SkippedPartition)] == [False]


def test_if_every_user_is_refused_a_later_run_tries_again() -> None:
    found = list(settle_refusals([skipped(Reason.refused), skipped(Reason.error)]))
    assert [one.permanent for one in found if isinstance(one, SkippedPartition)] == [False, False]


def test_if_all_listed_users_are_refused_the_caller_decides_by_others() -> None:
    found = list(settle_refusals([skipped(Reason.refused)], is_accepted=lambda: True))
    assert [one.permanent for one in found if isinstance(one, SkippedPartition)] == [True]


def test_a_known_refusal_stays_permanent() -> None:
    known = replace(skipped(Reason.refused), permanent=True)
    found = list(settle_refusals([known, skipped(Reason.error)]))
    assert [one.permanent for one in found if isinstance(one, SkippedPartition)] == [False, True]


def test_refused_user_does_not_stop_others(meet: Build, google: Google, context: FakeContext) -> None:
    google.refused["/conferenceRecords", GUEST] = (403, status_body(403, "PERMISSION_DENIED"))
    google.call_ended("conf1", "2026-11-20T09:30:00Z")
    google.record("conf1")
    found = list(meet().meetings(DAY))
    (skipped,) = [one for one in found if isinstance(one, SkippedPartition)]
    assert (skipped.reason, skipped.permanent) == (Reason.refused, True)
    assert GUEST not in skipped.partition
    (notice,) = [line for line in context.notices if "Meet refuses these users" in line]
    assert "Service status" in notice
    assert notice.endswith(f": {GUEST}")
    assert [one.uuid for one in found if isinstance(one, MeetingRef)] == ["conf1"]
    google.asked.clear()
    google.refused.clear()
    refs(meet(), DAY, (skipped.partition,))
    assert {user for user, _ in google.asked_for("/v2/conferenceRecords")} >= {GUEST}


def refused_at(at: datetime) -> dict[str, RefusedPartition]:
    partition = user_partition(GUEST)
    return {
        partition: RefusedPartition(partition=partition, reason=Reason.refused, refused_at=at, asked_at=at)
    }


def test_a_user_refused_today_is_not_tried_again(meet: Build, google: Google, context: FakeContext) -> None:
    context.refused = refused_at(context.now() - timedelta(hours=5))
    (skipped,) = [one for one in meet().meetings(DAY) if isinstance(one, SkippedPartition)]
    assert (skipped.partition, skipped.permanent) == (user_partition(GUEST), True)
    assert GUEST not in {user for user, _ in google.asked_for("/v2/conferenceRecords")}
    assert not [said for said in context.notices if GUEST in said]


def test_a_user_refused_yesterday_is_tried_again(meet: Build, google: Google, context: FakeContext) -> None:
    context.refused = refused_at(context.now() - timedelta(days=1))
    assert not [one for one in meet().meetings(DAY) if isinstance(one, SkippedPartition)]
    assert GUEST in {user for user, _ in google.asked_for("/v2/conferenceRecords")}


def test_a_refused_user_is_tried_if_the_command_names_them(
    meet: Build, google: Google, context: FakeContext
) -> None:
    context.refused = refused_at(context.now())
    list(meet(GOOGLE_SOURCE="meet", given={"user": (GUEST,)}).meetings(DAY))
    assert GUEST in {user for user, _ in google.asked_for("/v2/conferenceRecords")}


def test_a_skipped_user_who_is_refused_again_is_no_failure(meet: Build, google: Google) -> None:
    google.refused["/conferenceRecords", GUEST] = (403, status_body(403, "PERMISSION_DENIED"))
    (skipped,) = [
        one for one in meet().meetings(DAY, (user_partition(GUEST),)) if isinstance(one, SkippedPartition)
    ]
    assert skipped.permanent


def test_hints_contain_no_address(meet: Build, google: Google) -> None:
    google.call_ended("conf1", "2026-11-20T09:30:00Z")
    google.record("conf1")
    google.record("alone", "2026-11-20T12:00:00Z")
    hints: list[Any] = [dict(ref.hint) for ref in refs(meet())]
    assert len(hints) == 2
    assert all(hint["user"] == "2" for hint in hints)
    assert "@" not in str(hints)
