"""The status of accounts as text, what needs attention first, or as one JSON object."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from connectors.errors import HarvestError
from connectors.exit_codes import ExitCode, outcome_of
from connectors.models import Window
from harvester.cli.render.layout import stdout_width
from harvester.cli.render.table import table_lines
from harvester.formatting import format_days, format_duration, format_instant, format_span, local_days, plural
from harvester.printable import printable
from harvester.state.account_status import DAY, SOON, AccountStatus, FailedMeeting
from harvester.state.journal_rows import Run

WIDTH = 100
"""If stdout is not a terminal."""
LABEL = 12
SHOWN = 5
"""At most this many windows, reasons or partitions are shown; the rest is counted. `--json` has all of them."""

FINDINGS = "findings left"
"""The outcome of a `verify --repair` that exited with 65."""

_BAD = frozenset(code.outcome for code in ExitCode) - {"complete", "interrupted"} | {"killed", FINDINGS}
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """One account in one index."""

    vendor: str
    account: str
    api_url: str
    es_url: str
    prefix: str
    now: datetime
    zone: ZoneInfo
    """Days begin at its midnights."""
    running: bool | None
    """Whether a run is under way; `None` if this system does not tell."""
    status: AccountStatus
    quotas: Mapping[str, int]
    """Calls counted against today's quotas."""
    rejects: int
    """Of the whole index; if the state is in the index, those of the quota pool."""


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
            {**_fields(scope), "runs": [_run_fields(*run) for run in _runs(scope)]} for scope in scopes
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
        if name not in {"status", "running", "zone"}
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


def _runs(scope: Scope) -> Iterator[tuple[Run, str]]:
    """The last runs, newest first, each with its outcome. Only the newest can be under way."""
    for place, run in enumerate(scope.status.runs):
        if run.exit_code is not None:
            is_repair = run.exit_code == ExitCode.DATAERR and run.what == "verify --repair"
            yield run, FINDINGS if is_repair else outcome_of(run.exit_code)
        elif place or scope.running is False:
            yield run, "killed"
        else:
            yield run, "under way" if scope.running else "killed or under way"


# What needs attention


def attention(scopes: Sequence[Scope], rejects_of_loads: int) -> list[str]:
    """What needs attention. `rejects_of_loads`: rejected documents of indices into which nothing was harvested."""
    lines = [f"{scope.vendor} {scope.account}: {line}" for scope in scopes for line in _attention(scope)]
    if rejects_of_loads:
        lines.append(
            f"`harvester load`: {plural(rejects_of_loads, 'document')} rejected: see `harvester rejects list`"
        )
    return lines


def _attention(scope: Scope) -> Iterator[str]:
    """Worst first."""
    backlog = scope.status.backlog
    if failed := backlog.failed.total():
        yield f"{plural(failed, 'meeting')} failed"
    if backlog.overdue:
        yield f"{plural(backlog.overdue, 'meeting')} overdue: due for more than a day"
    if backlog.unread and not _may_be_under_way(scope):
        yield f"{plural(backlog.unread, 'meeting')} listed and not read yet"
    if skipped := len(scope.status.failed_partitions):
        yield f"{plural(skipped, 'part')} of listings skipped"
    if expiring := _expiring(scope):
        yield f"about to expire at the vendor within {SOON.days} days: {expiring}"
    yield from (f"never listed: {line}" for line in _some([_to_fill(gap, scope) for gap in _old_gaps(scope)]))
    if scope.rejects:
        yield f"{plural(scope.rejects, 'document')} rejected: see `harvester rejects list`"
    for run, outcome in list(_runs(scope))[:1]:
        if outcome in _BAD:
            yield f"the last run: {': '.join([outcome, *_reasons(run)])}"


def _may_be_under_way(scope: Scope) -> bool:
    """Whether a run is under way, or may be if this system does not tell."""
    if scope.running is not None:
        return scope.running
    return bool(scope.status.runs) and scope.status.runs[0].exit_code is None


def _old_gaps(scope: Scope) -> list[Window]:
    """Without the gaps that end at the last midnight: tonight's run closes those."""
    return [
        gap
        for gap in scope.status.reachable_gaps
        if gap.start < scope.now - 2 * DAY or gap.end < scope.now - DAY
    ]


def _to_fill(gap: Window, scope: Scope) -> str:
    first, last = local_days(gap, scope.zone)
    return f"{format_days(gap, scope.zone)}; harvester {scope.vendor} --from {first} --to {last}"


def _reasons(run: Run) -> Iterator[str]:
    """Why the run did not end well, and when to resume it."""
    summary = run.summary or {}
    if summary.get("reason"):
        yield str(summary["reason"])
    if summary.get("until"):
        until = format_instant(datetime.fromisoformat(summary["until"]))
        yield f"resume at {until} UTC with the same command"


