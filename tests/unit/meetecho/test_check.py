"""What works, and what to do about the rest, for both hosts."""

from __future__ import annotations

from collections.abc import Callable

from connectors.meetecho import Meetecho
from tests.unit.meetecho.fake_api import Account

Build = Callable[..., Meetecho]


def test_both_hosts_are_checked_group_by_group(meetecho: Build, account: Account) -> None:
    account.session()
    account.attends(1)
    results = list(meetecho().check())
    assert [result.status for result in results] == ["ok"] * 4
    assert any(result.message == "answers, sessions: 1" for result in results)


def test_without_credentials_it_names_the_source_that_is_read_instead(alone: Build, account: Account) -> None:
    account.session()
    account.attends(1)
    first, *others = alone().check()
    assert (first.status, {result.status for result in others}) == ("warning", {"ok"})


def test_failures_say_what_to_do(meetecho: Build, account: Account) -> None:
    account.session()
    account.attends(1)
    failed = [
        result for result in meetecho(MEETECHO_CLIENT_SECRET="marked-wrong").check() if result.status != "ok"
    ]
    assert [(result.status, result.exit_code) for result in failed] == [("failed", 77)]
    assert "MEETECHO_CLIENT_SECRET" in failed[0].remedy
    assert "marked" not in repr(failed)


def test_an_unknown_group_is_named(meetecho: Build, account: Account) -> None:
    account.session()
    account.attends(1)
    failed = [r for r in meetecho(MEETECHO_GROUPS="acro,typo").check() if r.status == "failed"]
    assert len(failed) == 2
    assert all("typo" in result.subject and result.remedy for result in failed)
