"""How a run's report is shown: as text on stderr, and as the JSON of `--summary-json`."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from connectors.errors import HarvestError, OutputError, TimeIsUp
from connectors.exit_codes import ExitCode, outcome_of
from connectors.models import MISTAKES, Reason
from harvester.cli.render.echo import echo_json
from harvester.cli.standard_streams import stderr_is_closed
from harvester.formatting import format_instant, plural, without_prefix
from harvester.output_file import prepare_output, wait_uninterrupted
from harvester.pipeline.report import MAX_FAILURES, Report, format_utc
from harvester.write_errors import write_errors

STDERR = Path("-")
ANOTHER_FILE = "name another with --summary-json"
"""Where `--summary-json -` goes: stdout is for documents."""

SHOWN = 10
"""How many failures are printed."""

_NOUNS = frozenset({Reason.unknown_user, Reason.unknown_group, Reason.error})
"""Reasons that are counted as things."""
_AFTER_A_NUMBER: dict[str, str] = {
    Reason.no_time: "without a start time",
    Reason.quality: "without quality yet",
    Reason.few_sessions: "with sessions missing",
    Reason.few_values: "with values missing",
}
"""The other reasons that are not said of a meeting in their own words."""

VERBS = {"index": "stored", "stdout": "printed", "file": "written"}


def summary_lines(report: Report, *, dry_run: bool = False) -> list[str]:
    """What went wrong first, then what was done, then notes."""
    counts = [_survey_line(report)] if dry_run else _count_lines(report)
    lines = [
        *problem_lines(report),
        *counts,
        *_unfinished_lines(report),
        *_partition_lines(report),
        *_notes(report),
    ]
    return [f"{report.name}: {line}" for line in lines]


def problem_lines(report: Report) -> Iterator[str]:
    """What went wrong, the cause first."""
    if report.stopped_with in {ExitCode.INTERRUPTED, ExitCode.TERMINATED}:
        restart = (
            "the same command resumes"
            if report.destination == "index"
            else f"a run into {'a file' if report.destination == 'file' else 'stdout'} remembers nothing, so the same "
            "command starts from the beginning"
        )
        yield f"{report.stopped}; {restart}"
    elif report.stopped_with != ExitCode.OK and (problem := report.stopped or report.problems):
        yield without_prefix(problem, report.vendor)
    if report.until is not None:
        yield f"continue at {format_instant(report.until)} UTC with the same command"
    failures = [failure for failure in report.failures if failure.why != report.stopped]
    yield from (
        f"{failure.what}: {without_prefix(failure.why, report.vendor)}" for failure in failures[:SHOWN]
    )
    counts = (report.failed, report.failed_listings, report.failed_partitions.total(), report.lost_indices)
    more = sum(counts) - SHOWN
    if len(failures) > SHOWN:
        yield f"… and {more:,} more; --summary-json has the first {MAX_FAILURES}"


def _survey_line(report: Report) -> str:
    return f"{plural(report.listed, 'meeting')} listed; --dry-run fetched and stored nothing"


def _count_lines(report: Report) -> Iterator[str]:
    if report.stopped is not None and not (report.listed or report.resumed):
        return  # stopped before anything was listed
    if not (report.listed or report.resumed or report.requests):
        yield "nothing to do: no meeting is new, failed or due"
        return
    resumed = f", {report.resumed:,} resumed" if report.resumed else ""
    yield f"{plural(report.listed, 'meeting')} listed{resumed}: {', '.join(_outcomes(report))}"
    yield f"{', '.join(_documents(report))}; {', '.join(_effort(report))}"


def _outcomes(report: Report) -> Iterator[str]:
    if report.unchanged:
        yield f"{report.unchanged:,} unchanged"
    yield f"{report.done:,} done"
    nothing_yet = f" ({report.nothing_yet:,} with nothing to store yet)" if report.nothing_yet else ""
    yield f"{report.pending:,} pending{nothing_yet}"
    yield from (
        f"{number:,} {outcome}"
        for number, outcome in (
            (report.gone, "gone"),
            (report.kept_richer, "kept as stored"),
            (report.out_of_range, "out of range"),
            (report.cleanup_pending + report.unacknowledged, "not acknowledged"),
            (report.unread, "not read"),
        )
        if number
    )
    yield f"{report.failed:,} failed"


def _documents(report: Report) -> Iterator[str]:
    yield f"{plural(report.documents, 'document')} {VERBS[report.destination]}"
    if report.superseded:
        yield f"{report.superseded:,} already stored in this or a better version"
    if report.rejected:
        yield f"{report.rejected:,} rejected (see `harvester rejects list`)"


def _effort(report: Report) -> Iterator[str]:
    yield plural(report.requests, "request")
    if report.retries:
        yield f"{report.retries:,} retried"
    if report.throttled_seconds >= 0.5:
        yield f"{report.throttled_seconds:.0f} s throttled by the vendor"
    yield f"{report.seconds:.1f} s in all"


def _unfinished_lines(report: Report) -> Iterator[str]:
    if report.stopped_with == ExitCode.OK:
        yield "output closed by the reader; stopped without fetching the rest"
        return
    if report.future_documents:
        yield (
            f"{plural(report.future_documents, 'document')} in the index harvested in the future, by a clock that was ahead: "
            f"later harvests cannot replace them; run `harvester verify {report.vendor} --repair`"
        )
    if report.cleanup_pending:
        yield (
            f"{plural(report.cleanup_pending, 'meeting')} stored, but stale documents could not be checked; "
            f"{_retry(report)}"
        )
    if report.unacknowledged:
        yield (
            f"{plural(report.unacknowledged, 'meeting')} fetched, but not known to be {VERBS[report.destination]}; "
            f"{_retry(report)}"
        )


def _partition_lines(report: Report) -> Iterator[str]:
    if report.missing_partitions:
        yield (
            f"{plural(report.missing_partitions.total(), 'part')} of listings skipped that the vendor does not have or give, such "
            f"as a deleted user or one without a licence (this is normal): {_by_reason(report.missing_partitions)}"
        )
    mistakes = Counter({name: n for name, n in report.failed_partitions.items() if name in MISTAKES})
    failed = report.failed_partitions - mistakes
    if mistakes:
        yield f"names that the vendor does not know: correct or remove them in the settings: {_by_reason(mistakes)}"
    if failed:
        yield (
            f"{plural(failed.total(), 'part')} of listings could not be read; {_retry(report)}: {_by_reason(failed)}"
        )


def _notes(report: Report) -> Iterator[str]:
    if report.next_due is not None:
        pending = f"pending: {_by_reason(report.pending_by_reason)}"
        due = format_instant(report.next_due)
        yield f"{pending}; a run after {due} UTC reads the first again" if _has_journal(report) else pending
    if report.gone:
        yield f"gone: {_by_reason(report.gone_by_reason)}"
    if report.out_of_range:
        yield (
            f"{plural(report.out_of_range, 'meeting')} listed without a start and held at another time than requested: "
            f"not {VERBS[report.destination]}"
        )
    if report.kept_richer:
        yield (
            f"{plural(report.kept_richer, 'meeting')} changed, but the vendor now returns less detail; kept the stored "
            "version"
        )
    if report.doubted:
        yield (
            f"sessions or values missing that are stored or listed: {plural(report.doubted, 'meeting')}; what is stored stays, "
            "and is replaced only if a second reading, at least 20 hours later, returns the same"
        )
    if report.confirmed_fewer:
        yield (
            "fewer or other sessions, or fewer values, confirmed by a second reading: "
            f"{plural(report.confirmed_fewer, 'meeting')} {VERBS[report.destination]}"
        )
    if report.fewer_values:
        yield f"some values missing that were stored before: {plural(report.fewer_values, 'meeting')} {VERBS[report.destination]}"
    if report.listed_only:
        yield (
            f"{plural(report.listed_only, 'meeting')} {VERBS[report.destination]} from the listing only: the vendor no longer "
            f"gives {'its' if report.listed_only == 1 else 'their'} participants"
        )
    if report.replaced:
        yield f"{plural(report.replaced, 'stale document')} deleted"
    if report.collisions:
        verb = "had a duplicate key and was" if report.collisions == 1 else "had duplicate keys and were"
        yield f"{plural(report.collisions, 'session')} {verb} numbered"


def _has_journal(report: Report) -> bool:
    return report.destination == "index"


def _retry(report: Report) -> str:
    """Only a run into the index keeps a journal, from which a later run retries what is missing."""
    return "the next run will retry" if _has_journal(report) else "run the command again"


def _by_reason(counts: Counter[str]) -> str:
    return ", ".join(_with_reason(number, reason) for reason, number in sorted(counts.items()))


def _with_reason(number: int, reason: str) -> str:
    """The number of meetings or parts of listings, and why: `3 planned`, `1 with sessions missing`."""
    if reason in _NOUNS:
        return plural(number, reason)
    return f"{number:,} {_AFTER_A_NUMBER.get(reason, reason)}"


def verdict_lines(reports: Sequence[Report]) -> Iterator[tuple[int, str]]:
    """The exit code of each account and one line about it, then those of the whole command."""
    for report in reports:
        why = without_prefix(report.reason or "", report.vendor)
        reason = f": {why}" if why not in {"", outcome_of(report.exit_code)} else ""
        done = f"{plural(report.stored, 'meeting')} {VERBS[report.destination]}"
        if report.only_lists:
            done = f"{plural(report.listed, 'meeting')} listed"
        stored = f": {done}" if not why else ""
        yield (
            report.exit_code,
            f"{report.vendor}, account {report.account}: {_verdict(report.exit_code)}{stored}{reason}",
        )
    code = ExitCode.worst(report.exit_code for report in reports)
    bad = sum(report.exit_code != ExitCode.OK for report in reports)
    count = f": {bad:,} of {plural(len(reports), 'account')} need attention" if bad > 1 else ""
    if bad == 1:
        count = f": 1 of {plural(len(reports), 'account')} needs attention"
    yield code, f"all: {_verdict(code)}{count}"


def _verdict(exit_code: int) -> str:
    outcome = outcome_of(exit_code)
    return outcome if exit_code == ExitCode.OK else f"{outcome} ({exit_code})"


@dataclass
class Summary:
    """What one command did, for all of its vendors."""

    reports: list[Report] = field(default_factory=list)
    error: HarvestError | None = None
    """What ended the command before or beside its vendors."""
    finished: bool = False
    """The command came to its end, whatever its exit code."""
    stopped_at: datetime | None = None
    """When the time of `--for` ended the command before its vendors' turn, or beside it."""

    @property
    def exit_code(self) -> int:
        """Of the process: that of an interruption, else the worst of the vendors'."""
        if self.error is not None:
            return self.error.exit_code
        if not self.finished:
            return ExitCode.SOFTWARE
        return ExitCode.worst(report.exit_code for report in self.reports)

    @property
    def reason(self) -> str | None:
        if self.error is not None:
            return str(self.error)
        if not self.finished:
            return "a bug: its traceback is on stderr"
        reasons = [
            f"{report.name}: {without_prefix(report.reason or '', report.vendor)}"
            for report in self.reports
            if report.exit_code
        ]
        return "; ".join(reasons) or None

    @property
    def resume_at(self) -> datetime | None:
        """When there will be something to do before the next night; `None`: not before."""
        instants = [self.stopped_at, *(report.resume_at for report in self.reports)]
        return min((each for each in instants if each is not None), default=None)

    def text(self) -> str:
        summary = {
            "exit_code": self.exit_code,
            "reason": self.reason,
            "resume_at": format_utc(self.resume_at),
            "vendors": [report.summary() for report in self.reports],
        }
        return json.dumps(summary, indent=2, default=str)


