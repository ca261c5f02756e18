"""The status of accounts as text, what needs attention first, or as one JSON object."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from connectors.errors import HarvestError
from connectors.models import Window
from harvester.cli.render.attention import attention, expiring_data, reasons_of, some, to_fill
from harvester.cli.render.layout import stdout_width
from harvester.cli.render.scope import Scope, label_of, runs_of, unique_names
from harvester.cli.render.table import table_lines
from harvester.formatting import format_days, format_duration, format_instant, format_span, plural
from harvester.printable import printable
from harvester.state.account_status import AccountStatus, FailedMeeting
from harvester.state.journal_rows import Run
from harvester.wrapping import wrap

WIDTH = 100
"""If stdout is not a terminal."""
LABEL = 12
_NO_END = {"killed": "killed or crashed", "killed or under way": "killed, crashed or still under way"}
_SCOPE_COLUMNS = ("account", "listed", "done", "unread", "pending", "failed", "last run")
DETAILS_HINT = "`harvester status -v` shows the runs, gaps and reasons of each account"
_RUN_COLUMNS = ("began", "what", "outcome", "took", "listed", "fetched", "stored")


@dataclass(frozen=True, slots=True, kw_only=True)
class StatePlace:
    """Where the state was read."""

    name: str
    """A folder, or the URL of an index."""
    is_index: bool = False


# JSON


def status_json(
    place: StatePlace, scopes: Sequence[Scope], errors: Sequence[HarvestError], rejects_of_loads: int
) -> str:
    """Instants are ISO 8601 in UTC; a window has `start` and `end`. `rejects_of_loads`: see `attention`."""
    fields = {
        ("state_index" if place.is_index else "state_folder"): place.name,
        "attention": attention(scopes, rejects_of_loads),
        "rejects_of_loads": rejects_of_loads,
        "scopes": [
            {"name": name, **_fields(scope), "runs": [_run_fields(*run) for run in runs_of(scope)]}
            for name, scope in zip(unique_names(scopes), scopes, strict=True)
        ],
        "errors": [str(error) for error in errors],
    }
    options = orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS
    return orjson.dumps(fields, default=sorted, option=options).decode()


def _fields(scope: Scope) -> dict[str, Any]:
    """The fields of the scope and those of its status, side by side."""
    own = {
        name: getattr(scope, name)
        for name in Scope.__dataclass_fields__
        if name not in {"status", "running", "zone", "source"}
    }
    return {**own, **{name: getattr(scope.status, name) for name in AccountStatus.__dataclass_fields__}}


def _run_fields(run: Run, outcome: str) -> dict[str, Any]:
    summary = run.summary or {}
    return {
        "began": run.began,
        "ended": run.ended,
        "seconds": (run.ended - run.began).total_seconds() if run.ended is not None else None,
        "what": run.what,
        "exit_code": run.exit_code,
        "outcome": outcome,
        **{name: summary.get(name) for name in ("listed", "fetched", "stored", "reason", "until")},
    }


# Text


def as_text(
    place: StatePlace, scopes: Sequence[Scope], rejects_of_loads: int, *, details: bool = False
) -> str:
    """What needs attention, then a line for each account; `details`: all that is known of it instead."""
    blocks = []
    if not scopes:
        blocks.append([f"nothing has been harvested into an index yet: no journal in {place.name}"])
    if lines := attention(scopes, rejects_of_loads):
        blocks.append(["needs attention", *(_wrapped("  ", line) for line in lines)])
    if details:
        names = zip(unique_names(scopes), scopes, strict=True)
        blocks += [list(_scope_lines(name, scope)) for name, scope in names]
    elif scopes:
        blocks.append([*map(printable, table_lines(_SCOPE_COLUMNS, _scope_rows(scopes))), "", DETAILS_HINT])
    return "\n\n".join("\n".join(block) for block in blocks)


def _scope_rows(scopes: Sequence[Scope]) -> Iterator[Sequence[str]]:
    for name, scope in zip(unique_names(scopes), scopes, strict=True):
        status = scope.status
        until = status.coverage.until
        run, outcome = next(runs_of(scope), (None, ""))
        yield (
            name,
            f"to {format_instant(until)} UTC" if until is not None else "nothing yet",
            f"{status.meetings.get('done', 0):,}",
            f"{status.backlog.unread:,}",
            f"{status.backlog.pending.total():,}",
            f"{status.backlog.failed.total():,}",
            f"{format_instant(run.began)} {outcome}" if run is not None else "none yet",
        )


def _scope_lines(name: str, scope: Scope) -> Iterator[str]:
    yield printable(f"{scope.vendor}, account {scope.account}, into {scope.es_url}, indices {scope.prefix}*")
    if name != label_of(scope):
        yield printable(f"  {'name':{LABEL - 2}}{name}")
    yield from _run_lines(scope)
    for label, lines in _sections(scope):
        for number, line in enumerate(lines):
            yield _wrapped(f"  {label if not number else '':{LABEL - 2}}", line)


def _run_lines(scope: Scope) -> Iterator[str]:
    runs = list(runs_of(scope))
    table = table_lines(_RUN_COLUMNS, (_run_cells(*run) for run in runs)) if runs else ["none yet"]
    for number, line in enumerate(table):
        yield f"  {'runs' if not number else '':{LABEL - 2}}{line}"
    for run, _ in runs:
        for reason in reasons_of(run):
            yield _wrapped(" " * LABEL, f"{format_instant(run.began)}  {reason}")


def _run_cells(run: Run, outcome: str) -> Sequence[str]:
    summary = run.summary or {}
    counts = [f"{summary[name]:,}" if name in summary else "" for name in ("listed", "fetched", "stored")]
    if run.ended is None:
        return format_instant(run.began), run.what, _NO_END.get(outcome, outcome), "", *counts
    took = format_duration((run.ended - run.began).total_seconds())
    return format_instant(run.began), run.what, f"{outcome} ({run.exit_code})", took, *counts


def _sections(scope: Scope) -> Iterator[tuple[str, Sequence[str]]]:
    """Label and lines of each section; a section without lines is not shown."""
    status = scope.status
    yield "listed", _listed(status)
    yield "complete", _complete(status)
    yield "gaps", some([to_fill(gap, scope) for gap in status.reachable_gaps])
    counts = [f"{number:,} {name}" for name, number in sorted(status.meetings.items())]
    yield "meetings", [", ".join(counts) or "none"]
    yield "pending", _pending(status)
    yield "failed", _failed(status)
    yield "gone", [f"{_meeting(each)}: {each.reason}" for each in status.gone]
    skipped = (
        f"{failed.partition}, {format_span(failed.window)}: {failed.reason}, tried {format_instant(failed.tried_at)}"
        for failed in status.failed_partitions
    )
    yield "skipped", some(list(skipped))
    yield "refused", _refused(scope)
    yield "expiring", [expiring] if (expiring := expiring_data(scope)) else []
    yield "lost", _lost(scope)
    yield "quotas", [f"{name}: {plural(used, 'call')} counted today" for name, used in scope.quotas.items()]
    yield "rejects", [plural(scope.rejects, "document")] if scope.rejects else []


def _listed(status: AccountStatus) -> list[str]:
    coverage = status.coverage
    if not coverage.listed:
        return ["nothing to the end yet"]
    lines = _spans(coverage.listed)
    if coverage.final_until is not None:
        lines[0] += f", final to {format_instant(coverage.final_until)}"
    return some(lines)


def _complete(status: AccountStatus) -> list[str]:
    coverage, unread = status.coverage, status.backlog.unread
    lines = some(_spans(coverage.complete))
    exceptions = [plural(coverage.failed, "failed meeting")] if coverage.failed else []
    if status.failed_partitions:
        exceptions.append(f"{plural(len(status.failed_partitions), 'skipped part')} of listings")
    if lines and exceptions:
        lines[-1] += f", except {' and '.join(exceptions)}"
    if unread:
        lines.append(f"{plural(unread, 'meeting')} listed and not read yet")
    return lines if coverage.complete else ["nothing yet", *lines]


def _spans(windows: Sequence[Window]) -> list[str]:
    return [f"from {format_instant(each.start)} to {format_instant(each.end)} UTC" for each in windows]


def _pending(status: AccountStatus) -> list[str]:
    backlog = status.backlog
    if backlog.next_due is None:
        return []
    reasons = ", ".join(f"{reason} {number:,}" for reason, number in backlog.pending.most_common())
    first = format_instant(backlog.next_due)
    return [f"{backlog.pending.total():,} ({reasons}); {backlog.due:,} due now, the first {first}"]


def _failed(status: AccountStatus) -> list[str]:
    backlog = status.backlog
    lines = some([f"{number:,} × {reason}" for reason, number in backlog.failed.most_common()])
    return lines + [f"{plural(each.attempts, 'attempt')}: {_meeting(each)}" for each in backlog.worst]


def _meeting(meeting: FailedMeeting) -> str:
    return f"{meeting.uuid}, {format_instant(meeting.start)}" if meeting.start is not None else meeting.uuid


def _refused(scope: Scope) -> list[str]:
    """Users whom the vendor refuses for good: no failure, but what only they can list is not harvested."""
    refused = scope.status.refused_partitions
    reasons = Counter(str(each.reason) for each in refused)
    return (
        [
            f"{plural(len(refused), 'part')} of listings ({', '.join(f'{reason} {n:,}' for reason, n in reasons.most_common())}), "
            f"asked for last {format_instant(max(each.asked_at for each in refused))}; `harvester check {scope.vendor}` names users"
        ]
        if refused
        else []
    )


def _lost(scope: Scope) -> list[str]:
    expiring = scope.status.expiring
    if expiring is None:
        return []
    lines = [f"{format_days(gap, scope.zone)} never listed" for gap in expiring.lost_gaps]
    if expiring.lost_meetings:
        lines.append(f"{plural(expiring.lost_meetings, 'meeting')}, no longer kept by the vendor")
    return some(lines)


def _wrapped(label: str, line: str) -> str:
    return wrap(label + printable(line), stdout_width() or WIDTH, hanging=len(label) + 2)
