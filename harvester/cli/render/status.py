"""How the standing of accounts is told: as lines of text, what needs attention first, or as one object of JSON."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from connectors.errors import ExitCode, HarvestError
from connectors.models import Window
from harvester.formatting import format_days, format_duration, format_instant, format_span, local_days, plural
from harvester.state.account_status import DAY, SOON, Failing, Standing
from harvester.state.journal_rows import Run

WIDTH = 100
LABEL = 12
SHOWN = 5
"""So many windows, reasons or parts are shown; the rest is counted. `--json` has them all."""

FINDINGS = "findings left"
"""What 65 means of `verify --repair`."""

_BAD = frozenset(code.outcome for code in ExitCode) - {"complete", "interrupted"} | {"killed", FINDINGS}
_NO_END = {
    "killed": "no end: killed or crashed",
    "killed or under way": "no end: killed or crashed, or still under way",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """One account in one index. `zone`: whose midnights its days begin at; `held`: whether a run is under way, `None`
    where that cannot be told; `budgets`: calls that are counted against today's budgets; `rejects`: of the whole index.
    """

    vendor: str
    account: str
    api_url: str
    es_url: str
    prefix: str
    now: datetime
    zone: ZoneInfo
    held: bool | None
    state: Standing
    budgets: Mapping[str, int]
    rejects: int


# As an object


_JSON = orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS


def as_object(folder: Path, scopes: Sequence[Scope], errors: Sequence[HarvestError], apart: int) -> str:
    """Instants in UTC, ISO 8601. A window is `start` and `end`. `apart`: as `urgent` has it."""
    told = {
        "state_folder": str(folder),
        "attention": urgent(scopes, apart),
        "rejected_apart": apart,
        "scopes": [{**_fields(scope), "runs": [_ran(*run) for run in _runs(scope)]} for scope in scopes],
        "errors": [str(error) for error in errors],
    }
    return orjson.dumps(told, default=sorted, option=_JSON).decode()


def _fields(scope: Scope) -> dict[str, Any]:
    """The scope's own fields and those of its state, side by side."""
    state = scope.state
    own = {
        name: getattr(scope, name)
        for name in Scope.__dataclass_fields__
        if name not in {"state", "held", "zone"}
    }
    return {**own, **{name: getattr(state, name) for name in Standing.__dataclass_fields__}}


def _runs(scope: Scope) -> Iterator[tuple[Run, str]]:
    """The last runs, newest first, and what each came to, in a word. Only the newest can be under way."""
    for place, run in enumerate(scope.state.runs):
        if run.exit_code is not None:
            repair = run.exit_code == ExitCode.DATAERR and run.what == "verify --repair"
            yield run, FINDINGS if repair else _outcome(run.exit_code)
        elif place or scope.held is False:
            yield run, "killed"
        else:
            yield run, "under way" if scope.held else "killed or under way"


def _outcome(exit_code: int) -> str:
    return next((code.outcome for code in ExitCode if code == exit_code), "unknown")


def _ran(run: Run, outcome: str) -> dict[str, Any]:
    counts = run.summary or {}
    return {
        "began": run.began,
        "ended": run.ended,
        "seconds": (run.ended - run.began).total_seconds() if run.ended is not None else None,
        "what": run.what,
        "exit_code": run.exit_code,
        "outcome": outcome,
        "listed": counts.get("listed"),
        "fetched": counts.get("fetched"),
        "stored": counts.get("stored"),
        "reason": counts.get("reason"),
        "until": counts.get("until"),
    }


# As text


def attention(scope: Scope) -> list[str]:
    """What somebody should look at, worst first."""
    state = scope.state
    waiting = state.waiting
    failed, left_out = waiting.failed.total(), len(state.left_out)
    told = [
        (failed, f"{plural(failed, 'meeting')} failed"),
        (waiting.overdue, f"{plural(waiting.overdue, 'meeting')} overdue: due for more than a day"),
        (left_out, f"{plural(left_out, 'part')} of listings left out"),
        (_soon(scope), f"about to expire at the vendor within {SOON.days} days: {_soon(scope)}"),
        *((True, f"never listed: {line}") for line in _some([_to_fill(gap, scope) for gap in _holes(scope)])),
        (scope.rejects, f"{plural(scope.rejects, 'document')} rejected: see `harvester rejects list`"),
        *(
            (outcome in _BAD, f"the last run: {': '.join([outcome, *_why(run)])}")
            for run, outcome in list(_runs(scope))[:1]
        ),
    ]
    name = f"{scope.vendor} {scope.account}"
    return [f"{name}: {line}" for there, line in told if there]


def _holes(scope: Scope) -> list[Window]:
    """The gaps that no nightly run of today closes by itself, as it does what ends at the last midnight."""
    return [
        gap
        for gap in scope.state.reachable_gaps
        if gap.start < scope.now - 2 * DAY or gap.end < scope.now - DAY
    ]


def _to_fill(gap: Window, scope: Scope) -> str:
    first, last = local_days(gap, scope.zone)
    return f"{format_days(gap, scope.zone)}; harvester {scope.vendor} --from {first} --to {last}"


def _why(run: Run) -> Iterator[str]:
    """What its errors said, and when to go on."""
    told = run.summary or {}
    if told.get("reason"):
        yield str(told["reason"])
    if told.get("until"):
        yield f"go on at {format_instant(datetime.fromisoformat(told['until']))} UTC with the same command"


def _soon(scope: Scope) -> str:
    expiring = scope.state.expiring
    if expiring is None:
        return ""
    told = [f"{format_days(gap, scope.zone)} never listed" for gap in expiring.gaps[:SHOWN]]
    if expiring.meetings:
        told.append(f"{plural(expiring.meetings, 'meeting')} failed, pending or unread")
    if expiring.left_out:
        told.append(f"{plural(expiring.left_out, 'part')} of listings")
    return ", ".join(told)


