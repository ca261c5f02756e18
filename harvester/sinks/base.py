"""What a sink is: records go in, and one acknowledgement each comes out once all of a record is safe."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Protocol

import orjson

from connectors.errors import HarvestError
from connectors.models import Document, MeetingRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """A record for a sink to store."""

    record: MeetingRecord
    is_new: bool = False
    """Nothing of this meeting was ever stored, by this run or another: the sink need not look for stale documents."""


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
    def load(self, loads: Iterable[Load]) -> Iterator[Ack]:
        """Yield one `Ack` per record, in any order, once all of its documents are safe; an incomplete one only before
        an error.

        Pulls the next record only when there is room for it. If the iterable raises a HarvestError, what was pulled
        before is still loaded and acknowledged; then the error is raised.
        """
        ...


def encode(document: Document) -> bytes:
    """The document as one line of JSON, without the newline; instants in UTC with `Z`.

    What orjson refuses (a lone surrogate, an integer over 64 bits in a vendor's row) is still written, in escapes:
    whether it can be stored is for the sink to find out, and no reason to lose the meeting around it.
    """
    try:
        return orjson.dumps(document, option=orjson.OPT_UTC_Z)
    except orjson.JSONEncodeError:
        return json.dumps(document, default=_spelled, separators=(",", ":")).encode("ascii")


def _spelled(value: Any) -> str:
    if isinstance(value, datetime):
        return orjson.dumps(value, option=orjson.OPT_UTC_Z).decode().strip('"')
    raise TypeError(f"{type(value).__name__} has no JSON form")
