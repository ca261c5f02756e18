from __future__ import annotations

from contextlib import ExitStack, closing
from pathlib import Path

import orjson
import pytest

from connectors.errors import ConfigurationError, LeaseHeld, LeaseLost
from harvester.state.journal import Journal
from harvester.state.layout import account_folder, journal_folder, quota_folder, rejects_folder
from harvester.state.quotas_and_tokens import AccountState
from harvester.state.rejects import Reject
from harvester.state.shared.lease import LEASE_SECONDS
from harvester.state.shared.shared_pool import PoolKey, account_log, journal_log
from tests.unit.state.shared.machine import ACCOUNT, API_URL, HOST, NOW, POOL, PREFIX, VENDOR, Machine, rows
from tests.unit.state.shared.memory_store import Documents
from tests.unit.state.shared.operations import STEPS, intents, outcomes, quota, reject, run, token


@pytest.fixture
def documents() -> Documents:
    return Documents()


@pytest.fixture
def machine(documents: Documents, tmp_path: Path) -> Machine:
    return Machine(documents, tmp_path / "one")


@pytest.fixture
def other(documents: Documents, tmp_path: Path) -> Machine:
    return Machine(documents, tmp_path / "other")


def own_state(folder: Path) -> tuple[AccountState, Journal]:
    """The databases that a machine had before it shared its state."""
    account = account_folder(folder, VENDOR, ACCOUNT, API_URL)
    quotas = quota_folder(folder, VENDOR, API_URL, POOL)
    return (
        AccountState(account, lambda: NOW, quotas=quotas),
        Journal(journal_folder(account, rejects_folder(folder, HOST, PREFIX))),
    )


def test_another_machine_goes_on_with_what_the_first_one_knew(machine: Machine, other: Machine) -> None:
    with machine.account() as opened:
        for step in STEPS[:-1]:
            step(opened)
    with other.account() as opened:
        assert opened.journal.counts()["done"] == 2
        assert opened.state.quota_used("heavy") == 1
        stored = opened.state.read("webex")
        assert stored is not None
        assert stored.refresh is not None
        assert len(opened.rejects) == 1


def test_quotas_are_in_the_log_by_the_hundred_before_the_calls(machine: Machine, other: Machine) -> None:
    with pytest.raises(LeaseLost), machine.account() as opened:
        opened.state.consume_quota("heavy", limit=1_000)
        machine.worker.close()
        with other.account() as elsewhere:  # the first machine was killed
            assert elsewhere.state.quota_used("heavy") == 100
        with pytest.raises(LeaseLost):
            opened.state.consume_quota("heavy", 100, limit=1_000)


def test_a_pool_that_another_worker_uses_is_refused(machine: Machine, other: Machine) -> None:
    with machine.pool():
        original = other.wait

        def wait(seconds: float) -> None:
            original(seconds)
            machine.seconds += seconds
            machine.worker.beat()

        other.shared._wait = wait
        with pytest.raises(LeaseHeld), other.pool():
            pass
    assert other.seconds < 1.0


def test_the_pool_of_a_dead_worker_is_taken_over_and_the_dead_one_is_not_heard(
    machine: Machine, other: Machine
) -> None:
    with pytest.raises(LeaseLost), machine.account() as opened:
        intents(opened)
        with other.account() as elsewhere:
            assert other.seconds >= LEASE_SECONDS
            with pytest.raises(LeaseLost):
                outcomes(opened)
            outcomes(elsewhere)


def test_two_accounts_of_a_pool_share_its_lease(machine: Machine, other: Machine) -> None:
    with ExitStack() as stack:
        first = stack.enter_context(machine.pool())
        with machine.pool() as second:
            assert second is first
        first.require()
        stack.close()
        with pytest.raises(LeaseLost):
            first.require()
    with other.pool():
        assert other.seconds == 0


def test_a_successor_on_the_same_machine_does_not_wait_for_the_copy_of_a_stopped_process(
    machine: Machine, documents: Documents
) -> None:
    twin = Machine(documents, machine.folder)
    with pytest.raises(LeaseLost), machine.account() as opened:
        intents(opened)
        with twin.account() as elsewhere:
            assert elsewhere.pool.folder != opened.pool.folder
            outcomes(elsewhere)
            there = rows(elsewhere.pool.folder)
        outcomes(opened)
    third = Machine(documents, machine.folder)
    with third.pool() as pool:
        assert rows(pool.folder)["journal.db"] == there["journal.db"]


def test_a_released_pool_sends_nothing_more(machine: Machine) -> None:
    with machine.pool() as pool:
        pool.require()
    with pytest.raises(LeaseLost):
        pool.require()


def test_the_log_begins_with_what_this_machine_had(machine: Machine, other: Machine) -> None:
    state, journal = own_state(machine.folder)
    with closing(journal), closing(state):
        for step in (token, quota):
            step(_Own(state, journal))  # type: ignore[arg-type]  # the steps use these two only
        for step in (run, intents, outcomes):
            step(_Own(state, journal))  # type: ignore[arg-type]  # the steps use these two only
    before = rows(machine.folder)
    with machine.account() as opened:
        shared = rows(opened.pool.folder)
    assert shared["journal.db"] == before["journal.db"]
    assert shared["account.db"] == before["account.db"]
    assert {name: tables for name, tables in rows(machine.folder).items() if name in before}
    with other.account() as opened:
        assert rows(opened.pool.folder)["journal.db"] == before["journal.db"]
        assert opened.state.quota_used("heavy") == 1


