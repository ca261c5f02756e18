"""The people whom all machines leave out: lists of salted hashes, sealed, which each worker reads before it uses a quota pool.

The lists belong to no pool, and need no lease: each is a document of its own that never changes. `forget` adds a list first, and
takes the lease of each pool afterwards. So a run that began earlier has ended by then, and a later one has read the list.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from itertools import count
from secrets import token_hex
from typing import Any

import orjson

from connectors.errors import ConfigurationError, StateError
from harvester.privacy.forgotten_people import ForgottenIdentifier, ForgottenList
from harvester.state.shared.entries import newer_version
from harvester.state.shared.retry import StoreRetry
from harvester.state.shared.store import Store
from harvester.state.shared.token_sealing import KEY_SETTING, TokenSealer

FORMAT = 1
PAGE = 20
"""Lists read at once: more than there are on most installations."""


class ForgottenLists:
    """The lists of all machines. Safe for threads and for several workers."""

    def __init__(self, store: Store, retry: StoreRetry, sealer: TokenSealer) -> None:
        self._store = store
        self._retry = retry
        self._sealer = sealer

    def read(self) -> Sequence[ForgottenList]:
        """Raises ConfigurationError if there are lists that the key does not open: no account may be harvested then."""
        return [self._parse(body) for body in self._bodies()]

    def add(self, new: ForgottenList) -> None:
        """Share this list, except what is shared already. Raises ConfigurationError without a key."""
        if not self._sealer.has_key:
            raise needs_key()
        bodies = self._bodies()
        lacking = _lacking(new, map(self._parse, bodies))
        if lacking:
            self._append(len(bodies) + 1, ForgottenList(salt=new.salt, entries=lacking))

    def _append(self, number: int, new: ForgottenList) -> None:
        writer = token_hex(16)
        body = {"kind": "forgotten", "format": FORMAT, "writer": writer, "sealed": self._seal(new)}
        while not self._create(_document(number), body, writer):
            number += 1

    def _create(self, name: str, body: Mapping[str, Any], writer: str) -> bool:
        def create() -> bool:
            if self._store.create(name, body) is not None:
                return True
            found = self._store.get(name)  # an earlier request may have made it, and its answer was lost
            return found is not None and found.body.get("writer") == writer

        return self._retry.send(create)

    def _bodies(self) -> list[Mapping[str, Any]]:
        """Lists that were deleted by hand do not hide those after them, unless they are the last of a page."""
        found: list[Mapping[str, Any]] = []
        for first in count(1, PAGE):
            names = [_document(first + each) for each in range(PAGE)]
            bodies = self._retry.send(partial(self._store.get_many, names))
            found += [body for body in bodies if body is not None]
            if bodies[-1] is None:
                return found
        raise AssertionError  # the loop has no end

    def _seal(self, new: ForgottenList) -> str:
        text = {
            "salt": base64.b64encode(new.salt).decode("ascii"),
            "entries": [asdict(each) for each in new.entries],
        }
        return self._sealer.seal_text(orjson.dumps(text).decode())

    def _parse(self, body: Mapping[str, Any]) -> ForgottenList:
        try:
            if body["format"] > FORMAT:
                raise newer_version()
            sealed = str(body["sealed"])
            if not self._sealer.has_key:
                raise ConfigurationError(
                    f"the shared state has people to forget, sealed: set {KEY_SETTING} to the key of the other workers"
                )
            fields = orjson.loads(self._sealer.open_text(sealed, "the list of forgotten people"))
            entries = [ForgottenIdentifier(**each) for each in fields["entries"]]
            return ForgottenList(salt=base64.b64decode(fields["salt"]), entries=entries)
        except (KeyError, TypeError, ValueError) as error:
            raise StateError(
                f"the shared state has a list of forgotten people that cannot be read ({type(error).__name__})"
            ) from None


def needs_key() -> ConfigurationError:
    return ConfigurationError(
        f"forgotten people are shared with other machines only if they are sealed: set {KEY_SETTING}, the same for all machines"
    )


def _lacking(new: ForgottenList, shared: Iterable[ForgottenList]) -> Sequence[ForgottenIdentifier]:
    known = {
        (entry.digest, action)
        for each in shared
        if each.salt == new.salt
        for entry in each.entries
        for action in (entry.action, "anonymize")  # a person who is removed need not be blanked
    }
    return [each for each in new.entries if (each.digest, each.action) not in known]


def _document(number: int) -> str:
    return f"forgotten-{number:06d}"
