from __future__ import annotations

from datetime import timedelta
from typing import NoReturn

import pytest

from connectors.base import CheckResult
from connectors.checks import Remedies, ok
from connectors.errors import (
    ConfigurationError,
    CredentialsError,
    HarvestError,
    Interrupted,
    QuotaExhausted,
    Unreachable,
    VendorError,
)
from tests.unit.fake_context import NOW

REMEDIES = Remedies(
    credentials="check the app", unreachable="check the proxy", support="support, with the call"
)


def raising(error: HarvestError) -> NoReturn:
    raise error


def test_a_call_that_answers_is_ok() -> None:
    assert REMEDIES.probe("GET /users", lambda: {"users": []}) == ok("GET /users", "answers")


def test_the_message_can_be_made_from_the_answer() -> None:
    result = REMEDIES.probe(
        "GET /rooms", lambda: [1, 2], message=lambda rooms: f"answers: {len(rooms)} rooms"
    )
    assert (result.status, result.message) == ("ok", "answers: 2 rooms")


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (CredentialsError("x"), "check the app"),
        (ConfigurationError("x"), "correct the setting and run the check again"),
        (Unreachable("x"), "check the proxy"),
        (QuotaExhausted("x", until=NOW + timedelta(days=1)), "wait until the daily quota is available again"),
        (VendorError("x"), "run the check again; if it keeps failing, contact support, with the call"),
        (HarvestError("x"), "run the check again"),
    ],
)
def test_an_error_fails_the_check_with_a_remedy_and_its_exit_code(error: HarvestError, remedy: str) -> None:
    result = REMEDIES.probe("GET /users", lambda: raising(error))
    assert result == CheckResult(
        subject="GET /users", status="failed", message="x", remedy=remedy, exit_code=error.exit_code
    )


def test_an_error_can_be_given_another_result() -> None:
    def judge(error: HarvestError) -> CheckResult | None:
        return ok("GET /users") if str(error) == "gone" else None

    assert REMEDIES.probe("GET /users", lambda: raising(VendorError("gone")), judge=judge).status == "ok"
    assert REMEDIES.probe("GET /users", lambda: raising(VendorError("no")), judge=judge).status == "failed"


def test_an_interruption_ends_the_check() -> None:
    with pytest.raises(Interrupted):
        REMEDIES.probe("GET /users", lambda: raising(Interrupted()), judge=lambda _: ok("GET /users"))
