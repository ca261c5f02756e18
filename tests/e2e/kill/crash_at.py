"""The command line, but it kills itself (SIGKILL) at a named point: `python -m tests.e2e.kill.crash_at POINT N -- zoom …`.

The process dies when any thread reaches the point for the N-th time. The point `never` is never reached. The points are
wrapped around the unchanged harvester. Only its batches are smaller, so that a harvest of a few seconds makes dozens of
bulk requests, and a kill interrupts a small part of it.
"""

from __future__ import annotations

import functools
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from urllib3.connection import HTTPConnection

from connectors.http import Api
from connectors.webex.endpoints import QUALITIES
from harvester.sinks.elastic import bulk_queue
from harvester.sinks.elastic.client import Client
from harvester.sinks.elastic.loader import Loader
from harvester.sinks.elastic.stale_cleanup_sink import StaleCleanupSink
from harvester.state.database import Database
from harvester.state.quotas_and_tokens import AccountState
from harvester.state.rejects import Rejects

FLIGHTS = 2
FLUSH_SECONDS = 0.2
BATCH_OPERATIONS = 25
CLEANED_MEETINGS = 10

LISTINGS = frozenset({"GET /metrics/meetings"})
PARTICIPANTS = frozenset({"GET /metrics/meetings/{uuid}/participants"})


class Fuse:
    """Counts down; at the N-th call the process kills itself."""

    def __init__(self, times: int) -> None:
        self._left = times
        self._lock = threading.Lock()

    def burn(self) -> None:
        with self._lock:
            self._left -= 1
            if not self._left:
                os.kill(os.getpid(), signal.SIGKILL)


class Chosen(Protocol):
    def __call__(self, *given: Any, **named: Any) -> bool: ...


def _around(owner: type, name: str, fuse: Fuse, *, when: str, chosen: Chosen) -> None:
    """Count before or after each selected call of a method. A call that raises is not counted after."""
    original: Callable[..., Any] = getattr(owner, name)

    @functools.wraps(original)
    def wrapped(*given: Any, **named: Any) -> Any:
        counts = chosen(*given, **named)
        if counts and when == "before":
            fuse.burn()
        result = original(*given, **named)
        if counts and when == "after":
            fuse.burn()
        return result

    setattr(owner, name, wrapped)


def _page(calls: frozenset[str], when: str, fuse: Fuse) -> None:
    def chosen(_api: Api, _method: str, call: str, *_given: Any, **_named: Any) -> bool:
        return call in calls

    _around(Api, "send", fuse, when=when, chosen=chosen)


def _any(*_given: Any, **_named: Any) -> bool:
    return True


def _on_its_way(owner: type, name: str, fuse: Fuse, chosen: Chosen) -> None:
    """Count when the request of a selected call has been sent completely, and nothing of the answer has been read."""
    original: Callable[..., Any] = getattr(owner, name)
    here = threading.local()

    @functools.wraps(original)
    def marked(*given: Any, **named: Any) -> Any:
        here.chosen = chosen(*given, **named)
        try:
            return original(*given, **named)
        finally:
            here.chosen = False

    setattr(owner, name, marked)
    _around(
        HTTPConnection,
        "getresponse",
        fuse,
        when="before",
        chosen=lambda *_given, **_named: getattr(here, "chosen", False),
    )


def _bulk(when: str, fuse: Fuse) -> None:
    if when == "sent":
        _on_its_way(Client, "bulk", fuse, _any)
    else:
        _around(Client, "bulk", fuse, when=when, chosen=_any)


def _quality(when: str, fuse: Fuse) -> None:
    """Before: the lease is taken, and the call has not been made."""

    def chosen(_api: Api, _method: str, call: str, *_given: Any, **_named: Any) -> bool:
        return call == QUALITIES.call

    if when == "sent":
        _on_its_way(Api, "send", fuse, chosen)
    else:
        _around(Api, "send", fuse, when=when, chosen=chosen)


