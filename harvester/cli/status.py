"""`harvester status`: how each account stands in each index. It reads what runs wrote down, and writes nothing."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import orjson

import connectors
from connectors.errors import HarvestError, StateError, worst_exit
from connectors.model import Window
from harvester.cli.surroundings import Surroundings, common_options
from harvester.settings import is_loopback
from harvester.standing import DAY, SOON, Measures, Standing, standing
from harvester.state import account, rejects
from harvester.state.database import Database, has_log
from harvester.state.journal import Journal
from harvester.state.looked import rejected_apart
from harvester.state.records import Run

LOCKS = Path("/proc/locks")
WIDTH = 100
LABEL = 12
SHOWN = 5
"""So many windows, reasons or parts are shown; the rest is counted. `--json` has them all."""

MEANINGS = {
    0: "complete",
    65: "documents rejected",
    69: "somebody could not be reached",
    70: "a bug",
    74: "disk or output",
    75: "in part",
    77: "refused",
    78: "configuration",
    130: "interrupted",
    143: "interrupted",
}

FINDINGS = "findings left"
"""What 65 means of `verify --repair`."""
_BAD = frozenset(MEANINGS.values()) - {"complete", "interrupted"} | {"killed", FINDINGS}
_NO_END = {
    "killed": "no end: killed or crashed",
    "killed or under way": "no end: killed or crashed, or still under way",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """One account in one index. `held`: whether a run is under way, `None` where that cannot be told; `budgets`: calls
    that are counted against today's budgets; `rejects`: of the whole index."""

    vendor: str
    account: str
    api_url: str
    es_url: str
    prefix: str
    now: datetime
    held: bool | None
    state: Standing
    budgets: Mapping[str, int]
    rejects: int


