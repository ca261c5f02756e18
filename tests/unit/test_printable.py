"""Text from outside in a line, in lines and in JSON."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.printable import printable, printable_json, printable_lines

ANY_TEXT = st.text(st.characters(codec=None))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain \N{LATIN SMALL LETTER E WITH ACUTE} \N{CJK UNIFIED IDEOGRAPH-4E00}", None),
        ("a\x1b[31mb\x07", r"a\x1b[31mb\x07"),
        ("a\r\nb\tc", r"a\x0d\x0ab\x09c"),
        ("\x00\x7f\x9b\x85", r"\x00\x7f\x9b\x85"),
        ("\u202eevil\u2066\u200f\u061c", r"\u202eevil\u2066\u200f\u061c"),
        ("a\u2028b\u2029", r"a\u2028b\u2029"),
        ("zero\u200bwidth\ufeff\xad", r"zero\u200bwidth\ufeff\xad"),
        ("half \ud800\udc9b", r"half \ud800\udc9b"),
        ("tag \U000e0041", r"tag \U000e0041"),
        ("\N{IDEOGRAPHIC SPACE}\N{NO-BREAK SPACE}\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}", None),
    ],
)
def test_unprintable_characters_are_shown_by_number(text: str, shown: str | None) -> None:
    assert printable(text) == (text if shown is None else shown)


def test_only_line_feeds_of_lines_stay() -> None:
    assert printable_lines("a\n\x1b\r\nb\u2028") == "a\n\\x1b\\x0d\nb\\u2028"


@given(ANY_TEXT)
def test_no_control_character_is_left_in_a_line(text: str) -> None:
    shown = printable(text)
    assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in shown)
    assert len(shown.splitlines()) <= 1
    shown.encode()


@given(st.dictionaries(ANY_TEXT, ANY_TEXT, min_size=1))
def test_json_keeps_its_meaning(document: dict[str, str]) -> None:
    shown = printable_json(json.dumps(document, ensure_ascii=False, indent=2))
    assert json.loads(shown) == json.loads(json.dumps(document))
    assert not any(
        ord(character) < 32 or 127 <= ord(character) < 160 for character in shown if character != "\n"
    )
    shown.encode()
