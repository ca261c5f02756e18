"""What is kept for one account of one vendor, whatever the destination: budgets spent, facts, tokens.

Lies in `<state>/<vendor>-<account>-<digest of the API's base URL>/account.db`, so that a simulator or another region
never answers for the real thing.
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from threading import Lock

import orjson

from connectors.base import Token
from connectors.errors import OutputError, QuotaExhausted
from connectors.parsing import parse_instant
from harvester.state.database import Database
from harvester.state.layout import ACCOUNT_DATABASE, account_database, make_private, token_lock_file
from harvester.state.locks import exclusive_lock

BLOCK = 100
"""Calls are taken from the budget by the hundred, before the first of them is made: a kill can make it look at most
so much fuller, never emptier, and the disk is asked once in a hundred calls."""

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

LONGEST_CLAIM = timedelta(days=1)
"""A claim that seems to hold for longer was made by a clock that has been set back since, and is not believed."""


class AccountState:
    """Budgets, facts and tokens of one account. Safe for threads and for several processes."""

    def __init__(self, folder: Path, now: Callable[[], datetime]) -> None:
        self._folder = folder
        self._now = now
        self._database = Database(account_database(make_private(folder)), MIGRATIONS)
        self._lock = Lock()
        self._taken: dict[tuple[str, str], int] = {}
        self._token_lock_files: dict[str, Lock] = {}

    def close(self) -> None:
        """Give back what was taken from the budgets and not used."""
        with self._lock:
            unused, self._taken = self._taken, {}
        with self._database.transaction() as connection:
            connection.executemany(
                "UPDATE budgets SET spent = spent - ? WHERE name = ? AND day = ?",
                [(left, name, day) for (name, day), left in unused.items() if left],
            )
        self._database.close()

    def consume_quota(self, budget: str, count: int = 1, *, limit: int) -> None:
        """Count `count` calls against a budget of `limit` a UTC day; QuotaExhausted when they no longer fit."""
        now = self._now()
        key = budget, now.date().isoformat()
        with self._lock:
            if self._taken.get(key, 0) < count:
                self._take(key, count, limit, now)
            self._taken[key] -= count

    def _take(self, key: tuple[str, str], count: int, limit: int, now: datetime) -> None:
        left = self._taken.get(key, 0)
        with self._database.transaction() as connection:
            row = connection.execute("SELECT spent FROM budgets WHERE name = ? AND day = ?", key).fetchone()
            spent = row[0] if row else 0
            taken = min(max(BLOCK, count - left), limit - spent)
            if left + taken < count:
                raise QuotaExhausted(
                    f"today's {limit} calls ({key[0]}) are spent", until=_next_midnight(now)
                ) from None
            connection.execute(
                "INSERT INTO budgets VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET spent = spent + excluded.spent",
                (*key, taken),
            )
        self._taken[key] = left + taken

    def quota_used(self, budget: str) -> int:
        """How much of today's budget is counted as spent."""
        day = self._now().date().isoformat()
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT spent FROM budgets WHERE name = ? AND day = ?", (budget, day)
            ).fetchone()
        return (row[0] if row else 0) - self._taken.get((budget, day), 0)

    def get_fact(self, fact: str) -> str | None:
        with self._database.reading() as connection:
            row = connection.execute("SELECT value FROM facts WHERE name = ?", (fact,)).fetchone()
        return row[0] if row else None

    def set_fact(self, fact: str, value: str) -> None:
        with self._database.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (fact, value))

    def acquire_lease(self, act: str, until: datetime) -> datetime | None:
        now = self._now()
        with self._database.transaction() as connection:
            connection.execute(
                "DELETE FROM claims WHERE until_ms <= ? OR until_ms > ?",
                (_ms(now), _ms_at_least(now + LONGEST_CLAIM)),
            )
            row = connection.execute("SELECT until_ms FROM claims WHERE act = ?", (act,)).fetchone()
            if row is not None:
                return _EPOCH + timedelta(milliseconds=row[0])
            connection.execute(
                "INSERT INTO claims VALUES (?, ?)", (act, _ms_at_least(min(until, now + LONGEST_CLAIM)))
            )
        return None

    def extend_lease(self, act: str, until: datetime) -> None:
        until = min(until, self._now() + LONGEST_CLAIM)
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO claims VALUES (?, ?) ON CONFLICT DO UPDATE SET until_ms = max(until_ms, excluded.until_ms)",
                (act, _ms_at_least(until)),
            )

    def read(self, name: str) -> Token | None:
        with self._database.reading() as connection:
            row = connection.execute("SELECT token FROM tokens WHERE name = ?", (name,)).fetchone()
        if row is None:
            return None
        told = orjson.loads(row[0])
        expires_at = parse_instant(told["expires_at"])
        if expires_at is None:
            return None
        return Token(
            access=told["access"],
            expires_at=expires_at,
            refresh=told["refresh"],
            refresh_expires_at=parse_instant(told["refresh_expires_at"]),
            scope=told["scope"],
        )

    def write(self, name: str, token: Token) -> None:
        self._keep_private()
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO tokens VALUES (?, ?)",
                (name, orjson.dumps(token).decode()),
            )

    def _keep_private(self) -> None:
        """Also where the file was restored or copied with wider rights. SQLite gives its log the rights of the file."""
        for path in self._folder.glob(f"{ACCOUNT_DATABASE}*"):
            try:
                if stat.S_IMODE(path.stat().st_mode) & 0o077:
                    path.chmod(0o600)
            except FileNotFoundError:
                continue  # the log, gone with the last process that used it
            except OSError as error:
                raise OutputError(
                    f"{path} can be read by others, and must not be where a token is kept ({error.strerror})"
                ) from None

    @contextmanager
    def locked(self, name: str) -> Iterator[None]:
        with self._lock:
            thread_lock = self._token_lock_files.setdefault(name, Lock())
        with thread_lock, exclusive_lock(token_lock_file(self._folder, name)):
            yield


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _ms(instant: datetime) -> int:
    return (instant - _EPOCH) // timedelta(milliseconds=1)


def _ms_at_least(instant: datetime) -> int:
    return -((_EPOCH - instant) // timedelta(milliseconds=1))


def _next_midnight(now: datetime) -> datetime:
    return datetime.combine(now.astimezone(UTC).date() + timedelta(days=1), time(), UTC)
