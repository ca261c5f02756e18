from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import requests
import responses
from hypothesis import given
from hypothesis import strategies as st

from connectors.base import RequestStats
from connectors.errors import CredentialsError, VendorError
from connectors.http import Api
from connectors.models import Detail, MeetingRecord, Reason
from connectors.rate_limit import RateLimiter
from connectors.webex import Webex
from connectors.webex.quality_api import QualityApi
from harvester.state.quotas_and_tokens import AccountState
from tests.unit.fake_context import NOW, FakeContext
from tests.unit.webex.fake_api import (
    ADMIN,
    ANALYTICS,
    UUID,
    Account,
    items,
    media_row,
    meeting_row,
    participant_row,
    ref,
)

Build = Callable[..., Webex]
PATH = "/meeting/qualities"


def read(webex: Webex, **changes: Any) -> MeetingRecord:
    return webex.fetch(ref(meeting_row(**changes)))


def later(record: MeetingRecord) -> int:
    """For how many minutes it waits for its quality."""
    assert record.meeting.detail is Detail.basic
    assert record.pending is not None
    assert record.pending.reason is Reason.quality
    return (record.pending.until - NOW) // timedelta(minutes=1)


@pytest.fixture
def full(webex: Build, account: Account) -> Webex:
    account.has(people=[participant_row()], media=[media_row()])
    return webex()


def test_one_call_with_a_large_max_is_made(
    full: Webex, account: Account, http: responses.RequestsMock
) -> None:
    assert read(full).meeting.detail is Detail.full
    assert account.asked_for(PATH) == [{"meetingId": UUID, "max": "1000"}]
    (call,) = [call.request for call in http.calls if PATH in str(call.request.url)]
    assert str(call.url).startswith(ANALYTICS)
    assert call.headers["Authorization"] == "Bearer access-1"


def test_empty_list_is_complete(full: Webex, account: Account) -> None:
    account.on(PATH, items())
    record = read(full)
    assert (record.meeting.detail, record.pending) == (Detail.full, None)


def test_no_request_within_ten_minutes_of_the_start(
    full: Webex, account: Account, context: FakeContext
) -> None:
    young = {"start": "2026-11-21T05:55:00Z", "end": "2026-11-21T05:58:00Z"}
    assert later(read(full, **young)) == 5
    assert account.asked_for(PATH) == []
    context.seconds += 300
    assert read(full, **young).meeting.detail is Detail.full


def test_meeting_after_seven_days_is_stored_without_and_reported_once(
    full: Webex, account: Account, context: FakeContext
) -> None:
    old = {"start": "2026-11-14T05:59:59Z", "end": "2026-11-14T06:30:00Z"}
    for _ in range(2):
        record = read(full, **old)
        assert (record.meeting.detail, record.pending) == (Detail.basic, None)
    assert len([notice for notice in context.notices if "no longer keeps it" in notice]) == 1
    assert account.asked_for(PATH) == []
    assert read(full, start="2026-11-14T06:00:01Z").meeting.detail is Detail.full


def test_second_read_within_five_minutes_is_pending(
    full: Webex, account: Account, context: FakeContext
) -> None:
    assert read(full).meeting.detail is Detail.full
    context.seconds += 60
    assert later(read(full)) == 5
    assert len(account.asked_for(PATH)) == 1
    context.seconds += 260
    assert read(full).meeting.detail is Detail.full


@pytest.mark.parametrize("status", [429, 423, 425])
@pytest.mark.parametrize(
    ("header", "minutes"), [("600", 10), ("30", 5), ("0", 5), ("Sat, 21 Nov 2026 06:07:00 GMT", 7)]
)
def test_too_soon_makes_the_meeting_pending_until_retry_after(
    full: Webex, account: Account, context: FakeContext, status: int, header: str, minutes: int
) -> None:
    account.on(PATH, {"message": "too soon"}, status=status, headers={"Retry-After": header})
    assert later(read(full)) == minutes
    assert len(account.asked_for(PATH)) == 1
    context.seconds += minutes * 60 - 1
    assert later(read(full)) == minutes, "not even by another run, which knows no journal"
    assert len(account.asked_for(PATH)) == 1


def test_a_429_without_retry_after_is_pending_for_five_minutes(full: Webex, account: Account) -> None:
    account.on(PATH, {}, status=429)
    assert later(read(full)) == 5


def test_throttled_endpoint_pauses_all_calls_shortly(
    full: Webex, account: Account, context: FakeContext
) -> None:
    account.on(PATH, {}, status=429, headers={"Retry-After": "30"})
    read(full, id="a")
    read(full, id="b")
    began = context.seconds
    account.on(PATH, items())
    assert read(full, id="c").meeting.detail is Detail.full
    assert context.seconds - began >= 30