def _claim(when: str, fuse: Fuse) -> None:
    _around(AccountState, "acquire_lease", fuse, when=when, chosen=_any)


def _token(when: str, fuse: Fuse) -> None:
    """Before: the vendor has issued the token, and only this process knows it."""
    _around(AccountState, "write", fuse, when=when, chosen=_any)


def _rejects(when: str, fuse: Fuse) -> None:
    def chosen(_rejects: Rejects, rejects: Any) -> bool:
        return len(rejects) > 0

    _around(Rejects, "add", fuse, when=when, chosen=chosen)


def _leftovers(when: str, fuse: Fuse) -> None:
    """Only stale documents are deleted with bulk requests."""

    def chosen(_client: Client, body: bytes) -> bool:
        return body.startswith(b'{"delete"')

    _around(Client, "bulk", fuse, when=when, chosen=chosen)


def _journal(when: str, fuse: Fuse) -> None:
    """Before: every statement of the transaction but COMMIT has run. After: COMMIT has returned."""
    transaction = Database.transaction

    @contextmanager
    def wrapped(self: Database) -> Iterator[Any]:
        counts = self.path.name == "journal.db"
        with transaction(self) as connection:
            yield connection
            if counts and when == "before":
                fuse.burn()
        if counts and when == "after":
            fuse.burn()

    Database.transaction = wrapped  # type: ignore[method-assign]  # wrapped from outside, as above


POINTS: dict[str, Callable[[Fuse], None]] = {
    "never": lambda _fuse: None,
    "before a listing's page": functools.partial(_page, LISTINGS, "before"),
    "after a listing's page": functools.partial(_page, LISTINGS, "after"),
    "before a page of participants": functools.partial(_page, PARTICIPANTS, "before"),
    "after a page of participants": functools.partial(_page, PARTICIPANTS, "after"),
    "before a bulk request": functools.partial(_bulk, "before"),
    "before a bulk answer": functools.partial(_bulk, "sent"),
    "after a bulk answer": functools.partial(_bulk, "after"),
    "before the rejects' commit": functools.partial(_rejects, "before"),
    "after the rejects' commit": functools.partial(_rejects, "after"),
    "before the leftovers' deletion": functools.partial(_leftovers, "before"),
    "after the leftovers' deletion": functools.partial(_leftovers, "after"),
    "before the journal's commit": functools.partial(_journal, "before"),
    "after the journal's commit": functools.partial(_journal, "after"),
}
OF_WEBEX: dict[str, Callable[[Fuse], None]] = {
    "before the claim of a quality call": functools.partial(_claim, "before"),
    "before a quality call": functools.partial(_quality, "before"),
    "before a quality call's answer": functools.partial(_quality, "sent"),
    "after a quality call": functools.partial(_quality, "after"),
    "before a token is kept": functools.partial(_token, "before"),
    "after a token is kept": functools.partial(_token, "after"),
}


def small_batches() -> None:
    bulk_queue.BATCH_OPERATIONS = BATCH_OPERATIONS
    set_defaults(Loader, requests_in_flight=FLIGHTS, flush_seconds=FLUSH_SECONDS)
    set_defaults(StaleCleanupSink, meetings=CLEANED_MEETINGS, seconds=FLUSH_SECONDS)


def set_defaults(owner: type, **values: Any) -> None:
    """Other defaults for the keyword arguments of the wrapped constructor."""
    defaults = owner.__init__.__kwdefaults__  # type: ignore[misc]  # read off the class that was named, not an instance
    assert values.keys() <= defaults.keys()
    defaults.update(values)


def main() -> None:
    point, times, dashes, *words = sys.argv[1:]
    assert dashes == "--"
    small_batches()
    (POINTS | OF_WEBEX)[point](Fuse(int(times)))
    sys.argv = ["harvester", *words]

    from harvester.cli import run

    run()


if __name__ == "__main__":
    main()
