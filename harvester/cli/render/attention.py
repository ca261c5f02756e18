"""What needs attention: of each account in each index, and of all of them in one line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime

from connectors.exit_codes import ExitCode
from connectors.models import Window
from harvester.cli.render.scope import FINDINGS, Scope, label_of, runs_of, unique_names
from harvester.formatting import format_days, format_instant, local_days, plural
from harvester.printable import printable
from harvester.state.account_status import DAY, RUNS, SOON
from harvester.state.journal_rows import Run

SHOWN = 5
"""At most this many windows, reasons or partitions are shown; the rest is counted. `--json` has all of them."""

_BAD = frozenset(code.outcome for code in ExitCode) - {"complete", "interrupted"} | {"killed", FINDINGS}


def attention(scopes: Sequence[Scope], rejects_of_loads: int) -> list[str]:
    """What needs attention. `rejects_of_loads`: rejected documents of indices into which nothing was harvested."""
    labels = Counter(map(label_of, scopes))
    lines = [
        f"{f'{scope.vendor} {scope.account}' if labels[label_of(scope)] == 1 else name}: {line}"
        for scope, name in zip(scopes, unique_names(scopes), strict=True)
        if not _was_a_mistake(scope, scopes)
        for line in _attention(scope)
    ]
    if rejects_of_loads:
        lines.append(
            f"`harvester load`: {plural(rejects_of_loads, 'document')} rejected: see `harvester rejects list`"
        )
    return lines


def _was_a_mistake(scope: Scope, scopes: Sequence[Scope]) -> bool:
    """Whether the URL of Elasticsearch was wrong for a few runs, as if it was mistyped: none of them has reached it, and a later
    run of the account has reached another one. A journal that is written night after night is no mistake."""
    began = [run.began for run in scope.status.runs]
    if scope.reached or len(began) == RUNS or (began and max(began) - min(began) > DAY / 2):
        return False
    return any(
        other.reached
        and (label_of(other), other.api_url) == (label_of(scope), scope.api_url)
        and (not began or any(run.began > max(began) for run in other.status.runs))
        for other in scopes
    )


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
    if expiring := expiring_data(scope):
        yield f"about to expire at the vendor within {SOON.days} days: {expiring}"
    yield from (f"never listed: {line}" for line in some([to_fill(gap, scope) for gap in _old_gaps(scope)]))
    if scope.rejects:
        yield f"{plural(scope.rejects, 'document')} rejected: see `harvester rejects list`"
    for run, outcome in list(runs_of(scope))[:1]:
        if outcome in _BAD:
            yield f"the last run: {': '.join([outcome, *reasons_of(run)])}"


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


def to_fill(gap: Window, scope: Scope) -> str:
    first, last = local_days(gap, scope.zone)
    return f"{format_days(gap, scope.zone)}; harvester {scope.vendor} --from {first} --to {last}"


def reasons_of(run: Run) -> Iterator[str]:
    """Why the run did not end well, and when to resume it."""
    summary = run.summary or {}
    if summary.get("reason"):
        yield str(summary["reason"])
    if summary.get("until"):
        until = format_instant(datetime.fromisoformat(summary["until"]))
        yield f"resume at {until} UTC with the same command"


def expiring_data(scope: Scope) -> str:
    expiring = scope.status.expiring
    if expiring is None:
        return ""
    parts = [f"{format_days(gap, scope.zone)} never listed" for gap in expiring.gaps[:SHOWN]]
    if expiring.meetings:
        parts.append(f"{plural(expiring.meetings, 'meeting')} failed, pending or unread")
    if expiring.failed_partitions:
        parts.append(f"{plural(expiring.failed_partitions, 'part')} of listings")
    return ", ".join(parts)


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


def some(lines: list[str]) -> list[str]:
    more = len(lines) - SHOWN
    return lines if more <= 0 else [*lines[:SHOWN], f"and {more:,} more"]
