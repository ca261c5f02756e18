from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from connectors.errors import BrokenResponse, CredentialsError, Gone, VendorError
from connectors.models import Detail, Reason
from connectors.webex import Webex
from harvester.documents import to_documents
from tests.unit.fake_context import NOW, FakeContext
from tests.unit.webex.fake_api import (
    API,
    DAY,
    HOST,
    USER,
    UUID,
    Account,
    device,
    items,
    link,
    live_row,
    media_row,
    meeting_row,
    participant_row,
    ref,
)

Build = Callable[..., Webex]
PATH = "/meetingParticipants"
JOINED = datetime.fromisoformat("2026-11-20T09:00:30Z")


def people(count: int, apart: timedelta = timedelta(seconds=1)) -> list[dict[str, Any]]:
    return [
        participant_row(
            device(correlationId=f"c-{n}"),
            id=f"p-{n}",
            displayName=f"P {n}",
            joinedTime=(JOINED + n * apart).isoformat(),
        )
        for n in range(count)
    ]


class Room:
    """Participants by a hundred at most, with or without links, with or without an ear for the times of joining."""

    def __init__(
        self, account: Account, rows: list[dict[str, Any]], *, links: bool, times: bool = True
    ) -> None:
        self.rows, self.links, self.times = rows, links, times
        self.calls = 0
        account.at[PATH] = self.answer

    def answer(self, query: dict[str, str]) -> tuple[int, dict[str, str], str]:
        self.calls += 1
        rows = [row for row in self.rows if self._inside(row, query)]
        at = int(query.get("at", 0))
        more = self.links and at + 100 < len(rows)
        headers = link(f"{API}{PATH}?meetingId={UUID}&at={at + 100}") if more else {}
        return 200, headers, json.dumps(items(*rows[at : at + 100]))

    def _inside(self, row: dict[str, Any], query: dict[str, str]) -> bool:
        if not self.times or "joinTimeFrom" not in query:
            return True
        joined = datetime.fromisoformat(row["joinedTime"])
        first, last = (datetime.fromisoformat(query[name]) for name in ("joinTimeFrom", "joinTimeTo"))
        assert last - first <= timedelta(days=90)
        return first <= joined < last


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 450])
def test_all_participants_are_listed_with_and_without_links(
    webex: Build, account: Account, links: bool, count: int
) -> None:
    connector = webex()
    connector.auth.token()
    account.on("/meeting/qualities", items())
    room = Room(account, people(count), links=links)
    record = connector.fetch(ref(meeting_row()))
    assert record.meeting.participants == count
    assert len({session.key for session in record.sessions}) == count
    assert room.calls < 120


def test_participants_that_cannot_be_divided_are_an_error(webex: Build, account: Account) -> None:
    connector = webex()
    connector.auth.token()
    Room(account, people(150, apart=timedelta(0)), links=False)
    with pytest.raises(VendorError, match="others cannot be listed"):
        connector.fetch(ref(meeting_row()))


def test_ignored_join_time_filters_are_noticed_at_once(webex: Build, account: Account) -> None:
    connector = webex()
    connector.auth.token()
    room = Room(account, people(150, apart=timedelta(minutes=1)), links=False, times=False)
    with pytest.raises(VendorError, match="others cannot be listed"):
        connector.fetch(ref(meeting_row()))
    assert room.calls < 10


def test_only_an_admin_sends_the_host(webex: Build, account: Account) -> None:
    account.has(people=[participant_row()])
    webex().fetch(ref(meeting_row()))
    webex(scope=USER, WEBEX_REFRESH_TOKEN="another").fetch(ref(meeting_row()))
    assert account.asked_for(PATH) == [
        {"meetingId": UUID, "hostEmail": HOST, "max": "100"},
        {"meetingId": UUID, "max": "100"},
    ]


@pytest.mark.parametrize("status", [400, 403, 404])
def test_former_host_is_not_sent(webex: Build, account: Account, status: int) -> None:
    account.has(people=[participant_row()])
    account.on(PATH, {"message": "no such user"}, status=status, hostEmail=HOST)
    assert webex().fetch(ref(meeting_row())).meeting.participants == 1


def test_meeting_of_another_host_is_stored_from_its_row(webex: Build, account: Account) -> None:
    account.on(PATH, {"message": "no"}, status=403)
    record = webex(scope=USER).fetch(ref(meeting_row()))
    assert (record.listed_only, record.pending, record.sessions) == (True, None, ())
    assert (record.meeting.detail, record.meeting.participants) == (Detail.basic, None)
    assert account.asked_for("/meeting/qualities") == []
    with pytest.raises(VendorError, match="403"):
        webex(WEBEX_REFRESH_TOKEN="an admin's").fetch(ref(meeting_row()))


def test_missing_participants_make_the_meeting_pending(
    webex: Build, account: Account, context: FakeContext
) -> None:
    account.has(meeting_row())
    account.on(PATH, {"message": "not found"}, status=404)
    account.on(f"/admin/meetings/{UUID}", {"message": "not found"}, status=404)
    record = webex().fetch(ref(meeting_row()))
    assert record.meeting.detail is Detail.basic
    assert record.meeting.participants is None
    assert record.pending is not None
    assert (record.pending.reason, record.sessions) == (Reason.not_ended, ())
    assert account.asked_for("/meeting/qualities") == []
    context.seconds += 86_400
    with pytest.raises(VendorError, match="404"):
        webex().fetch(ref(meeting_row()))  # its head is there: this is not how a deleted meeting looks
    account.has()
    account.on(PATH, {"message": "not found"}, status=404)
    assert webex().fetch(ref(meeting_row())).listed_only
    with pytest.raises(Gone) as gone:
        webex().fetch(ref(None))
    assert gone.value.reason is Reason.deleted


