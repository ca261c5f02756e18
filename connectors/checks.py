"""`harvester check`, for all vendors: one call to the vendor becomes one CheckResult."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from connectors.base import CheckResult
from connectors.errors import (
    ConfigurationError,
    CredentialsError,
    HarvestError,
    Interrupted,
    QuotaExhausted,
    Unreachable,
    VendorError,
)

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedies:
    """What to do about a failed check of one vendor, by the kind of error."""

    credentials: str
    unreachable: str
    support: str
    """Who can help with an error of the vendor, and what to send: "Zoom support, with the call and the code"."""

    def remedy(self, error: HarvestError) -> str:
        for kind, remedy in (
            (CredentialsError, self.credentials),
            (ConfigurationError, "correct the setting and run the check again"),
            (Unreachable, self.unreachable),
            (QuotaExhausted, "wait until the daily quota is available again"),
            (VendorError, f"run the check again; if it keeps failing, contact {self.support}"),
        ):
            if isinstance(error, kind):
                return remedy
        return "run the check again"

    def failed(self, subject: str, error: HarvestError) -> CheckResult:
        return CheckResult(
            subject=subject,
            status="failed",
            message=str(error),
            remedy=self.remedy(error),
            exit_code=error.exit_code,
        )

    def probe(
        self,
        subject: str,
        call: Callable[[], Answer],
        *,
        message: Callable[[Answer], str] = lambda _: "answers",
        judge: Callable[[HarvestError], CheckResult | None] = lambda _: None,
    ) -> CheckResult:
        """Makes the call, and fails the check if it raises; an interruption is raised. `judge`: the result for an error
        that means something else, else None."""
        try:
            answer = call()
        except Interrupted:
            raise
        except HarvestError as error:
            return judge(error) or self.failed(subject, error)
        return ok(subject, message(answer))


def ok(subject: str, message: str = "answers") -> CheckResult:
    return CheckResult(subject=subject, status="ok", message=message)


def warning(subject: str, message: str, remedy: str = "") -> CheckResult:
    return CheckResult(subject=subject, status="warning", message=message, remedy=remedy)
