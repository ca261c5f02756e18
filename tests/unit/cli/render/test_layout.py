"""Text that fits the terminal, and its colours."""

from __future__ import annotations

import pytest

from harvester.cli.render.check import for_terminal
from harvester.cli.render.layout import stdout_width, wrapped


def test_text_wraps_between_words_and_is_indented() -> None:
    text = "warning zoom plan: " + "word " * 20
    lines = wrapped(text.strip(), 40, hanging=8).splitlines()
    assert all(len(line) <= 40 for line in lines)
    assert all(line.startswith(" " * 8) for line in lines[1:])
    assert " ".join(" ".join(lines).split()) == text.strip()


def test_text_for_a_pipe_stays_on_its_line() -> None:
    assert stdout_width() is None
    assert wrapped("word " * 100, None, hanging=8) == "word " * 100


def test_failures_are_red_and_what_is_unused_is_grey_unless_colours_are_unwanted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert for_terminal("FAILED  zoom: no", None) == "\x1b[31m\x1b[1mFAILED \x1b[0m zoom: no"
    assert for_terminal("unused  zoom: no", None) == "\x1b[2munused  zoom: no\x1b[0m"
    assert for_terminal("ok      zoom: yes", None) == "ok      zoom: yes"
    monkeypatch.setenv("NO_COLOR", "1")
    assert for_terminal("FAILED  zoom: no", None) == "FAILED  zoom: no"


def test_a_remedy_keeps_its_indent_on_a_narrow_terminal() -> None:
    lines = for_terminal(" " * 8 + "word " * 20, 40).splitlines()
    assert all(line.startswith(" " * 8) and len(line) <= 48 for line in lines)
