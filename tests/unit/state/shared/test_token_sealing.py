from __future__ import annotations

import pytest
from cryptography.fernet import Fernet

from connectors.errors import ConfigurationError
from harvester.state.shared.token_sealing import TokenSealer

KEY, NEW_KEY = Fernet.generate_key().decode(), Fernet.generate_key().decode()
ROTATING = ["tokens", ["webex"], ["webex", '{"access":"a-secret","refresh":"another-secret"}']]
OTHER = ["tokens", ["zoom"], ["zoom", '{"access":"a-secret","refresh":null}']]
GONE = ["tokens", ["zoom"], None]
FACT = ["facts", ["name"], ["name", "value"]]


def test_tokens_are_sealed_and_opened_again() -> None:
    sealer = TokenSealer(KEY)
    sealed = list(sealer.seal([ROTATING, FACT, GONE]))
    assert "secret" not in str(sealed)
    assert sealed[1:] == [FACT, GONE]
    assert sealer.open(sealed) == [ROTATING, FACT, GONE]


def test_without_a_key_a_refresh_token_is_refused_and_others_stay_on_the_machine() -> None:
    sealer = TokenSealer(None)
    assert not sealer.has_key
    assert list(sealer.seal([OTHER, FACT, GONE])) == [FACT, GONE]
    with pytest.raises(ConfigurationError, match="set HARVESTER_STATE_KEY"):
        list(sealer.seal([ROTATING]))


def test_the_first_key_seals_and_all_open() -> None:
    old = TokenSealer(KEY).seal([ROTATING])
    both = TokenSealer(f"{NEW_KEY}, {KEY}")
    assert both.open(old) == [ROTATING]
    assert TokenSealer(NEW_KEY).open(both.seal([ROTATING])) == [ROTATING]


@pytest.mark.parametrize("key", [NEW_KEY, None], ids=["another", "none"])
def test_tokens_that_the_key_does_not_open_are_an_error_of_the_settings(key: str | None) -> None:
    sealed = TokenSealer(KEY).seal([OTHER])
    with pytest.raises(ConfigurationError, match="HARVESTER_STATE_KEY") as refused:
        TokenSealer(key).open(sealed)
    assert NEW_KEY not in str(refused.value)


@pytest.mark.parametrize("key", ["short", "ü" * 44, f"{KEY},"], ids=["short", "not ASCII", "a comma"])
def test_what_is_no_key_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(ConfigurationError, match="not a Fernet key") as refused:
        TokenSealer(key)
    assert key not in str(refused.value)
