"""A machine with a state folder of its own, whose shared state is in a `MemoryStore`."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet

from harvester.state.journal import Journal
from harvester.state.layout import account_folder, journal_folder, make_private, quota_folder, rejects_folder
from harvester.state.quotas_and_tokens import AccountState
from harvester.state.rejects import Rejects
from harvester.state.shared.lease import Worker
from harvester.state.shared.shared_pool import (
    QUOTAS,
    REJECTS,
    SharedPool,
    SharedState,
    account_log,
    journal_log,
)
from harvester.state.shared.token_sealing import TokenSealer
from tests.unit.state.shared.memory_store import Documents, MemoryStore

NOW = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
KEY = Fernet.generate_key().decode()
VENDOR, API_URL, POOL, ACCOUNT = "google-meet", "https://meet.example", "project-1", "main"
HOST, PREFIX = "http://elasticsearch:9200", "harvester-"


@dataclass
class Opened:
    """All databases of one account."""

    pool: SharedPool
    state: AccountState
    journal: Journal
    rejects: Rejects


class Machine:
    def __init__(self, documents: Documents, folder: Path, *, key: str | None = KEY) -> None:
        self.folder = folder
        self.store = MemoryStore(documents)
        self.seconds = 0.0
        self.worker = Worker(self.store, self.clock)
        self.worker.register()
        self.shared = SharedState(
            self.store,
            self.worker,
            TokenSealer(key),
            host=HOST,
            prefix=PREFIX,
            own_state=folder,
            clock=self.clock,
            wait=self.wait,
            pause=self.wait,
        )

    def clock(self) -> float:
        return self.seconds

    def wait(self, seconds: float) -> None:
        self.seconds += seconds
        self.worker.beat()

    def pool(self) -> AbstractContextManager[SharedPool]:
        return self.shared.open(vendor=VENDOR, api_url=API_URL, pool=POOL, account="")

    @contextmanager
    def account(self) -> Iterator[Opened]:
        with self.pool() as pool:
            folder = make_private(account(pool.folder))
            index = make_private(rejects_folder(pool.folder, HOST, PREFIX))
            state = AccountState(
                folder,
                lambda: NOW,
                quotas=quota_folder(pool.folder, VENDOR, API_URL, POOL),
                recorder=pool.recorder(account_log(ACCOUNT)),
                quota_recorder=pool.recorder(QUOTAS),
            )
            journal = Journal(journal_folder(folder, index), recorder=pool.recorder(journal_log(ACCOUNT)))
            rejects = Rejects(index, lambda: NOW, recorder=pool.recorder(REJECTS))
            with closing(state), closing(journal), closing(rejects):
                yield Opened(pool, state, journal, rejects)


def account(state: Path) -> Path:
    return account_folder(state, VENDOR, ACCOUNT, API_URL)


def rows(folder: Path) -> dict[str, Any]:
    """Every row of every database of the pool's copies, by file and table. Positions are not part of the state, and a database
    without rows is the same as none: it comes into the log with its first row."""
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*.db")):
        if path.name == "position.db":
            continue
        with closing(sqlite3.connect(path)) as connection:
            tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
            here = {
                name: sorted(connection.execute(f'SELECT * FROM "{name}"').fetchall(), key=repr)  # noqa: S608  # of the schema
                for (name,) in tables.fetchall()
            }
            schema = connection.execute("PRAGMA user_version").fetchone()[0]
            if any(here.values()):
                found[path.name] = {**here, "schema": schema}
    return found
