"""A quota pool whose state is shared: its lease, its log and its files, for as long as this worker uses it."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from secrets import token_hex
from threading import Lock

from connectors.errors import AlreadyRunning, HarvestError, LeaseLost
from harvester.privacy.forgotten_people import ForgottenList
from harvester.state import journal_schema, quotas_and_tokens, rejects
from harvester.state.database import Database
from harvester.state.layout import (
    account_database,
    account_folder,
    journal_database,
    journal_folder,
    make_private,
    pool_folder,
    pool_lock_file,
    pool_name,
    quota_database,
    quota_folder,
    rejects_database,
    rejects_folder,
)
from harvester.state.locks import run_lock
from harvester.state.shared.compaction import Compaction, File
from harvester.state.shared.forgotten_lists import ForgottenLists
from harvester.state.shared.lease import Lease, Worker
from harvester.state.shared.log import DatabaseRecorder, PoolLog
from harvester.state.shared.replay import Replay, remove
from harvester.state.shared.retry import StoreRetry
from harvester.state.shared.row_changes import all_rows
from harvester.state.shared.store import Store
from harvester.state.shared.token_sealing import TokenSealer

QUOTAS = "quotas"
REJECTS = "rejects"
_ACCOUNT = "account:"
_JOURNAL = "journal:"


def account_log(label: str) -> str:
    """The name, in the log, of the database of the account with this label."""
    return f"{_ACCOUNT}{label}"


def journal_log(label: str) -> str:
    return f"{_JOURNAL}{label}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolKey:
    """Which pool, and into which index."""

    vendor: str
    api_url: str
    pool: str
    """Empty if the pool is that of one account."""
    account: str
    """The label of that account."""
    host: str
    prefix: str
    known_as: str = ""
    """The pool's name, if nothing else is known of it: its files have other paths then, and are in a folder of their own."""

    @classmethod
    def named(cls, pool: str, host: str, prefix: str) -> PoolKey:
        """That of a pool whose name is all that is known."""
        vendor = pool.rpartition("-")[0]
        return cls(vendor=vendor, api_url="", pool="", account="", host=host, prefix=prefix, known_as=pool)

    @property
    def name(self) -> str:
        return self.known_as or pool_name(self.vendor, self.api_url, self.pool, self.account)

    def find(self, folder: Path, database: str) -> File | None:
        """The file of a database of this pool in a state folder; `None` for a name that this version does not know."""
        index = rejects_folder(folder, self.host, self.prefix)
        if database == QUOTAS:
            path = quota_database(quota_folder(folder, self.vendor, self.api_url, self.pool))
            return File(path=path, migrations=quotas_and_tokens.QUOTA_MIGRATIONS)
        if database == REJECTS:
            return File(path=rejects_database(index), migrations=rejects.MIGRATIONS)
        kind, _, label = database.partition(":")
        account = account_folder(folder, self.vendor, label, self.api_url)
        if f"{kind}:" == _ACCOUNT:
            return File(path=account_database(account), migrations=quotas_and_tokens.MIGRATIONS)
        if f"{kind}:" == _JOURNAL:
            path = journal_database(journal_folder(account, index))
            return File(path=path, migrations=journal_schema.MIGRATIONS)
        return None


class SharedPool:
    """The pool as a run of one of its accounts uses it. Safe for threads."""

    def __init__(
        self,
        key: PoolKey,
        folder: Path,
        own_state: Path,
        log: PoolLog,
        worker: Worker,
        compaction: Compaction,
        forgotten: Sequence[ForgottenList],
    ) -> None:
        """`own_state`: the state folder of this machine, which the log takes over if it knows nothing yet."""
        self.begin_log_again = compaction.begin_again
        self.folder = folder
        """A state folder with the layout of any other."""
        self.forgotten = forgotten
        """The people whom all machines leave out."""
        self._key = key
        self._own_state = own_state
        self._log = log
        self._worker = worker
        self._closed = False
        self._begun: set[str] = set()
        """Databases that have been opened; the log may not know them yet, if they have no rows."""
        self._lock = Lock()

    def require(self) -> None:
        """Raises LeaseLost if another worker may use the pool by now."""
        self._worker.require()
        if self._closed:
            raise LeaseLost("the run has ended")

    def recorder(self, database: str) -> DatabaseRecorder:
        """What a database with this name is opened with."""
        with self._lock:
            if database not in self._log.schemas and database not in self._begun:
                self._take_over(database)
            self._begun.add(database)
        return self._log.recorder(database)

    def recorder_of(self, path: Path) -> DatabaseRecorder:
        """That of the database with this file, which the log knows. Raises ValueError for another one."""
        for name in self._log.schemas:
            file = self._key.find(self.folder, name)
            if file is not None and file.path == path:
                return self.recorder(name)
        raise ValueError(path)

    def _take_over(self, database: str) -> None:
        """Begin with what this machine's own state has. Rejects stay there."""
        file = self._key.find(self.folder, database)
        own = self._key.find(self._own_state, database)
        if file is None or own is None:
            raise ValueError(database)
        remove(file.path)
        if database == REJECTS or not own.path.exists():
            return
        make_private(file.path.parent)
        with (
            closing(Database(own.path, own.migrations, read_only=True)) as source,
            closing(Database(file.path, ())) as copy,
            source.reading() as old,
            copy.reading() as new,
        ):
            old.backup(new)
        with closing(Database(file.path, file.migrations)) as copied, copied.reading() as connection:
            self._log.append(database, len(file.migrations), all_rows(connection))

    def close(self) -> None:
        self._closed = True


