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
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.base import RequestStats
from connectors.errors import CredentialsError, VendorError
from connectors.http import Api
from connectors.models import Detail, MeetingRecord, Reason
from connectors.rate_limit import RateLimiter
from connectors.webex import Webex
from connectors.webex.quality_api import QualityApi
from harvester.state.account import AccountState
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


def later(harvest: MeetingRecord) -> int:
    """For how many minutes it waits for its quality."""
    assert harvest.meeting.detail is Detail.basic
    assert harvest.pending is not None
    assert harvest.pending.reason is Reason.quality
    return (harvest.pending.until - NOW) // timedelta(minutes=1)


@pytest.fixture
def full(webex: Build, account: Account) -> Webex:
    account.has(people=[participant_row()], media=[media_row()])
    return webex()


def test_there_is_one_call_for_the_instance_with_a_large_max(
    full: Webex, account: Account, http: responses.RequestsMock
) -> None:
    assert read(full).meeting.detail is Detail.full
    assert account.asked_for(PATH) == [{"meetingId": UUID, "max": "1000"}]
    (call,) = [call.request for call in http.calls if PATH in str(call.request.url)]
    assert str(call.url).startswith(ANALYTICS)
    assert call.headers["Authorization"] == "Bearer access-1"


def test_an_empty_list_is_all_that_there_is(full: Webex, account: Account) -> None:
    account.on(PATH, items())
    harvest = read(full)
    assert (harvest.meeting.detail, harvest.pending) == (Detail.full, None)


def test_within_ten_minutes_of_the_start_nothing_is_asked(
    full: Webex, account: Account, context: FakeContext
) -> None:
    young = {"start": "2026-11-21T05:55:00Z", "end": "2026-11-21T05:58:00Z"}
    assert later(read(full, **young)) == 5
    assert account.asked_for(PATH) == []
    context.seconds += 300
    assert read(full, **young).meeting.detail is Detail.full


def test_after_seven_days_it_is_stored_without_and_said_once(
    full: Webex, account: Account, context: FakeContext
) -> None:
    old = {"start": "2026-11-14T05:59:59Z", "end": "2026-11-14T06:30:00Z"}
    for _ in range(2):
        harvest = read(full, **old)
        assert (harvest.meeting.detail, harvest.pending) == (Detail.basic, None)
    assert len([said for said in context.told if "no longer keeps it" in said]) == 1
    assert account.asked_for(PATH) == []
    assert read(full, start="2026-11-14T06:00:01Z").meeting.detail is Detail.full


def test_a_second_reading_within_five_minutes_waits_for_them(
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
    ("told", "minutes"), [("600", 10), ("30", 5), ("0", 5), ("Sat, 21 Nov 2026 06:07:00 GMT", 7)]
)
def test_too_soon_is_stored_meanwhile_and_comes_back_when_webex_says(
    full: Webex, account: Account, context: FakeContext, status: int, told: str, minutes: int
) -> None:
    account.on(PATH, {"message": "too soon"}, status=status, headers={"Retry-After": told})
    assert later(read(full)) == minutes
    assert len(account.asked_for(PATH)) == 1
    context.seconds += minutes * 60 - 1
    assert later(read(full)) == minutes, "not even by another run, which knows no journal"
    assert len(account.asked_for(PATH)) == 1


def test_a_429_without_a_word_comes_back_in_five_minutes(full: Webex, account: Account) -> None:
    account.on(PATH, {}, status=429)
    assert later(read(full)) == 5


def test_when_one_meeting_after_the_other_is_too_soon_all_wait_shortly(
    full: Webex, account: Account, context: FakeContext
) -> None:
    account.on(PATH, {}, status=429, headers={"Retry-After": "30"})
    read(full, id="a")
    read(full, id="b")
    began = context.seconds
    account.on(PATH, items())
    assert read(full, id="c").meeting.detail is Detail.full
    assert context.seconds - began >= 30


