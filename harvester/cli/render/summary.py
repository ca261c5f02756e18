"""What `--summary-json` writes: whatever the end of the run, its exit code, why, and what was done for each vendor."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import click

from connectors.errors import ExitCode, HarvestError, OutputError
from harvester.pipeline.report import Report

STDERR = Path("-")
"""stdout is for documents."""


@dataclass
class Summary:
    """`error`: what ended the whole before or beside its vendors; `whole`: whether it came to its end at all."""

    reports: list[Report] = field(default_factory=list)
    error: HarvestError | None = None
    whole: bool = False

    @property
    def exit_code(self) -> int:
        """Of the process: the worst of the vendors', unless somebody interrupted it."""
        if self.error is not None:
            return self.error.exit_code
        if not self.whole:
            return ExitCode.SOFTWARE
        return ExitCode.worst(report.exit_code for report in self.reports)

    @property
    def reason(self) -> str | None:
        if self.error is not None:
            return str(self.error)
        if not self.whole:
            return "a bug: its traceback is on stderr"
        told = [f"{report.vendor}: {report.reason}" for report in self.reports if report.exit_code]
        return "; ".join(told) or None

    def text(self) -> str:
        told = {
            "exit_code": self.exit_code,
            "reason": self.reason,
            "vendors": [report.summary() for report in self.reports],
        }
        return json.dumps(told, indent=2, default=str)


@contextmanager
def summarized(path: Path | None, names: Sequence[str], account: str) -> Iterator[Summary]:
    """A summary that whoever harvests fills, written at the end of it. An error that comes before any vendor's turn
    stands for each of them."""
    summary = Summary()
    try:
        yield summary
        summary.whole = True
    except HarvestError as error:
        summary.error = error
        if not summary.reports:
            summary.reports = [Report(vendor=name, account=account) for name in names]
            for report in summary.reports:
                report.stopped_by(error)
        raise
    finally:
        if not summary.whole and summary.error is None:
            for report in summary.reports[-1:]:  # the one that was under way
                report.causes.add(ExitCode.SOFTWARE)
                report.stopped = report.stopped or summary.reason
        if path is not None:
            _write(path, summary.text())


def _write(path: Path, text: str) -> None:
    if path == STDERR:
        click.echo(text, err=True)
        return
    temporary = path.with_name(path.name + ".part")
    try:
        temporary.write_text(text + "\n", encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise OutputError(f"the summary {path} cannot be written ({error.strerror})") from None