@click.command()
@click.argument("vendors", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of text.")
@common_options
def status(env_file: str | None, quiet: bool, vendors: tuple[str, ...], as_json: bool) -> int:
    """The last runs, how far each account is complete, and what is missing, pending, failed or about to expire.

    Without VENDORS: all that was ever harvested into an index. It reads the state folder alone: no credentials, no
    network, nothing is written, and a run may be under way. What needs attention (failed, overdue, left out, about to
    expire at the vendor) is said first. That is an answer, not a failure: the exit code is 0 all the same, and 78 only
    where a state database is damaged.
    """
    around = Surroundings.find(env_file, quiet=quiet)
    unknown = [name for name in vendors if name not in connectors.table()]
    if unknown:
        raise click.UsageError(f"{unknown[0]} is not one of {', '.join(sorted(connectors.table()))}")
    scopes: list[Scope] = []
    errors: list[HarvestError] = []
    for path in _journals(around.state_folder, vendors):
        try:
            scopes.append(_read(path, around))
        except HarvestError as error:
            errors.append(error)
            around.voice.complain(f"harvester: {error}")
    apart = 0 if vendors else _apart(around, errors)
    if as_json:
        click.echo(_json(around.state_folder, scopes, errors, apart))
    elif scopes or not errors:
        click.echo("\n".join(_text(around.state_folder, scopes, apart)))
    return worst_exit(error.exit_code for error in errors)


# Reading


def _journals(state: Path, vendors: Sequence[str]) -> list[Path]:
    found = sorted(state.glob("*/elasticsearch-*/journal.db"))
    return [path for path in found if not vendors or _vendor_of(path) in vendors]


def _vendor_of(path: Path) -> str | None:
    """By the name of its folder, `<vendor>-<account>-<digest>`: a damaged journal cannot tell."""
    name = path.parents[1].name
    return max((v for v in connectors.table() if name.startswith(f"{v}-")), key=len, default=None)


def _read(path: Path, around: Surroundings) -> Scope:
    """Read again where a run began meanwhile: what lies without a log is read as a file that nobody writes."""
    still = not has_log(path)
    try:
        scope = _scope(path, around)
    except StateError:
        if not (still and has_log(path)):
            raise
    else:
        if not (still and has_log(path)):
            return scope
    return _scope(path, around)


def _scope(path: Path, around: Surroundings) -> Scope:
    with closing(Journal(path.parent, read_only=True)) as journal:
        vendor = journal.fact("vendor") or _vendor_of(path) or "unknown"
        api_url = journal.fact("api_url") or ""
        now = _now(api_url, around)
        return Scope(
            vendor=vendor,
            account=journal.fact("account") or "",
            api_url=api_url,
            es_url=journal.fact("es_url") or "",
            prefix=journal.fact("prefix") or "",
            now=now,
            held=_is_held(path.with_name("run.lock")),
            state=standing(journal, now=now, zone=around.zone(None), measures=_measures(vendor)),
            budgets=_budgets(path.parents[1] / "account.db", now),
            rejects=_rejects(path.parents[2] / path.parent.name / "rejects.db"),
        )


def _now(api_url: str, around: Surroundings) -> datetime:
    """By the calendar of the vendor: a simulated one has its own."""
    return around.clock({"the API": api_url}).now() if is_loopback(api_url) else datetime.now(UTC)


def _measures(vendor: str) -> Measures | None:
    if vendor not in connectors.table():
        return None
    connector = connectors.load(vendor)
    return Measures(lookback=connector.lookback, kept=connector.kept)


def _is_held(lock: Path) -> bool | None:
    """Whether a run holds this lock, out of Linux's own table: to take it, be it for a moment, could turn away a run
    that begins in that moment. `None` where there is no such table."""
    try:
        table = LOCKS.read_text(encoding="ascii")
        inode = lock.stat().st_ino
    except FileNotFoundError as error:
        return False if error.filename == str(lock) else None
    except OSError:
        return None
    return re.search(rf"FLOCK .*:{inode} ", table) is not None


def _budgets(path: Path, now: datetime) -> dict[str, int]:
    asked = "SELECT name, spent FROM budgets WHERE day = ? ORDER BY name"
    return dict(_rows(path, account.MIGRATIONS, asked, now.date().isoformat()))


def _rejects(path: Path) -> int:
    return sum(count for (count,) in _rows(path, rejects.MIGRATIONS, "SELECT count(*) FROM rejects"))


def _apart(around: Surroundings, errors: list[HarvestError]) -> int:
    try:
        return rejected_apart(around.state_folder)
    except HarvestError as error:
        errors.append(error)
        around.voice.complain(f"harvester: {error}")
        return 0


def _rows(path: Path, migrations: Sequence[str], statement: str, *values: Any) -> list[Any]:
    if not path.exists():
        return []
    with closing(Database(path, migrations, read_only=True)) as database, database.reading() as connection:
        return connection.execute(statement, values).fetchall()


# Telling


def _json(folder: Path, scopes: Sequence[Scope], errors: Sequence[HarvestError], apart: int) -> str:
    """Instants in UTC, ISO 8601. A window is `start` and `end`."""
    told = {
        "state_folder": str(folder),
        "attention": _urgent(scopes, apart),
        "rejected_apart": apart,
        "scopes": [{**_fields(scope), "runs": [_ran(*run) for run in _runs(scope)]} for scope in scopes],
        "errors": [str(error) for error in errors],
    }
    return orjson.dumps(told, default=sorted, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z).decode()


def _fields(scope: Scope) -> dict[str, Any]:
    """The scope's own fields and those of its state, side by side."""
    state = scope.state
    own = {name: getattr(scope, name) for name in Scope.__dataclass_fields__ if name not in {"state", "held"}}
    return {**own, **{name: getattr(state, name) for name in Standing.__dataclass_fields__}}


def _runs(scope: Scope) -> Iterator[tuple[Run, str]]:
    """The last runs, newest first, and what each came to, in a word. Only the newest can be under way."""
    for place, run in enumerate(scope.state.runs):
        if run.exit_code is not None:
            repair = run.exit_code == 65 and run.what == "verify --repair"
            yield run, FINDINGS if repair else MEANINGS.get(run.exit_code, "unknown")
        elif place or scope.held is False:
            yield run, "killed"
        else:
            yield run, "under way" if scope.held else "killed or under way"


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
        "stored": counts.get("done"),
    }


def attention(scope: Scope) -> list[str]:
    """What somebody should look at, worst first."""
    state = scope.state
    waiting, covered = state.waiting, state.covered
    failed, left_out = waiting.failed.total(), len(state.left_out)
    last = [outcome for _, outcome in _runs(scope)][:1]
    told = [
        (failed, f"{_count(failed, 'meeting')} failed"),
        (waiting.overdue, f"{_count(waiting.overdue, 'meeting')} overdue: due for more than a day"),
        (left_out, f"{_count(left_out, 'part')} of listings left out"),
        (_soon(state), f"about to expire at the vendor within {SOON.days} days: {_soon(state)}"),
        (
            covered.nightly and any(gap.start < scope.now - 2 * DAY for gap in state.reachable_gaps),
            "days that nightly runs were to read have not been listed",
        ),
        (scope.rejects, f"{_count(scope.rejects, 'document')} rejected: see `harvester rejects list`"),
        *((outcome in _BAD, f"the last run: {outcome}") for outcome in last),
    ]
    name = f"{scope.vendor} {scope.account}"
    return [f"{name}: {line}" for there, line in told if there]


