"""What `harvester verify` found of one account, and the exit code that follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from connectors.exit_codes import ExitCode
from connectors.models import Window
from harvester.verify.findings import Finding, unrepaired, wrong

if TYPE_CHECKING:
    from harvester.state.wrong_times import WrongTimes
    from harvester.verify.comparison import Tally


@dataclass(slots=True, kw_only=True)
class VerifyResult:
    """Filled while an account is verified."""

    vendor: str
    account: str
    name: str = ""
    """How messages call the account: `zoom`, or `zoom/berlin`; by default the vendor."""
    zone: ZoneInfo
    """Whose days are shown."""
    windows: Sequence[Window] = ()
    """The time to compare, oldest first."""
    gaps: Sequence[Window] = ()
    """Time that no run was ever asked to read: between the windows, or within them if they were asked for."""
    tally: Tally | None = None
    findings: list[Finding] = field(default_factory=list)
    codes: set[int] = field(default_factory=set)
    """The exit code of every failure."""
    failures: list[str] = field(default_factory=list)
    """Listings and partitions that could not be read."""
    error: str = ""
    """What ended the comparison or the repair early."""
    wrong_times: WrongTimes | None = None
    """What the journal holds of runs whose clock was ahead."""
    lacks_partitions_only: bool = False
    """Parts of listings could not be read; everything else was compared."""
    never_harvested: bool = False
    """There is neither a run in the journal nor a document in the index, and no days were asked for: nothing was compared."""
    complete: bool = False
    """All of the windows were compared."""
    repaired: bool = False
    """A repair came to its end."""

    def __post_init__(self) -> None:
        self.name = self.name or self.vendor

    @property
    def rejected(self) -> int:
        return len(self.tally.rejected) if self.tally is not None else 0

    @property
    def has_compared(self) -> bool:
        """Anything was compared whose result can be relied on."""
        return self.complete or bool(self.findings) or self.lacks_partitions_only

    @property
    def exit_code(self) -> int:
        has_findings = unrepaired(self.findings) or self.rejected or (self.wrong_times and not self.repaired)
        return ExitCode.worst(self.codes | ({ExitCode.DATAERR} if has_findings else set()))

    @property
    def is_clean(self) -> bool:
        """All was compared, and nothing is wrong."""
        return (
            self.complete
            and not wrong(self.findings)
            and not self.rejected
            and not self.codes
            and self.wrong_times is None
        )


def worst_exit_code(results: Sequence[VerifyResult]) -> int:
    """The exit code of the command: that of an interruption, else the worst of the accounts'."""
    return ExitCode.worst(result.exit_code for result in results)
