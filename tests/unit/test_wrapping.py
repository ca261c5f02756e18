"""Lines between words; commands stay whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.wrapping import wrap, wrap_lines

FILL = "harvester zoom --from 2026-11-01 --to 2026-11-05"


@pytest.mark.parametrize("width", range(40, 120, 7))
@pytest.mark.parametrize(
    ("text", "command"),
    [
        (f"zoom main: never listed: 2026-11-01 to 2026-11-05; {FILL}", FILL),
        (f"zoom main: never listed: 2026-11-01; {FILL} and 3 more of the same kind", FILL),
        (
            "resume the run with `harvester all --config h.toml --for 50m` tomorrow",
            "`harvester all --config h.toml --for 50m`",
        ),
    ],
)
def test_a_command_is_on_one_line(text: str, command: str, width: int) -> None:
    lines = wrap(text, width, hanging=4).splitlines()
    assert any(command in line for line in lines)
    assert " ".join(" ".join(lines).split()) == text
    assert [line for line in lines if len(line) > width and command not in line] == []


def test_the_words_around_a_command_are_wrapped() -> None:
    text = "the harvester reads what it has missed since then -- all of it, and then goes on with the rest"
    assert max(map(len, wrap(text, 40, hanging=2).splitlines())) <= 40


@given(
    st.text(st.characters(exclude_categories=["Cs", "Co"]).filter(lambda c: not c.isspace()) | st.just(" "))
)
def test_no_word_is_lost(text: str) -> None:
    assert wrap(text, 40, hanging=2).split() == text.split()


def test_each_line_of_a_message_is_wrapped_by_itself() -> None:
    assert wrap_lines("  a  b\n" + "word " * 10, 40) == "  a  b\n" + "word " * 7 + "word\n  word word"
