"""What the journal keeps of a meeting's sessions: how many there are, and enough of their keys to compare two readings."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

SAMPLE = 16
"""The most keys that are kept, the smallest ones. Keys are hashes, so these stand for all of them."""

SAMPLED_CHARACTERS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSummary:
    """The sessions of one reading."""

    count: int
    digest: str
    """Of all keys: equal for equal sessions."""
    sample: frozenset[str]

    @classmethod
    def of(cls, keys: Iterable[str]) -> SessionSummary:
        ordered = sorted(keys)
        digest = hashlib.sha256("\n".join(ordered).encode("utf-8", "surrogatepass")).hexdigest()[:16]
        sample = frozenset(key[:SAMPLED_CHARACTERS] for key in ordered[:SAMPLE])
        return cls(count=len(ordered), digest=digest, sample=sample)

    @classmethod
    def parse(cls, text: str) -> SessionSummary:
        """The summary that `str` wrote. Raises ValueError for any other text."""
        count, digest, *sample = text.split(" ")
        return cls(count=int(count), digest=digest, sample=frozenset(sample))

    def count_shared(self, keys: Iterable[str]) -> int:
        """How many of the sample are among these keys."""
        return len(self.sample.intersection(key[:SAMPLED_CHARACTERS] for key in keys))

    def __str__(self) -> str:
        return " ".join([str(self.count), self.digest, *sorted(self.sample)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """A reading that was not believed."""

    sessions: SessionSummary
    since: datetime
    """When it was read first."""
