"""Quotas, facts, leases and tokens of one account."""

from __future__ import annotations

import shutil
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors.base import Token
from connectors.errors import OutputError, QuotaExhausted
from harvester.state.quotas_and_tokens import BLOCK, LEAST_LIFE, AccountState
from tests.unprivileged import read_only, without_privileges

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


class Calendar:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def calendar() -> Calendar:
    return Calendar()


def test_a_quota_is_counted_across_runs_and_ends_at_its_limit(tmp_path: Path, calendar: Calendar) -> None:
    first = AccountState(tmp_path, calendar)
    for _ in range(30):
        first.consume_quota("heavy", limit=50)
    first.close()
    second = AccountState(tmp_path, calendar)
    assert second.quota_used("heavy") == 30
    for _ in range(20):
        second.consume_quota("heavy", limit=50)
    with pytest.raises(QuotaExhausted) as spent:
        second.consume_quota("heavy", limit=50)
    assert spent.value.until == datetime(2026, 11, 21, tzinfo=UTC)
    second.close()


def test_a_quota_begins_again_at_midnight_utc(tmp_path: Path, calendar: Calendar) -> None:
    state = AccountState(tmp_path, calendar)
    state.consume_quota("heavy", 50, limit=50)
    calendar.now += timedelta(hours=12)
    state.consume_quota("heavy", limit=50)
    assert state.quota_used("heavy") == 1
    state.close()


def test_a_killed_run_leaves_its_quota_fuller_by_at_most_a_block_and_never_emptier(
    tmp_path: Path, calendar: Calendar
) -> None:
    killed = AccountState(tmp_path, calendar)
    for _ in range(BLOCK + 1):
        killed.consume_quota("heavy", limit=10_000)
    after = AccountState(tmp_path, calendar)
    assert BLOCK + 1 <= after.quota_used("heavy") <= 2 * BLOCK + 1


