"""What the journal keeps of a reading: how many sessions it has, and enough of their keys and of the number of their values to
compare it with another reading."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

SAMPLE = 16
"""The most keys that are kept, the smallest ones. Keys are hashes, so these stand for all of them."""

SAMPLED_CHARACTERS = 8


class Values(NamedTuple):
    """How many fields of a document have a value: at most 15 each."""

    neutral: int
    personal: int


_SPELLINGS = [f":{number:02x}" for number in range(256)]
_VALUES = {text: Values(*divmod(number, 16)) for number, text in enumerate(_SPELLINGS)}


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSummary:
    """The sessions of one reading, and its meeting."""

    count: int
    digest: str
    """Of all keys: equal for equal sessions."""
    sample: Sequence[str]
    """The beginnings of the smallest keys, each with the number of the session's values: `AbCdEfGh:75`, in hexadecimal digits
    the neutral and the personal ones. Without the numbers if an earlier version stored it."""
    meeting: str = ""
    """The number of the meeting's values: `:c2`; empty if an earlier version stored it."""

    @classmethod
    def of(
        cls, keys: Sequence[str], values: Sequence[int] = (), *, meeting: int | None = None
    ) -> SessionSummary:
        """`keys`: of all sessions, sorted. `values`: of the first SAMPLE of them, 16 for each neutral value and 1 for each
        personal one; `meeting`: those of the meeting."""
        digest = hashlib.sha256("\n".join(keys).encode("utf-8", "surrogatepass")).hexdigest()[:16]
        sample = [key[:SAMPLED_CHARACTERS] for key in keys[:SAMPLE]]
        if values:
            sample = [key + _SPELLINGS[number] for key, number in zip(sample, values, strict=True)]
        spelled = "" if meeting is None else _SPELLINGS[meeting]
        return cls(count=len(keys), digest=digest, sample=sample, meeting=spelled)

    @classmethod
    def parse(cls, text: str) -> SessionSummary:
        """The summary that `str` wrote. Raises ValueError for any other text."""
        count, digest, *sample = text.split(" ")
        meeting = sample.pop(0) if sample and sample[0][0:1] == ":" else ""
        return cls(count=int(count), digest=digest, sample=sample, meeting=meeting)

    @property
    def sampled(self) -> frozenset[str]:
        """The beginnings of the sampled keys."""
        return frozenset(entry[:SAMPLED_CHARACTERS].partition(":")[0] for entry in self.sample)

    def count_shared(self, keys: Iterable[str]) -> int:
        """How many of the sample are among these keys."""
        return len(self.sampled.intersection(key[:SAMPLED_CHARACTERS] for key in keys))

    def pairs(self, found: SessionSummary) -> Iterator[tuple[Values, Values]]:
        """The values of the meeting, and of each session that both samples have: as stored here, and as `found`."""
        stored, other = self._values(), found._values()
        yield from ((stored[key], other[key]) for key in stored.keys() & other.keys())

    def _values(self) -> dict[str, Values]:
        """By the beginning of the key; the meeting's by the empty one."""
        entries = (entry.partition(":") for entry in (self.meeting, *self.sample))
        return {key: _VALUES[colon + text] for key, colon, text in entries if colon + text in _VALUES}

    def __str__(self) -> str:
        meeting = [self.meeting] if self.meeting else []
        return " ".join([str(self.count), self.digest, *meeting, *self.sample])


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """A reading that was not believed."""

    sessions: SessionSummary
    since: datetime
    """When it was read first."""
