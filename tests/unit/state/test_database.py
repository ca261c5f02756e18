"""Opening, migrating and refusing a SQLite file."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest

from connectors.errors import Exhausted, OutputError, StateError
from harvester.state import database
from harvester.state.database import Database
from harvester.state.losses import LOSSES
from harvester.state.quotas_and_tokens import MIGRATIONS
from tests.unit.state.state_databases import ALL_MIGRATIONS
from tests.unprivileged import read_only, without_privileges


def test_a_database_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "account.db"
    Database(path, [*MIGRATIONS, "CREATE TABLE later (x)"]).close()
    with pytest.raises(StateError, match="newer version"):
        Database(path, MIGRATIONS)


def test_an_older_database_is_migrated_and_keeps_its_content(tmp_path: Path) -> None:
    path = tmp_path / "account.db"
    old = Database(path, MIGRATIONS)
    with old.transaction() as connection:
        connection.execute("INSERT INTO facts VALUES ('a', 'b')")
    old.close()
    new = Database(path, [*MIGRATIONS, "CREATE TABLE later (x)"])
    with new.reading() as connection:
        assert connection.execute("SELECT * FROM facts").fetchall() == [("a", "b")]
        assert connection.execute("SELECT count(*) FROM later").fetchone() == (0,)
    new.close()


@pytest.mark.parametrize("damage", [b"this is not a database, whatever its name says" * 20, None])
def test_a_damaged_database_is_refused_and_left_as_it_is(tmp_path: Path, damage: bytes | None) -> None:
    path = tmp_path / "account.db"
    database = Database(path, MIGRATIONS)
    with database.transaction() as connection:
        connection.executemany("INSERT INTO facts VALUES (?, ?)", [(str(n), "x" * 500) for n in range(100)])
    database.close()
    path.write_bytes(damage or path.read_bytes()[:9000])
    before = path.read_bytes()
    with pytest.raises(StateError, match="damaged"):
        Database(path, MIGRATIONS)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("journal.db", "the index is the same without it"),
        ("rejects.db", "lost with it, unless they were exported"),
        ("account.db", "no meeting and no document is lost"),
    ],
)
def test_the_message_says_what_moving_a_damaged_file_away_costs(
    tmp_path: Path, name: str, words: str
) -> None:
    path = tmp_path / name
    path.write_bytes(b"this is not a database, whatever its name says" * 20)
    with pytest.raises(StateError, match=f"{name} is damaged.*move it away") as refused:
        Database(path, MIGRATIONS)
    assert words.lower() in str(refused.value).lower()


def make(path: Path, migrations: Sequence[str] = MIGRATIONS) -> Path:
    Database(path, migrations).close()
    return path


def set_pragma(path: Path, name: str, value: int) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA {name} = {value}")


def without_its_log(path: Path) -> None:
    """As a backup leaves it that copies `*.db` of a run that was killed: everything was in the log."""
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")


def empty_beside_its_log(path: Path) -> None:
    path.with_name(f"{path.name}-wal").write_bytes(b"the latest changes" * 100)
    path.write_bytes(b"")


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (lambda path: path.write_bytes(b""), "it is empty"),
    "empty beside its log": (empty_beside_its_log, "it is empty"),
    "only a few bytes": (lambda path: path.write_bytes(path.read_bytes()[:99]), "it is empty"),
    "only the first page": (lambda path: os.truncate(path, 4096), "is damaged"),
    "only the first half": (lambda path: os.truncate(path, path.stat().st_size // 2), "is damaged"),
    "without its log": (without_its_log, "it has no tables"),
    "of an impossible schema": (lambda path: set_pragma(path, "user_version", -1), "its schema is -1"),
    "of another program": (lambda path: set_pragma(path, "application_id", 7), "not a state database"),
    "of a newer version": (lambda path: set_pragma(path, "user_version", 99), "newer version"),
}


@pytest.mark.parametrize("name", ALL_MIGRATIONS)
@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("read_only", [False, True])
def test_a_damaged_database_is_never_begun_again(
    tmp_path: Path, name: str, damage: str, *, read_only: bool
) -> None:
    path = make(tmp_path / name, ALL_MIGRATIONS[name])
    spoil, words = DAMAGES[damage]
    spoil(path)
    before = {each: each.read_bytes() for each in tmp_path.iterdir()}
    for _ in range(2):  # the first look changes nothing for the second one
        with pytest.raises(StateError, match=words) as refused:
            Database(path, ALL_MIGRATIONS[name], read_only=read_only)
        assert str(path) in str(refused.value)
        assert refused.value.exit_code == 78
        assert "is damaged" not in str(refused.value) or LOSSES[name] in str(refused.value)
    kept = {each: each.read_bytes() for each in tmp_path.iterdir() if not each.name.endswith("-shm")}
    assert kept == before


@pytest.mark.parametrize("name", ALL_MIGRATIONS)
def test_another_state_database_of_this_name_is_refused(tmp_path: Path, name: str) -> None:
    other = "account.db" if name == "privacy.db" else "privacy.db"
    path = make(tmp_path / "copy.db", ALL_MIGRATIONS[other]).rename(tmp_path / name)
    set_pragma(path, "user_version", len(ALL_MIGRATIONS[name]))
    with pytest.raises(StateError, match=f"{name} is damaged: it lacks "):
        Database(path, ALL_MIGRATIONS[name])


KILLS = """
import os, signal, sys
from pathlib import Path
from harvester.state import database
from harvester.state.quotas_and_tokens import MIGRATIONS

