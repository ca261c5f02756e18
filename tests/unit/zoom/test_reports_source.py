from __future__ import annotations

from collections.abc import Callable

import pytest

from connectors.errors import BrokenResponse, CredentialsError
from connectors.models import (
    Detail,
    Host,
    MeetingRef,
    Reason,
    RefusedPartition,
    SkippedPartition,
    user_partition,
)
from connectors.zoom import Zoom
from tests.unit.fake_context import FakeContext
from tests.unit.zoom.fake_api import DAY, Account, data, page, ref

Build = Callable[..., Zoom]

ROW = data("report_user_meetings")["meetings"][0]
PARTICIPANTS = "/report/meetings/4nR3xQ2bSkm%2FAb%2B1cd%3D%3D/participants"
HEAD = "/report/meetings/4nR3xQ2bSkm%2FAb%2B1cd%3D%3D"
HINT = {"source": "reports", "user": "u-mara"}


@pytest.fixture
def pro(zoom: Build) -> Callable[..., Zoom]:
    return lambda *options, **more: zoom(*options, ZOOM_PLAN="pro", **more)


def test_both_types_of_meetings_are_listed_for_active_and_inactive_users(
    pro: Build, account: Account
) -> None:
    account.quiet()
    account.on("/report/users", page("users", {"id": "a"}, {"id": "b"}), type="active")
    account.on("/report/users", page("users", {"id": "b"}, {"id": "c"}), type="inactive")
    for user in "abc":
        path = f"/report/users/{user}/meetings"
        account.on(path, page("meetings", {**ROW, "uuid": f"{user}1"}), type="past")
        account.on(path, page("meetings", {**ROW, "uuid": f"{user}2"}), type="pastOne")
    found = list(pro().meetings(DAY))
    assert [one.uuid for one in found if isinstance(one, MeetingRef)] == ["a1", "a2", "b1", "b2", "c1", "c2"]
    assert [one.hint["user"] for one in found if isinstance(one, MeetingRef)] == [*"aabbcc"]
    assert {(asked["from"], asked["to"]) for _, asked in account.asked} == {("2026-11-19", "2026-11-21")}


def test_many_users_keep_their_order(pro: Build, account: Account) -> None:
    account.quiet()
    users = [f"user{n}" for n in range(40)]
    account.on("/report/users", page("users", *({"id": user} for user in users)), type="active")
    for user in users:
        account.on(f"/report/users/{user}/meetings", page("meetings", {**ROW, "uuid": user}), type="past")
    assert [one.uuid for one in pro().meetings(DAY) if isinstance(one, MeetingRef)] == users


def test_listing_that_is_not_read_to_its_end_stops_requesting_users(pro: Build, account: Account) -> None:
    account.quiet()
    account.on("/report/users", page("users", *({"id": str(n)} for n in range(200))), type="active")
    account.on("/report/users/0/meetings", page("meetings", ROW), type="past")
    listing = pro().meetings(DAY)
    next(listing)
    listing.close()  # type: ignore[attr-defined]  # it is a generator
    assert len(account.asked) < 100


def test_user_with_a_failing_list_is_a_transient_skipped_partition(pro: Build, account: Account) -> None:
    account.quiet()
    account.on("/report/users", page("users", {"id": "a"}), type="active")
    account.on("/report/users/a/meetings", {"code": 300, "message": "odd"}, status=400)
    (skipped,) = pro().meetings(DAY)
    assert isinstance(skipped, SkippedPartition)
    assert (skipped.reason, skipped.permanent) == (Reason.error, False)


def test_refused_credentials_skip_no_user(pro: Build, account: Account) -> None:
    account.quiet()
    account.on("/report/users", page("users", {"id": "a"}), type="active")
    account.on(
        "/report/users/a/meetings", {"code": 4711, "message": "scopes:[report:read:user:admin]"}, status=400
    )
    with pytest.raises(CredentialsError, match="report:read:user:admin"):
        list(pro().meetings(DAY))


def test_fields_that_the_reports_lack_are_absent(pro: Build, account: Account) -> None:
    account.on(PARTICIPANTS, data("report_participants"))
    record = pro().fetch(ref(ROW, **HINT))
    assert record.meeting.host == Host(
        host_id="u-mara", name="Mara Lindqvist", email="mara.lindqvist@example.org"
    )
    assert record.meeting.detail is Detail.basic
    assert (record.meeting.duration, record.meeting.has_screen_share, record.meeting.has_video) == (
        3600,
        True,
        None,
    )
    host, guest = record.sessions
    assert (host.user_type, guest.user_type) == ("signed_in", None)
    assert (host.user_name, host.role, host.device) == ("Mara Lindqvist", None, None)
    assert guest.duration == 1680
    assert account.asked_for("/users") == []


def test_raw_keeps_the_rows_of_reports(pro: Build, account: Account) -> None:
    account.on(PARTICIPANTS, data("report_participants"))
    record = pro(raw=True).fetch(ref(ROW, **HINT))
    assert record.meeting.vendor_data == ROW
    assert record.sessions[0].vendor_data == data("report_participants")["participants"][0]