def test_two_processes_together_never_exceed_the_limit(tmp_path: Path, calendar: Calendar) -> None:
    states = [AccountState(tmp_path, calendar) for _ in range(2)]
    granted = [0, 0]

    def spend(place: int) -> None:
        for _ in range(400):
            try:
                states[place].consume_quota("heavy", limit=500)
            except QuotaExhausted:
                return
            granted[place] += 1

    threads = [threading.Thread(target=spend, args=(place,)) for place in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(granted) <= 500
    assert sum(granted) >= 500 - BLOCK


def test_facts_and_tokens_outlive_the_run(tmp_path: Path, calendar: Calendar) -> None:
    token = Token(access="a", expires_at=NOON, refresh="r", refresh_expires_at=NOON, scope="s t")
    first = AccountState(tmp_path, calendar)
    first.set_fact("qualities", "2026-11-20T12:00:00Z")
    first.write("main", token)
    first.close()
    second = AccountState(tmp_path, calendar)
    assert second.get_fact("qualities") == "2026-11-20T12:00:00Z"
    assert second.get_fact("other") is None
    assert second.read("main") == token
    assert second.read("other") is None
    second.close()


def test_a_lease_excludes_other_threads_runs_and_processes(tmp_path: Path, calendar: Calendar) -> None:
    states = [AccountState(tmp_path, calendar) for _ in range(2)]
    until = NOON + timedelta(minutes=5)
    with ThreadPoolExecutor(8) as pool:
        answer = list(pool.map(lambda n: states[n % 2].acquire_lease("call", until), range(40)))
    assert sorted(answer, key=str) == [*[until] * 39, None]
    assert states[0].acquire_lease("another", until) is None
    calendar.now = until - timedelta(seconds=1)
    assert states[1].acquire_lease("call", until) == until
    calendar.now = until
    assert states[1].acquire_lease("call", until + timedelta(minutes=5)) is None
    for state in states:
        state.close()


@pytest.mark.parametrize("microseconds", [1, 999, 1001, 999_999])
def test_a_lease_never_ends_early(tmp_path: Path, calendar: Calendar, microseconds: int) -> None:
    state = AccountState(tmp_path, calendar)
    calendar.now = NOON + timedelta(microseconds=microseconds)
    until = calendar.now + timedelta(minutes=5)
    state.acquire_lease("call", until)
    calendar.now = until - timedelta(microseconds=1)
    assert state.acquire_lease("call", until) is not None
    calendar.now = until + timedelta(milliseconds=1)
    assert state.acquire_lease("call", until) is None
    state.close()


def test_a_lease_can_be_extended_and_never_shortened(tmp_path: Path, calendar: Calendar) -> None:
    state = AccountState(tmp_path, calendar)
    state.acquire_lease("call", NOON + timedelta(minutes=5))
    state.extend_lease("call", NOON + timedelta(minutes=10))
    state.extend_lease("call", NOON + timedelta(minutes=1))
    assert state.acquire_lease("call", NOON) == NOON + timedelta(minutes=10)
    state.close()


def test_leases_are_deleted_when_they_have_ended(tmp_path: Path, calendar: Calendar) -> None:
    state = AccountState(tmp_path, calendar)
    for number in range(50):
        assert state.acquire_lease(f"call {number}", calendar.now + timedelta(minutes=5)) is None
        calendar.now += timedelta(minutes=1)
    assert kept_claims(state) <= 6
    state.close()


def test_a_lease_taken_by_a_wrong_clock_does_not_hold_for_ever(tmp_path: Path, calendar: Calendar) -> None:
    state = AccountState(tmp_path, calendar)
    calendar.now += timedelta(days=400)
    state.acquire_lease("call", calendar.now + timedelta(minutes=5))
    state.extend_lease("call", calendar.now + timedelta(days=9))
    calendar.now = NOON
    assert state.acquire_lease("call", NOON + timedelta(minutes=5)) is None
    state.close()


def kept_claims(state: AccountState) -> int:
    with state._database.reading() as connection:
        (kept,) = connection.execute("SELECT count(*) FROM claims").fetchone()
    return int(kept)


def test_a_token_lock_is_held_by_one_thread_at_a_time(tmp_path: Path, calendar: Calendar) -> None:
    states = [AccountState(tmp_path, calendar) for _ in range(2)]
    inside, most = 0, 0

    def enter(state: AccountState) -> None:
        nonlocal inside, most
        for _ in range(20):
            with state.locked("token"):
                inside += 1
                most = max(most, inside)
                inside -= 1

    threads = [threading.Thread(target=enter, args=(states[n % 2],)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_a_closed_state_creates_no_lock_file(tmp_path: Path, calendar: Calendar) -> None:
    state = AccountState(tmp_path / "a", calendar)
    state.close()
    shutil.rmtree(tmp_path / "a")
    with pytest.raises(RuntimeError, match="closed"), state.locked("token"):
        pass
    assert not (tmp_path / "a").exists()


def test_only_its_owner_can_read_the_state(tmp_path: Path, calendar: Calendar) -> None:
    AccountState(tmp_path / "a", calendar).close()
    assert stat.S_IMODE((tmp_path / "a" / "account.db").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o700


def test_accounts_of_one_pool_share_a_quota(tmp_path: Path, calendar: Calendar) -> None:
    pool = tmp_path / "quota-zoom-1"
    states = [AccountState(tmp_path / name, calendar, quotas=pool) for name in ("a", "b")]
    other = AccountState(tmp_path / "c", calendar)
    states[0].consume_quota("heavy", BLOCK, limit=BLOCK + 50)
    states[1].consume_quota("heavy", 50, limit=BLOCK + 50)
    for state in states:
        with pytest.raises(QuotaExhausted):
            state.consume_quota("heavy", limit=BLOCK + 50)
    other.consume_quota("heavy", BLOCK + 50, limit=BLOCK + 50)
    for state in (*states, other):
        state.close()
    with closing(AccountState(tmp_path / "a", calendar, quotas=pool)) as state:
        assert state.quota_used("heavy") == BLOCK + 50


def test_what_an_earlier_version_counted_moves_into_the_pool_once(tmp_path: Path, calendar: Calendar) -> None:
    pool = tmp_path / "quota-zoom-1"
    for name, count in (("a", 30), ("b", 12)):
        with closing(AccountState(tmp_path / name, calendar)) as earlier:
            earlier.consume_quota("heavy", count, limit=10_000)
    for _ in range(2):
        for name in ("a", "b"):
            AccountState(tmp_path / name, calendar, quotas=pool).close()
    with closing(AccountState(tmp_path / "a", calendar, quotas=pool)) as state:
        assert state.quota_used("heavy") == 42


def test_an_account_in_memory_knows_what_is_stored_and_stores_nothing(
    tmp_path: Path, calendar: Calendar
) -> None:
    folder, quotas = tmp_path / "state" / "account", tmp_path / "state" / "quotas"
    with closing(AccountState(folder, calendar, quotas=quotas)) as stored:
        stored.consume_quota("heavy", 40, limit=50)
        stored.set_fact("fact", "stored")
        stored.write("token", Token(access="a", expires_at=NOON + timedelta(hours=1)))

    def use() -> None:
        with closing(AccountState(folder, calendar, quotas=quotas, in_memory=True)) as state:
            assert (state.quota_used("heavy"), state.get_fact("fact")) == (40, "stored")
            with pytest.raises(QuotaExhausted):
                state.consume_quota("heavy", 11, limit=50)
            state.set_fact("fact", "changed")
            assert state.acquire_lease("lease", NOON + timedelta(minutes=1)) is None
            with state.locked("token"):
                assert state.read("token") is not None
                state.write("token", Token(access="b", expires_at=NOON + timedelta(hours=2)))

    with read_only(tmp_path / "state"):
        without_privileges(use)


def test_an_account_in_memory_creates_no_folder(tmp_path: Path, calendar: Calendar) -> None:
    state = AccountState(tmp_path / "a" / "b", calendar, quotas=tmp_path / "q", in_memory=True)
    state.consume_quota("heavy", limit=50)
    state.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("left", [LEAST_LIFE, LEAST_LIFE - timedelta(seconds=1)])
def test_a_login_is_not_renewed_if_the_new_one_cannot_be_stored(
    tmp_path: Path, calendar: Calendar, left: timedelta
) -> None:
    """The vendor may give a new refresh token for the stored one."""
    token = Token(access="a", expires_at=NOON + left, refresh="r", scope="s")
    with closing(AccountState(tmp_path, calendar)) as stored:
        stored.write("token", token)
    with closing(AccountState(tmp_path, calendar, in_memory=True)) as state:
        if left < LEAST_LIFE:
            with pytest.raises(OutputError, match="run this command as the owner of the folder"):
                state.read("token")
        else:
            assert state.read("token") == Token(access="a", expires_at=NOON + left, scope="s")
