from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from connectors.errors import BrokenResponse, CredentialsError, Gone, NotReady, VendorError
from connectors.models import MeetingRef, Reason, Window
from connectors.webex import Webex, listing
from tests.unit.fake_context import NOW, FakeContext
from tests.unit.webex.fake_api import (
    ADMIN,
    API,
    DAY,
    HOST,
    USER,
    UUID,
    Account,
    items,
    link,
    live_row,
    meeting_row,
    ref,
    without,
)

Build = Callable[..., Webex]
TODAY = Window(start=NOW.replace(hour=0), end=NOW.replace(hour=0) + timedelta(days=1))


def uuids(webex: Webex, window: Window = DAY) -> list[str]:
    return [found.uuid for found in webex.meetings(window) if isinstance(found, MeetingRef)]


def test_listing_requests_instances_in_pages_of_100_without_a_host(webex: Build, account: Account) -> None:
    account.has(meeting_row())
    (found,) = webex().meetings(DAY)
    assert account.asked_for("/meetings") == [
        {
            "meetingType": "meeting",
            "from": "2026-11-20T00:00:00Z",
            "to": "2026-11-21T06:00:00Z",  # a day more, but no later than now
            "max": "100",
        }
    ]
    assert isinstance(found, MeetingRef)
    assert found.start_time == datetime(2026, 11, 20, 9, 0, 10, tzinfo=UTC)
    assert found.hint == {"end": "2026-11-20T09:45:20+00:00"}


def test_instances_started_outside_the_window_are_not_listed(webex: Build, account: Account) -> None:
    account.has(
        meeting_row("before", start="2026-11-19T23:59:59Z"),
        meeting_row("first", start="2026-11-20T00:00:00Z"),
        meeting_row("over midnight", start="2026-11-20T23:59:59Z", end="2026-11-21T02:00:00Z"),
        meeting_row("after", start="2026-11-21T00:00:00Z"),
    )
    assert uuids(webex()) == ["first", "over midnight"]


def test_past_window_is_requested_with_an_extra_day(webex: Build, account: Account) -> None:
    account.has()
    old = Window(start=DAY.start - timedelta(days=30), end=DAY.end - timedelta(days=30))
    assert uuids(webex(), old) == []
    assert account.asked_for("/meetings")[0]["to"] == "2026-10-23T00:00:00Z"


def test_window_that_reaches_now_lists_live_instances(webex: Build, account: Account) -> None:
    account.has(live_row(start="2026-11-21T05:30:00Z"))
    (found,) = webex().meetings(TODAY)
    assert isinstance(found, MeetingRef)
    assert found.hint["end"] == NOW.isoformat()
    assert account.asked_for("/meetings")[0]["to"] == "2026-11-22T00:00:00Z"


def test_row_without_an_id_is_an_error_and_a_series_is_no_instance(webex: Build, account: Account) -> None:
    account.has(meeting_row("plan", meetingType="scheduledMeeting"), without(meeting_row("b"), "meetingType"))
    assert uuids(webex()) == ["b"]
    account.has(meeting_row(""))
    with pytest.raises(BrokenResponse, match="without an id"):
        uuids(webex())


class Crowd:
    """A listing that shows no more than its cap of the meetings in a range of time: one a minute from midnight on."""

    def __init__(self, account: Account, count: int, cap: int) -> None:
        self.cap, self.calls = cap, 0
        self.starts = [DAY.start + n * timedelta(minutes=1) for n in range(count)]
        account.at["/meetings"] = self.answer

    def answer(self, query: dict[str, str]) -> tuple[int, dict[str, str], str]:
        self.calls += 1
        first, last = (datetime.fromisoformat(query[name]) for name in ("from", "to"))
        inside = [start for start in self.starts if first <= start < last][: self.cap]
        at = int(query.get("at", 0))
        shown = inside[at : at + 100]
        more = {"from": query["from"], "to": query["to"], "at": str(at + 100)}
        url = f"{API}/meetings?" + "&".join(f"{k}={v}" for k, v in more.items())
        rows = [meeting_row(start.isoformat(), start=start.isoformat()) for start in shown]
        return 200, link(url) if at + 100 < len(inside) else {}, json.dumps(items(*rows))


def test_truncated_listing_is_split_in_halves(
    webex: Build, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "MAX_LISTED", 300)
    connector = webex()
    crowd = Crowd(account, count=1000, cap=300)
    assert sorted(uuids(connector)) == sorted(start.isoformat() for start in crowd.starts)
    assert crowd.calls < 40


def test_too_many_instances_in_one_second_are_an_error(
    webex: Build, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "MAX_LISTED", 2)
    account.has(meeting_row("a"), meeting_row("b"))
    with pytest.raises(VendorError, match="within a second"):
        uuids(webex())


def test_missing_admin_scope_is_reported_once(webex: Build, account: Account, context: FakeContext) -> None:
    account.has(meeting_row("a"), meeting_row("b"))
    connector = webex(scope=USER)
    assert uuids(connector) == uuids(connector) == ["a", "b"]
    assert (
        len([notice for notice in context.notices if "only the meetings of the logged-in user" in notice])
        == 1
    )
    assert not any("hostEmail" in query for _, query in account.asked)


