"""Exit codes and fields of the exceptions."""

from __future__ import annotations

import pytest

from connectors.errors import (
    AlreadyRunning,
    BrokenPlugin,
    BrokenResponse,
    CredentialsError,
    HarvestError,
    Interrupted,
    QuotaExhausted,
    VendorError,
)
from connectors.exit_codes import ExitCode
from tests.unit.fake_context import NOW


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (HarvestError("x"), ExitCode.TEMPFAIL),
        (AlreadyRunning("x"), ExitCode.TEMPFAIL),
        (QuotaExhausted("x", until=NOW), ExitCode.TEMPFAIL),
        (BrokenResponse("x", status=200, code=300), ExitCode.TEMPFAIL),
        (BrokenPlugin("x"), ExitCode.CONFIG),
        (CredentialsError("x"), ExitCode.NOPERM),
        (Interrupted(), ExitCode.INTERRUPTED),
        (Interrupted(exit_code=ExitCode.TERMINATED), ExitCode.TERMINATED),
    ],
)
def test_an_exception_has_the_exit_code_of_its_class(error: HarvestError, code: ExitCode) -> None:
    assert error.exit_code == code


def test_one_signal_does_not_change_the_exit_code_of_the_next() -> None:
    assert Interrupted(exit_code=ExitCode.TERMINATED).exit_code == ExitCode.TERMINATED
    assert Interrupted.exit_code == ExitCode.INTERRUPTED


def test_the_vendors_codes_are_kept_apart_from_the_message() -> None:
    error = VendorError("Zoom: GET /users: refused", status=400, code=200)
    assert (str(error), error.status, error.code) == ("Zoom: GET /users: refused", 400, 200)
