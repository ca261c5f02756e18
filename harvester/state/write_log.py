"""What was written to a vendor: each request before it is sent, and its status afterwards. No token is stored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson

from connectors.meetecho.writing.write_log_contract import SentDecks, Write
from harvester.state.database import Database
from harvester.state.layout import make_private, writes_database

MIGRATIONS = (
    """
    CREATE TABLE writes (
        number INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, action TEXT NOT NULL, group_name TEXT NOT NULL,
        subject TEXT NOT NULL, uuid TEXT, url TEXT, decks TEXT, finished INTEGER NOT NULL DEFAULT 0, status INTEGER
    );
    CREATE INDEX writes_decks ON writes (subject, number) WHERE decks IS NOT NULL;
    CREATE TABLE replacements (
        group_name TEXT NOT NULL, subject TEXT NOT NULL, PRIMARY KEY (group_name, subject)
    )
    """,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedWrite:
    """One request that changed something, or may have."""

    at: datetime
    action: str
    group: str
    number: str
    """The room's id, or the session's."""
    uuid: str | None
    url: str | None
    finished: bool
    """False if the command was killed before it had the answer."""
    status: int | None
    """The HTTP status; None if there was no answer."""


class WriteLog:
    """`connectors.meetecho.writing.write_log_contract.WriteLog` in a database. Safe for threads."""

    def __init__(self, account_folder: Path, now: Callable[[], datetime]) -> None:
        self._database = Database(writes_database(make_private(account_folder)), MIGRATIONS)
        self._now = now

    def close(self) -> None:
        self._database.close()

    def begin(self, write: Write) -> int:
        decks = orjson.dumps(list(write.decks)).decode() if write.decks is not None else None
        at = (self._now() - _EPOCH) // timedelta(milliseconds=1)
        with self._database.transaction() as connection:
            cursor = connection.execute(
                "INSERT INTO writes (at_ms, action, group_name, subject, uuid, url, decks) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (at, write.action, write.group, write.number, write.uuid, write.url, decks),
            )
        return cursor.lastrowid or 0

    def finish(
        self, number: int, status: int | None, *, uuid: str | None = None, url: str | None = None
    ) -> None:
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE writes SET finished = 1, status = ?, uuid = coalesce(?, uuid), url = coalesce(?, url) "
                "WHERE number = ?",
                (status, uuid, url, number),
            )

    def begin_replacement(self, group: str, number: str) -> None:
        with self._database.transaction() as connection:
            connection.execute("INSERT OR IGNORE INTO replacements VALUES (?, ?)", (group, number))

    def end_replacement(self, group: str, number: str) -> None:
        with self._database.transaction() as connection:
            connection.execute(
                "DELETE FROM replacements WHERE group_name = ? AND subject = ?", (group, number)
            )

    def replacements(self, group: str) -> frozenset[str]:
        rows = self._database.fetch_all("SELECT subject FROM replacements WHERE group_name = ?", group)
        return frozenset(row[0] for row in rows)

    def last_decks(self, session: str) -> SentDecks | None:
        row = self._database.fetch_one(
            "SELECT number, at_ms, decks FROM writes WHERE subject = ? AND decks IS NOT NULL "
            "AND (status IN (200, 202) OR (status = 404 AND action = 'remove deck')) ORDER BY number DESC LIMIT 1",
            session,
        )
        if row is None:
            return None
        number, at, decks = row
        later = self._database.fetch_one(
            "SELECT 1 FROM writes WHERE subject = ? AND action LIKE '%deck%' AND number > ?", session, number
        )
        with self._database.parsing():
            return SentDecks(
                at=_EPOCH + timedelta(milliseconds=at), decks=orjson.loads(decks), is_latest=later is None
            )

    def newest(self, count: int) -> Sequence[LoggedWrite]:
        """The last writes, newest first."""
        rows = self._database.fetch_all(
            "SELECT at_ms, action, group_name, subject, uuid, url, finished, status FROM writes "
            "ORDER BY number DESC LIMIT ?",
            count,
        )
        with self._database.parsing():
            return [
                LoggedWrite(
                    at=_EPOCH + timedelta(milliseconds=at),
                    action=action,
                    group=group,
                    number=subject,
                    uuid=uuid,
                    url=url,
                    finished=bool(finished),
                    status=status,
                )
                for at, action, group, subject, uuid, url, finished, status in rows
            ]
