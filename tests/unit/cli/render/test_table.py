"""Tables for people, on a terminal and in a pipe."""

from __future__ import annotations

import io
import sys

import pytest

from harvester.cli.render.table import table_lines
from harvester.cli.render.templates import TEMPLATE_REMEDY, difference_lines
from harvester.sinks.elastic.templates import Difference


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


def test_differences_are_a_table_with_what_to_do_below() -> None:
    differences = [
        Difference(template="harvester-settings", field="", shipped="a template", installed=None),
        Difference(template="harvester-meetings", field="dynamic", shipped=False, installed=True),
        Difference(template="harvester-meetings", field="email type", shipped="keyword", installed=None),
    ]
    header, *rows, remedy = difference_lines(differences, TEMPLATE_REMEDY)
    assert header.split("  ")[0] == "TEMPLATE OR INDEX"
    assert [row.split() for row in rows] == [
        ["harvester-settings", "not", "installed"],
        ["harvester-meetings", "dynamic", "true", "false"],
        ["harvester-meetings", "email", "type", "absent", "keyword"],
    ]
    assert "harvester templates install" in remedy
    assert difference_lines([], TEMPLATE_REMEDY) == []
