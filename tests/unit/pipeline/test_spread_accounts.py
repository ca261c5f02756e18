"""Which chunk each account is in, and what moves if accounts or chunks come and go."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.pipeline.quota_pool import QuotaPool
from harvester.pipeline.spread_accounts import chunk_number, jump_hash, split_into_chunks

Accounts = Sequence[tuple[str, QuotaPool]]


def pool(name: str, vendor: str = "zoom", account: str = "") -> QuotaPool:
    return QuotaPool(vendor=vendor, api_url="https://api.example", name=name, account=account)


def fleet(size: int) -> Accounts:
    return [(f"zoom/{number}", pool(f"id-{number}")) for number in range(size)]


def places(accounts: Accounts, count: int) -> dict[str, int]:
    return {name: number for number, chunk in enumerate(split_into_chunks(accounts, count)) for name in chunk}


POOLS = st.builds(pool, st.text(max_size=3), st.sampled_from(["zoom", "webex"]), st.text(max_size=2))
FLEETS = st.lists(POOLS, max_size=40).map(
    lambda pools: [(f"{each.vendor}/{number}", each) for number, each in enumerate(pools)]
)
COUNTS = st.integers(1, 300)


@given(FLEETS, COUNTS)
def test_every_account_is_in_one_chunk(accounts: Accounts, count: int) -> None:
    chunks = split_into_chunks(accounts, count)
    assert len(chunks) == count
    assert sorted(name for chunk in chunks for name in chunk) == sorted(name for name, _ in accounts)


@given(FLEETS, COUNTS)
def test_no_pool_is_split(accounts: Accounts, count: int) -> None:
    found = places(accounts, count)
    chunk_of: dict[QuotaPool, int] = {}
    assert all(chunk_of.setdefault(each, found[name]) == found[name] for name, each in accounts)


@given(FLEETS, COUNTS, st.data())
def test_an_account_that_comes_or_goes_moves_no_other(
    accounts: Accounts, count: int, data: st.DataObject
) -> None:
    without = [each for each in accounts if data.draw(st.booleans())]
    before = places(accounts, count)
    assert places(without, count) == {name: before[name] for name, _ in without}


@given(FLEETS, COUNTS)
def test_one_more_chunk_moves_accounts_only_into_itself(accounts: Accounts, count: int) -> None:
    before, after = places(accounts, count), places(accounts, count + 1)
    assert {after[name] for name in after if after[name] != before[name]} <= {count}


@given(FLEETS, COUNTS, st.randoms())
def test_the_order_of_the_accounts_does_not_matter(accounts: Accounts, count: int, random: st.Random) -> None:
    shuffled = random.sample(accounts, len(accounts))
    assert places(shuffled, count) == places(accounts, count)


def test_chunks_are_the_same_on_every_machine_and_in_every_version() -> None:
    found = [chunk_number(each, 200) for each in (pool("a"), pool("b"), pool("", "webex", "main"))]
    assert found == [93, 71, 75]


@pytest.mark.parametrize(
    ("key", "buckets", "bucket"),
    [(1, 1, 0), (42, 57, 43), (0xDEAD10CC, 1, 0), (0xDEAD10CC, 666, 361), (256, 1024, 520)],
)
def test_the_hash_is_that_of_its_authors(key: int, buckets: int, bucket: int) -> None:
    """Values that implementations in other languages test themselves with."""
    assert jump_hash(key, buckets) == bucket


def test_5000_accounts_fill_200_chunks_evenly() -> None:
    sizes = [len(chunk) for chunk in split_into_chunks(fleet(5000), 200)]
    assert min(sizes) >= 10
    assert max(sizes) <= 45


def test_a_tenth_more_chunks_moves_about_a_tenth_of_the_accounts() -> None:
    before, after = places(fleet(5000), 200), places(fleet(5000), 220)
    moved = sum(before[name] != after[name] for name in before)
    assert moved / 5000 == pytest.approx(1 - 200 / 220, abs=0.02)
