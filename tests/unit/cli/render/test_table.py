"""Tables for people, on a terminal and in a pipe."""

from __future__ import annotations

import io
import sys

import pytest

from harvester.cli.render.table import table_lines


def test_columns_are_aligned_and_lines_have_no_trailing_spaces() -> None:
    assert table_lines(("NAME", "COUNT"), [("one", "1"), ("a longer one", "22")]) == [
        "NAME          COUNT",
        "one           1",
        "a longer one  22",
    ]


def test_nothing_is_cut_off_or_wrapped_in_a_pipe() -> None:
    reason = "because " * 2000
    lines = table_lines(("ID", "REASON"), [("a", reason)])
    assert lines[1] == f"a   {reason}".rstrip()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_long_cells_are_wrapped_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setenv("COLUMNS", "40")
    lines = table_lines(("ID", "REASON"), [("a", "word " * 30)])
    assert len(lines) > 2
    assert max(map(len, lines)) <= 40


def test_markup_and_escape_sequences_of_the_content_are_text() -> None:
    assert table_lines(("ID",), [("[red]a[/red]\x1b[2J",)])[1] == r"[red]a[/red]\x1b[2J"