class _OpenPool:
    """A pool with the number of its users."""

    def __init__(self, held: AbstractContextManager[SharedPool]) -> None:
        self._stack = ExitStack()
        self.pool = self._stack.enter_context(held)
        self.users = 0

    def close(self) -> None:
        self._stack.close()


class SharedState:
    """All pools that this process uses. Safe for threads."""

    def __init__(
        self,
        store: Store,
        worker: Worker,
        sealer: TokenSealer,
        *,
        host: str,
        prefix: str,
        own_state: Path,
        clock: Callable[[], float],
        wait: Callable[[float], None],
        pause: Callable[[float], object],
    ) -> None:
        """`host`, `prefix`: the index that the state speaks of. `clock`: that of the worker. `wait`: raises Interrupted if the run has to stop; `pause`: does not."""
        self._store = store
        self._worker = worker
        self._sealer = sealer
        self._retry = StoreRetry(require=worker.require, wait=pause)
        self.forgotten = ForgottenLists(store, self._retry, sealer)
        self._host = host
        self._prefix = prefix
        self._own_state = own_state
        self._clock = clock
        self._wait = wait
        self._open: dict[str, _OpenPool] = {}
        self._locks: dict[str, Lock] = {}
        self._lock = Lock()

    @property
    def has_key(self) -> bool:
        """Whether refresh tokens can be shared."""
        return self._sealer.has_key

    @contextmanager
    def open(self, *, vendor: str, api_url: str, pool: str, account: str) -> Iterator[SharedPool]:
        """The pool with the lease held and its files at the end of the log. Accounts of one pool share it. The arguments are
        those of `PoolKey`.

        Raises LeaseHeld if another worker holds the lease.
        """
        key = PoolKey(
            vendor=vendor,
            api_url=api_url,
            pool=pool,
            account=account,
            host=self._host,
            prefix=self._prefix,
        )
        opened = self._enter(key)
        try:
            yield opened.pool
        finally:
            self._leave(key, opened)

    @contextmanager
    def open_named(self, name: str) -> Iterator[SharedPool]:
        """A pool of which only the name is known, in the same way. Its copy is removed afterwards. It must not be open."""
        key = PoolKey.named(name, self._host, self._prefix)
        copy = pool_folder(self._own_state, self._host, self._prefix, f"{name}-{token_hex(4)}")
        try:
            yield from self._hold_in(make_private(copy), key)
        finally:
            shutil.rmtree(copy, ignore_errors=True)

    def require_free(self, name: str) -> None:
        """Raises LeaseHeld if another worker uses this pool. Workers that use it later have read what is shared by now."""
        lease = Lease(self._store, self._worker, name, self._clock)
        lease.acquire(self._wait)
        lease.release()

    def remove_copies(self, name: str) -> None:
        """Remove what this machine has of a pool, except what a process uses: the next run makes it again."""
        parent = pool_folder(self._own_state, self._host, self._prefix, "")
        for folder in parent.glob(f"{name}*"):
            if not pool_lock_file(folder).exists():
                continue  # of `open_named`
            with suppress(AlreadyRunning), run_lock(pool_lock_file(folder)):
                for path in folder.rglob("*.db*"):
                    path.unlink(missing_ok=True)

    def _lock_of(self, key: PoolKey) -> Lock:
        with self._lock:
            return self._locks.setdefault(key.name, Lock())

    def _enter(self, key: PoolKey) -> _OpenPool:
        with self._lock_of(key):
            opened = self._open.get(key.name)
            if opened is None:
                opened = self._open[key.name] = _OpenPool(self._hold(key))
            opened.users += 1
            return opened

    def _leave(self, key: PoolKey, opened: _OpenPool) -> None:
        with self._lock_of(key):
            opened.users -= 1
            if opened.users == 0:
                del self._open[key.name]
                opened.close()

    @contextmanager
    def _hold(self, key: PoolKey) -> Iterator[SharedPool]:
        with self._own_copy(key) as folder:
            yield from self._hold_in(folder, key)

    def _hold_in(self, folder: Path, key: PoolKey) -> Iterator[SharedPool]:
        lease = Lease(self._store, self._worker, key.name, self._clock)
        lease.acquire(self._wait)
        try:
            yield from self._use(key, folder)
        finally:
            lease.release()

    @contextmanager
    def _own_copy(self, key: PoolKey) -> Iterator[Path]:
        """A copy that no other process of this machine uses. One that was stopped keeps its copy for as long as it exists,
        and must not keep its successor from going on."""
        with ExitStack() as stack:
            for number in count(1):
                name = key.name if number == 1 else f"{key.name}-{number}"
                folder = make_private(pool_folder(self._own_state, key.host, key.prefix, name))
                with suppress(AlreadyRunning):
                    stack.enter_context(run_lock(pool_lock_file(folder)))
                    break
            yield folder

    def _use(self, key: PoolKey, folder: Path) -> Iterator[SharedPool]:
        retry = self._retry
        forgotten = self.forgotten.read()  # with the lease held, see `forgotten_lists`
        log = PoolLog(self._store, key.name, token_hex(16), retry, self._sealer)
        replay = Replay(
            self._store, log, retry, folder, lambda name: key.find(folder, name), self._sealer.open
        )
        replay.run()
        compaction = Compaction(self._store, log, retry, lambda name: key.find(folder, name))
        compaction.run()
        pool = SharedPool(key, folder, self._own_state, log, self._worker, compaction, forgotten)
        try:
            yield pool
        finally:
            pool.close()
            if log.is_whole:
                with suppress(HarvestError, sqlite3.Error):  # a later run replays more than it has to
                    replay.save()
