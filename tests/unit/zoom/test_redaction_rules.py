"""No document of `--raw` contains a secret, and no error or message quotes a failed response."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable
from typing import Any

import orjson
import pytest
import requests
import responses

from connectors.errors import HarvestError
from connectors.models import MeetingRef
from connectors.zoom import Zoom
from connectors.zoom.redaction_rules import redact_row
from tests.examples import statuses
from tests.unit.fake_context import FakeContext
from tests.unit.zoom.fake_api import (
    API,
    DAY,
    Account,
    data,
    meeting_row,
    page,
    participant_row,
    ref,
    settings,
)

SECRET = "invented-secret-4f1d"

# The fields of Zoom's meetings and users that open a meeting, as its API documentation names them.
SECRETS: dict[str, Any] = {
    "password": SECRET,
    "passcode": SECRET,
    "encrypted_password": SECRET,
    "h323_password": SECRET,
    "pstn_password": SECRET,
    "join_url": f"https://zoom.example/j/93201235621?pwd={SECRET}",
    "start_url": f"https://zoom.example/s/93201235621?zak={SECRET}",
    "registration_url": f"https://zoom.example/meeting/register/{SECRET}",
    "personal_meeting_url": f"https://zoom.example/my/{SECRET}",
    "host_key": SECRET,
    "pwd": SECRET,
    "agenda": f"passcode {SECRET}",
    "settings": {"global_dial_in_numbers": [{"number": SECRET}], "global_dial_in_countries": [SECRET]},
    "something_new": {"deep": [{"passcode": SECRET, "address": f"zoommtg://zoom.example/join?pwd={SECRET}"}]},
    "addresses": [f"https://zoom.example/j/1?pwd={SECRET}"],
}
EMAIL = "marked.person@example.org"
MARKED = f"{SECRET} {EMAIL}"


@pytest.mark.parametrize("name", SECRETS)
def test_no_field_that_opens_a_meeting_is_kept(name: str) -> None:
    kept = redact_row({**meeting_row(), name: SECRETS[name]})
    assert SECRET not in json.dumps(kept)
    assert kept["topic"] == meeting_row()["topic"]


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("metrics_meetings", "meetings"),
        ("metrics_participants", "participants"),
        ("report_participants", "participants"),
        ("report_user_meetings", "meetings"),
    ],
)
def test_rows_without_secrets_are_kept_whole(name: str, key: str) -> None:
    for row in data(name)[key]:
        assert redact_row(row) == row


def test_a_flag_and_a_link_in_the_topic_stay() -> None:
    row = {"has_password": True, "topic": "see https://notes.example.org"}
    assert redact_row(row) == row


@pytest.mark.parametrize("plan", ["business", "pro"])
def test_no_secret_leaves_the_connector(plan: str, account: Account, zoom: Callable) -> None:
    row, participant = meeting_row(**SECRETS), participant_row(**SECRETS)
    account.on("/report/users", page("users", {"id": "a"}))
    for path, query in (("/metrics/meetings", "past"), ("/report/users/a/meetings", "past")):
        account.on(path, page("meetings"))
        account.on(path, page("meetings", row), type=query)
    account.on("/users", page("users"))
    for kind in ("metrics", "report"):
        account.on(f"/{kind}/meetings/abc%3D%3D/participants", page("participants", participant))
    connector: Zoom = zoom(raw=True, ZOOM_PLAN=plan)
    (listed,) = [found for found in connector.meetings(DAY) if isinstance(found, MeetingRef)]
    record = connector.fetch(listed)
    assert record.sessions
    assert all(one.vendor_data for one in (record.meeting, *record.sessions))
    written = b"".join(orjson.dumps(one.vendor_data) for one in (record.meeting, *record.sessions))
    assert SECRET.encode() not in written
    journaled = orjson.dumps({"digest": listed.digest, "hint": dict(listed.hint)})
    assert SECRET.encode() not in journaled


STATUSES = statuses(200, 301, 400, 401, 403, 404, 429, 500, 503)
CODES = (None, 124, 200, 300, 429, 1001, 1010, 3001, 3161, 4700, 4711, 9999, 12702)


def bodies(status: int) -> list[str]:
    body = {
        "message": f"scopes:[{MARKED}] next page token webinar info {MARKED}",
        "reason": MARKED,
        "error": MARKED,
        "x": MARKED,
    }
    codes = CODES if status < 429 else (None, 300)  # above, the status alone decides
    coded = [json.dumps(body if code is None else {**body, "code": code}) for code in codes]
    return [
        *coded,
        f"<html>{MARKED}</html>",
        json.dumps([MARKED]),
        json.dumps(MARKED),
        f'{{"meetings": "{MARKED}',
    ]


def assert_unmarked(error: BaseException) -> None:
    shown = "".join(traceback.format_exception(error)) + str(error) + repr(error)
    assert SECRET not in shown
    assert "marked.person" not in shown


@pytest.mark.parametrize("status", STATUSES)
def test_no_api_error_repeats_the_response(
    status: int, account: Account, context: FakeContext, zoom: Callable
) -> None:
    for body in bodies(status):
        account.forget()
        headers = {"Content-Type": "text/html", "X-Marked": MARKED, "Retry-After": MARKED}
        account.on("", body, status=status, headers=headers)
        for plan in ("business", "pro"):
            context.facts.clear()
            connector: Zoom = zoom("qos", "webinars", ZOOM_PLAN=plan, ZOOM_CLIENT_SECRET=SECRET)
            listed = ref(meeting_row(EMAIL, email=EMAIL), user=EMAIL)
            acts: list[Callable[[], object]] = [
                lambda it=connector: list(it.meetings(DAY)),
                lambda it=connector, one=listed: it.fetch(one),
            ]
            for act in acts:
                try:
                    act()
                except HarvestError as error:
                    assert_unmarked(error)
    assert not any(SECRET in notice or EMAIL in notice for notice in context.notices)


@pytest.mark.parametrize("status", STATUSES)
def test_no_token_error_repeats_the_response(status: int, account: Account, context: FakeContext) -> None:
    for body in bodies(status):
        account.refuses_tokens(status, body)
        connector = Zoom(settings(ZOOM_CLIENT_SECRET=SECRET, ZOOM_ACCOUNT_ID=EMAIL), context)
        with pytest.raises(HarvestError) as refused:
            list(connector.meetings(DAY))
        assert_unmarked(refused.value)
        for result in connector.check():
            assert SECRET not in str(result)
            assert EMAIL not in str(result)


def test_no_network_error_repeats_the_request(
    account: Account, http: responses.RequestsMock, zoom: Callable
) -> None:
    connector = zoom(ZOOM_CLIENT_SECRET=SECRET)
    connector.auth.header()
    http.reset()
    http.get(f"{API}/metrics/meetings", body=requests.ConnectionError(f"at {API}/x?token={MARKED}"))
    with pytest.raises(HarvestError) as refused:
        list(connector.meetings(DAY))
    assert_unmarked(refused.value)
    assert "?" not in str(refused.value)
