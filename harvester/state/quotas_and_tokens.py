"""The state of one account, whatever the destination: quotas used, facts, leases and tokens. Meetings are in the journal."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from threading import Lock

import orjson

from connectors.base import Token
from connectors.errors import OutputError, QuotaExhausted
from connectors.parsing import parse_instant
from harvester.state.database import Database, Recorder
from harvester.state.layout import (
    ACCOUNT_DATABASE,
    account_database,
    make_private,
    quota_database,
    token_lock_file,
)
from harvester.state.locks import exclusive_lock

BLOCK = 100
"""Calls are taken from a quota by the hundred, before the first of them is made. A kill can make the quota look fuller by
at most that many, never emptier, and only one call in a hundred waits for the disk."""

MIGRATIONS = (
    """
    CREATE TABLE budgets (name TEXT NOT NULL, day TEXT NOT NULL, spent INTEGER NOT NULL, PRIMARY KEY (name, day));
    CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
    CREATE TABLE tokens (name TEXT PRIMARY KEY, token TEXT NOT NULL)
    """,
    """
    CREATE TABLE claims (act TEXT PRIMARY KEY, until_ms INTEGER NOT NULL);
    CREATE INDEX claims_until ON claims (until_ms)
    """,
)

LONGEST_LEASE = timedelta(days=1)
"""A lease that seems to hold for longer was taken by a clock that has been set back since, and is ignored."""


QUOTA_MIGRATIONS = (
    "CREATE TABLE budgets (name TEXT NOT NULL, day TEXT NOT NULL, spent INTEGER NOT NULL, PRIMARY KEY (name, day))",
)

LEAST_LIFE = timedelta(minutes=10)
"""A token that expires sooner is about to be renewed."""

QUOTA_FOLDER = "quota_folder"
"""The fact that names the folder of the quotas that the account shares with others."""


class AccountState:
    """Quotas, facts, leases and tokens of one account. Safe for threads and for several processes."""

    def __init__(
        self,
        folder: Path,
        now: Callable[[], datetime],
        *,
        quotas: Path | None = None,
        in_memory: bool = False,
        recorder: Recorder | None = None,
        quota_recorder: Recorder | None = None,
    ) -> None:
        """`quotas`: the folder of the quotas that the account shares with others. `in_memory`: nothing is written into the
        folders, and what changes is forgotten. The recorders get every change of the account's own database and of the
        shared quotas before it is committed."""
        self._folder = folder
        self._now = now
        self._in_memory = in_memory
        if not in_memory:
            make_private(folder)
        self._database = Database(
            account_database(folder), MIGRATIONS, in_memory=in_memory, recorder=recorder
        )
        self._lock = Lock()
        self._taken: dict[tuple[str, str], int] = {}
        self._token_lock_files: dict[str, Lock] = {}
        self._closed = False
        self._quotas = self._database if quotas is None else self._share_quotas(quotas, quota_recorder)

    def _share_quotas(self, folder: Path, recorder: Recorder | None) -> Database:
        """Open the shared quotas, and move into them what an earlier version has counted here."""
        if not self._in_memory:
            make_private(folder)
        quotas = Database(
            quota_database(folder), QUOTA_MIGRATIONS, in_memory=self._in_memory, recorder=recorder
        )
        if self.get_fact(QUOTA_FOLDER) != folder.name:
            self.set_fact(QUOTA_FOLDER, folder.name)
        with self._database.transaction() as connection:
            counted = connection.execute("SELECT name, day, spent FROM budgets").fetchall()
            if counted:
                with quotas.transaction() as shared:
                    shared.executemany(_ADD, counted)
                connection.execute("DELETE FROM budgets")
        return quotas

    def close(self) -> None:
        """Give back what was taken from the quotas and not used."""
        with self._lock:
            self._closed = True
            unused, self._taken = self._taken, {}
        try:
            with self._quotas.transaction() as connection:
                connection.executemany(
                    "UPDATE budgets SET spent = spent - ? WHERE name = ? AND day = ?",
                    [(count, name, day) for (name, day), count in unused.items() if count],
                )
        finally:
            self._database.close()
            if self._quotas is not self._database:
                self._quotas.close()

    def consume_quota(self, name: str, count: int = 1, *, limit: int) -> None:
        """Count these calls against a quota of `limit` calls a UTC day. Raises QuotaExhausted if they exceed it."""
        now = self._now()
        key = name, now.date().isoformat()
        with self._lock:
            if self._taken.get(key, 0) < count:
                self._take(key, count, limit, now)
            self._taken[key] -= count

    def _take(self, key: tuple[str, str], count: int, limit: int, now: datetime) -> None:
        reserved = self._taken.get(key, 0)
        with self._quotas.transaction() as connection:
            row = connection.execute("SELECT spent FROM budgets WHERE name = ? AND day = ?", key).fetchone()
            spent = row[0] if row else 0
            taken = min(max(BLOCK, count - reserved), limit - spent)
            if reserved + taken < count:
                raise QuotaExhausted(
                    f"today's {limit} calls ({key[0]}) are spent", until=_next_midnight(now)
                ) from None
            connection.execute(_ADD, (*key, taken))
        self._taken[key] = reserved + taken

    def quota_used(self, name: str) -> int:
        """How many of today's calls are counted against this quota."""
        day = self._now().date().isoformat()
        with self._quotas.reading() as connection:
            row = connection.execute(
                "SELECT spent FROM budgets WHERE name = ? AND day = ?", (name, day)
            ).fetchone()
        return (row[0] if row else 0) - self._taken.get((name, day), 0)

    def get_fact(self, name: str) -> str | None:
        with self._database.reading() as connection:
            row = connection.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None

    def set_fact(self, name: str, value: str) -> None:
        with self._database.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    def acquire_lease(self, name: str, until: datetime) -> datetime | None:
        """Take the lease until this instant. Returns `None`, or the end of the lease if it is taken already."""
        now = self._now()
        with self._database.transaction() as connection:
            connection.execute(
                "DELETE FROM claims WHERE until_ms <= ? OR until_ms > ?",
                (_ms(now), _ms_at_least(now + LONGEST_LEASE)),
            )
            row = connection.execute("SELECT until_ms FROM claims WHERE act = ?", (name,)).fetchone()
            if row is not None:
                return _EPOCH + timedelta(milliseconds=row[0])
            connection.execute(
                "INSERT INTO claims VALUES (?, ?)", (name, _ms_at_least(min(until, now + LONGEST_LEASE)))
            )
        return None

    def extend_lease(self, name: str, until: datetime) -> None:
        """Never shortens it."""
        until = min(until, self._now() + LONGEST_LEASE)
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO claims VALUES (?, ?) ON CONFLICT DO UPDATE SET until_ms = max(until_ms, excluded.until_ms)",
                (name, _ms_at_least(until)),
            )

    def read(self, name: str) -> Token | None:
        """The stored token; `None` if there is none. In memory, it comes without its refresh token: the vendor may replace
        that when it is used, and the new one would be lost. Raises OutputError if the token has to be renewed with it."""
        with self._database.reading() as connection:
            row = connection.execute("SELECT token FROM tokens WHERE name = ?", (name,)).fetchone()
        if row is None:
            return None
        fields = orjson.loads(row[0])
        expires_at = parse_instant(fields["expires_at"])
        if expires_at is None:
            return None
        token = Token(
            access=fields["access"],
            expires_at=expires_at,
            refresh=fields["refresh"],
            refresh_expires_at=parse_instant(fields["refresh_expires_at"]),
            scope=fields["scope"],
        )
        return self._without_refresh(token) if self._in_memory and token.refresh else token

    def _without_refresh(self, token: Token) -> Token:
        if token.expires_at - self._now() < LEAST_LIFE:
            raise OutputError(
                f"the state folder {self._folder} cannot be written, so the login that it holds cannot be renewed: run this "
                "command as the owner of the folder"
            )
        return replace(token, refresh=None, refresh_expires_at=None)

    def write(self, name: str, token: Token) -> None:
        """On the disk, readable by its owner only, when this returns."""
        if not self._in_memory:
            self._keep_private()
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO tokens VALUES (?, ?)",
                (name, orjson.dumps(token).decode()),
            )

    def _keep_private(self) -> None:
        """A file that was restored or copied may have wider permissions. SQLite gives its log the file's permissions."""
        for path in self._folder.glob(f"{ACCOUNT_DATABASE}*"):
            try:
                if stat.S_IMODE(path.stat().st_mode) & 0o077:
                    path.chmod(0o600)
            except FileNotFoundError:
                continue  # a log disappears with the last process that used it
            except OSError as error:
                raise OutputError(
                    f"{path} is readable by others, cannot be made private ({error.strerror}), and so cannot hold a "
                    "token: check its owner"
                ) from None

    @contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Held by one thread of one process at a time. Waits for the others.

        Raises RuntimeError after `close`: a thread that the run no longer waits for must not create the lock file in a
        folder that may be about to be removed.
        """
        with self._lock:
            thread_lock = self._token_lock_files.setdefault(name, Lock())
        with thread_lock:
            if self._closed:
                raise RuntimeError(f"{self._folder} is closed")
            if self._in_memory:
                yield
                return
            with exclusive_lock(token_lock_file(self._folder, name)):
                yield


_ADD = "INSERT INTO budgets VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET spent = spent + excluded.spent"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _ms(instant: datetime) -> int:
    return (instant - _EPOCH) // timedelta(milliseconds=1)


def _ms_at_least(instant: datetime) -> int:
    return -((_EPOCH - instant) // timedelta(milliseconds=1))


def _next_midnight(now: datetime) -> datetime:
    return datetime.combine(now.astimezone(UTC).date() + timedelta(days=1), time(), UTC)
