"""The results of `harvester check`: a line each as soon as it is known, the verdict at the end."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from connectors.base import CheckResult
from harvester.cli.render.terminal import red, wrapped
from harvester.formatting import plural, without_prefix

MARKS = {"ok": "ok     ", "warning": "warning", "failed": "FAILED "}


HANGING = 8
"""Where the text of a result begins, after its mark."""


def for_terminal(line: str, width: int | None) -> str:
    """A line as a terminal of this width shows it: wrapped between words, and FAILED in red."""
    indent = " " * HANGING if line.startswith(" ") else ""
    text = indent + wrapped(line.lstrip(), None if width is None else width - len(indent), hanging=HANGING)
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
        subject = f"{vendor} {result.subject}" if vendor and result.subject != vendor else result.subject
        self.echo(f"{MARKS[result.status]} {subject}: {without_prefix(result.message, vendor)}")
        if result.remedy and not self._is_known(result):
            self._remedies.add(result.remedy)
            self.echo(f"        {result.remedy}")

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
