"""Sealed ids: they can be compared, and opened with the key only."""

from __future__ import annotations

import pytest

from harvester.privacy.encrypted_ids import SEALED, Sealer, map_hint

KEY, OTHER = b"k" * 32, b"o" * 32


def sealer(*keys: bytes) -> Sealer:
    return Sealer(lambda: keys)


@pytest.mark.parametrize("text", ["100200300400", "", "Ångström ☂", "\ud800"])
def test_a_sealed_text_is_opened_again(text: str) -> None:
    sealed = sealer(KEY).seal(text)
    assert sealed is not None
    assert sealed.startswith(SEALED)
    assert not text or text not in sealed
    assert sealer(KEY).open(sealed) == text


def test_equal_texts_are_sealed_alike_and_once() -> None:
    sealed = sealer(KEY).seal("42")
    assert sealed == sealer(KEY).seal("42") != sealer(KEY).seal("43")
    assert sealed is not None
    assert sealer(KEY).seal(sealed) == sealed


def test_every_key_opens_and_the_first_one_seals() -> None:
    old = sealer(OTHER).seal("42")
    assert old is not None
    both = sealer(KEY, OTHER)
    assert both.open(old) == "42"
    assert both.seal("42") == sealer(KEY).seal("42")


@pytest.mark.parametrize("text", [f"{SEALED}x", f"{SEALED}{'A' * 40}", f"{SEALED}é"])
def test_a_text_sealed_with_another_key_or_damaged_is_not_opened(text: str) -> None:
    foreign = sealer(OTHER).seal("42")
    assert foreign is not None
    assert sealer(KEY).open(foreign) is None
    assert sealer(KEY).open(text) is None


def test_without_a_key_nothing_is_sealed() -> None:
    assert sealer().seal("42") is None
    assert sealer().open("42") == "42"


def test_only_the_members_of_a_hint_that_name_a_person_change() -> None:
    hint = {"source": "meet", "user": "42"}
    assert map_hint(hint, str.upper) == hint
    assert map_hint(hint, lambda text: f"<{text}>") == {"source": "meet", "user": "<42>"}
    assert map_hint(hint, lambda _text: None) == {"source": "meet"}
    unchanged = {"source": "meet", "user": None}
    assert map_hint(unchanged, lambda _text: None) is unchanged