def die_at(line, path):
    def trace(frame, event, _argument):
        nonlocal line
        if frame.f_code.co_filename not in {database.__file__, database.connect.__code__.co_filename}:
            return None
        if event == "line":
            line -= 1
            if not line:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    sys.settrace(trace)
    database.Database(path, MIGRATIONS)
    os._exit(0)

line = 1
while True:
    if (child := os.fork()) == 0:
        die_at(line, Path(sys.argv[1]) / str(line) / "account.db")
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != -signal.SIGKILL:
        break
    line += 1
"""
"""Begins new databases in processes that kill themselves, each before another line of the modules."""


@pytest.mark.parametrize("opened", ["to read", "to write"])
def test_a_database_whose_making_was_killed_is_not_damaged(tmp_path: Path, opened: str) -> None:
    """At every line: whatever is left, the next process goes on, and from then on an empty file is damaged."""
    subprocess.run([sys.executable, "-c", KILLS, str(tmp_path)], check=True)
    left_empty = 0
    for folder in tmp_path.iterdir():
        path = folder / "account.db"
        left_empty += path.exists() and not path.stat().st_size
        if opened == "to read" and path.exists():
            with closing(Database(path, MIGRATIONS, read_only=True)) as read:
                assert read.fetch_all("SELECT * FROM facts") == []
        make(path)
        assert [each.name for each in folder.iterdir()] == ["account.db"]
        os.truncate(path, 0)
        with pytest.raises(StateError, match="it is empty"):
            Database(path, MIGRATIONS)
    assert left_empty > 5


@pytest.mark.parametrize("begun", ["empty", "without tables"])
@pytest.mark.parametrize("read_only", [False, True])
def test_another_process_may_finish_the_database_while_this_one_looks_at_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begun: str, *, read_only: bool
) -> None:
    """Between the look at the file and the look at what is beside it."""
    path = tmp_path / "account.db"
    (path.touch if begun == "empty" else partial(without_its_log, make(path)))()
    marker = path.with_name("account.db.unfinished")
    marker.touch()
    looked = Database._is_unfinished

    def finish_first(self: Database) -> bool:
        monkeypatch.undo()
        make(path)
        return looked(self)

    monkeypatch.setattr(Database, "_is_unfinished", finish_first)
    with closing(Database(path, MIGRATIONS, read_only=read_only)) as opened:
        assert opened.fetch_all("SELECT * FROM facts") == []
    assert not marker.exists()


def test_a_database_of_another_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "account.db"
    with sqlite3.connect(path) as foreign:
        foreign.execute("CREATE TABLE t (x)")
    foreign.close()
    with pytest.raises(StateError, match="not a state database"):
        Database(path, MIGRATIONS)


def test_a_state_folder_that_cannot_be_created_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="HARVESTER_STATE_DIR"):
        Database(tmp_path / "file" / "account.db", MIGRATIONS)


def test_a_full_disk_is_an_output_error_and_the_transaction_is_rolled_back(tmp_path: Path) -> None:
    database = Database(tmp_path / "account.db", MIGRATIONS)
    with database.reading() as connection:
        connection.execute("PRAGMA max_page_count = 12")
    rows = [(str(n), "x" * 1000) for n in range(1000)]
    with pytest.raises(OutputError, match="free some space"), database.transaction() as connection:
        connection.executemany("INSERT INTO facts VALUES (?, ?)", rows)
    with database.reading() as connection:
        assert connection.execute("SELECT count(*) FROM facts").fetchone() == (0,)
    database.close()


def test_an_older_schema_is_read_without_being_migrated_on_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "some.db"
    with closing(Database(path, MIGRATIONS)) as old, old.transaction() as connection:
        connection.execute("INSERT INTO facts VALUES ('vendor', 'zoom')")
    before = path.read_bytes()
    newer = (*MIGRATIONS, "ALTER TABLE facts ADD COLUMN more TEXT DEFAULT 'added'")
    with closing(Database(path, newer, read_only=True)) as read, read.reading() as connection:
        assert connection.execute("SELECT * FROM facts").fetchall() == [("vendor", "zoom", "added")]
    assert path.read_bytes() == before


class Interleaved:
    """A connection before whose statement of this number another process creates the database."""

    def __init__(self, connection: sqlite3.Connection, number: int, create: Callable[[], None]) -> None:
        self._connection = connection
        self._left = number
        self._create = create

    def execute(self, *arguments: Any) -> sqlite3.Cursor:
        if self._left == 0:
            self._create()
        self._left -= 1
        return self._connection.execute(*arguments)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


@pytest.mark.parametrize("number", range(5))
def test_another_process_may_create_the_database_at_any_moment_of_its_opening(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    path = tmp_path / "new.db"
    script = "CREATE TABLE one (x); CREATE TABLE two (x)"
    connect = database.connect
    connections = iter([number])

    def interleaved(uri: str) -> Any:
        opened = connect(uri)
        if (turn := next(connections, None)) is None:
            return opened
        return Interleaved(opened, turn, lambda: Database(path, [script]).close())

    monkeypatch.setattr(database, "connect", interleaved)
    with closing(Database(path, [script])) as opened:
        assert opened.fetch_all("SELECT * FROM one") == []


class Commits:
    """A recorder that counts."""

    def __init__(self) -> None:
        self.count = 0

    def on_open(self, schema: int) -> None: ...

    def attach(self, connection: sqlite3.Connection) -> None: ...

    def before_commit(self, connection: sqlite3.Connection) -> None:
        self.count += 1

    def commit_failed(self) -> None: ...


INSERT = "INSERT INTO facts VALUES (?, ?)"


def test_grouped_transactions_are_one(tmp_path: Path) -> None:
    path, commits = tmp_path / "account.db", Commits()
    with closing(Database(path, MIGRATIONS, recorder=commits)) as grouped:
        with grouped.grouped():
            for name in "ab":
                with grouped.transaction() as connection:
                    connection.execute(INSERT, (name, "1"))
                assert grouped.fetch_one("SELECT count(*) FROM facts WHERE name = ?", name) == (1,)
            with closing(Database(path, MIGRATIONS, read_only=True)) as other:
                assert other.fetch_all("SELECT name FROM facts") == []
        assert commits.count == 1
        with grouped.transaction() as connection:
            connection.execute(INSERT, ("c", "1"))
        assert commits.count == 2
    with closing(Database(path, MIGRATIONS)) as again:
        assert again.fetch_all("SELECT name FROM facts ORDER BY name") == [("a",), ("b",), ("c",)]


def test_what_was_done_before_an_error_in_a_group_is_committed_and_the_failed_part_is_not(
    tmp_path: Path,
) -> None:
    path = tmp_path / "account.db"
    with closing(Database(path, MIGRATIONS)) as grouped:
        with pytest.raises(ValueError, match="stop"), grouped.grouped():
            with grouped.transaction() as connection:
                connection.execute(INSERT, ("a", "1"))
            with grouped.transaction() as connection:
                connection.execute(INSERT, ("b", "1"))
                raise ValueError("stop")
        assert grouped.fetch_all("SELECT name FROM facts") == [("a",)]
        with grouped.grouped(), grouped.transaction() as connection:
            connection.execute(INSERT, ("c", "1"))
    with closing(Database(path, MIGRATIONS)) as again:
        assert again.fetch_all("SELECT name FROM facts ORDER BY name") == [("a",), ("c",)]


def test_a_transaction_of_another_thread_waits_for_the_group(tmp_path: Path) -> None:
    path, order = tmp_path / "account.db", []

    def insert(name: str) -> None:
        with grouped.transaction() as connection:
            connection.execute(INSERT, (name, "1"))
            order.append(name)

    with closing(Database(path, MIGRATIONS)) as grouped:
        other = Thread(target=insert, args=("other",))
        with grouped.grouped():
            other.start()
            insert("own")
        other.join()
    assert order == ["own", "other"]


def test_a_group_that_cannot_be_committed_leaves_nothing(tmp_path: Path) -> None:
    class Refusing(Commits):
        def before_commit(self, connection: sqlite3.Connection) -> None:
            super().before_commit(connection)
            if self.count == 1:
                raise OutputError("no")

    with closing(Database(tmp_path / "account.db", MIGRATIONS, recorder=Refusing())) as grouped:
        with pytest.raises(OutputError), grouped.grouped(), grouped.transaction() as connection:
            connection.execute(INSERT, ("a", "1"))
        assert grouped.fetch_all("SELECT name FROM facts") == []
        with grouped.transaction() as connection:
            connection.execute(INSERT, ("b", "1"))
        assert grouped.fetch_all("SELECT name FROM facts") == [("b",)]


@pytest.mark.parametrize(("temporary", "synchronous"), [(False, 2), (True, 0)])
def test_only_a_temporary_database_may_be_lost_in_a_power_cut(
    tmp_path: Path, temporary: bool, synchronous: int
) -> None:
    with closing(Database(tmp_path / "a.db", MIGRATIONS, temporary=temporary)) as database:
        assert database.fetch_one("PRAGMA synchronous") == (synchronous,)


@pytest.mark.parametrize("makes_the_file", [True, False])
def test_too_many_open_files_are_named(tmp_path: Path, *, makes_the_file: bool) -> None:
    """SQLite only says that it is unable to open the file."""
    path = tmp_path / "account.db"
    if not makes_the_file:
        Database(path, MIGRATIONS).close()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        with pytest.raises(Exhausted, match="raise the limit .ulimit -n."):
            Database(path, MIGRATIONS, read_only=not makes_the_file)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize(("free", "remedy"), [(0, "free some space"), (10**9, "check the disk")])
def test_a_log_that_cannot_grow_on_a_full_disk_is_no_fault_of_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, remedy: str
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: SimpleNamespace(free=free))
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_SHMSIZE
    with (
        closing(Database(tmp_path / "account.db", MIGRATIONS)) as kept,
        pytest.raises(OutputError, match=rf"disk I/O error\): {remedy}$"),
        kept.reading(),
    ):
        raise error


def begun_by_a_killed_run(folder: Path) -> Path:
    """The latest changes are in the log only, beside which is its index."""
    path = make(folder / "account.db")
    kept = Database(path, MIGRATIONS)
    with kept.transaction() as connection:
        connection.execute(INSERT, ("in", "the log"))
    copies = [(each.name, each.read_bytes()) for each in folder.iterdir()]
    kept.close()
    for name, content in copies:
        (folder / name).write_bytes(content)
    return path


@pytest.mark.parametrize("index", ["with", "without"])
@pytest.mark.parametrize("opened", [{"read_only": True}, {"in_memory": True}])
def test_a_folder_that_cannot_be_written_is_read_with_the_latest_changes(
    tmp_path: Path, index: str, opened: dict[str, bool]
) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    path = begun_by_a_killed_run(folder)
    assert path.with_name("account.db-shm").exists()
    if index == "without":
        path.with_name("account.db-shm").unlink()

    def read() -> list[Any]:
        with closing(Database(path, MIGRATIONS, **opened)) as database:
            return database.fetch_all("SELECT * FROM facts")

    with read_only(folder):
        assert without_privileges(read) == [("in", "the log")]


def test_a_database_in_memory_forgets_its_changes(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    path = make(folder / "account.db")

    def change(path: Path) -> None:
        with closing(Database(path, MIGRATIONS, in_memory=True)) as memory:
            with memory.transaction() as connection:
                connection.execute(INSERT, ("a", "1"))
            assert memory.fetch_all("SELECT * FROM facts") == [("a", "1")]

    with read_only(folder):
        without_privileges(lambda: change(path))
        without_privileges(lambda: change(folder / "missing" / "account.db"))


def test_a_folder_that_cannot_be_written_is_named_by_what_writes(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    path = make(folder / "account.db")

    def write() -> None:
        with closing(Database(path, MIGRATIONS)) as database, database.transaction():
            pass

    with read_only(folder), pytest.raises(OutputError, match="account.db cannot be written"):
        without_privileges(write)
