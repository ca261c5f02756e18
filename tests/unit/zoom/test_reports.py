from __future__ import annotations

from collections.abc import Callable

import pytest

from connectors.errors import CredentialsError
from connectors.models import Detail, Host, MeetingRef, Reason, SkippedPartition
from connectors.zoom import Zoom
from tests.unit.zoom.fake_api import DAY, Account, data, page, ref

Build = Callable[..., Zoom]

ROW = data("report_user_meetings")["meetings"][0]
PARTICIPANTS = "/report/meetings/4nR3xQ2bSkm%2FAb%2B1cd%3D%3D/participants"
HEAD = "/report/meetings/4nR3xQ2bSkm%2FAb%2B1cd%3D%3D"
HINT = {"source": "reports", "user": "u-mara"}


@pytest.fixture
def pro(zoom: Build) -> Callable[..., Zoom]:
    return lambda *options, **more: zoom(*options, ZOOM_PLAN="pro", **more)


def test_every_user_active_or_not_is_asked_for_both_kinds_of_meetings(pro: Build, account: Account) -> None:
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


def test_a_listing_that_is_left_early_asks_no_further_users(pro: Build, account: Account) -> None:
    account.quiet()
    account.on("/report/users", page("users", *({"id": str(n)} for n in range(200))), type="active")
    account.on("/report/users/0/meetings", page("meetings", ROW), type="past")
    listing = pro().meetings(DAY)
    next(listing)
    listing.close()  # type: ignore[attr-defined]  # it is a generator
    assert len(account.asked) < 100


def test_a_user_whose_list_fails_is_a_skipped_part_that_is_tried_again(pro: Build, account: Account) -> None:
    account.quiet()
    account.on("/report/users", page("users", {"id": "a"}), type="active")
    account.on("/report/users/a/meetings", {"code": 300, "message": "odd"}, status=400)
    (skipped,) = pro().meetings(DAY)
    assert isinstance(skipped, SkippedPartition)
    assert (skipped.reason, skipped.permanent) == (Reason.error, False)


def test_credentials_that_are_refused_are_no_skipped_user(pro: Build, account: Account) -> None:
    account.quiet()
    account.on("/report/users", page("users", {"id": "a"}), type="active")
    account.on(
        "/report/users/a/meetings", {"code": 4711, "message": "scopes:[report:read:user:admin]"}, status=400
    )
    with pytest.raises(CredentialsError, match="report:read:user:admin"):
        list(pro().meetings(DAY))


def test_a_meeting_and_its_stays_without_what_reports_do_not_tell(pro: Build, account: Account) -> None:
    account.on(PARTICIPANTS, data("report_participants"))
    harvest = pro().fetch(ref(ROW, **HINT))
    assert harvest.meeting.host == Host(
        host_id="u-mara", name="Mara Lindqvist", email="mara.lindqvist@example.org"
    )
    assert harvest.meeting.detail is Detail.basic
    assert (harvest.meeting.duration, harvest.meeting.has_screen_share, harvest.meeting.has_video) == (
        3600,
        True,
        None,
    )
    host, guest = harvest.sessions
    assert (host.user_type, guest.user_type) == ("signed_in", None)
    assert (host.user_name, host.role, host.device) == ("Mara Lindqvist", None, None)
    assert guest.duration == 1680
    assert account.asked_for("/users") == []


def test_raw_keeps_the_rows_of_reports(pro: Build, account: Account) -> None:
    account.on(PARTICIPANTS, data("report_participants"))
    harvest = pro(raw=True).fetch(ref(ROW, **HINT))
    assert harvest.meeting.vendor_data == ROW
    assert harvest.sessions[0].vendor_data == data("report_participants")["participants"][0]


def test_webinars_are_left_out_unless_wanted(pro: Build, account: Account) -> None:
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


def test_a_meeting_out_of_the_journal_is_read_by_its_uuid(pro: Build, account: Account) -> None:
    listed = ref(ROW, **HINT)
    journaled = MeetingRef(
        uuid=listed.uuid, start_time=listed.start_time, digest=listed.digest, hint=listed.hint, row=None
    )
    account.on(HEAD, {**ROW, "topic": "Renamed"})
    account.on(PARTICIPANTS, data("report_participants"))
    harvest = pro().fetch(journaled)
    assert harvest.meeting.topic == "Renamed"
    assert harvest.meeting.host is not None
    assert harvest.meeting.host.host_id == "u-mara"


def test_a_plan_without_reports_says_what_they_need(pro: Build, account: Account) -> None:
    account.on("/report/users", {"code": 200, "message": "Only available for paid account: x"}, status=400)
    with pytest.raises(CredentialsError, match="Pro or above"):
        list(pro().meetings(DAY))


def test_quality_is_not_to_be_had_from_reports(pro: Build, account: Account, context) -> None:
    account.on(PARTICIPANTS, data("report_participants"))
    assert pro("qos").fetch(ref(ROW, **HINT)).meeting.detail is Detail.basic
    assert any("--qos has no effect" in said for said in context.told)


def test_meeting_of_one_participant_has_only_that_count(zoom: Build, account: Account) -> None:
    row = data("report_user_meetings")["meetings"][0]
    harvest = zoom(ZOOM_PLAN="pro").fetch(ref(row, source="reports", type="pastOne", user="u-mara"))
    assert harvest.meeting.participants == 1
    assert (harvest.meeting.participant_sessions, harvest.meeting.participant_seconds) == (None, None)
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
