"""The roster: by e-mail, else by name."""

from __future__ import annotations

from pathlib import Path

from harvester.analysis.roster import Expected, Roster, read_roster


def test_rows_are_emails_and_names_in_any_usual_form(tmp_path: Path) -> None:
    path = tmp_path / "roster.csv"
    path.write_text("e-mail,name\nAda@X.org,Ada\nbob@x.org\nOnly Name\nada@x.org,Ada\n")
    assert read_roster(path) == [
        Expected(email="ada@x.org", name="Ada"),
        Expected(email="bob@x.org", name=None),
        Expected(email=None, name="Only Name"),
    ]


def test_an_email_decides_and_a_name_only_without_one() -> None:
    roster = Roster([Expected(email="ada@x.org", name="Ada"), Expected(email=None, name="Bob")])
    known = [
        ("Eve", "ADA@x.org", None),
        ("ada", None, None),
        ("Ada", "other@x.org", None),
        ("BOB", "b@x.org", None),
    ]
    assert roster.resolve(known, {}) == {known[0]: 0, known[1]: 0, known[3]: 1}


def test_an_alias_leads_to_the_roster() -> None:
    roster = Roster([Expected(email="ada@x.org", name="Ada")])
    phone = ("+1 555", None, None)
    assert roster.resolve([phone], {phone: "Ada"}) == {phone: 0}
    assert roster.resolve([phone], {phone: "ada@x.org"}) == {phone: 0}