class _Own:
    def __init__(self, state: AccountState, journal: Journal) -> None:
        self.state, self.journal = state, journal


def test_a_log_that_knows_the_account_does_not_take_over_another_machine_s_own_state(
    machine: Machine, other: Machine
) -> None:
    with machine.account():
        pass
    state, journal = own_state(other.folder)
    with closing(journal), closing(state):
        state.set_fact("mine", "1")
    with other.account() as opened:
        assert opened.state.get_fact("mine") is None


def test_a_refresh_token_of_this_machine_is_not_taken_over_without_a_key(
    documents: Documents, tmp_path: Path
) -> None:
    machine = Machine(documents, tmp_path, key=None)
    state, journal = own_state(tmp_path)
    with closing(journal), closing(state):
        token(_Own(state, journal))  # type: ignore[arg-type]  # it uses these two only
    with pytest.raises(ConfigurationError, match="HARVESTER_STATE_KEY"), machine.account():
        pass


def test_a_database_comes_into_the_log_with_its_first_row(documents: Documents, machine: Machine) -> None:
    with machine.account() as opened:
        opened.state.set_fact("one", "1")
        with machine.pool() as again:  # as another account of the pool
            again.recorder("rejects")
        opened.rejects.add([])
        run(opened)
    logged = [
        orjson.loads(body)["database"]
        for name, (body, _) in documents.stored.items()
        if name.startswith("entry-")
    ]
    assert {*logged} == {"", "account:main", "journal:main"}


def test_an_account_that_shares_a_database_without_rows_does_not_make_it_again(machine: Machine) -> None:
    with machine.account() as opened:
        with machine.pool() as again:
            again.recorder("rejects")
        reject(opened)
        assert rows(opened.pool.folder)["rejects.db"]["rejects"]


def test_rejects_are_counted_once_though_their_changes_are_recorded(machine: Machine) -> None:
    with machine.account() as opened:
        for name in "abc":
            opened.rejects.add([Reject(document_id=name, index="i", version=1, reason="r", document=b"{}")])
        assert opened.rejects.remove_loaded([("a", 1), ("x", 1)]) == 1
        assert opened.rejects.remove_loaded([]) == 0
        assert (opened.rejects.drop(["b", "x"]), opened.rejects.drop([]), opened.rejects.drop()) == (1, 0, 1)


def test_a_recorder_is_found_by_the_file(machine: Machine, tmp_path: Path) -> None:
    with machine.account() as opened:
        for path in opened.pool.folder.rglob("account.db"):
            opened.pool.recorder_of(path)
        with pytest.raises(ValueError, match="other"):
            opened.pool.recorder_of(tmp_path / "other.db")


def test_a_pool_is_opened_by_its_name_and_goes_on_with_the_same_log(
    documents: Documents, machine: Machine, other: Machine
) -> None:
    with machine.account() as opened:
        for step in STEPS[:-1]:
            step(opened)
        copy = opened.pool.folder
    there = rows(copy)
    (name,) = machine.store.pools()
    with other.shared.open_named(name) as pool:
        assert rows(pool.folder) == there
        assert other.shared._own_state in pool.folder.parents
        (journal,) = pool.folder.rglob("journal.db")
        with closing(Journal(journal.parent, recorder=pool.recorder_of(journal))) as opened_journal:
            opened_journal.set_fact("seen by", "other")
    assert not pool.folder.exists()
    with machine.account() as opened:
        assert opened.journal.fact("seen by") == "other"


def test_the_copies_of_this_machine_are_removed_unless_a_process_uses_them(
    machine: Machine, other: Machine
) -> None:
    with machine.account() as opened:
        run(opened)
        (name,) = machine.store.pools()
        machine.shared.remove_copies(name)
        assert rows(opened.pool.folder)["journal.db"]["runs"]
    machine.shared.remove_copies(name)
    assert list(machine.folder.rglob("*.db*")) == []
    with machine.account() as opened:
        assert len(opened.journal.runs(5)) == 1


def test_who_has_the_lease_is_waited_for(machine: Machine, other: Machine) -> None:
    with machine.pool():
        (name,) = machine.store.pools()
        original = other.wait

        def wait(seconds: float) -> None:
            original(seconds)
            machine.wait(seconds)

        other.shared._wait = wait
        with pytest.raises(LeaseHeld):
            other.shared.require_free(name)
    other.shared.require_free(name)
    with machine.pool():
        pass


def test_every_database_of_a_pool_has_a_file_and_other_names_have_none(tmp_path: Path) -> None:
    key = PoolKey(vendor=VENDOR, api_url=API_URL, pool=POOL, account="", host=HOST, prefix=PREFIX)
    names = ("quotas", "rejects", account_log("a"), account_log("b"), journal_log("a"))
    files = [key.find(tmp_path, name) for name in names]
    paths = {file.path for file in files if file is not None}
    assert len(paths) == len(names)
    assert key.find(tmp_path, "something") is None
    assert key.find(tmp_path, "something:else") is None


def test_pools_of_other_accounts_projects_and_addresses_have_other_names() -> None:
    def name(**changed: str) -> str:
        given = {"vendor": "zoom", "api_url": "u", "pool": "", "account": "a", "host": HOST, "prefix": PREFIX}
        return PoolKey(**{**given, **changed}).name

    names = {name(), name(account="b"), name(pool="p"), name(api_url="v"), name(vendor="webex")}
    assert len(names) == 5
    assert name(host="http://another:9200") == name(prefix="other-") == name()
