"""What `harvester load` and `harvester rejects replay` did: refused lines, and a summary."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from harvester.formatting import plural

if TYPE_CHECKING:
    from harvester.sinks.elastic.loader import LoadProgress, RejectedLine

SHOWN = 20
"""How many refused lines are shown, the first ones of the file. All are counted and kept among the rejects."""


def refused_lines(first: Sequence[RejectedLine], count: int, *, by_key: bool = False) -> Iterator[str]:
    """`by_key`: named by the key among the rejects, not by line number."""
    for refused in first:
        yield f"{refused.key if by_key else f'line {refused.line}'}: {refused.reason}"
    if count > len(first):
        yield f"… and {count - len(first)} more; run `harvester rejects list` to see all"


def load_summary(loaded: LoadProgress, *, noun: str) -> str:
    """`noun`: what was loaded, in the singular."""
    blank = f" ({loaded.blank} blank)" if loaded.blank else ""
    left_out = f", {loaded.left_out} of forgotten people left out" if loaded.left_out else ""
    see = "; see `harvester rejects list`" if loaded.rejected else ""
    return (
        f"{plural(loaded.lines, noun)}{blank}: {plural(loaded.ok, 'document')} stored, {loaded.superseded:,} already stored in "
        f"this or a better version, {loaded.rejected:,} rejected{left_out}{see}"
    )
