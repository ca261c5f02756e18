"""Rejects: one row for each document, the newest version kept, removed once it is stored."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from connectors.errors import StateError
from harvester.state.database import Database
from harvester.state.rejects import MIGRATIONS, PAGE, Reject, Rejects, open_existing_rejects
from tests.unit.fake_context import NOW
from tests.unprivileged import read_only, without_privileges


class Clock:
    def __init__(self) -> None:
        self.time = NOW

    def now(self) -> datetime:
        self.time += timedelta(hours=1)
        return self.time


@pytest.fixture
def rejects(tmp_path: Path) -> Iterator[Rejects]:
    kept = Rejects(tmp_path, Clock().now)
    yield kept
    kept.close()


def reject(
    document_id: str = "zoom:main:a", version: int = 5, reason: str = "bad", document: bytes = b"{}"
) -> Reject:
    return Reject(document_id=document_id, index="i-2026", version=version, reason=reason, document=document)


def test_a_document_refused_again_is_one_row_with_its_history(rejects: Rejects) -> None:
    rejects.add([reject(reason="first")])
    rejects.add([reject(version=6, reason="second", document=b'{"a":1}')])
    (row,) = rejects.rows()
    assert (row.reason, row.version, row.attempts, row.size) == ("second", 6, 2, 7)
    assert (row.first, row.last) == ("2026-11-21T07:00:00.000Z", "2026-11-21T08:00:00.000Z")


def test_a_replayed_document_keeps_its_origin(rejects: Rejects) -> None:
    rejects.add([replace(reject(), origin="old.ndjson line 29")])
    rejects.add([reject(reason="once more")])
    (row,) = rejects.rows()
    assert (row.origin, row.reason) == ("old.ndjson line 29", "once more")
    rejects.add([replace(reject(), origin="new.ndjson line 2")])
    rejects.add([replace(reject(version=4), origin="older.ndjson line 3")])
    assert next(iter(rejects.rows())).origin == "new.ndjson line 2"


def test_a_database_without_the_column_origin_is_migrated(tmp_path: Path) -> None:
    old = Database(tmp_path / "rejects.db", MIGRATIONS[:1])
    with old.transaction() as connection:
        connection.execute("INSERT INTO rejects VALUES ('a', 'i', 5, 'line 3: bad', '{}', 't', 't', 1)")
    old.close()
    kept = Rejects(tmp_path, Clock().now)
    (row,) = kept.rows()
    assert (row.document_id, row.reason, row.origin) == ("a", "line 3: bad", "")
    kept.close()


def test_an_older_version_does_not_replace_a_newer_one(rejects: Rejects) -> None:
    rejects.add([reject(version=6, reason="newer", document=b"newer")])
    rejects.add([reject(version=5, reason="older", document=b"older")])
    (row,) = rejects.rows()
    assert (row.reason, row.version, row.attempts) == ("newer", 6, 2)
    assert list(rejects.documents()) == [("zoom:main:a", b"newer")]


def test_a_stored_document_is_removed_unless_a_later_version_was_refused(rejects: Rejects) -> None:
    rejects.add([reject("a", 5), reject("b", 9)])
    assert rejects.remove_loaded([("a", 5), ("b", 8), ("c", 1)]) == 1
    assert [row.document_id for row in rejects.rows()] == ["b"]


def test_without_rejects_nothing_has_to_be_looked_up(tmp_path: Path) -> None:
    first = Rejects(tmp_path, Clock().now)
    assert not first.any
    first.add([])
    assert not first.any
    first.add([reject()])
    assert first.any
    first.close()
    again = Rejects(tmp_path, Clock().now)
    assert again.any
    assert again.drop() == 1
    again.close()


def test_an_export_has_one_document_per_line(rejects: Rejects) -> None:
    rejects.add([reject(f"d{n:03}", document=b'{"n":%d}' % n) for n in range(PAGE * 2 + 1)])
    rejects.add([reject("sha256:0", document=b"")])
    stream = io.BytesIO()
    assert rejects.export(stream) == PAGE * 2 + 1
    assert stream.getvalue().splitlines() == [b'{"n":%d}' % n for n in range(PAGE * 2 + 1)]


def test_rejects_may_be_deleted_while_they_are_read(rejects: Rejects) -> None:
    rejects.add([reject(f"d{n:03}") for n in range(PAGE * 2 + 1)])
    seen = []
    for document_id, _ in rejects.documents():
        seen.append(document_id)
        rejects.remove_loaded([(document_id, 5)])
    assert len(seen) == PAGE * 2 + 1
    assert len(rejects) == 0


def test_some_or_all_rejects_are_dropped(rejects: Rejects) -> None:
    rejects.add([reject("a"), reject("b"), reject("c")])
    assert rejects.drop(["a", "nobody"]) == 1
    assert rejects.drop() == 2
    assert len(rejects) == 0


def test_long_reasons_are_cut_and_lone_surrogates_replaced(rejects: Rejects) -> None:
    rejects.add([reject("\ud800", reason="r" * 10_000)])
    (row,) = rejects.rows()
    assert len(row.reason) == 2_000


def test_a_damaged_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "rejects.db").write_bytes(b"not a database, by far" * 100)
    with pytest.raises(StateError):
        Rejects(tmp_path, Clock().now)


def test_existing_rejects_are_read_wherever_they_are(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    with closing(Rejects(folder, Clock().now)) as kept:
        kept.add([reject("a")])

    def read() -> list[str]:
        with closing(open_existing_rejects(folder, Clock().now)) as existing:
            return [row.document_id for row in existing.rows()]

    with read_only(folder):
        assert without_privileges(read) == ["a"]
    assert read() == ["a"]
