"""Which worker may use a quota pool: leases without a common clock.

Each worker (a process) has a document whose version it changes several times a second: its heartbeat. The lease of a pool
names the worker that holds it. A newcomer that finds a holder watches the holder's heartbeat: if it moves, the holder is
alive, and the newcomer is refused at once. If it stays as it is for the length of a lease, by the newcomer's own clock, the
newcomer deletes that very version of it, which ends the holder for all of its pools, and takes the lease over.

A holder counts from the moment before it sent the last heartbeat that was stored, and stops for good at two thirds of a
lease. So it has stopped before anyone may take over, however long it, its requests or their answers were delayed.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from secrets import token_hex
from threading import Event, Lock, Thread

from connectors.errors import HarvestError, LeaseHeld, LeaseLost, Unreachable
from harvester.state.shared.store import Store, Stored, Version

LEASE_SECONDS = 30.0
"""A worker that shows no sign of life for this long has lost its leases."""
HOLDER_SHARE = 2 / 3
"""The part of it after which a worker that cannot renew stops by itself."""
BEAT_SECONDS = 0.7
"""Between two heartbeats: a newcomer is to be refused within a second."""
WATCH_SECONDS = 0.2
"""Between two looks at the heartbeat of another worker."""

WORKER = "worker"
"""The field of a lease with the token of its holder; empty if it is free."""


class Worker:
    """This process among those that share the store. Safe for threads."""

    def __init__(
        self,
        store: Store,
        clock: Callable[[], float],
        *,
        lease_seconds: float = LEASE_SECONDS,
        on_lost: Callable[[LeaseLost], None] = lambda _error: None,
    ) -> None:
        """`clock`: seconds of this machine that never go backwards, and go on while it sleeps. `on_lost`: called once,
        when the leases are lost."""
        self.token = token_hex(16)
        self.lease_seconds = lease_seconds
        self._store = store
        self._clock = clock
        self._on_lost = on_lost
        self._version: Version | None = None
        self._alive_until = float("-inf")
        self._lost: LeaseLost | None = None
        self._beats = 0
        self._lock = Lock()
        self._closed = Event()
        self._thread: Thread | None = None

    @property
    def document(self) -> str:
        return worker_document(self.token)

    def register(self) -> None:
        """The first heartbeat. Raises Unreachable if it may not be stored."""
        sent = self._clock()
        try:
            version = self._store.create(self.document, self._body())
        except Unreachable:  # it may have been stored all the same
            found = self._store.get(self.document)
            if found is None:
                raise
            version = found.version
        if version is None:
            found = self._store.get(self.document)
            version = None if found is None else found.version
        self._renewed(version, sent)

    def start(self) -> None:
        """Register, and send heartbeats until `close`."""
        self.register()
        self._thread = Thread(target=self._run, name="heartbeat", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the heartbeats. All leases must have been released."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join(self.lease_seconds)
        with self._lock:
            if self._lost is not None or self._version is None:
                return
            # First: a thread that the run no longer waits for must not send anything after this.
            self._lost = LeaseLost("the run has ended")
            with suppress(HarvestError):  # another worker takes this one for dead after the length of a lease
                self._store.delete(self.document, self._version)

    def beat(self) -> None:
        """One heartbeat. Without an answer the next one tries again, until `require` gives up."""
        with self._lock:
            if self._version is None or self._is_over():
                return
            sent = self._clock()
            try:
                version = self._store.replace(self.document, self._body(), self._version)
                if version is None:
                    self._adopt()
                    return
            except Unreachable:
                return
            self._renewed(version, sent)

    def _adopt(self) -> None:
        """The version is not the one that was seen: an earlier heartbeat was stored, and only its answer was lost; or
        another worker has ended this one. The time since which this one counts stays as it is: it is not known when that
        heartbeat was sent."""
        found = self._store.get(self.document)
        if found is None:
            self._alive_until = float("-inf")
        else:
            self._version = found.version

    def require(self) -> None:
        """Raises LeaseLost if another worker may hold the leases of this one by now; from then on, always."""
        if self._lost is not None:
            raise self._lost from None
        if self._is_over():
            with self._lock:
                if self._lost is not None:
                    raise self._lost
                self._lost = LeaseLost(
                    "the lease of this worker has ended, since it could not renew it in time; another worker may go on: run "
                    "the same command again"
                )
            self._on_lost(self._lost)
            raise self._lost

    @property
    def is_alive(self) -> bool:
        """Whether no other worker can hold the leases of this one."""
        return self._lost is None and not self._is_over()

    def _is_over(self) -> bool:
        return self._clock() >= self._alive_until

    def _renewed(self, version: Version | None, sent: float) -> None:
        if version is None:
            return
        self._version = version
        self._alive_until = sent + HOLDER_SHARE * self.lease_seconds

    def _body(self) -> dict[str, object]:
        self._beats += 1
        return {"kind": "worker", "beats": self._beats}

    def _run(self) -> None:
        while not self._closed.wait(BEAT_SECONDS):
            try:
                self.beat()
                self.require()
            except HarvestError:  # the run meets it, too
                if not self.is_alive:
                    self._report_loss()
                    return

    def _report_loss(self) -> None:
        with suppress(LeaseLost):
            self.require()


class Lease:
    """The lease of one pool for one worker. `step` makes one step, so that the caller decides how to wait."""

    def __init__(self, store: Store, worker: Worker, pool: str, clock: Callable[[], float]) -> None:
        self._store = store
        self._worker = worker
        self._document = lease_document(pool)
        self._pool = pool
        self._clock = clock
        self._watched: _Watched | None = None
        self._version: Version | None = None

    def acquire(self, wait: Callable[[float], None]) -> None:
        """Take the lease. Returns at once if it is free, after the length of a lease if its holder is dead. Raises
        LeaseHeld within a second if the holder is alive."""
        while not self._tried():
            wait(WATCH_SECONDS)

    def _tried(self) -> bool:
        try:
            return self.step()
        except Unreachable:
            return False

    def step(self) -> bool:
        """True: the lease is taken. False: call again soon. Raises LeaseHeld if its holder is alive."""
        self._worker.require()
        found = self._store.get(self._document)
        if found is None:
            return self._took(self._store.create(self._document, self._body()))
        holder = str(found.body.get(WORKER, ""))
        if holder == self._worker.token:  # an earlier answer was lost
            return self._took(found.version)
        if holder and not self._is_dead(holder):
            return False
        return self._took(self._store.replace(self._document, self._body(), found.version))

    def release(self) -> None:
        """Another worker may take it at once."""
        if self._version is None or not self._worker.is_alive:
            return
        version, self._version = self._version, None
        with suppress(HarvestError):  # another worker takes it after the length of a lease
            self._store.replace(self._document, {**self._body(), WORKER: ""}, version)

    def _took(self, version: Version | None) -> bool:
        self._version = version
        return version is not None

    def _is_dead(self, holder: str) -> bool:
        """Whether the holder has been ended. Raises LeaseHeld if its heartbeat has moved."""
        found = self._store.get(worker_document(holder))
        if found is None:
            return True
        if self._watched is None or self._watched.holder != holder:
            self._watched = _Watched(holder, found, self._clock())
            return False
        if found.version != self._watched.found.version:
            raise self._held()
        if self._clock() - self._watched.since < self._worker.lease_seconds:
            return False
        if self._store.delete(worker_document(holder), found.version):
            return True
        if (
            self._store.get(worker_document(holder)) is None
        ):  # the answer was lost, or a third worker was faster
            return True
        raise self._held()

    def _held(self) -> LeaseHeld:
        self._watched = None
        return LeaseHeld(
            "another worker is harvesting an account of this quota pool; run the same command again when it is done",
            seconds=self._worker.lease_seconds,
        )

    def _body(self) -> dict[str, object]:
        return {"kind": "lease", "pool": self._pool, WORKER: self._worker.token}


class _Watched:
    """The heartbeat of another worker, and since when it has not moved."""

    def __init__(self, holder: str, found: Stored, since: float) -> None:
        self.holder = holder
        self.found = found
        self.since = since


def worker_document(token: str) -> str:
    return f"worker-{token}"


def lease_document(pool: str) -> str:
    return f"lease-{pool}"
