"""connectors/google_meet/conference_start.py: what is asked, as whom, and which answers mean that a Meet has begun."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import responses

from connectors.errors import VendorError
from connectors.google_meet.auth import GoogleTokens
from connectors.google_meet.conference_start import RoomConferences
from connectors.google_meet.http_client import GoogleClient
from tests.unit.fake_context import FakeContext
from tests.unit.google_meet.fake_api import TOKENS, settings

TEN = datetime(2026, 11, 30, 10, tzinfo=UTC)
RECORDS = "https://meet.google.example/v2/conferenceRecords"
CODE = "abc-mnop-xyz"


def conferences(http: responses.RequestsMock, context: FakeContext) -> RoomConferences:
    http.post(TOKENS, json={"access_token": "t", "expires_in": 3600})
    values = settings()
    tokens = GoogleTokens(values, context)
    return RoomConferences(GoogleClient(values, tokens, context), tokens)


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ([], False),
        ([{"startTime": "2026-11-30T10:00:03Z"}], True),
        ([{"startTime": "2026-11-30T09:55:00Z", "endTime": "2026-11-30T10:02:00.123456789Z"}], True),
        ([{"startTime": "2026-11-30T09:00:00Z", "endTime": "2026-11-30T09:50:00Z"}], False),
        ([{"startTime": "2026-11-30T09:00:00Z", "endTime": "2026-11-30T09:50:00Z"}, {"name": "live"}], True),
    ],
)
def test_a_conference_that_runs_at_the_start_or_later_counts(
    records: list[dict[str, Any]], expected: bool, http: responses.RequestsMock, context: FakeContext
) -> None:
    asked = conferences(http, context)
    http.get(RECORDS, json={"conferenceRecords": records} if records else {})
    assert asked.has_begun(CODE, "ada@example.org", TEN) is expected
    query = parse_qs(urlsplit(str(http.calls[-1].request.url)).query)
    assert query["filter"] == [f'space.meeting_code = "{CODE}" AND start_time>="2026-11-29T22:00:00.000Z"']


def test_a_code_that_a_filter_refuses_is_not_asked_for(context: FakeContext) -> None:
    values = settings()
    tokens = GoogleTokens(values, context)
    asked = RoomConferences(GoogleClient(values, tokens, context), tokens)
    for code in ("standup", 'a-b-c" OR end_time IS NULL', ""):
        assert asked.has_begun(code, "ada@example.org", TEN) is None


def test_a_refusal_is_an_error(http: responses.RequestsMock, context: FakeContext) -> None:
    asked = conferences(http, context)
    http.get(RECORDS, json={"error": {"code": 403, "message": "no"}}, status=403)
    with pytest.raises(VendorError):
        asked.has_begun(CODE, "ada@example.org", TEN)
