from __future__ import annotations

from collections.abc import Callable

import pytest

from connectors.errors import CredentialsError
from connectors.meetecho import Meetecho
from connectors.models import SkippedPartition
from tests.unit.fake_context import FakeContext
from tests.unit.meetecho.fake_api import DAY, Account

Build = Callable[..., Meetecho]


def test_tokens_are_stored_for_other_runs_and_renewed_when_refused(
    meetecho: Build, account: Account, context: FakeContext
) -> None:
    list(meetecho().meetings(DAY))
    list(meetecho().meetings(DAY))
    assert account.tokens_had == 1
    account.bearers = {}  # Meetecho forgot them
    assert not [one for one in meetecho().meetings(DAY) if isinstance(one, SkippedPartition)]
    assert account.tokens_had == 2
    assert context.tokens.writes == 2


@pytest.mark.parametrize("status", [400, 403, 404])
def test_a_refused_group_does_not_stop_the_others(status: int, meetecho: Build, account: Account) -> None:
    account.rooms["beta"] = {}
    account.add("group/group", 8, acronym="beta")
    good = '{"tokens": {"beta": "t"}}'
    account.refused["/tokens"] = [(status, {}, "marked"), (status, {}, "marked"), (200, {}, good)]
    account.bearers["beta"] = "bearer t"
    found = list(meetecho(MEETECHO_GROUPS="acro,beta").meetings(DAY))
    assert [one.partition for one in found if isinstance(one, SkippedPartition)] == ["group acro"]


def test_a_refused_new_group_does_not_stop_groups_with_a_token(meetecho: Build, account: Account) -> None:
    list(meetecho().meetings(DAY))
    account.refused["/tokens"] = [(403, {}, "marked-body")]
    found = list(meetecho(MEETECHO_GROUPS="acro,beta").meetings(DAY))
    assert [one.partition for one in found if isinstance(one, SkippedPartition)] == ["group beta"]


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_end_the_run(status: int, meetecho: Build, account: Account) -> None:
    account.refused["/tokens"] = [(status, {}, "marked-body")]
    with pytest.raises(CredentialsError, match="MEETECHO_CLIENT_SECRET") as refused:
        list(meetecho(MEETECHO_GROUPS="acro,beta").meetings(DAY))
    assert "marked" not in str(refused.value)