def test_throttled_endpoint_with_a_long_wait_makes_meetings_pending(
    full: Webex, account: Account, context: FakeContext
) -> None:
    account.on(PATH, {}, status=429, headers={"Retry-After": "300"})
    read(full, id="a")
    read(full, id="b")
    account.on(PATH, items())
    assert later(read(full, id="c")) == 5
    assert len(account.asked_for(PATH)) == 2
    context.seconds += 300
    assert read(full, id="c").meeting.detail is Detail.full


@pytest.mark.parametrize(("status", "body"), [(204, ""), (200, ""), (404, {"message": "x"}), (404, "")])
def test_no_quality_is_pending_for_a_day(
    full: Webex, account: Account, context: FakeContext, status: int, body: Any
) -> None:
    account.on(PATH, body, status=status)
    assert later(read(full)) == 60
    context.seconds += 86_400
    record = read(full)
    assert (record.meeting.detail, record.pending) == (Detail.basic, None)
    assert any("Webex has none of them" in notice for notice in context.notices)


@pytest.mark.parametrize("status", [403, 404, 410, 451])
def test_an_error_of_a_gateway_is_neither_a_refusal_nor_the_end_of_the_quality(
    full: Webex, account: Account, context: FakeContext, status: int
) -> None:
    account.on(PATH, {"message": "Forbidden"}, status=status, headers={"Via": "1.1 gateway"})
    assert later(read(full)) > 0
    context.seconds += 86_400
    assert later(read(full)) > 0
    context.seconds += 86_400
    account.on(PATH, items())
    assert read(full).meeting.detail is Detail.full


@pytest.mark.parametrize(("status", "message"), [(425, "it has Expired after 14 days"), (410, "gone")])
def test_expired_quality_is_not_requested_again(
    full: Webex, account: Account, context: FakeContext, status: int, message: str
) -> None:
    account.on(PATH, {"message": message}, status=status)
    record = read(full)
    assert (record.meeting.detail, record.pending) == (Detail.basic, None)
    assert any("no longer keeps it" in notice for notice in context.notices)


def test_refusal_is_reported_once_and_stops_requests(
    full: Webex, account: Account, context: FakeContext
) -> None:
    account.on(PATH, {"message": "marked.person@example.org may not"}, status=403)
    for uuid in ("a", "b"):
        record = read(full, id=uuid)
        assert (record.meeting.detail, record.pending) == (Detail.basic, None)
        assert record.meeting.participants == 1
    assert len(account.asked_for(PATH)) == 1
    (notice,) = [notice for notice in context.notices if "without quality" in notice]
    assert "Pro Pack" in notice
    assert "analytics:read_all" in notice
    assert "marked" not in notice


def test_refusal_of_one_meeting_among_others_affects_only_it(full: Webex, account: Account) -> None:
    read(full, id="a")
    account.on(PATH, {"message": "another organisation's"}, status=403, meetingId="b")
    assert read(full, id="b").pending is None
    assert read(full, id="c").meeting.detail is Detail.full


def test_no_request_without_the_scope(webex: Build, account: Account, context: FakeContext) -> None:
    account.has(people=[participant_row()])
    scope = ADMIN.replace(" analytics:read_all", "")
    assert read(webex(scope=scope)).meeting.detail is Detail.basic
    assert account.asked_for(PATH) == []
    assert any("analytics:read_all" in notice for notice in context.notices)


@pytest.mark.parametrize("status", [451, 403])
def test_other_regions_host_is_named(
    full: Webex, account: Account, context: FakeContext, status: int
) -> None:
    message = "This server cannot serve the data for this organization. Please use analytics-eu.webexapis.com"
    account.on(PATH, {"message": message, "errorCode": 451}, status=status)
    assert read(full).pending is None
    assert any("https://analytics-eu.webexapis.com/v1" in notice for notice in context.notices)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408, 400, 403])
def test_failed_call_is_not_retried_and_the_meeting_is_stored(
    full: Webex, account: Account, context: FakeContext, status: int
) -> None:
    for number, body in enumerate(("<html>trouble</html>", "")):
        account.on(PATH, body, status=status)
        assert later(read(full, id=str(number))) == 5
        assert len(account.asked_for(PATH)) == number + 1
    assert any("will be requested again" in notice for notice in context.notices)


def test_call_without_a_response_counts_as_made(
    full: Webex, account: Account, http: responses.RequestsMock
) -> None:
    full.auth.token()

    def lost(_: dict[str, str]) -> tuple[int, dict[str, str], str]:
        raise requests.ConnectionError("reset by peer")

    account.at[PATH] = lost
    assert later(read(full)) == 5
    assert len(account.asked_for(PATH)) == 1


def test_repeated_failures_raise_an_error(full: Webex, account: Account) -> None:
    account.on(PATH, {"message": "x"}, status=500)
    read(full, id="a")
    read(full, id="b")
    with pytest.raises(VendorError, match="WEBEX_ANALYTICS_URL"):
        read(full, id="c")
    account.on(PATH, items())
    assert read(full, id="d").meeting.detail is Detail.full


