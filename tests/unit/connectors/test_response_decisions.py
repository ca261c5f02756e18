from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import BrokenResponse, CredentialsError, HarvestError, VendorError
from connectors.json_body import EMPTY
from connectors.response_decisions import (
    BLOCKED_ATTEMPTS,
    Response,
    Retry,
    default_decision,
    error_of_another,
    quota_exhausted,
    refused_with,
    throttled,
)
from tests.unit.fake_context import NOW

CALL = "Fake: GET /x"


def response(status: int, *, broken: str | None = None, **headers: str) -> Response:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(call=CALL, status=status, headers=sent, body=None, broken=broken)


@given(st.integers(100, 599), st.sampled_from([None, "broken"]))
def test_only_a_2xx_with_json_is_accepted(status: int, broken: str | None) -> None:
    verdict = default_decision(response(status, broken=broken), NOW)
    assert (verdict is None) == (200 <= status < 300 and broken is None)
    assert verdict is None or isinstance(verdict, Retry | HarvestError)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 503])
def test_what_passes_is_retried_after_the_time_that_the_vendor_asks_for(status: int) -> None:
    verdict = default_decision(response(status, Retry_After="7"), NOW)
    assert isinstance(verdict, Retry)
    assert (verdict.after, verdict.throttled, verdict.renew) == (7.0, status == 429, False)


@pytest.mark.parametrize(
    ("status", "words"),
    [(400, "refused with status 400"), (502, "answered with status 502"), (302, "answered with status 302")],
)
def test_only_a_4xx_is_a_refusal(status: int, words: str) -> None:
    assert refused_with(status) == words


def test_a_401_renews_the_token() -> None:
    verdict = default_decision(response(401), NOW)
    assert isinstance(verdict, Retry)
    assert verdict.renew
    assert isinstance(verdict.error, CredentialsError)


@pytest.mark.parametrize(("shared_by", "named"), [("", False), ("account", True)])
def test_who_shares_a_rate_limit_is_named(shared_by: str, named: bool) -> None:
    words = str(throttled(response(429), after=None, shared_by=shared_by).error)
    assert ("other programs use the rate limit of the same account" in words) is named
    assert "HARVESTER_RATE_SHARE" in words


def test_a_wait_that_no_run_makes_ends_it_with_the_time_to_continue() -> None:
    error = quota_exhausted(response(429), name="Fake", after=90_000, now=NOW)
    assert error.until == NOW + timedelta(hours=25)
    assert f"{error.until:%Y-%m-%d %H:%M} UTC (429)" in str(error)


def test_a_page_of_another_is_requested_again_a_few_times() -> None:
    decision = error_of_another(response(403, broken="no JSON", Content_Type="text/html"))
    assert decision.attempts == BLOCKED_ATTEMPTS
    assert str(decision.error).startswith(f"{CALL}: a page instead of data (403, text/html)")


@pytest.mark.parametrize("status", [400, 403, 404, 410])
def test_the_status_of_a_page_says_nothing_about_what_was_requested(status: int) -> None:
    decision = default_decision(response(status, broken="no JSON", Content_Type="text/html; charset=x"), NOW)
    assert isinstance(decision, Retry)
    assert isinstance(decision.error, BrokenResponse)
    assert decision.error.status is None


def test_an_error_without_a_body_is_no_page() -> None:
    decision = default_decision(response(404, broken=EMPTY, Content_Type="text/html"), NOW)
    assert isinstance(decision, VendorError)
    assert decision.status == 404


@pytest.mark.parametrize("status", [400, 403, 404, 409, 410])
def test_the_status_of_an_error_that_is_not_the_vendors_says_nothing(status: int) -> None:
    decision = default_decision(response(status, Content_Type="application/json"), NOW, lambda _: False)
    assert isinstance(decision, Retry)
    assert decision.attempts == BLOCKED_ATTEMPTS
    assert isinstance(decision.error, BrokenResponse)
    assert decision.error.status is None
    assert f"an error that is not the vendor's ({status}, application/json)" in str(decision.error)
    own = default_decision(response(status), NOW, lambda _: True)
    assert isinstance(own, VendorError)
    assert own.status == status
