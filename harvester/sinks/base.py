"""The sink contract: records go in, and one acknowledgement each comes out once all documents of the record are safe."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from connectors.errors import HarvestError
from connectors.models import MeetingRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """A record for a sink to store."""

    record: MeetingRecord
    is_new: bool = False
    """Nothing of this meeting was ever stored, by this run or another: the sink need not look for stale documents."""
    is_confirmed: bool = False
    """Far fewer sessions or values than are stored or listed, but a second reading much later was equal."""
    has_lost_values: bool = False
    """The meeting or a session has fewer values than are stored, but most of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ack:
    """The acknowledgement of one record, with the outcomes of its documents."""

    uuid: str
    ok: int = 0
    """Stored."""
    superseded: int = 0
    """Already stored in a newer or richer version."""
    rejected: int = 0
    """Refused by Elasticsearch, and kept among the rejects."""
    replaced: int = 0
    """Stale documents of earlier harvests that were deleted."""
    complete: bool = True
    """False if an error prevented the search for stale documents: the meeting is not done, and is read again."""


class PipeClosed(HarvestError):
    """The reader of the output has closed it (`| head -1`): the run ends, and this is not a failure."""

    exit_code: int = 0


class Sink(Protocol):
    def load(self, loads: Iterable[Load]) -> Iterator[Ack]:
        """One `Ack` per record, in any order, once all of its documents are safe. An incomplete one comes only before an
        error.

        Pulls the next record only when there is room for it. If `loads` ends with a HarvestError, the records pulled
        before are still loaded and acknowledged; then the error is raised.
        """
        ...
