"""A `Store` in memory that two workers share, with everything that a network does to requests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from connectors.errors import Unreachable
from harvester.state.shared.store import Stored, Version


def nothing() -> None:
    """What happens during a request by default."""


class Documents:
    """What is stored; every worker has a `MemoryStore` of its own over it."""

    def __init__(self) -> None:
        self.stored: dict[str, tuple[bytes, int]] = {}
        self.changes = 0

    def put(self, name: str, body: Mapping[str, Any]) -> Version:
        self.changes += 1
        self.stored[name] = orjson.dumps(body), self.changes
        return Version(seq_no=self.changes, primary_term=1)

    @property
    def text(self) -> str:
        """Everything that is stored."""
        return "\n".join(f"{name} {body.decode()}" for name, (body, _) in self.stored.items())


class MemoryStore:
    """`before` and `after` run while a request, or its answer, is under way. `lose_request` and `lose_answer` count down the
    requests until one is lost: 1 is the next change."""

    def __init__(self, documents: Documents) -> None:
        self.documents = documents
        self.before: Callable[[], None] = nothing
        self.after: Callable[[], None] = nothing
        self.lose_request = 0
        self.lose_answer = 0
        self.down = False

    def get(self, name: str) -> Stored | None:
        self._arrive()
        found = self.documents.stored.get(name)
        self.after()
        if found is None:
            return None
        return Stored(body=orjson.loads(found[0]), version=Version(seq_no=found[1], primary_term=1))

    def get_many(self, names: Sequence[str]) -> list[Mapping[str, Any] | None]:
        self._arrive()
        found = [self.documents.stored.get(name) for name in names]
        return [None if each is None else orjson.loads(each[0]) for each in found]

    def pools(self) -> Sequence[str]:
        self._arrive()
        return sorted(name[len("lease-") :] for name in self.documents.stored if name.startswith("lease-"))

    def create(self, name: str, body: Mapping[str, Any]) -> Version | None:
        return self._change(lambda: None if name in self.documents.stored else self.documents.put(name, body))

    def replace(self, name: str, body: Mapping[str, Any], seen: Version) -> Version | None:
        return self._change(lambda: self.documents.put(name, body) if self._is_at(name, seen) else None)

    def delete(self, name: str, seen: Version) -> bool:
        def remove() -> Version | None:
            if not self._is_at(name, seen):
                return None
            del self.documents.stored[name]
            return seen

        return self._change(remove) is not None

    def remove(self, names: Sequence[str]) -> None:
        self._arrive()
        for name in names:
            self.documents.stored.pop(name, None)

    def _is_at(self, name: str, seen: Version) -> bool:
        found = self.documents.stored.get(name)
        return found is not None and found[1] == seen.seq_no

    def _arrive(self) -> None:
        self.before()
        if self.down:
            raise Unreachable("no connection")

    def _change(self, change: Callable[[], Version | None]) -> Version | None:
        self.lose_request, self.lose_answer = self.lose_request - 1, self.lose_answer - 1
        request_is_lost, answer_is_lost = self.lose_request == 0, self.lose_answer == 0
        self._arrive()
        if request_is_lost:
            raise Unreachable("the request was lost")
        made = change()
        self.after()
        if answer_is_lost:
            raise Unreachable("the answer was lost")
        return made
