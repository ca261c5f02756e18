"""What can be wrong with one meeting, and how that is told.

missing      listed by the vendor, or stored as the journal has it, and no meeting document is there
orphans      sessions whose meeting document is not there
incomplete   fewer sessions than the meeting document tells of, those among the rejects apart
surplus      more sessions than the meeting document tells of
outdated     the meeting document is older or poorer than sessions of it
leftovers    documents of an earlier harvest of the meeting
doubled      one id in several indices
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from connectors.models import MeetingRef
from harvester.state.journal_rows import JournalEntry

Kind = Literal["missing", "orphans", "incomplete", "surplus", "outdated", "leftovers", "doubled"]
KINDS: tuple[Kind, ...] = (
    "missing",
    "orphans",
    "incomplete",
    "surplus",
    "outdated",
    "leftovers",
    "doubled",
)
MEANINGS: Mapping[Kind, str] = {
    "missing": "meetings without their document",
    "orphans": "meetings with sessions alone",
    "incomplete": "meetings with fewer sessions than they had",
    "surplus": "meetings with more sessions than they had",
    "outdated": "meetings older or poorer than their sessions",
    "leftovers": "meetings with documents of earlier harvests",
    "doubled": "meetings with documents in two indices",
}

Repair = Literal["harvest", "delete", "delete-orphans"]
"""What would put it right: the last deletes what exists nowhere else, and has to be asked for by its name."""
REPAIRS: Mapping[Repair, str] = {
    "harvest": "--repair reads it again",
    "delete": "--repair deletes what is too much",
    "delete-orphans": "the vendor no longer has this meeting: its sessions exist nowhere else, and stay until "
    "--repair --delete-orphans deletes them",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong with one meeting. `index` and `ids`: the documents it is about, where there are any;
    `lacking`, `surplus`: how many are not there, or too many; `repair`: what would put it right.

    `ref`: to harvest it by, the vendor's listing row in it where it was listed; `record`: what the journal knows;
    `held`: the rank of what is stored of it, `None` for nothing; `version`: up to which documents may be deleted.
    After a repair `repaired`, or else `why`.
    """

    kind: Kind
    uuid: str
    repair: Repair
    index: str | None = None
    ids: tuple[str, ...] = ()
    lacking: int = 0
    surplus: int = 0
    ref: MeetingRef | None = None
    record: JournalEntry | None = None
    held: int | None = None
    version: int = 0
    repaired: bool | None = None
    why: str = ""

    @property
    def start(self) -> datetime | None:
        """When the meeting began, as far as the listing, the journal or a document tells."""
        return self.ref.start_time if self.ref is not None else None

    def document(self) -> dict[str, Any]:
        """For `--json`. Names no person: ids, instants, and words of our own."""
        record = self.record
        told: dict[str, Any] = {
            "kind": self.kind,
            "uuid": self.uuid,
            "start": self.start,
            "repair": self.repair,
            "outcome": record.outcome if record is not None else None,
            "stored_at": record.harvested_at if record is not None else None,
        }
        if self.index is not None:
            told |= {"index": self.index, "ids": list(self.ids)}
        told |= {name: count for name in ("lacking", "surplus") if (count := getattr(self, name))}
        if self.repaired is not None:
            told["repaired"] = self.repaired
        if self.why:
            told["why"] = self.why
        return told

    def line(self) -> str:
        """For people."""
        then = self.why or ("repaired" if self.repaired else REPAIRS[self.repair])
        day = f"{_at(self.start)} UTC" if self.start is not None else "of unknown time"
        return f"{day}, {self.uuid}, {_known(self.record)}{self._what()} ({then})"

    def _what(self) -> str:
        if self.lacking:
            return f": {_counted(self.lacking, 'session')} short"
        if self.surplus:
            return f": {_counted(self.surplus, 'session')} too many"
        if not self.ids:
            return ""
        where = f" in {self.index}" if self.index else ""
        return f": {_counted(len(self.ids), 'document')}{where}, {self.ids[0]}{' …' if len(self.ids) > 1 else ''}"


def counts(findings: Iterable[Finding]) -> Counter[Kind]:
    """How many meetings there are of each kind."""
    return Counter(kind for kind, _ in {(finding.kind, finding.uuid) for finding in findings})


def left(findings: Iterable[Finding]) -> list[Finding]:
    """Those that were not repaired."""
    return [finding for finding in findings if not finding.repaired]


def _known(record: JournalEntry | None) -> str:
    """What the journal has of it, in a few words."""
    if record is None:
        return "not in the journal"
    if record.outcome == "failed":
        return f"failed ({record.reason or 'no reason known'})"
    if record.outcome == "gone":
        return "gone at the vendor"
    if record.rank is not None and record.harvested_at is not None:
        return f"stored {_at(record.harvested_at)}"
    return "listed, and not stored yet"


def _at(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M}"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
