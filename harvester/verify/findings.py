"""What can be wrong with one meeting.

missing      the vendor lists it, or the journal has it as stored, and there is no meeting document
orphans      there are sessions, and no meeting document
incomplete   fewer sessions than the meeting document counts, rejected ones apart
surplus      more sessions than the meeting document counts
outdated     the meeting document is older or poorer than sessions of it
leftovers    documents of an earlier harvest of the meeting
doubled      one id in several indices
future       documents of a harvest in the future, which later ones cannot replace: the clock was ahead
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from connectors.models import MeetingRef
from harvester.state.journal_rows import JournalEntry

Kind = Literal["missing", "orphans", "incomplete", "surplus", "outdated", "leftovers", "doubled", "future"]
KINDS: tuple[Kind, ...] = (
    "missing",
    "orphans",
    "incomplete",
    "surplus",
    "outdated",
    "leftovers",
    "doubled",
    "future",
)
Repair = Literal["harvest", "delete", "delete-orphans"]
"""How to repair it. `delete-orphans` deletes what exists nowhere else, and needs an option of its own."""

KEPT_ORPHANS = (
    "the vendor no longer has this meeting, so its sessions exist nowhere else; they stay until --repair "
    "--delete-orphans deletes them"
)
"""What to say of sessions that only `delete-orphans` deletes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong with one meeting."""

    kind: Kind
    uuid: str
    repair: Repair
    index: str | None = None
    """Where the documents are that it is about, if there are any."""
    ids: tuple[str, ...] = ()
    lacking: int = 0
    """How many sessions are missing."""
    surplus: int = 0
    """How many sessions are too many."""
    ref: MeetingRef | None = None
    """To fetch the meeting; with the vendor's listing row if it was listed."""
    entry: JournalEntry | None = None
    held: int | None = None
    """The rank of what is stored of it; `None`: nothing is."""
    version: int = 0
    """Documents up to this version may be deleted."""
    repaired: bool | None = None
    """`None` before a repair."""
    why: str = ""
    """Why it was not repaired, or how."""

    @property
    def start(self) -> datetime | None:
        """When the meeting started, if the listing, the journal or a document says so."""
        return self.ref.start_time if self.ref is not None else None


def count_by_kind(findings: Iterable[Finding]) -> Counter[Kind]:
    """How many meetings have a finding of each kind."""
    return Counter(kind for kind, _ in {(finding.kind, finding.uuid) for finding in findings})


def unrepaired(findings: Iterable[Finding]) -> list[Finding]:
    return [finding for finding in findings if not finding.repaired]
