"""What leases and logs are kept in: small documents with versions, in one index that all workers reach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """The version of a document that a worker has seen. Every change gives the document another one."""

    seq_no: int
    primary_term: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    body: Mapping[str, Any]
    version: Version


class Store(Protocol):
    """Every call returns what is stored at that moment, not what a search would find.

    Raises Unreachable if there is no answer: a change may then have been made or not.
    """

    def get(self, name: str) -> Stored | None:
        """`None` if there is no such document."""
        ...

    def get_many(self, names: Sequence[str]) -> list[Mapping[str, Any] | None]:
        """The documents with these names, in this order."""
        ...

    def pools(self) -> Sequence[str]:
        """The names of all pools that were ever leased, in order. Those of the last second may be missing."""
        ...

    def create(self, name: str, body: Mapping[str, Any]) -> Version | None:
        """`None` if the document exists already; it then stays as it is."""
        ...

    def replace(self, name: str, body: Mapping[str, Any], seen: Version) -> Version | None:
        """`None` if the document has another version than the one that was seen; it then stays as it is."""
        ...

    def remove(self, names: Sequence[str]) -> None:
        """Delete these documents, whatever their versions; some may be missing."""
        ...

    def delete(self, name: str, seen: Version) -> bool:
        """False if the document has another version than the one that was seen; it then stays as it is."""
        ...
