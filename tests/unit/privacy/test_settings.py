from __future__ import annotations

from pathlib import Path

import pytest

from connectors.errors import ConfigurationError
from harvester.privacy.forgotten_people import Identifier, forget_identifiers
from harvester.privacy.personal_fields import PERSONAL
from harvester.privacy.settings import SALT, to_privacy, to_treatment
from harvester.state.secrets_and_forgotten_people import PrivacyState
from tests.invented_meetings import HARVESTED, full_harvest

KEY = "k" * 32


def hashing(**more: str) -> dict[str, str]:
    return {"HARVESTER_PII": "hash", "HARVESTER_PII_KEY": KEY, **more}


def test_without_settings_everything_is_kept(tmp_path: Path) -> None:
    assert to_treatment({}).keeps_all
    assert to_privacy({}, PrivacyState(tmp_path / "state")).keeps_all
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("key", ["", "k" * 31])
def test_hashing_needs_a_key_of_32_bytes(key: str) -> None:
    with pytest.raises(ConfigurationError, match="openssl rand -hex 32") as refused:
        to_treatment(hashing(HARVESTER_PII_KEY=key))
    assert "HARVESTER_PII_KEY" in str(refused.value)
    assert not key or key not in str(refused.value)


def test_dropping_needs_no_key_and_a_short_one_is_refused_in_every_mode() -> None:
    assert to_treatment({"HARVESTER_PII": "drop"}).value("email", "ada@example.org") is None
    for mode in ("keep", "drop"):
        with pytest.raises(ConfigurationError, match="at least 32 bytes"):
            to_treatment({"HARVESTER_PII": mode, "HARVESTER_PII_KEY": "short"})


@pytest.mark.parametrize(("mode", "drops"), [("keep", False), ("drop", True), ("hash", False)])
def test_only_dropping_leaves_out_personal_fields(tmp_path: Path, mode: str, drops: bool) -> None:
    privacy = to_privacy(hashing(HARVESTER_PII=mode), PrivacyState(tmp_path))
    assert privacy.drops_personal is drops


def test_kept_fields_are_named_as_in_documents() -> None:
    assert to_treatment(hashing(HARVESTER_PII_KEEP=" topic, device ,")).kept == {"topic", "device"}
    with pytest.raises(ConfigurationError, match="'name', 'city' not among") as refused:
        to_treatment(hashing(HARVESTER_PII_KEEP="topic,name,city"))
    assert all(field in str(refused.value) for field in PERSONAL)


def test_ids_that_a_later_run_needs_are_sealed(tmp_path: Path) -> None:
    """With the key of the settings; without one, with a key of the state folder."""
    state = PrivacyState(tmp_path)
    hint = {"source": "meet", "user": "100200300400"}
    for settings in (hashing(), {"HARVESTER_PII": "drop"}):
        stored = to_privacy(settings, state).stored_hint(hint)
        assert stored.keys() == hint.keys()
        assert "100200300400" not in str(stored)
        assert to_privacy(settings, state).stored_hint(hint) == stored
        assert to_privacy(settings, state).opened_hint(stored) == hint
    assert to_privacy(hashing(), state).opened_hint(stored) == hint, "with the state's key, after drop"
    other = hashing(HARVESTER_PII_KEY="another key, which is long enough as well")
    lost = to_privacy(other, PrivacyState(tmp_path / "other")).opened_hint(stored)
    assert lost == {"source": "meet"}, "an id that cannot be opened is unknown, and nothing else"


def test_a_run_that_keeps_everything_stores_ids_in_plain_and_opens_what_others_sealed(tmp_path: Path) -> None:
    state, hint = PrivacyState(tmp_path), {"user": "100200300400"}
    assert to_privacy({}, state).stored_hint(hint) is hint
    stored = to_privacy({"HARVESTER_PII": "drop"}, state).stored_hint(hint)
    assert to_privacy({}, state).opened_hint(stored) == hint


def test_whom_the_state_remembers_is_left_out_before_the_treatment(tmp_path: Path) -> None:
    state = PrivacyState(tmp_path)
    grace = [Identifier(kind="email", text="Grace@example.org")]
    state.remember(forget_identifiers(state.secret(SALT), grace, "remove"), HARVESTED)
    for settings in ({}, hashing(), {"HARVESTER_PII": "drop"}):
        privacy = to_privacy(settings, state)
        assert not privacy.keeps_all
        assert len(privacy.record(full_harvest()).sessions) == 0
        assert "grace" not in privacy.text("Google does not know the user grace@example.org")