def utc_now() -> datetime:
    return datetime.now(UTC)


@contextmanager
def summarized(
    path: Path | None,
    names: Sequence[str],
    account: str,
    wait: Callable[[float], object] = wait_uninterrupted,
    summary: Summary | None = None,
    now: Callable[[], datetime] = utc_now,
) -> Iterator[Summary]:
    """Yield a summary to fill, and write it to `path` at the end, whatever the end is. An error before the first vendor's
    turn counts for each of them.

    Raises OutputError at once if the file cannot be written. `wait`: as in `prepare_output`. `summary`: the one to fill, else
    a new one. `now`: of this machine's clock.
    """
    summary = Summary() if summary is None else summary
    write = _prepare(path, wait)
    try:
        yield summary
        summary.finished = True
    except HarvestError as error:
        summary.error = error
        if isinstance(error, TimeIsUp):
            summary.stopped_at = now()
        if not summary.reports:
            summary.reports = [Report(vendor=name, account=account) for name in names]
            for report in summary.reports:
                report.record_stop(error)
                report.resume_at = summary.stopped_at
        raise
    finally:
        if not summary.finished and summary.error is None:
            for report in summary.reports[-1:]:  # the vendor that was being harvested
                report.causes.add(ExitCode.SOFTWARE)
                report.stopped = report.stopped or summary.reason
        write(summary.text())


def _prepare(path: Path | None, wait: Callable[[float], object]) -> Callable[[str], None]:
    """The function that writes the summary."""
    if path is None:
        return lambda _text: None
    if path == STDERR:
        if stderr_is_closed():
            raise OutputError("stderr is closed: name a file with --summary-json")
        return partial(echo_json, err=True)
    with write_errors(f"the summary {path}", elsewhere=ANOTHER_FILE):
        file = prepare_output(path, wait=wait)

    def write(text: str) -> None:
        with write_errors(f"the summary {path}", elsewhere=ANOTHER_FILE):
            file.stream.write(f"{text}\n".encode())
            file.close()

    return write
