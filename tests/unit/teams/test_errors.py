from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given

from connectors.errors import BrokenResponse, CredentialsError, QuotaExhausted, VendorError
from connectors.response_decisions import Decision, Response, Retry
from connectors.teams.endpoints import CALL_RECORDS, SESSIONS
from connectors.teams.errors import request_id, response_classifier
from tests.unit.fake_context import FakeContext
from tests.unit.odd_responses import check_decision, odd_responses

Classify = Callable[[Response], Decision]


@pytest.fixture
def classify(context: FakeContext) -> Classify:
    return response_classifier(context)


def response(
    status: int, body: Any = None, *, call: str = SESSIONS.call, broken: str | None = None, **headers: str
) -> Response:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(call=f"Teams: {call}", status=status, headers=sent, body=body, broken=broken)


def test_a_response_with_json_is_accepted(classify: Classify) -> None:
    assert classify(response(200, {"value": []})) is None


@pytest.mark.parametrize(
    ("header", "after"), [("17", 17), ("0", 1), ("", 10), ("soon", 10), ("Sat, 21 Nov 2026 06:00:30 GMT", 30)]
)
def test_a_429_waits_as_long_as_graph_asks(classify: Classify, header: str, after: float) -> None:
    decision = classify(response(429, Retry_After=header))
    assert isinstance(decision, Retry)
    assert decision.throttled
    assert decision.after == after


def test_a_very_long_wait_ends_the_run(classify: Classify) -> None:
    decision = classify(response(429, Retry_After="86400"))
    assert isinstance(decision, QuotaExhausted)
    assert "2026-11-22 06:00 UTC" in str(decision)


@pytest.mark.parametrize("status", [503, 504])
def test_an_overloaded_graph_is_asked_again_when_it_says(classify: Classify, status: int) -> None:
    decision = classify(response(status, Retry_After="20"))
    assert isinstance(decision, Retry)
    assert (decision.after, decision.attempts) == (20, None)


@pytest.mark.parametrize("status", [500, 502])
def test_an_error_of_graph_is_tried_a_few_times_and_named_by_its_request(
    classify: Classify, status: int
) -> None:
    body = {"error": {"code": "UnknownError", "message": "", "innerError": {"request-id": "a1-b2"}}}
    decision = classify(response(status, body))
    assert isinstance(decision, Retry)
    assert decision.attempts == 4
    assert "(request id a1-b2)" in str(decision.error)


@pytest.mark.parametrize(
    "body", [{"error": {"code": "Forbidden"}}, {"error": {"code": "UnknownError", "message": ""}}]
)
def test_a_listing_that_is_refused_names_the_permission(classify: Classify, body: Any) -> None:
    decision = classify(response(403, body, call=CALL_RECORDS.call))
    assert isinstance(decision, CredentialsError)
    assert "CallRecords.Read.All" in str(decision)
    assert "admin consent" in str(decision)


def test_another_call_that_is_refused_is_an_error_of_its_own(classify: Classify) -> None:
    decision = classify(response(403, {"error": {"code": "Forbidden"}}))
    assert isinstance(decision, VendorError)
    assert decision.status == 403


def test_the_page_of_a_firewall_is_no_refusal(classify: Classify) -> None:
    page = response(403, call=CALL_RECORDS.call, broken="no JSON", Content_Type="text/html; charset=utf-8")
    decision = classify(page)
    assert isinstance(decision, Retry)
    assert decision.attempts == 5
    assert "proxy or firewall" in str(decision.error)


@pytest.mark.parametrize("call", [CALL_RECORDS.call, "GET /communications/callRecords/{id}/sessions"])
@pytest.mark.parametrize("status", [403, 404, 410])
@pytest.mark.parametrize(
    "body",
    [
        None,
        {},
        {"message": "Forbidden"},
        {"error": "forbidden"},
        {"error": {}},
        {"error": {"code": 403}},
        "x",
        [],
    ],
)
def test_an_error_that_is_not_in_the_form_of_graph_says_nothing(
    classify: Classify, call: str, status: int, body: Any
) -> None:
    """A gateway's: the permission would count as missing, or the sessions of the meeting as refused for good."""
    decision = classify(response(status, body, call=call, Content_Type="application/json"))
    assert isinstance(decision, Retry)
    assert isinstance(decision.error, BrokenResponse)
    assert decision.error.status is None
    plain = response(status, call=call, broken="no JSON", Content_Type="text/plain")
    assert isinstance(classify(plain), Retry)


def test_an_expired_token_is_renewed(classify: Classify) -> None:
    decision = classify(response(401, {"error": {"code": "InvalidAuthenticationToken"}}))
    assert isinstance(decision, Retry)
    assert decision.renew


@pytest.mark.parametrize("status", [400, 404, 409])
def test_other_refusals_concern_one_call(classify: Classify, status: int) -> None:
    decision = classify(response(status, {"error": {"code": "marked-code", "message": "marked-text"}}))
    assert isinstance(decision, VendorError)
    assert decision.status == status
    assert "marked" not in str(decision)


@pytest.mark.parametrize("value", [None, 7, "", "a b", "\x1b[31m", "x" * 65, ["a"]])
def test_a_request_id_that_is_not_safe_to_print_is_left_out(value: Any) -> None:
    assert request_id({"error": {"innerError": {"request-id": value}}}) == ""
    assert request_id({"error": value}) == request_id(value) == ""


@given(odd_responses(f"Teams: {CALL_RECORDS.call}"))
def test_every_response_has_a_decision(response: Response) -> None:
    check_decision(response_classifier(FakeContext()), response)
