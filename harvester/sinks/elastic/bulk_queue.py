"""Batches of documents, and the few requests in flight that carry them.

Operations are gathered into a batch until it is full, or until it has waited long enough: a source that pauses (a
vendor's limit, `tail -f` in a pipe) must not hold back what it gave before. When all flights are in the air whoever
brings more has to wait, so that memory holds a few batches and no more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Lock, Semaphore, Thread

from harvester.sinks.elastic.bulk import OK, REJECTED, SUPERSEDED, Operation, Results

FLIGHTS = 4
BATCH_BYTES = 2_000_000
BATCH_OPERATIONS = 2_000
FLUSH_SECONDS = 2.0


@dataclass(slots=True, kw_only=True)
class Account:
    """What became of the operations that belong together: one meeting's, or all lines of a file."""

    uuid: str = ""
    ok: int = 0
    superseded: int = 0
    rejected: int = 0
    open: int = 1
    """Operations under way, and one more as long as others may join them."""


@dataclass(slots=True)
class Batch:
    operations: list[Operation] = field(default_factory=list)
    size: int = 0
    runs: list[tuple[Account, int]] = field(default_factory=list)
    """Whose operations these are: so many of the one, then so many of the next."""


class Flights:
    """`deliver` carries one batch, in a thread of its own, and returns what became of it; its errors are raised from
    whatever is called next. `room`: how many bytes a batch may have by now. `abandoned` is set at the end, for whoever still tries."""

    def __init__(
        self,
        deliver: Callable[[Batch], Results],
        *,
        room: Callable[[], int],
        abandoned: Event,
        count: int,
        seconds: float,
    ) -> None:
        self._deliver = deliver
        self._room = room
        self._abandoned = abandoned
        self._seconds = seconds
        self._batch = Batch()
        self._lock = Lock()
        self._seats = Semaphore(count)
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="bulk")
        self._flying: deque[Future[None]] = deque()
        self._accounts = Lock()
        self._settled: deque[Account] = deque()

    @contextmanager
    def open(self) -> Iterator[Flights]:
        """The flusher runs inside; what has not taken off by the end is given up."""
        closed = Event()
        flusher = Thread(target=self._flush_aged, args=(closed,), name="bulk-flusher", daemon=True)
        flusher.start()
        try:
            yield self
        finally:
            closed.set()
            self._abandoned.set()
            self._pool.shutdown(wait=True, cancel_futures=True)

    def add(self, account: Account, operations: Iterable[Operation]) -> None:
        """Gather operations, and send every batch that gets full. Waits while all flights are in the air."""
        room = min(BATCH_BYTES, self._room())
        with self._lock:
            held, size = self._batch.operations, self._batch.size
            began = len(held)
            for operation in operations:
                held.append(operation)
                size += len(operation[1]) + len(operation[2]) + 2
                if size >= room or len(held) >= BATCH_OPERATIONS:
                    self._book(account, len(held) - began, size)
                    self._take_off()
                    held, began, size = self._batch.operations, 0, 0
            self._book(account, len(held) - began, size)

    def settled(self, account: Account, *, rejected: int = 0) -> None:
        """No more operations will join this account; `rejected`: those that never became one."""
        self._settle(account, open_=1, rejected=rejected)

    def ready(self) -> Iterator[Account]:
        """The accounts that are complete by now. Raises what a flight raised."""
        for flight in tuple(self._flying):
            if flight.done():
                self._flying.remove(flight)
                flight.result()
        while self._settled:
            yield self._settled.popleft()

    def land(self) -> None:
        """Send what is left, and wait until every flight has come down."""
        with self._lock:
            self._take_off()
        while self._flying:
            self._flying.popleft().result()

    def _book(self, account: Account, count: int, size: int) -> None:
        self._batch.size = size
        if count:
            self._batch.runs.append((account, count))
            with self._accounts:
                account.open += count

    def _take_off(self) -> None:
        if self._batch.operations:
            batch, self._batch = self._batch, Batch()
            self._seats.acquire()
            try:
                flight = self._pool.submit(self._fly, batch)
            except RuntimeError:  # closed meanwhile: what did not take off is given up
                self._seats.release()
                return
            flight.add_done_callback(lambda _: self._seats.release())
            self._flying.append(flight)

    def _fly(self, batch: Batch) -> None:
        verdicts = self._deliver(batch).verdicts
        place = 0
        for account, count in batch.runs:
            run = verdicts[place : place + count]
            place += count
            self._settle(
                account,
                open_=count,
                ok=run.count(OK),
                superseded=run.count(SUPERSEDED),
                rejected=run.count(REJECTED),
            )

    def _settle(
        self, account: Account, *, open_: int, ok: int = 0, superseded: int = 0, rejected: int = 0
    ) -> None:
        with self._accounts:
            account.ok += ok
            account.superseded += superseded
            account.rejected += rejected
            account.open -= open_
            complete = not account.open
        if complete:
            self._settled.append(account)

    def _flush_aged(self, closed: Event) -> None:
        while not closed.wait(self._seconds):
            with self._lock:
                self._take_off()
