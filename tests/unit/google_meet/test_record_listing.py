"""When a refused user is skipped for good."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from connectors.errors import ConfigurationError
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
    ADMIN,
    DAY,
    GUEST,
    HOST,
    Google,
    error_body,
    oauth_client,
    status_body,
)
from tests.unit.google_meet.listed_meetings import Build, refs, upcoming


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


UNKNOWN = "unknown@example.org"


@pytest.mark.parametrize("users", [(UNKNOWN,), (UNKNOWN.upper(), HOST)])
def test_a_named_user_whom_google_does_not_know_is_a_mistake_before_anything_is_listed(
    users: tuple[str, ...], meet: Build, google: Google
) -> None:
    google.record("conf1")
    for connector in (
        meet(GOOGLE_SOURCE="meet", given={"user": users}),
        upcoming(meet, given={"user": users}),
    ):
        with pytest.raises(ConfigurationError, match="(?i)does not know unknown@example.org .*remove --user"):
            next(iter(connector.meetings(DAY)))


def test_reports_decides_whether_a_named_user_is_known(meet: Build, google: Google) -> None:
    google.person("9", "gone@example.org", "Gone", suspended=True)
    google.call_ended("conf1", "2026-11-20T09:30:00Z", identifier="gone@example.org")
    google.activities[0]["actor"]["email"] = "gone@example.org"
    found = list(meet(given={"user": ("gone@example.org",)}).meetings(DAY))
    assert [one.uuid for one in found if isinstance(one, MeetingRef)] == ["conf1"]
    assert [(one.reason, one.permanent) for one in found if isinstance(one, SkippedPartition)] == [
        (Reason.unknown_user, True)
    ]
    google.refused[f"/users/{UNKNOWN}/applications/meet", ADMIN] = (400, error_body(400, "invalid"))
    with pytest.raises(ConfigurationError, match=f"does not know {UNKNOWN}"):
        next(iter(meet(given={"user": (UNKNOWN,)}).meetings(DAY)))


@pytest.mark.parametrize("source", ["meet", "auto"])
def test_a_named_user_without_a_licence_is_not_asked_for_again(
    source: str, meet: Build, google: Google
) -> None:
    google.refused["/conferenceRecords", GUEST] = (403, status_body(403, "PERMISSION_DENIED"))
    found = list(meet(GOOGLE_SOURCE=source, given={"user": (GUEST,)}).meetings(DAY))
    assert [(one.reason, one.permanent) for one in found if isinstance(one, SkippedPartition)] == [
        (Reason.refused, True)
    ]


def test_a_login_reads_no_other_user(meet: Build, google: Google) -> None:
    def logged_in(source: str, **given: tuple[str, ...]) -> Any:
        credentials = {**oauth_client()["installed"], "refresh_token": "r1", "type": "authorized_user"}
        return meet(credentials=credentials, GOOGLE_ADMIN="", GOOGLE_SOURCE=source, given=given)

    google.record("conf1", seen_by=(ADMIN,))
    assert [ref.uuid for ref in refs(logged_in("meet"))] == ["conf1"]
    for connector in (logged_in("meet", user=(GUEST,)), logged_in("auto", user=(GUEST,), upcoming=("7",))):
        with pytest.raises(ConfigurationError, match="--user needs a service account"):
            refs(connector)
    assert (
        refs(logged_in("auto", user=(GUEST,))) == []
    )  # nor are the login's own records taken for the user's


def test_a_code_that_meet_cannot_know_is_a_mistake(meet: Build, google: Google) -> None:
    google.record("conf1")
    with pytest.raises(ConfigurationError, match="--meeting-code must be a code such as abc-mnop-xyz"):
        refs(meet(GOOGLE_SOURCE="meet", given={"meeting-code": ("our nickname",)}))
    assert refs(meet(given={"meeting-code": ("our nickname",)})) == []  # Reports may know a nickname
    assert google.asked_for("conferenceRecords") == []


def test_hints_contain_no_address(meet: Build, google: Google) -> None:
    google.call_ended("conf1", "2026-11-20T09:30:00Z")
    google.record("conf1")
    google.record("alone", "2026-11-20T12:00:00Z")
    hints: list[Any] = [dict(ref.hint) for ref in refs(meet())]
    assert len(hints) == 2
    assert all(hint["user"] == "2" for hint in hints)
    assert "@" not in str(hints)