@pytest.mark.parametrize("listed", [True, False])
def test_meeting_with_expired_participants_is_stored_from_its_row(
    webex: Build, account: Account, listed: bool
) -> None:
    account.has(meeting_row())
    account.on(PATH, {"message": "x"}, status=410)
    record = webex().fetch(ref(meeting_row() if listed else None))
    assert (record.listed_only, record.pending, record.sessions) == (True, None, ())


def test_live_meeting_is_pending_without_a_quality_request(webex: Build, account: Account) -> None:
    account.has(people=[participant_row(state="joined")], media=[media_row()])
    record = webex().fetch(ref(live_row()))
    assert record.meeting.detail is Detail.live
    assert record.pending is not None
    assert record.pending.reason is Reason.live
    assert account.asked_for("/meeting/qualities") == []
    account.on(PATH, {"message": "not supported yet"}, status=404)
    record = webex().fetch(ref(live_row()))
    assert record.meeting.detail is Detail.live
    assert record.pending is not None
    assert record.pending.reason is Reason.live


def test_ended_meeting_is_full_and_done(webex: Build, account: Account) -> None:
    account.has(people=[participant_row()], media=[media_row()])
    record = webex().fetch(ref(meeting_row()))
    assert record.meeting.detail is Detail.full
    assert record.pending is None
    assert (record.meeting.participants, record.meeting.has_voip) == (1, True)
    assert record.meeting.quality is not None
    assert record.meeting.harvested_at == NOW


def test_meeting_that_just_ended_is_read_once_more(
    webex: Build, account: Account, context: FakeContext
) -> None:
    account.has(people=[participant_row()])
    ended = meeting_row(start="2026-11-21T05:00:00Z", end="2026-11-21T05:50:00Z")
    record = webex().fetch(ref(ended))
    assert record.pending is not None
    assert record.pending.reason is Reason.settling
    assert record.pending.until == datetime.fromisoformat("2026-11-21T06:05:00Z")
    context.seconds += 320
    assert webex().fetch(ref(ended)).pending is None


def test_extras_of_an_earlier_run_are_fetched_again(webex: Build, account: Account) -> None:
    account.has(people=[participant_row()], media=[media_row()])
    asked = ref(meeting_row(), extras=frozenset({"raw", "series"}))
    meeting, session = to_documents(webex().fetch(asked))
    assert meeting["vendor_data"]["title"] == "Weekly"
    assert session["quality"]["audio_in"]["series"]["step_s"] == 60
    assert session["vendor_data"]["qualities"]
    assert "series" not in meeting["quality"]["audio_in"], "of several people together there is none"


def test_requests_are_estimated(webex: Build, account: Account) -> None:
    connector = webex()
    assert connector.estimate_requests(ref(meeting_row())) == 2
    assert connector.estimate_requests(ref(None)) == 3
    old = ref(meeting_row(start="2026-10-20T09:00:00Z", end="2026-10-20T10:00:00Z"))
    assert connector.estimate_requests(old) == 1
    assert 4 < connector.requests_per_second < 5
    assert connector.concurrency == 8


def test_repeated_401_names_the_login(webex: Build, account: Account) -> None:
    account.on(PATH, {"message": "x"}, status=401)
    with pytest.raises(CredentialsError, match="harvester login webex"):
        webex().fetch(ref(meeting_row()))
    assert len(account.refreshed) == 2


def test_204_without_a_body_is_a_meeting_without_participants(webex: Build, account: Account) -> None:
    account.has(meeting_row())
    account.on(PATH, "", status=204)
    record = webex().fetch(ref())
    assert list(record.sessions) == []
    assert len(account.asked_for(PATH)) == 1


def test_204_instead_of_a_further_page_is_an_error(webex: Build, account: Account) -> None:
    account.has(meeting_row())
    following = link(f"{API}{PATH}?meetingId={UUID}&at=1")
    account.at[PATH] = lambda query: (
        (204, {}, "") if "at" in query else (200, following, json.dumps(items(*people(1))))
    )
    with pytest.raises(BrokenResponse):
        webex().fetch(ref())


def test_204_instead_of_the_listing_is_an_error(webex: Build, account: Account) -> None:
    account.on("/meetings", "", status=204)
    with pytest.raises(BrokenResponse):
        list(webex().meetings(DAY))


@pytest.mark.parametrize("status", [405, 410])
def test_an_odd_answer_to_the_admins_call_does_not_refuse_the_participants(
    webex: Build, account: Account, status: int
) -> None:
    """All meetings of the run would be stored without sessions, and never read again."""
    account.has(meeting_row(), people=[participant_row()])
    account.on(f"/admin/meetings/{UUID}", {"message": "x"}, status=status)
    with pytest.raises(VendorError, match="GET /admin/meetings"):
        webex().fetch(ref(meeting_row()))
