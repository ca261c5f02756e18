"""What a sink is: harvests go in, and one acknowledgement each comes out once all of a harvest is safe."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Protocol

from connectors.errors import HarvestError
from connectors.models import MeetingRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Ack:
    """The acknowledgement of one harvest: how many of its documents were stored, were there in a newer or richer
    form already (`superseded`), or were refused and are kept among the rejects. `replaced`: documents of earlier harvests
    that this one no longer has, deleted. Not `settled`: so much is safe, but an error kept the sink from looking for
    those documents; the meeting is not done, and is read again."""

    uuid: str
    ok: int = 0
    superseded: int = 0
    rejected: int = 0
    replaced: int = 0
    complete: bool = True


class PipeClosed(HarvestError):
    """Whoever read our output wants no more of it (`| head -1`): the end, and no failure."""

    exit_code: ClassVar[int] = 0


class Sink(Protocol):
    def load(self, records: Iterable[MeetingRecord]) -> Iterator[Ack]:
        """One `Loaded` per harvest, in any order, once all of its documents are safe; one that is not settled is told
        only before an error.

        Pulls the next harvest only when there is room for it. When the harvests end with an error of ours, what
        was pulled before is still loaded and acknowledged; then the error is raised.
        """
        ...