def test_or_go_without_until_then_where_it_is_long(
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
def test_nothing_is_not_yet_for_a_day_and_then_nothing(
    full: Webex, account: Account, context: FakeContext, status: int, body: Any
) -> None:
    account.on(PATH, body, status=status)
    assert later(read(full)) == 60
    context.seconds += 86_400
    harvest = read(full)
    assert (harvest.meeting.detail, harvest.pending) == (Detail.basic, None)
    assert any("Webex has none of them" in said for said in context.told)


@pytest.mark.parametrize(("status", "message"), [(425, "it has Expired after 14 days"), (410, "gone")])
def test_what_has_expired_is_stored_without_for_good(
    full: Webex, account: Account, context: FakeContext, status: int, message: str
) -> None:
    account.on(PATH, {"message": message}, status=status)
    harvest = read(full)
    assert (harvest.meeting.detail, harvest.pending) == (Detail.basic, None)
    assert any("no longer keeps it" in said for said in context.told)


def test_who_is_refused_gets_none_is_told_once_and_asks_no_more(
    full: Webex, account: Account, context: FakeContext
) -> None:
    account.on(PATH, {"message": "marked.person@example.org may not"}, status=403)
    for uuid in ("a", "b"):
        harvest = read(full, id=uuid)
        assert (harvest.meeting.detail, harvest.pending) == (Detail.basic, None)
        assert harvest.meeting.participants == 1
    assert len(account.asked_for(PATH)) == 1
    (said,) = [said for said in context.told if "without quality" in said]
    assert "Pro Pack" in said
    assert "analytics:read_all" in said
    assert "marked" not in said


def test_one_meeting_that_is_refused_among_others_is_its_own_matter(full: Webex, account: Account) -> None:
    read(full, id="a")
    account.on(PATH, {"message": "another organisation's"}, status=403, meetingId="b")
    assert read(full, id="b").pending is None
    assert read(full, id="c").meeting.detail is Detail.full


def test_without_the_scope_nothing_is_asked(webex: Build, account: Account, context: FakeContext) -> None:
    account.has(people=[participant_row()])
    scope = ADMIN.replace(" analytics:read_all", "")
    assert read(webex(scope=scope)).meeting.detail is Detail.basic
    assert account.asked_for(PATH) == []
    assert any("analytics:read_all" in said for said in context.told)


@pytest.mark.parametrize("status", [451, 403])
def test_the_other_regions_host_is_shown(
    full: Webex, account: Account, context: FakeContext, status: int
) -> None:
    message = "This server cannot serve the data for this organization. Please use analytics-eu.webexapis.com"
    account.on(PATH, {"message": message, "errorCode": 451}, status=status)
    assert read(full).pending is None
    assert any("https://analytics-eu.webexapis.com/v1" in said for said in context.told)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408, 400, 403])
def test_trouble_is_not_asked_again_at_once_and_leaves_the_meeting_stored(
    full: Webex, account: Account, context: FakeContext, status: int
) -> None:
    for number, body in enumerate(("<html>trouble</html>", "")):
        account.on(PATH, body, status=status)
        assert later(read(full, id=str(number))) == 5
        assert len(account.asked_for(PATH)) == number + 1
    assert any("will be requested again" in said for said in context.told)


def test_no_answer_at_all_may_have_been_a_call(
    full: Webex, account: Account, http: responses.RequestsMock
) -> None:
    full.auth.token()

    def lost(_: dict[str, str]) -> tuple[int, dict[str, str], str]:
        raise requests.ConnectionError("reset by peer")

    account.at[PATH] = lost
    assert later(read(full)) == 5
    assert len(account.asked_for(PATH)) == 1


def test_trouble_again_and_again_is_no_passing_trouble(full: Webex, account: Account) -> None:
    account.on(PATH, {"message": "x"}, status=500)
    read(full, id="a")
    read(full, id="b")
    with pytest.raises(VendorError, match="WEBEX_ANALYTICS_URL"):
        read(full, id="c")
    account.on(PATH, items())
    assert read(full, id="d").meeting.detail is Detail.full


def test_a_token_that_is_refused_is_renewed_for_the_next_meeting(full: Webex, account: Account) -> None:
    account.then(PATH, (401, {"message": "x"}), (200, items()))
    assert later(read(full, id="a")) == 5
    assert read(full, id="b").meeting.detail is Detail.full
    assert len(account.refreshed) == 2


def test_a_new_token_that_is_refused_too_is_no_matter_of_the_token(full: Webex, account: Account) -> None:
    account.on(PATH, {"message": "x"}, status=401)
    assert later(read(full, id="a")) == 5
    assert read(full, id="b").pending is None
    assert read(full, id="c").pending is None
    assert len(account.asked_for(PATH)) == 2
    assert len(account.refreshed) == 2


def test_more_media_sessions_than_one_answer_holds_are_told_of(
    full: Webex, account: Account, context: FakeContext
) -> None:
    account.on(PATH, items(media_row()), headers={"Link": f'<{ANALYTICS}{PATH}?offset=1>; rel="next"'})
    assert read(full).meeting.detail is Detail.full
    assert len(account.asked_for(PATH)) == 1, "another page would be another call"
    assert any("more than 1 media sessions" in said for said in context.told)


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
    """Counts the calls, and kills whoever is told to be killed while its call is under way."""

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


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_never_two_calls_for_one_meeting_within_five_minutes(steps: list[tuple[str, int, str]]) -> None:
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