def test_refused_token_is_renewed_for_the_next_meeting(full: Webex, account: Account) -> None:
    account.then(PATH, (401, {"message": "x"}), (200, items()))
    assert later(read(full, id="a")) == 5
    assert read(full, id="b").meeting.detail is Detail.full
    assert len(account.refreshed) == 2


def test_refusal_of_a_renewed_token_is_a_refusal_of_quality(full: Webex, account: Account) -> None:
    account.on(PATH, {"message": "x"}, status=401)
    assert later(read(full, id="a")) == 5
    assert read(full, id="b").pending is None
    assert read(full, id="c").pending is None
    assert len(account.asked_for(PATH)) == 2
    assert len(account.refreshed) == 2


def test_truncated_response_is_reported(full: Webex, account: Account, context: FakeContext) -> None:
    account.on(PATH, items(media_row()), headers={"Link": f'<{ANALYTICS}{PATH}?offset=1>; rel="next"'})
    assert read(full).meeting.detail is Detail.full
    assert len(account.asked_for(PATH)) == 1, "another page would be another call"
    assert any("more than 1 media sessions" in notice for notice in context.notices)


class _Auth:
    def header(self) -> str:
        return "Bearer x"

    def renew(self, refused: str) -> None:
        pass


class _Process(FakeContext):
    """One process of many: its own memory, but the account's state and the calendar of all."""

    def __init__(self, state: AccountState, calendar: FakeContext) -> None:
        super().__init__()
        self.now, self.elapsed, self.wait = calendar.now, calendar.elapsed, calendar.wait
        self.acquire_lease, self.extend_lease = state.acquire_lease, state.extend_lease
        self.request_stats = RequestStats()


MEETINGS = ("a", "b", "c")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("read"), st.integers(0, 1), st.sampled_from(MEETINGS)),
        st.tuples(st.just("wait"), st.integers(0, 400), st.just("")),
        st.tuples(st.just("kill"), st.integers(0, 1), st.just("")),
        st.tuples(st.just("together"), st.integers(0, 1), st.sampled_from(MEETINGS)),
        st.tuples(st.just("late"), st.integers(0, 9), st.just("")),
        st.tuples(st.just("answer"), st.sampled_from([200, 204, 401, 404, 425, 429, 500, 0]), st.just("")),
    ),
    max_size=25,
)


class Vendor:
    """Counts the calls, and kills the client of this header during its call."""

    def __init__(self, calendar: FakeContext) -> None:
        self.calendar = calendar
        self.status = 200
        self.late = 0.0
        self.calls: dict[str, list[datetime]] = {}

    def answer(self, request: Any) -> tuple[int, dict[str, str], str]:
        uuid = request.params["meetingId"]
        self.calendar.wait(self.late)
        self.calls.setdefault(uuid, []).append(self.calendar.now())
        if self.status == 0:
            raise requests.ConnectionError("killed, or cut off, after the call was made")
        return self.status, {}, json.dumps(items()) if self.status == 200 else "{}"


@given(STEPS)
def test_one_call_per_meeting_in_five_minutes(steps: list[tuple[str, int, str]]) -> None:
    """Over any sequence of runs, processes at once, threads, kills and answers."""
    calendar = FakeContext()
    vendor = Vendor(calendar)
    with tempfile.TemporaryDirectory() as folder, responses.RequestsMock(False) as http:
        http.add_callback(responses.GET, ANALYTICS + PATH, callback=vendor.answer)
        processes = [begun(Path(folder), calendar) for _ in range(2)]
        for step, number, uuid in steps:
            if step == "wait":
                calendar.seconds += number
            elif step == "late":
                vendor.late = float(number)
            elif step == "answer":
                vendor.status = number
            elif step == "kill":
                processes[number] = begun(Path(folder), calendar)
            elif step == "read":
                ask(processes[number], uuid)
            else:
                with ThreadPoolExecutor(4) as pool:
                    list(pool.map(lambda n, uuid=uuid: ask(processes[n % 2], uuid), range(4)))
    for times in vendor.calls.values():
        assert all(b - a >= timedelta(minutes=5) for a, b in pairwise(times))


def begun(folder: Path, calendar: FakeContext) -> QualityApi:
    """A process as it starts; the one before it is never closed, as one that is killed is not."""
    context = _Process(AccountState(folder, calendar.now), calendar)
    api = Api("Webex", ANALYTICS, context, classify=lambda _: None)
    return QualityApi(api, _Auth(), RateLimiter(context, calls=5), context, permitted=True)


def ask(qualities: QualityApi, uuid: str) -> None:
    start = NOW - timedelta(hours=1)
    with suppress(VendorError, CredentialsError):
        qualities.fetch(uuid, start, start + timedelta(minutes=30))
