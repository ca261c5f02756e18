"""Aliases: exact patterns first, then wildcards; the e-mail of the person that an alias names."""

from __future__ import annotations

from pathlib import Path

from harvester.analysis.aliases import Alias, AliasTable, Known, read_aliases


def person(known: Known, *pairs: tuple[str, str]) -> str | None:
    table = AliasTable([Alias(pattern=pattern, person=person) for pattern, person in pairs])
    return table.resolve([known]).get(known)


def test_a_pattern_matches_name_email_or_id_in_capital_or_small_letters() -> None:
    for known in [("Ada", None, None), (None, "ADA", None), (None, None, "ada")]:
        assert person(known, ("aDa", "A. Lovelace")) == "A. Lovelace"
    assert person(("Bob", None, None), ("ada", "A. Lovelace")) is None


def test_exact_patterns_win_over_wildcards_in_any_order() -> None:
    pairs = (("*", "Everyone"), ("ad?", "Three letters"), ("ada", "Ada"))
    assert person(("ada", None, None), *pairs) == "Ada"
    assert person(("adx", None, None), *pairs) == "Everyone"
    assert person(("[x]", None, None), ("[x]*", "Brackets")) == "Brackets"


def test_an_alias_applies_to_every_session_with_the_email_of_its_person() -> None:
    phone, own, third = ("+1 555", None, None), ("Ada", "ada@x.org", "u1"), ("Ada (phone)", "ada@x.org", None)
    table = AliasTable([Alias(pattern="+1*", person="Ada")])
    assert table.resolve([phone, own, third]) == {phone: "Ada", own: "Ada", third: "Ada"}
    # An address that only matched a pattern is not the person's.
    shared = ("+1 556", "conference@x.org", None)
    other = ("Room", "conference@x.org", None)
    assert other not in table.resolve([shared, other])


def test_aliases_are_read_from_csv(tmp_path: Path) -> None:
    path = tmp_path / "aliases.csv"
    path.write_text("pattern,person\nguest*,Guests\nempty,\n")
    assert read_aliases(path) == [Alias(pattern="guest*", person="Guests")]
