"""What `harvester verify` found of one vendor, and how it is told: as a table, as JSON, as an exit code."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click
import orjson

from connectors.errors import ExitCode
from connectors.models import Window
from harvester.verify.findings import KINDS, MEANINGS, Finding, Kind, counts, left

if TYPE_CHECKING:
    from harvester.verify.comparison import Tally

SHOWN = 20
"""So many findings of each kind are printed; `--json` has them all."""


@dataclass(slots=True, kw_only=True)
class Verdict:
    """What was found of one vendor. `windows`: what was to be compared, in order; `gaps`: the time between them, which no
    run was ever to read; `complete`: all of it was compared, and else why not, in `error` and `failures`; `codes`: what
    went wrong; `repaired`: a repair came to its end; `zone`: whose midnights they are."""

    vendor: str
    account: str
    zone: ZoneInfo
    windows: Sequence[Window] = ()
    gaps: Sequence[Window] = ()
    tally: Tally | None = None
    findings: list[Finding] = field(default_factory=list)
    codes: set[int] = field(default_factory=set)
    failures: list[str] = field(default_factory=list)
    error: str = ""
    complete: bool = False
    repaired: bool = False

    @property
    def rejected(self) -> int:
        return len(self.tally.rejected) if self.tally is not None else 0

    @property
    def exit_code(self) -> int:
        return ExitCode.worst(
            self.codes | ({ExitCode.DATAERR} if left(self.findings) or self.rejected else set())
        )

    @property
    def spotless(self) -> bool:
        return self.complete and not self.findings and not self.rejected and not self.codes


def exit_code(verdicts: Sequence[Verdict]) -> int:
    return ExitCode.worst(verdict.exit_code for verdict in verdicts)


def tell(verdicts: Sequence[Verdict], *, as_json: bool, quiet: bool) -> None:
    if as_json:
        told = {"vendors": [_document(verdict) for verdict in verdicts], "exit_code": exit_code(verdicts)}
        click.echo(orjson.dumps(told, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z).decode())
        return
    for verdict in verdicts:
        if not (quiet and verdict.spotless):
            for line in _lines(verdict):
                click.echo(line)


def _document(verdict: Verdict) -> dict[str, Any]:
    """`counts` is null where nothing was compared: nothing is known then."""
    windows, tally = verdict.windows, verdict.tally
    known = windows and (verdict.complete or verdict.findings)
    return {
        "vendor": verdict.vendor,
        "account": verdict.account,
        "start": windows[0].start if windows else None,
        "end": windows[-1].end if windows else None,
        "never_read": [{"start": gap.start, "end": gap.end} for gap in verdict.gaps],
        "complete": verdict.complete,
        "listed": tally.listed if tally else 0,
        "compared": tally.compared if tally else 0,
        "rejected": verdict.rejected,
        "counts": _by_kind(verdict.findings) if known else None,
        "left": _by_kind(left(verdict.findings)) if known else None,
        "findings": [finding.document() for finding in verdict.findings],
        "failures": verdict.failures,
        "error": verdict.error or None,
        "exit_code": verdict.exit_code,
    }


def _by_kind(findings: Sequence[Finding]) -> dict[Kind, int]:
    found = counts(findings)
    return {kind: found[kind] for kind in KINDS}


def _lines(verdict: Verdict) -> Iterator[str]:
    name, why = verdict.vendor, verdict.error or "; ".join(verdict.failures)
    if verdict.complete and not verdict.windows:
        return  # nothing was to be compared, and that was said
    if not verdict.complete and not verdict.findings:
        yield f"{name}: not compared{f': {why}' if why else ''}"
    elif verdict.tally is not None:
        whole = "" if verdict.complete else f"; not all of it was compared: {why}"
        yield (
            f"{name}: {_spelled(verdict.windows)}: {verdict.tally.listed} meetings listed, "
            f"{verdict.tally.compared} compared{whole}"
        )
        yield from _gaps(verdict)
        yield from _table(verdict)
        for kind in KINDS:
            yield from _details(kind, [finding for finding in verdict.findings if finding.kind == kind])
        if verdict.complete and verdict.error:
            yield f"{name}: the repair has not come to its end: {verdict.error}"
    yield from _advice(verdict)


def _table(verdict: Verdict) -> Iterator[str]:
    """Of what was compared in part, only what was found: a nought says that all of it is well."""
    found, remaining = counts(verdict.findings), counts(left(verdict.findings))
    kinds = [kind for kind in KINDS if verdict.complete or found[kind]]
    if verdict.repaired:
        yield f"  {'':<11} {'found':>6} {'repaired':>8} {'left':>6}"
    for kind in kinds:
        after = f" {found[kind] - remaining[kind]:>8} {remaining[kind]:>6}" if verdict.repaired else ""
        yield f"  {kind:<11} {found[kind]:>6}{after}  {MEANINGS[kind]}"
    if verdict.rejected:
        after = f" {'':>8} {verdict.rejected:>6}" if verdict.repaired else ""
        count = f"{'' if verdict.repaired else verdict.rejected:>6}"
        yield f"  {'rejected':<11} {count}{after}  documents that Elasticsearch refused"


def _details(kind: Kind, findings: Sequence[Finding]) -> Iterator[str]:
    for finding in findings[:SHOWN]:
        yield f"{kind}: {finding.line()}"
    if len(findings) > SHOWN:
        yield f"{kind}: … and {len(findings) - SHOWN} more; --json has them all"


def _advice(verdict: Verdict) -> Iterator[str]:
    """What to do about it."""
    helped = {finding.repair for finding in verdict.findings} & {"harvest", "delete"}
    if helped and not verdict.repaired:
        yield f"{verdict.vendor}: run it again with --repair to put this right"
    if verdict.rejected:
        count = f"{verdict.rejected} document{'s are' if verdict.rejected > 1 else ' is'}"
        yield (
            f"{verdict.vendor}: {count} among the rejects instead of in the index: `harvester rejects list` says why; "
            "mend the mapping and `harvester rejects replay`, or mend the documents and `harvester load` them"
        )


def _gaps(verdict: Verdict) -> Iterator[str]:
    if verdict.gaps:
        several = len(verdict.gaps) > 1 or verdict.gaps[0].end - verdict.gaps[0].start > timedelta(days=1)
        days = ", ".join(_days(gap, verdict.zone) for gap in verdict.gaps)
        yield f"  {days} {'were' if several else 'was'} never read by any run, and {'are' if several else 'is'} not compared"


def _days(gap: Window, zone: ZoneInfo) -> str:
    """By the days where it begins and ends at midnights."""
    start, end = gap.start.astimezone(zone), gap.end.astimezone(zone)
    if (start.hour, start.minute, end.hour, end.minute) != (0, 0, 0, 0):
        return _spelled([gap])
    last = (end - timedelta(hours=1)).date()
    return f"{start.date()}" if last == start.date() else f"{start.date()} to {last}"


def _spelled(windows: Sequence[Window]) -> str:
    start, end = windows[0].start.astimezone(UTC), windows[-1].end.astimezone(UTC)
    return f"{start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC"