def _expiring(scope: Scope) -> str:
    expiring = scope.status.expiring
    if expiring is None:
        return ""
    parts = [f"{format_days(gap, scope.zone)} never listed" for gap in expiring.gaps[:SHOWN]]
    if expiring.meetings:
        parts.append(f"{plural(expiring.meetings, 'meeting')} failed, pending or unread")
    if expiring.failed_partitions:
        parts.append(f"{plural(expiring.failed_partitions, 'part')} of listings")
    return ", ".join(parts)


# Text


def scope_name(scope: Scope) -> str:
    """`zoom/main`: how people name an account."""
    return f"{scope.vendor}/{scope.account}"


def full_scope_name(scope: Scope) -> str:
    """With the indices, for an account that is harvested into several."""
    return f"{scope_name(scope)}/{scope.prefix}@{scope.es_url}"


def verdict_line(scopes: Sequence[Scope], rejects_of_loads: int) -> str:
    """For monitoring: one line, whose first word is the state. Nothing harvested at all needs attention: the state folder may
    be another one than that of the nightly run."""
    if not scopes:
        return "ATTENTION: nothing has been harvested into an index yet"
    lines = attention(scopes, rejects_of_loads)
    if not lines:
        return f"OK: {plural(len(scopes), 'account')}, nothing needs attention"
    more = f" (and {len(lines) - 1:,} more)" if len(lines) > 1 else ""
    return printable(f"ATTENTION: {lines[0]}{more}")


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
        blocks += [list(_scope_lines(scope)) for scope in scopes]
    elif scopes:
        blocks.append([*map(printable, table_lines(_SCOPE_COLUMNS, _scope_rows(scopes))), "", DETAILS_HINT])
    return "\n\n".join("\n".join(block) for block in blocks)


def _scope_rows(scopes: Sequence[Scope]) -> Iterator[Sequence[str]]:
    """The same account into several indices is named with them."""
    names = Counter(map(scope_name, scopes))
    for scope in scopes:
        status = scope.status
        until = status.coverage.until
        run, outcome = next(_runs(scope), (None, ""))
        yield (
            scope_name(scope) if names[scope_name(scope)] == 1 else full_scope_name(scope),
            f"to {format_instant(until)} UTC" if until is not None else "nothing yet",
            f"{status.meetings.get('done', 0):,}",
            f"{status.backlog.unread:,}",
            f"{status.backlog.pending.total():,}",
            f"{status.backlog.failed.total():,}",
            f"{format_instant(run.began)} {outcome}" if run is not None else "none yet",
        )


def _scope_lines(scope: Scope) -> Iterator[str]:
    yield printable(f"{scope.vendor}, account {scope.account}, into {scope.es_url}, indices {scope.prefix}*")
    yield from _run_lines(scope)
    for label, lines in _sections(scope):
        for number, line in enumerate(lines):
            yield _wrapped(f"  {label if not number else '':{LABEL - 2}}", line)


def _run_lines(scope: Scope) -> Iterator[str]:
    runs = list(_runs(scope))
    table = table_lines(_RUN_COLUMNS, (_run_cells(*run) for run in runs)) if runs else ["none yet"]
    for number, line in enumerate(table):
        yield f"  {'runs' if not number else '':{LABEL - 2}}{line}"
    for run, _ in runs:
        for reason in _reasons(run):
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
    yield "gaps", _some([_to_fill(gap, scope) for gap in status.reachable_gaps])
    counts = [f"{number:,} {name}" for name, number in sorted(status.meetings.items())]
    yield "meetings", [", ".join(counts) or "none"]
    yield "pending", _pending(status)
    yield "failed", _failed(status)
    yield "gone", [f"{_meeting(each)}: {each.reason}" for each in status.gone]
    skipped = (
        f"{failed.partition}, {format_span(failed.window)}: {failed.reason}, tried {format_instant(failed.tried_at)}"
        for failed in status.failed_partitions
    )
    yield "skipped", _some(list(skipped))
    yield "refused", _refused(scope)
    yield "expiring", [expiring] if (expiring := _expiring(scope)) else []
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
    return _some(lines)


def _complete(status: AccountStatus) -> list[str]:
    coverage, unread = status.coverage, status.backlog.unread
    lines = _some(_spans(coverage.complete))
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
    lines = _some([f"{number:,} × {reason}" for reason, number in backlog.failed.most_common()])
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
    return _some(lines)


def _some(lines: list[str]) -> list[str]:
    more = len(lines) - SHOWN
    return lines if more <= 0 else [*lines[:SHOWN], f"and {more:,} more"]


def _wrapped(label: str, line: str) -> str:
    return textwrap.fill(
        printable(line),
        stdout_width() or WIDTH,
        initial_indent=label,
        subsequent_indent=" " * (len(label) + 2),
        break_long_words=False,
        break_on_hyphens=False,
    )
