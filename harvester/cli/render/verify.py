"""How the results of `harvester verify` are printed: as a table with its findings, or as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from connectors.models import Window
from harvester.formatting import format_instant, plural
from harvester.state.journal_rows import JournalEntry
from harvester.verify.findings import (
    EXPLAINED,
    KEPT_ORPHANS,
    KINDS,
    Finding,
    Kind,
    Repair,
    count_by_kind,
    unrepaired,
    wrong,
)
from harvester.verify.result import VerifyResult, worst_exit_code

SHOWN = 20
"""How many findings of each kind are printed; `--json` has all of them."""

MEANINGS: Mapping[Kind, str] = {
    "missing": "meetings without their document",
    "orphans": "meetings with sessions only",
    "incomplete": "meetings with fewer sessions than they had",
    "surplus": "meetings with more sessions than they had",
    "outdated": "meetings older or poorer than their sessions",
    "leftovers": "meetings with documents of earlier harvests",
    "doubled": "meetings with documents in two indices",
    "pending": "listed meetings that have nothing to store yet (this is normal)",
    "gone": "listed meetings that the vendor no longer has, or has no time of (this is normal)",
    "future": "meetings harvested in the future, by a clock that was ahead",
}
REPAIRS: Mapping[Repair, str] = {
    "harvest": "--repair reads it again",
    "delete": "--repair deletes the extra documents",
    "delete-orphans": KEPT_ORPHANS,
    "none": "nothing to repair",
}


def verify_json(results: Sequence[VerifyResult]) -> str:
    document = {
        "vendors": [_result_document(result) for result in results],
        "exit_code": worst_exit_code(results),
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z).decode()


def verify_lines(results: Sequence[VerifyResult], *, quiet: bool) -> Iterator[str]:
    """`quiet`: only results with something wrong."""
    for result in results:
        if not (quiet and result.is_clean):
            yield from _result_lines(result)


# As JSON


def _result_document(result: VerifyResult) -> dict[str, Any]:
    """`counts` is null if nothing was compared, since nothing is known then."""
    windows, tally = result.windows, result.tally
    compared = windows and result.has_compared
    return {
        "vendor": result.vendor,
        "account": result.account,
        "start": windows[0].start if windows else None,
        "end": windows[-1].end if windows else None,
        "recorded_in_future": _wrong_times_document(result),
        "never_read": [{"start": gap.start, "end": gap.end} for gap in result.gaps],
        "never_harvested": result.never_harvested,
        "complete": result.complete,
        "listed": tally.listed if tally else 0,
        "compared": tally.compared if tally else 0,
        "unlisted": tally.unlisted if tally else 0,
        "rejected": result.rejected,
        "counts": _by_kind(result.findings) if compared else None,
        "left": _by_kind(unrepaired(result.findings)) if compared else None,
        **{kind: count_by_kind(result.findings)[kind] for kind in EXPLAINED},
        "findings": [finding_document(finding) for finding in wrong(result.findings)],
        "explained": [finding_document(each) for each in result.findings if each.kind in EXPLAINED],
        "failures": result.failures,
        "error": result.error or None,
        "exit_code": result.exit_code,
    }


def _wrong_times_document(result: VerifyResult) -> dict[str, Any] | None:
    wrong = result.wrong_times
    if wrong is None:
        return None
    listed = [{"start": window.start, "end": window.end} for window in wrong.listed]
    return {"latest": wrong.latest, "listed": listed, "repaired": result.repaired}


def finding_document(finding: Finding) -> dict[str, Any]:
    """Names no person: ids, instants, and words of this program."""
    entry = finding.entry
    document: dict[str, Any] = {
        "kind": finding.kind,
        "uuid": finding.uuid,
        "start": finding.start,
        "repair": finding.repair,
        "outcome": entry.outcome if entry is not None else None,
        "stored_at": entry.harvested_at if entry is not None else None,
    }
    if finding.index is not None:
        document |= {"index": finding.index, "ids": list(finding.ids)}
    document |= {name: count for name in ("lacking", "surplus") if (count := getattr(finding, name))}
    if finding.repaired is not None:
        document["repaired"] = finding.repaired
    if finding.why:
        document["why"] = finding.why
    return document


def _by_kind(findings: Sequence[Finding]) -> dict[Kind, int]:
    counts = count_by_kind(findings)
    return {kind: counts[kind] for kind in KINDS}


# As text


def _result_lines(result: VerifyResult) -> Iterator[str]:
    name, why = result.name, result.error or "; ".join(result.failures)
    if result.never_harvested:
        yield f"{name}: not compared: it was never harvested into this index; with --from, it is compared all the same"
        return
    if result.complete and not result.windows and result.wrong_times is None:
        return  # nothing was to be compared, and a message said so
    if not result.has_compared:
        yield f"{name}: not compared{f': {why}' if why else ''}"
    elif result.tally is not None and result.windows:
        count = result.tally.unlisted
        unlisted = f", {count:,} of them only in the index or the journal" if count else ""
        partial = "" if result.complete else f"; not all of it was compared: {why}"
        yield (
            f"{name}: {_format_windows(result.windows)}: {plural(result.tally.listed, 'meeting')} listed, "
            f"{result.tally.compared:,} compared{unlisted}{partial}"
        )
        yield from _gap_lines(result)
        yield from _table(result)
        for kind in (*KINDS, *EXPLAINED):
            yield from _finding_lines(kind, [finding for finding in result.findings if finding.kind == kind])
        if result.is_clean:
            yield f"{name}: nothing is wrong: the vendor's listing, the journal and the index agree"
        if result.complete and result.error:
            yield f"{name}: the repair did not finish: {result.error}"
    yield from _wrong_times_lines(result)
    yield from _advice(result)


def _table(result: VerifyResult) -> Iterator[str]:
    """Of an incomplete comparison only what was found, since a zero says that nothing is wrong."""
    found, left = count_by_kind(result.findings), count_by_kind(unrepaired(result.findings))
    kinds = [kind for kind in KINDS if result.complete or found[kind]]
    if result.repaired:
        yield f"  {'':<11} {'found':>6} {'repaired':>8} {'left':>6}"
    for kind in kinds:
        after = f" {found[kind] - left[kind]:>8} {left[kind]:>6}" if result.repaired else ""
        yield f"  {kind:<11} {found[kind]:>6}{after}  {MEANINGS[kind]}"
    for kind in EXPLAINED:
        if found[kind]:
            after = f" {'':>8} {'':>6}" if result.repaired else ""
            yield f"  {kind:<11} {found[kind]:>6}{after}  {MEANINGS[kind]}"
    if result.rejected:
        after = f" {'':>8} {result.rejected:>6}" if result.repaired else ""
        count = f"{'' if result.repaired else result.rejected:>6}"
        yield f"  {'rejected':<11} {count}{after}  documents that Elasticsearch refused"


def _finding_lines(kind: Kind, findings: Sequence[Finding]) -> Iterator[str]:
    for finding in findings[:SHOWN]:
        yield f"{kind}: {finding_line(finding)}"
    if len(findings) > SHOWN:
        yield f"{kind}: … and {len(findings) - SHOWN:,} more; --json has all of them"


def finding_line(finding: Finding) -> str:
    outcome = finding.why or ("repaired" if finding.repaired else REPAIRS[finding.repair])
    start = f"{format_instant(finding.start)} UTC" if finding.start is not None else "start unknown"
    return f"{start}, {finding.uuid}, {_journal_state(finding.entry)}{_extent(finding)} ({outcome})"


def _extent(finding: Finding) -> str:
    if finding.lacking:
        return f": {plural(finding.lacking, 'session')} missing"
    if finding.surplus:
        return f": {plural(finding.surplus, 'session')} too many"
    if not finding.ids:
        return ""
    index = f" in {finding.index}" if finding.index else ""
    return f": {plural(len(finding.ids), 'document')}{index}, {finding.ids[0]}{' …' if len(finding.ids) > 1 else ''}"


def _journal_state(entry: JournalEntry | None) -> str:
    if entry is None:
        return "not in the journal"
    if entry.outcome == "failed":
        return f"failed ({entry.reason or 'reason unknown'})"
    if entry.outcome == "gone":
        return "gone at the vendor"
    if entry.rank is not None and entry.harvested_at is not None:
        return f"stored {format_instant(entry.harvested_at)}"
    return "listed, not stored yet"


def _advice(result: VerifyResult) -> Iterator[str]:
    repairable = {finding.repair for finding in result.findings} & {"harvest", "delete"}
    if (repairable or result.wrong_times) and not result.repaired:
        yield f"{result.name}: run it again with --repair to fix this"
    if result.rejected:
        documents = f"{plural(result.rejected, 'document')} {'is' if result.rejected == 1 else 'are'}"
        yield (
            f"{result.name}: {documents} among the rejects instead of in the index: `harvester rejects list` says why; "
            "fix the mapping and run `harvester rejects replay`, or fix the documents and run `harvester load`"
        )


def _gap_lines(result: VerifyResult) -> Iterator[str]:
    if result.gaps:
        several = len(result.gaps) > 1 or result.gaps[0].end - result.gaps[0].start > timedelta(days=1)
        days = ", ".join(_format_days(gap, result.zone) for gap in result.gaps)
        never = f"  {days} {'were' if several else 'was'} never read by any run"
        if any(gap.intersection(window) for gap in result.gaps for window in result.windows):
            yield f"{never}: what is missing there was not lost, and --repair or a harvest with the same days reads it"
        else:
            yield f"{never}, and {'are' if several else 'is'} not compared"


def _wrong_times_lines(result: VerifyResult) -> Iterator[str]:
    wrong = result.wrong_times
    if wrong is not None:
        listed = "".join(f", and listed {_format_windows([window])}" for window in wrong.listed)
        outcome = "is forgotten: the next run reads it again" if result.repaired else "--repair forgets it"
        yield (
            f"{result.name}: an earlier run had a clock that was ahead: it recorded {format_instant(wrong.latest)} UTC{listed}; this is not "
            f"believed, and {outcome}"
        )


def _format_days(gap: Window, zone: ZoneInfo) -> str:
    """As days, if it begins and ends at midnight."""
    start, end = gap.start.astimezone(zone), gap.end.astimezone(zone)
    if (start.hour, start.minute, end.hour, end.minute) != (0, 0, 0, 0):
        return _format_windows([gap])
    last = (end - timedelta(hours=1)).date()
    return f"{start.date()}" if last == start.date() else f"{start.date()} to {last}"


def _format_windows(windows: Sequence[Window]) -> str:
    return f"{format_instant(windows[0].start)} to {format_instant(windows[-1].end)} UTC"
