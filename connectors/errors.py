"""Every exception of the project.

    HarvestError                  what was done on purpose: has words for people and an exit code
    ├── ConfigurationError   78   a setting is missing, contradictory or not understood
    ├── CredentialsError     77   a vendor or Elasticsearch refuses who we are, a scope, the plan
    ├── OutputError          74   the disk or the output is full, closed or read-only
    ├── StateError           78   the state database is corrupt, from a newer version, not ours
    ├── Unreachable          69   no answer after the retries
    ├── QuotaExhausted       75   a daily budget is spent; `until` says when it is filled again
    ├── AlreadyRunning       75   another run of this account into this index is under way
    ├── Interrupted          130  Ctrl-C or SIGTERM (143): the same command resumes
    ├── VendorError          75   one call failed for good: its meeting has failed, the run goes on
    │   └── BrokenResponse   75   what came back is not what the vendor documents: HTML, half a body, no list
    ├── Gone                 0    a vendor answer that the code names says that this meeting is not to be had
    └── NotReady             0    there is nothing to store yet; `until` says when to ask again

Messages name the vendor, the call, the day and what to do next. They never hold a token, a query string, a body
or a person: whoever raises one picks every word of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from connectors.models import Reason

PRECEDENCE = (70, 78, 77, 74, 69, 75, 65)
"""With several causes, the exit code of a run is the first of these that applies."""


def worst_exit(codes: Iterable[int]) -> int:
    """The one exit code for several causes; 0 for none."""
    present = set(codes)
    return next((code for code in PRECEDENCE if code in present), 0)


class HarvestError(Exception):
    exit_code: ClassVar[int] = 75


class ConfigurationError(HarvestError):
    exit_code = 78


class CredentialsError(HarvestError):
    exit_code = 77


class OutputError(HarvestError):
    exit_code = 74


class StateError(HarvestError):
    exit_code = 78


class Unreachable(HarvestError):
    exit_code = 69


class QuotaExhausted(HarvestError):
    """`until`: the aware instant at which the vendor counts from zero again."""

    def __init__(self, message: str, *, until: datetime) -> None:
        super().__init__(message)
        self.until = until


class AlreadyRunning(HarvestError):
    pass


class Interrupted(HarvestError):
    """`exit_code` is 130 for Ctrl-C and 143 for SIGTERM."""

    exit_code: ClassVar[int] = 130

    def __init__(self, message: str = "interrupted", *, exit_code: int = 130) -> None:
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc]  # one class for both signals; the code is the instance's


class VendorError(HarvestError):
    """`status` and `code` are the vendor's own, where there was an answer."""

    def __init__(self, message: str, *, status: int | None = None, code: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class BrokenResponse(VendorError):
    pass


class Gone(HarvestError):
    exit_code = 0

    def __init__(self, message: str, *, reason: Reason) -> None:
        super().__init__(message)
        self.reason = reason


class NotReady(HarvestError):
    exit_code = 0

    def __init__(self, message: str, *, reason: Reason, until: datetime) -> None:
        super().__init__(message)
        self.reason = reason
        self.until = until
