"""Every exception of the project, each with its exit code (see `exit_codes.py`).

    HarvestError                  a foreseen error: its message is for people, and it has an exit code
    ├── ConfigurationError   78   a setting is missing, contradictory or not understood
    │   └── BrokenPlugin     78   a connector of another package cannot be imported or lacks something
    ├── CredentialsError     77   a vendor or Elasticsearch refuses the credentials, a scope or the plan
    ├── OutputError          74   the disk or the output is full, closed or read-only
    ├── StateError           78   the state database is damaged, from a newer version, or of another program
    ├── Unreachable          69   no answer after the retries
    ├── QuotaExhausted       75   a daily quota is spent; `until` is when it is refilled
    ├── AlreadyRunning       75   another run of this account into this index is in progress
    │   └── LeaseHeld        75   another worker holds the lease of the quota pool
    ├── LeaseLost            75   another worker may hold the leases of this one by now: it sends nothing more
    ├── TimeIsUp             75   the run has taken as long as it may: the same command goes on
    ├── Exhausted            75   this process gets no more memory, threads or open files: the same command resumes
    ├── Interrupted          130  Ctrl-C, or SIGTERM and SIGHUP (143): the same command resumes
    ├── VendorError          75   one call failed after the retries: its meeting has failed, the run goes on
    │   └── BrokenResponse   75   an answer that is not as the vendor documents it: HTML, half a body, no list
    ├── Gone                 0    an answer that the code names says that this meeting no longer exists
    └── NotReady             0    there is nothing to store yet; `until` is when to ask again

Messages name the vendor, the call, the day and what to do next. They never contain a token, a query string, a body
or a person: the code that raises an error writes its whole message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.exit_codes import ExitCode

if TYPE_CHECKING:
    from datetime import datetime

    from connectors.models import Reason


class HarvestError(Exception):
    exit_code: int = ExitCode.TEMPFAIL


class ConfigurationError(HarvestError):
    exit_code = ExitCode.CONFIG


class BrokenPlugin(ConfigurationError):
    pass


class CredentialsError(HarvestError):
    exit_code = ExitCode.NOPERM


class OutputError(HarvestError):
    exit_code = ExitCode.IOERR


class StateError(HarvestError):
    exit_code = ExitCode.CONFIG


class Unreachable(HarvestError):
    exit_code = ExitCode.UNAVAILABLE


class QuotaExhausted(HarvestError):
    """`until`: when the vendor refills the quota (aware)."""

    def __init__(self, message: str, *, until: datetime) -> None:
        super().__init__(message)
        self.until = until


class AlreadyRunning(HarvestError):
    pass


class LeaseHeld(AlreadyRunning):
    """`seconds`: the length of a lease, after which it may be free."""

    def __init__(self, message: str, *, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


class LeaseLost(HarvestError):
    pass


class TimeIsUp(HarvestError):
    pass


class Exhausted(HarvestError):
    pass


class Interrupted(HarvestError):
    """`exit_code` is INTERRUPTED for Ctrl-C and TERMINATED for SIGTERM and SIGHUP."""

    exit_code: int = ExitCode.INTERRUPTED

    def __init__(self, message: str = "interrupted", *, exit_code: int = ExitCode.INTERRUPTED) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class VendorError(HarvestError):
    """`status` and `code` are the vendor's own, if there was an answer."""

    def __init__(self, message: str, *, status: int | None = None, code: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class BrokenResponse(VendorError):
    pass


class Gone(HarvestError):
    exit_code = ExitCode.OK

    def __init__(self, message: str, *, reason: Reason) -> None:
        super().__init__(message)
        self.reason = reason


class NotReady(HarvestError):
    exit_code = ExitCode.OK

    def __init__(self, message: str, *, reason: Reason, until: datetime) -> None:
        super().__init__(message)
        self.reason = reason
        self.until = until
