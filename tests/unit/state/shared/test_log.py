from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from connectors.errors import ConfigurationError, LeaseLost, OutputError, StateError, Unreachable
from harvester.state.shared.log import PoolLog, read_log
from harvester.state.shared.retry import StoreRetry
from harvester.state.shared.token_sealing import TokenSealer
from tests.unit.state.shared.machine import Machine
from tests.unit.state.shared.memory_store import Documents, MemoryStore
from tests.unit.state.shared.operations import ACCESS, REFRESH, STEPS, fact, token

POOL = "zoom-1"
CHANGE = ["facts", ["name"], ["name", "value"]]


class Clock:
    """Ends the lease after so many waits."""

    def __init__(self, waits: int = 100) -> None:
        self.left = waits

    def wait(self, _seconds: float) -> None:
        self.left -= 1

    def require(self) -> None:
        if self.left < 0:
            raise LeaseLost("over")

    @property
    def retry(self) -> StoreRetry:
        return StoreRetry(require=self.require, wait=self.wait)


@pytest.fixture
def documents() -> Documents:
    return Documents()


@pytest.fixture
def store(documents: Documents) -> MemoryStore:
    return MemoryStore(documents)


def opened(store: MemoryStore, writer: str, clock: Clock | None = None) -> PoolLog:
    return PoolLog(store, POOL, writer, (clock or Clock()).retry, TokenSealer(None))


def writers(store: MemoryStore) -> list[str]:
    return [entry.writer for entry in read_log(store, Clock().retry, POOL, 0)]


def test_entries_are_numbered_and_read_in_order(store: MemoryStore) -> None:
    log = opened(store, "a")
    for number in range(100):
        log.append("quotas", 1, [["facts", [str(number)], None]])
    found = list(read_log(store, Clock().retry, POOL, 0))
    assert [entry.number for entry in found] == list(range(1, 101))
    assert [entry.changes[0][1] for entry in found] == [[str(number)] for number in range(100)]
    assert [entry.number for entry in read_log(store, Clock().retry, POOL, 97)] == [98, 99, 100]


def test_a_create_whose_answer_was_lost_meets_its_own_document(store: MemoryStore) -> None:
    log = opened(store, "a")
    store.lose_answer = 1
    log.append("quotas", 1, [CHANGE])
    log.append("quotas", 1, [CHANGE])
    assert writers(store) == ["a", "a"]
    assert log.is_whole


def test_a_create_that_was_lost_is_sent_again(store: MemoryStore) -> None:
    log = opened(store, "a")
    store.lose_request = 1
    log.append("quotas", 1, [CHANGE])
    assert writers(store) == ["a"]


def test_the_append_of_a_worker_that_another_has_replaced_is_refused_for_good(store: MemoryStore) -> None:
    zombie, successor = opened(store, "a"), opened(store, "b")
    zombie.append("quotas", 1, [CHANGE])
    successor.head = zombie.head
    assert successor.begin()
    for _ in range(2):
        with pytest.raises(LeaseLost, match="another worker goes on"):
            zombie.append("quotas", 1, [CHANGE])
    assert writers(store) == ["a", "b"]
    assert not zombie.is_whole


def test_to_begin_where_another_has_appended_is_to_read_on(store: MemoryStore) -> None:
    first, second = opened(store, "a"), opened(store, "b")
    assert first.begin()
    assert not second.begin()


def test_nothing_is_appended_once_the_lease_is_lost(store: MemoryStore) -> None:
    store.down = True
    clock = Clock(waits=3)
    log = opened(store, "a", clock)
    with pytest.raises(LeaseLost, match="over"):
        log.append("quotas", 1, [CHANGE])
    store.down = False
    clock.left = 100
    with pytest.raises(LeaseLost, match="over"):
        log.append("quotas", 1, [CHANGE])
    assert writers(store) == []


def test_an_entry_that_cannot_be_read_is_no_state(store: MemoryStore) -> None:
    store.create(f"entry-{POOL}-000000001", {"format": 1})
    with pytest.raises(StateError, match="cannot be read"):
        writers(store)


def test_a_request_is_repeated_as_long_as_the_lease_is_held() -> None:
    def fail() -> None:
        raise Unreachable("no")

    clock = Clock(waits=3)
    with pytest.raises(LeaseLost):
        clock.retry.send(fail)
    assert clock.left == -1


def test_a_transaction_that_cannot_be_appended_is_rolled_back(documents: Documents, tmp_path: Path) -> None:
    machine = Machine(documents, tmp_path)
    with machine.account() as account:
        account.state.set_fact("before", "1")
        machine.store.down = True
        with pytest.raises(LeaseLost):
            account.state.set_fact("after", "1")
        assert account.state.get_fact("before") == "1"
        assert account.state.get_fact("after") is None


def test_after_a_commit_that_failed_nothing_more_is_appended(documents: Documents, tmp_path: Path) -> None:
    """The file lacks what the log has: later rows would be computed from the earlier ones."""
    machine = Machine(documents, tmp_path)

    class Full:
        def __init__(self, connection: sqlite3.Connection) -> None:
            self.connection = connection

        def __getattr__(self, name: str) -> object:
            return getattr(self.connection, name)

        def execute(self, statement: str, *values: object) -> object:
            if statement == "COMMIT":
                error = sqlite3.OperationalError("database or disk is full")
                error.sqlite_errorcode = sqlite3.SQLITE_FULL
                raise error
            return self.connection.execute(statement, *values)

    with machine.account() as account:
        database = account.state._database
        connection = database._connection
        database._connection = Full(connection)  # type: ignore[assignment]  # SQLite cannot be asked to fail here
        with pytest.raises(OutputError, match="free some space"):
            account.state.set_fact("one", "1")
        database._connection = connection
        appended = len(documents.stored)
        with pytest.raises(OutputError, match="goes on from the shared state"):
            account.state.set_fact("two", "2")
        assert len(documents.stored) == appended
    other = Machine(documents, tmp_path / "other")
    with other.account() as account:
        assert account.state.get_fact("one") == "1"
        assert account.state.get_fact("two") is None


def test_no_secret_is_in_the_index(documents: Documents, tmp_path: Path) -> None:
    with Machine(documents, tmp_path).account() as account:
        for step in STEPS:
            step(account)
    assert "webex" in documents.text
    for secret in (ACCESS, REFRESH):
        assert secret not in documents.text


def test_a_refresh_token_without_a_key_is_refused(documents: Documents, tmp_path: Path) -> None:
    machine = Machine(documents, tmp_path, key=None)
    with pytest.raises(ConfigurationError, match="HARVESTER_STATE_KEY"), machine.account() as account:
        token(account)
    assert REFRESH not in documents.text


def test_a_transaction_without_a_change_is_no_entry(documents: Documents, tmp_path: Path) -> None:
    with Machine(documents, tmp_path).account() as account:
        fact(account)
        before = len(documents.stored)
        account.rejects.drop(["nothing"])
        assert len(documents.stored) == before