def test_webinars_are_omitted_without_the_option(pro: Build, account: Account) -> None:
    account.quiet()
    account.on("/report/users", page("users", {"id": "a"}), type="active")
    rows = [{**ROW, "uuid": f"type{kind}", "type": kind} for kind in (2, 5, 6, 9)]
    account.on("/report/users/a/meetings", page("meetings", *rows), type="past")
    assert [one.uuid for one in pro().meetings(DAY) if isinstance(one, MeetingRef)] == ["type2"]
    found = list(pro("webinars").meetings(DAY))
    assert [one.uuid for one in found if isinstance(one, MeetingRef)] == ["type2", "type5", "type6", "type9"]
    account.on("/report/webinars/type5/participants", data("report_participants"))
    assert isinstance(found[1], MeetingRef)
    assert len(pro("webinars").fetch(found[1]).sessions) == 2


def test_meeting_from_the_journal_is_read_by_uuid(pro: Build, account: Account) -> None:
    listed = ref(ROW, **HINT)
    journaled = MeetingRef(
        uuid=listed.uuid, start_time=listed.start_time, digest=listed.digest, hint=listed.hint, row=None
    )
    account.on(HEAD, {**ROW, "topic": "Renamed"})
    account.on(PARTICIPANTS, data("report_participants"))
    record = pro().fetch(journaled)
    assert record.meeting.topic == "Renamed"
    assert record.meeting.host is not None
    assert record.meeting.host.host_id == "u-mara"


def test_insufficient_plan_names_the_plan_and_scopes_of_the_reports(pro: Build, account: Account) -> None:
    account.on("/report/users", {"code": 200, "message": "Only available for paid account: x"}, status=400)
    with pytest.raises(CredentialsError, match="Pro or above"):
        list(pro().meetings(DAY))


def test_qos_option_has_no_effect_on_reports(pro: Build, account: Account, context) -> None:
    account.on(PARTICIPANTS, data("report_participants"))
    assert pro("qos").fetch(ref(ROW, **HINT)).meeting.detail is Detail.basic
    assert any("--qos has no effect" in notice for notice in context.notices)


def test_meeting_of_one_participant_has_only_that_count(zoom: Build, account: Account) -> None:
    row = data("report_user_meetings")["meetings"][0]
    record = zoom(ZOOM_PLAN="pro").fetch(ref(row, source="reports", type="pastOne", user="u-mara"))
    assert record.meeting.participants == 1
    assert (record.meeting.participant_sessions, record.meeting.participant_seconds) == (None, None)
    assert account.asked == []


@pytest.mark.parametrize(
    ("code", "reason"),
    [(1001, Reason.unknown_user), (1010, Reason.not_ours), (3161, Reason.refused)],
)
def test_listed_host_that_zoom_cannot_find_is_skipped_permanently(
    zoom: Build, account: Account, code: int, reason: Reason
) -> None:
    account.quiet()
    account.on("/report/users", page("users", {"id": "u-lost"}, {"id": "u-mara"}), type="active")
    account.on("/report/users/u-lost/meetings", {"code": code, "message": "no"}, status=404)
    account.on("/report/users/u-mara/meetings", data("report_user_meetings"), type="past")
    skipped, found = zoom(ZOOM_PLAN="pro").meetings(DAY)
    assert isinstance(skipped, SkippedPartition)
    assert (skipped.reason, skipped.permanent) == (reason, True)
    assert "u-lost" not in skipped.partition
    assert isinstance(found, MeetingRef)


def test_a_host_refused_today_is_not_requested_again(
    pro: Build, account: Account, context: FakeContext
) -> None:
    lost = user_partition("u-lost")
    context.refused[lost] = RefusedPartition(
        partition=lost, reason=Reason.unknown_user, refused_at=context.now(), asked_at=context.now()
    )
    account.quiet()
    account.on("/report/users", page("users", {"id": "u-lost"}), type="active")
    (skipped,) = pro().meetings(DAY)
    assert skipped == SkippedPartition(partition=lost, reason=Reason.unknown_user, permanent=True)
    assert not [path for path, _ in account.asked if "u-lost" in path]


@pytest.mark.parametrize(
    ("kind", "listed"),
    [(2, True), (5, False), ("5", False), (None, True), ({}, True), ([5], True), (2**80, True)],
)
def test_only_webinars_are_left_out(pro: Build, account: Account, kind: object, listed: bool) -> None:
    account.quiet()
    account.on("/report/users", page("users", {"id": "a"}), type="active")
    account.on("/report/users/a/meetings", page("meetings", {**ROW, "type": kind}), type="past")
    assert bool(list(pro().meetings(DAY))) is listed


def test_a_user_without_an_id_is_broken(pro: Build, account: Account) -> None:
    account.quiet()
    account.on("/report/users", page("users", {"id": "a"}, {"id": None, "email": ""}), type="active")
    with pytest.raises(BrokenResponse, match="a user without an id"):
        list(pro().meetings(DAY))