@pytest.mark.parametrize("scope", [None, ADMIN])
def test_user_without_the_admin_role_reads_only_own_meetings(
    webex: Build, account: Account, context: FakeContext, scope: str | None
) -> None:
    account.has(meeting_row("a"), meeting_row("b"))
    account.on("/admin/meetings/a", {"message": "no"}, status=403)
    connector = webex(scope=scope)
    for found in connector.meetings(DAY):
        connector.fetch(found)
    assert len(account.asked_for("/admin/meetings/a")) == 1
    assert not account.asked_for("/admin/meetings/b")
    assert not any("hostEmail" in asked for asked in account.asked_for("/meetingParticipants"))
    assert any("only the meetings of the logged-in user" in notice for notice in context.notices)


@pytest.mark.parametrize(
    ("scope", "named"),
    [
        ("spark:people_read", "meeting:schedules_read, meeting:participants_read"),
        ("meeting:schedules_read", "meeting:participants_read"),
        ("meeting:admin_schedule_read meeting:participants_read", "meeting:admin_participants_read"),
    ],
)
def test_missing_scope_is_named_before_any_request(
    webex: Build, account: Account, scope: str, named: str
) -> None:
    with pytest.raises(CredentialsError, match=f"add {named} to"):
        uuids(webex(scope=scope))
    assert account.asked == []


def test_meeting_from_the_journal_is_read_with_the_admins_call(webex: Build, account: Account) -> None:
    account.on(f"/admin/meetings/{UUID}", meeting_row(title="renamed"))
    account.on("/meetingParticipants", items())
    account.on("/meeting/qualities", items())
    again = webex().fetch(ref(None))
    assert again.meeting.topic == "renamed"
    assert account.asked_for("/meetings") == []
    assert account.asked_for("/meetingParticipants")[0]["hostEmail"] == HOST


def test_without_an_admin_the_listing_of_that_second_is_read(webex: Build, account: Account) -> None:
    account.has(meeting_row("another"), meeting_row())
    again = webex(scope=USER).fetch(ref(None))
    assert again.meeting.topic == "Weekly"
    assert again.meeting.recording is False
    assert account.asked_for("/meetings") == [
        {
            "meetingType": "meeting",
            "from": "2026-11-20T09:00:10Z",
            "to": "2026-11-20T09:00:11Z",
            "max": "100",
        }
    ]


def test_the_call_for_one_meeting_is_tried_last(webex: Build, account: Account) -> None:
    account.has()
    account.on(f"/meetings/{UUID}", {**meeting_row(), "id": "of another form"})
    assert webex().fetch(ref(None)).meeting.uuid == UUID
    assert all("hostEmail" not in query for path, query in account.asked if path.startswith("/meetings"))


def test_meeting_that_no_call_finds_is_gone_a_day_after_its_end(
    webex: Build, account: Account, context: FakeContext
) -> None:
    account.has()
    with pytest.raises(NotReady) as wait:
        webex().fetch(ref(None))
    assert wait.value.until == context.now() + timedelta(hours=1)
    context.seconds += 86_400
    with pytest.raises(Gone):
        webex().fetch(ref(None))


def test_meeting_without_times_is_not_ready_and_then_gone(
    webex: Build, account: Account, context: FakeContext
) -> None:
    timeless = without(meeting_row(), "start", "end")
    account.has(timeless)
    (found,) = webex().meetings(DAY)
    assert isinstance(found, MeetingRef)
    assert found.start_time is None
    with pytest.raises(NotReady):
        webex().fetch(found)
    context.seconds += listing.LOOKBACK.total_seconds()
    with pytest.raises(Gone) as gone:
        webex().fetch(found)
    assert gone.value.reason is Reason.no_time
    with pytest.raises(Gone):
        webex().fetch(replace(found, row=None))


@pytest.mark.parametrize("kind", ["meeting", None, {}, "anything else"])
def test_only_series_and_scheduled_meetings_are_no_instances(
    webex: Build, account: Account, kind: object
) -> None:
    others = [
        meeting_row(name, meetingType=name, start="2026-11-20T12:00:00Z")
        for name in ("meetingSeries", "scheduledMeeting")
    ]
    account.has(meeting_row("listed", meetingType=kind), *others)
    assert uuids(webex()) == ["listed"]


@pytest.mark.parametrize("body", [{"message": "x"}, {"id": None}])
def test_an_answer_about_no_meeting_replaces_none(webex: Build, account: Account, body: object) -> None:
    account.has()
    account.on(f"/meetings/{UUID}", body)
    with pytest.raises(BrokenResponse, match="without an id"):
        webex().fetch(ref(None))


@pytest.mark.parametrize("end", ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"])
def test_a_time_that_was_never_set_is_absent(webex: Build, account: Account, end: str) -> None:
    account.has(meeting_row(end=end))
    (found,) = webex().meetings(DAY)
    record = webex().fetch(found)  # type: ignore[arg-type]  # it is a ref
    assert record.meeting.end_time is None