def _soon(state: Standing) -> str:
    expiring = state.expiring
    if expiring is None:
        return ""
    told = [_span(gap) + " never listed" for gap in expiring.gaps[:SHOWN]]
    if expiring.meetings:
        told.append(f"{_count(expiring.meetings, 'meeting')} failed, pending or unread")
    if expiring.left_out:
        told.append(f"{_count(expiring.left_out, 'part')} of listings")
    return ", ".join(told)


def _urgent(scopes: Sequence[Scope], apart: int) -> list[str]:
    """`apart`: documents refused that were loaded into an index into which nothing was harvested."""
    told = [line for scope in scopes for line in attention(scope)]
    said = f"`harvester load`: {_count(apart, 'document')} rejected: see `harvester rejects list`"
    return [*told, said] if apart else told


def _text(folder: Path, scopes: Sequence[Scope], apart: int) -> Iterator[str]:
    if not scopes:
        yield f"nothing has been harvested into an index yet: no journal in {folder}"
    urgent = _urgent(scopes, apart)
    if urgent:
        yield "needs attention"
        yield from (_wrapped("  ", line) for line in urgent)
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
    yield "complete", list(_covered(state))
    yield "gaps", _some(list(map(_span, state.covered.gaps)))
    yield (
        "meetings",
        [", ".join(f"{count:,} {name}" for name, count in sorted(state.meetings.items())) or "none"],
    )
    yield "pending", _pending(state)
    yield "failed", _failed(state)
    yield (
        "left out",
        _some(
            [
                f"{left.subject}, {_span(left.window)}: {left.reason}, tried {_at(left.tried_at)}"
                for left in state.left_out
            ]
        ),
    )
    yield "expiring", [_soon(state)] if _soon(state) else []
    yield "lost", _lost(state)
    yield "budget", [f"{name}: {spent:,} calls counted today" for name, spent in scope.budgets.items()]
    yield "rejects", [_count(scope.rejects, "document")] if scope.rejects else []


def _run_lines(run: Run, outcome: str) -> Iterator[str]:
    line = f"{_at(run.began)}  {run.what}: "
    if run.ended is None:
        yield line + _NO_END.get(outcome, outcome)
        return
    yield line + f"{outcome} ({run.exit_code}), {duration((run.ended - run.began).total_seconds())}"
    listed, fetched, stored = ((run.summary or {}).get(name, 0) for name in ("listed", "fetched", "done"))
    yield f"{'':18}{listed:,} listed, {fetched:,} fetched, {stored:,} stored"


def _covered(state: Standing) -> Iterator[str]:
    covered = state.covered
    if covered.since is None or covered.until is None:
        yield "nothing listed yet"
        return
    final = f", final to {_at(covered.final_until)}" if covered.final_until is not None else ""
    yield f"from {_at(covered.since)} to {_at(covered.until)}{final} UTC"
    yield from (f"and before that {line}" for line in _some(list(map(_span, covered.earlier))))


def _pending(state: Standing) -> list[str]:
    waiting = state.waiting
    told = [f"{waiting.unread:,} listed and not read yet"] if waiting.unread else []
    if waiting.next_due is not None:
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in waiting.pending.most_common())
        told.append(
            f"{waiting.pending.total():,} ({reasons}); {waiting.due:,} due now, the first {_at(waiting.next_due)}"
        )
    return told


def _failed(state: Standing) -> list[str]:
    waiting = state.waiting
    told = _some([f"{count:,} × {reason}" for reason, count in waiting.failed.most_common()])
    return told + [
        f"{_count(each.attempts, 'attempt')}: {each.uuid}{f', {_at(each.start)}' if each.start else ''}"
        for each in waiting.worst
    ]


def _lost(state: Standing) -> list[str]:
    expiring = state.expiring
    if expiring is None:
        return []
    told = [f"{_span(gap)} was never listed" for gap in expiring.lost_gaps]
    if expiring.lost_meetings:
        told.append(f"{_count(expiring.lost_meetings, 'meeting')}, no longer kept by the vendor")
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


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _at(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M}"


def _span(window: Window) -> str:
    return f"{_at(window.start)} to {_at(window.end)}"


def duration(seconds: float) -> str:
    """As people say it: the two largest units."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
