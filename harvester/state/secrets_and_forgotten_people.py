"""What the state remembers for privacy: a secret, and the people who are forgotten, by salted hashes."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from contextlib import closing
from datetime import datetime
from pathlib import Path

from connectors.parsing import format_milliseconds
from harvester.privacy.forgotten_people import ForgottenIdentifier
from harvester.state.database import Database
from harvester.state.layout import is_there, make_private, privacy_database

SECRET_BYTES = 32

MIGRATIONS = (
    """
    CREATE TABLE secrets (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE forgotten (
        digest TEXT PRIMARY KEY, kind TEXT NOT NULL, words INTEGER NOT NULL, action TEXT NOT NULL, since TEXT NOT NULL
    ) WITHOUT ROWID
    """,
)
"""`secrets`: random keys of this state folder. `forgotten`: one row for each identifier of a forgotten person."""


class PrivacyState:
    """The database of a state folder. It is created when something is written into it."""

    def __init__(self, state: Path) -> None:
        self._path = privacy_database(state)

    def find_secret(self, name: str) -> bytes | None:
        """The random key of this name, if it was ever made."""
        if not is_there(self._path):
            return None
        with closing(self._open(read_only=True)) as database:
            row = database.fetch_one("SELECT value FROM secrets WHERE name = ?", name)
        return bytes(row[0]) if row else None

    def secret(self, name: str) -> bytes:
        """The random key of this name, made when it is asked for first."""
        if (found := self.find_secret(name)) is not None:
            return found
        with closing(self._open()) as database, database.transaction() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO secrets VALUES (?, ?)", (name, secrets.token_bytes(SECRET_BYTES))
            )
            row = connection.execute("SELECT value FROM secrets WHERE name = ?", (name,)).fetchone()
        return bytes(row[0])

    def forgotten(self) -> list[ForgottenIdentifier]:
        if not is_there(self._path):
            return []
        with closing(self._open(read_only=True)) as database:
            rows = database.fetch_all("SELECT digest, kind, words, action FROM forgotten ORDER BY digest")
        return [
            ForgottenIdentifier(digest=digest, kind=kind, words=words, action=action)
            for digest, kind, words, action in rows
        ]

    def remember(self, entries: Iterable[ForgottenIdentifier], now: datetime) -> None:
        """On the disk when this returns. Who is to be removed stays so; who was blanked may be removed later."""
        rows = [(e.digest, e.kind, e.words, e.action, format_milliseconds(now)) for e in entries]
        with closing(self._open()) as database, database.transaction() as connection:
            connection.executemany(
                "INSERT INTO forgotten VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT DO UPDATE SET action = iif(action = 'remove', action, excluded.action)",
                rows,
            )

    def _open(self, *, read_only: bool = False) -> Database:
        if not read_only:
            make_private(self._path.parent)
        return Database(self._path, MIGRATIONS, read_only=read_only)
