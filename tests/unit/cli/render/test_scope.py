"""The names of accounts in `harvester status`: no two are equal, and none is longer than it must be."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from harvester.cli.render.scope import Scope, possible_names, unique_names
from harvester.state.account_status import AccountStatus, Backlog, Coverage

APIS = ("https://api.zoom.us/v2", "http://127.0.0.1:9/a", "http://127.0.0.1:9/b", "")
Key = tuple[str, str, str]


def scope(key: Key, source: str) -> Scope:
    account, api_url, prefix = key
    return Scope(
        vendor="zoom",
        account=account,
        api_url=api_url,
        source=source,
        es_url="http://es:9200",
        prefix=prefix,
        now=datetime(2026, 11, 20, tzinfo=UTC),
        zone=ZoneInfo("UTC"),
        running=False,
        reached=True,
        status=AccountStatus(
            runs=(),
            coverage=Coverage(),
            meetings={},
            backlog=Backlog(),
            gone=(),
            failed_partitions=(),
            refused_partitions=(),
            expiring=None,
        ),
        quotas={},
        rejects=0,
    )


def names(*keys: Key) -> list[str]:
    return unique_names([scope(key, f"{number:012x}") for number, key in enumerate(keys)])


def test_a_name_has_no_more_than_it_needs() -> None:
    zoom, simulated, other_path, _ = APIS
    assert names(("main", zoom, "a-")) == ["zoom/main"]
    assert names(("main", zoom, "a-"), ("berlin", zoom, "a-")) == ["zoom/main", "zoom/berlin"]
    assert names(("main", zoom, "a-"), ("main", zoom, "b-")) == [
        "zoom/main/a-@http://es:9200",
        "zoom/main/b-@http://es:9200",
    ]
    assert names(("main", zoom, "a-"), ("main", simulated, "a-"), ("main", other_path, "a-")) == [
        "zoom/main@api.zoom.us/a-@http://es:9200",
        "zoom/main@000000000001/a-@http://es:9200",
        "zoom/main@000000000002/a-@http://es:9200",
    ]


@given(
    st.lists(
        st.tuples(st.sampled_from(["main", "two"]), st.sampled_from(APIS), st.sampled_from(["a-", "b-"]))
    )
)
def test_no_two_names_are_equal_and_each_belongs_to_one_account(keys: list[Key]) -> None:
    scopes = [scope(key, f"{number:012x}") for number, key in enumerate(keys)]
    found = unique_names(scopes)
    assert len({*found}) == len(scopes)
    for name, named in zip(found, scopes, strict=True):
        assert [each for each in scopes if name in possible_names(each)] == [named]


def test_without_accounts_there_are_no_names() -> None:
    assert unique_names([]) == []
