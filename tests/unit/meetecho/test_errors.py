from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from connectors.errors import BrokenResponse, VendorError
from connectors.meetecho.errors import (
    BLOCKED_ATTEMPTS,
    DEFAULT_DELAY_SECONDS,
    MeetechoRefused,
    datatracker_classifier,
    meetecho_classifier,
)
from connectors.response_decisions import Response, Retry
from tests.unit.fake_context import FakeContext
from tests.unit.odd_responses import check_decision, odd_responses

CLASSIFIERS = [meetecho_classifier, datatracker_classifier]


def response(status: int, body: Any = None, *, broken: str | None = None, **headers: str) -> Response:
    return Response(
        call="Meetecho: GET /x",
        status=status,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
        body=body,
        broken=broken,
    )


@pytest.mark.parametrize("status", [200, 202])
def test_meetecho_succeeds_with_200_and_202(status: int) -> None:
    assert meetecho_classifier(FakeContext())(response(status, {})) is None


def test_meetecho_uses_no_other_success() -> None:
    assert isinstance(meetecho_classifier(FakeContext())(response(204)), BrokenResponse)


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_meetecho_refusals_are_not_retried(status: int) -> None:
    decision = meetecho_classifier(FakeContext())(response(status))
    assert isinstance(decision, MeetechoRefused)
    assert decision.status == status


def test_an_html_page_from_meetecho_is_retried_a_few_times() -> None:
    decision = meetecho_classifier(FakeContext())(response(200, broken="a body that is not JSON"))
    assert isinstance(decision, Retry)
    assert isinstance(decision.error, BrokenResponse)
    assert decision.attempts == BLOCKED_ATTEMPTS


@pytest.mark.parametrize("classifier", CLASSIFIERS)
@pytest.mark.parametrize(("retry_after", "seconds"), [("7", 7), ("0", DEFAULT_DELAY_SECONDS), ("", 5.0)])
def test_a_throttled_request_waits_as_long_as_the_host_says(
    classifier: Any, retry_after: str, seconds: float
) -> None:
    decision = classifier(FakeContext())(response(429, Retry_After=retry_after))
    assert isinstance(decision, Retry)
    assert (decision.after, decision.throttled) == (seconds, True)
    assert "HARVESTER_RATE_SHARE" in str(decision.error)


@pytest.mark.parametrize("status", [401, 403])
def test_the_public_datatracker_refusing_is_retried_a_few_times(status: int) -> None:
    decision = datatracker_classifier(FakeContext())(response(status))
    assert isinstance(decision, Retry)
    assert decision.attempts == BLOCKED_ATTEMPTS
    assert not isinstance(decision.error, MeetechoRefused)
    assert isinstance(decision.error, VendorError)


@pytest.mark.parametrize("classifier", [meetecho_classifier, datatracker_classifier])
@given(response=odd_responses("Meetecho: GET /rooms"))
def test_no_odd_response_ends_in_a_bug(classifier: Any, response: Response) -> None:
    check_decision(classifier(FakeContext()), response)
