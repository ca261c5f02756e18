"""The results of `harvester check`: a line or a row each as soon as it is known, the verdict at the end; or JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from connectors.base import CheckResult
from connectors.exit_codes import ExitCode
from harvester.cli.render.echo import echo, echo_json, echo_rendered
from harvester.cli.render.layout import bold, grey, is_styled, red, stdout_width, wrapped
from harvester.cli.standard_streams import stdout_encoding
from harvester.formatting import plural, without_prefix
from harvester.printable import printable

MARKS = {"ok": "ok     ", "warning": "warning", "failed": "FAILED ", "unused": "unused "}
TABLE_MARKS = {
    "ok": ("✔", "green"),
    "warning": ("!", "yellow"),
    "failed": ("✘", "bold red"),
    "unused": ("-", "dim"),
}
ARROW = "→"

HANGING = 8
"""Where the text of a result begins, after its mark."""
INDENT, GAP = "   ", "  "
"""Before the second column, which is after the mark, and between columns."""
SUBJECT_SHARE = 0.4
"""The part of a table's width that is for the names of what was checked."""


def for_terminal(line: str, width: int | None) -> str:
    """A line as a terminal of this width shows it: wrapped between words, FAILED in red, and what is unused in grey."""
    indent = " " * HANGING if line.startswith(" ") else ""
    text = indent + wrapped(line.lstrip(), None if width is None else width - len(indent), hanging=HANGING)
    if text.startswith(MARKS["unused"]):
        return grey(text)
    failed = MARKS["failed"]
    return red(failed) + text.removeprefix(failed) if text.startswith(failed) else text


@dataclass(kw_only=True)
class CheckOutput:
    """Prints results line by line; with `quiet`, only failures."""

    echo: Callable[[str], None]
    quiet: bool
    codes: list[int] = field(default_factory=list)
    """Exit codes of the failures."""
    warnings: int = 0
    _remedies: set[str] = field(default_factory=set)

    def show(self, result: CheckResult, vendor: str = "") -> None:
        if result.status == "failed":
            self.codes.append(result.exit_code)
        elif self.quiet:
            return
        self.warnings += result.status == "warning"
        remedy = "" if self._is_known(result) else result.remedy
        self._remedies.add(remedy)
        self._print(result, vendor, remedy)

    def _print(self, result: CheckResult, vendor: str, remedy: str) -> None:
        subject = _subject(result, vendor)
        self.echo(f"{MARKS[result.status]} {subject}: {without_prefix(result.message, vendor)}")
        if remedy:
            self.echo(f"        {remedy}")

    def _is_known(self, result: CheckResult) -> bool:
        """Whether the remedy has been shown for another result, or links to the page that the message links to."""
        pages = re.findall(r"https?://\S+", result.remedy)
        return result.remedy in self._remedies or any(page in result.message for page in pages)

    def show_verdict(self) -> None:
        warned = f", {plural(self.warnings, 'warning')}" if self.warnings else ""
        if self.codes:
            self.echo(f"does not work yet: {len(self.codes)} failed{warned}")
        elif not self.quiet:
            self.echo(f"works{warned}")


@dataclass(kw_only=True)
class CheckTable(CheckOutput):
    """Prints results as rows of a table on a terminal of this width, each as soon as it is known, under their vendor."""

    redact: Callable[[str], str]
    width: int
    _vendor: str = ""

    def _print(self, result: CheckResult, vendor: str, remedy: str) -> None:
        if vendor and vendor != self._vendor and result.status != "unused":
            echo_rendered(bold(self._cell(vendor)))
        self._vendor = vendor
        message = self._cell(without_prefix(result.message, vendor))
        echo_rendered(
            rendered_row(result.status, self._cell(result.subject), message, self._cell(remedy), self.width)
        )

    def _cell(self, text: str) -> str:
        return printable(self.redact(text))


@dataclass(kw_only=True)
class CheckJson(CheckOutput):
    """Prints one JSON object at the end. It has every result, whether quiet or not."""

    redact: Callable[[str], str]
    _results: list[dict[str, str | None]] = field(default_factory=list)

    def _print(self, result: CheckResult, vendor: str, remedy: str) -> None:
        del remedy  # each result has its own, known or not
        vendor, _, account = vendor.partition("/")
        self._results.append(
            {
                "vendor": vendor or None,
                "account": account or None,
                "subject": self.redact(result.subject),
                "status": result.status,
                "message": self.redact(without_prefix(result.message, vendor)),
                "remedy": self.redact(result.remedy) or None,
            }
        )

    def show_verdict(self) -> None:
        answer = {"works": not self.codes, "exit_code": ExitCode.worst(self.codes), "checks": self._results}
        echo_json(json.dumps(answer, indent=2, ensure_ascii=False))


def output_for(redact: Callable[[str], str], *, quiet: bool, as_json: bool) -> CheckOutput:
    """A table on a terminal that can show its marks, lines elsewhere."""
    width = stdout_width()

    def echo_line(line: str) -> None:
        echo(redact(line), layout=lambda text: for_terminal(text, width))

    if as_json:
        return CheckJson(echo=echo_line, quiet=False, redact=redact)
    if width is not None and shows_marks(stdout_encoding()):
        return CheckTable(echo=echo_line, quiet=quiet, redact=redact, width=width)
    return CheckOutput(echo=echo_line, quiet=quiet)


def shows_marks(encoding: str | None) -> bool:
    """Whether text in this encoding can have the marks of the table."""
    try:
        "".join([ARROW, *(mark for mark, _ in TABLE_MARKS.values())]).encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def rendered_row(status: str, subject: str, message: str, remedy: str, width: int) -> str:
    """One row of the table: mark, subject and message, and the remedy below. Colours are those that the terminal permits.

    A word longer than its column, such as a link, is not broken: it goes below the row as well, where it can be copied.
    """
    subject_width = int(width * SUBJECT_SHARE)
    message_width = width - len(INDENT) - subject_width - 2 * len(GAP)
    below = f"{INDENT}{ARROW} {remedy}" if remedy else ""
    lines = [wrapped(below, width, hanging=len(INDENT) + 2)] if remedy else []
    if any(len(word) > message_width for word in message.split()):
        lines.insert(0, wrapped(f"{INDENT}{message}", width, hanging=len(INDENT)))
        message = ""
    return "\n".join([*_table_lines(status, subject, subject_width, message, width), *lines])


def _table_lines(status: str, subject: str, subject_width: int, message: str, width: int) -> list[str]:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    mark, style = TABLE_MARKS[status]
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, len(GAP), 0, 0), width=width)
    table.add_column(width=len(INDENT) - len(GAP))
    table.add_column(width=subject_width, overflow="fold")
    table.add_column(ratio=1, overflow="fold")
    style = style if is_styled() else ""
    row_style = style if status == "unused" else ""
    table.add_row(Text(mark, style=style), Text(subject), Text(message), style=row_style)
    console = Console(width=width, highlight=False)
    with console.capture() as capture:
        console.print(table)
    return [line.rstrip() for line in capture.get().splitlines()]


def _subject(result: CheckResult, vendor: str) -> str:
    return f"{vendor} {result.subject}" if vendor and result.subject != vendor else result.subject