def urgent(scopes: Sequence[Scope], apart: int) -> list[str]:
    """`apart`: documents refused that were loaded into an index into which nothing was harvested."""
    told = [line for scope in scopes for line in attention(scope)]
    said = f"`harvester load`: {plural(apart, 'document')} rejected: see `harvester rejects list`"
    return [*told, said] if apart else told


def as_text(folder: Path, scopes: Sequence[Scope], apart: int) -> Iterator[str]:
    if not scopes:
        yield f"nothing has been harvested into an index yet: no journal in {folder}"
    if to_do := urgent(scopes, apart):
        yield "needs attention"
        yield from (_wrapped("  ", line) for line in to_do)
        yield ""
    for place, scope in enumerate(scopes):
        if place:
            yield ""
        yield f"{scope.vendor}, account {scope.account}, into {scope.es_url}, indices {scope.prefix}*"
        for label, lines in _sections(scope):
            for number, line in enumerate(lines):
                yield _wrapped(f"  {label if not number else '':{LABEL - 2}}", line)


def _sections(scope: Scope) -> Iterator[tuple[str, Sequence[str]]]:
    """Label and lines of each section that has any."""
    state = scope.state
    yield "runs", [line for run in _runs(scope) for line in _run_lines(*run)] or ["none yet"]
    yield "listed", _listed(state)
    yield "complete", _complete(state)
    yield "gaps", _some([_to_fill(gap, scope) for gap in state.reachable_gaps])
    counts = [f"{number:,} {name}" for name, number in sorted(state.meetings.items())]
    yield "meetings", [", ".join(counts) or "none"]
    yield "pending", _pending(state)
    yield "failed", _failed(state)
    yield "gone", [f"{_meeting(each)}: {each.reason}" for each in state.gone]
    left_out = (
        f"{left.partition}, {format_span(left.window)}: {left.reason}, tried {format_instant(left.tried_at)}"
        for left in state.left_out
    )
    yield "left out", _some(list(left_out))
    yield "expiring", [_soon(scope)] if _soon(scope) else []
    yield "lost", _lost(scope)
    yield (
        "budget",
        [f"{name}: {plural(spent, 'call')} counted today" for name, spent in scope.budgets.items()],
    )
    yield "rejects", [plural(scope.rejects, "document")] if scope.rejects else []


def _run_lines(run: Run, outcome: str) -> Iterator[str]:
    line = f"{format_instant(run.began)}  {run.what}: "
    if run.ended is None:
        yield line + _NO_END.get(outcome, outcome)
        return
    yield line + f"{outcome} ({run.exit_code}), {format_duration((run.ended - run.began).total_seconds())}"
    yield from _why(run)
    listed, fetched, stored = ((run.summary or {}).get(name, 0) for name in ("listed", "fetched", "stored"))
    yield f"{'':18}{listed:,} listed, {fetched:,} fetched, {stored:,} stored"


def _listed(state: Standing) -> list[str]:
    covered = state.covered
    if not covered.listed:
        return ["nothing to the end yet"]
    told = [
        f"from {format_instant(window.start)} to {format_instant(window.end)} UTC"
        for window in covered.listed
    ]
    if covered.final_until is not None:
        told[0] += f", final to {format_instant(covered.final_until)}"
    return _some(told)


def _complete(state: Standing) -> list[str]:
    covered, unread = state.covered, state.waiting.unread
    told = _some(
        [
            f"from {format_instant(window.start)} to {format_instant(window.end)} UTC"
            for window in covered.complete
        ]
    )
    beside = [f"{plural(covered.failed, 'meeting')} that failed"] if covered.failed else []
    beside += [f"{plural(len(state.left_out), 'part')} of listings left out"] if state.left_out else []
    if told and beside:
        told[-1] += f", but for {' and '.join(beside)}"
    if unread:
        told.append(f"{plural(unread, 'meeting')} listed and not read yet")
    return told if covered.complete else ["nothing yet", *told]


def _pending(state: Standing) -> list[str]:
    waiting = state.waiting
    if waiting.next_due is None:
        return []
    reasons = ", ".join(f"{reason} {number:,}" for reason, number in waiting.pending.most_common())
    return [
        f"{waiting.pending.total():,} ({reasons}); {waiting.due:,} due now, the first {format_instant(waiting.next_due)}"
    ]


def _failed(state: Standing) -> list[str]:
    waiting = state.waiting
    told = _some([f"{number:,} × {reason}" for reason, number in waiting.failed.most_common()])
    return told + [f"{plural(each.attempts, 'attempt')}: {_meeting(each)}" for each in waiting.worst]


def _meeting(failing: Failing) -> str:
    return f"{failing.uuid}, {format_instant(failing.start)}" if failing.start is not None else failing.uuid


def _lost(scope: Scope) -> list[str]:
    expiring = scope.state.expiring
    if expiring is None:
        return []
    told = [f"{format_days(gap, scope.zone)} never listed" for gap in expiring.lost_gaps]
    if expiring.lost_meetings:
        told.append(f"{plural(expiring.lost_meetings, 'meeting')}, no longer kept by the vendor")
    return _some(told)


def _some(lines: list[str]) -> list[str]:
    more = len(lines) - SHOWN
    return lines if more <= 0 else [*lines[:SHOWN], f"and {more:,} more"]


def _wrapped(label: str, line: str) -> str:
    return textwrap.fill(
        line,
        WIDTH,
        initial_indent=label,
        subsequent_indent=" " * (len(label) + 2),
        break_long_words=False,
        break_on_hyphens=False,
    )
