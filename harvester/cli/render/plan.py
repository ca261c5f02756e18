"""How the estimate of `harvester plan` is printed: as text, or as JSON."""

from __future__ import annotations

from collections.abc import Iterator

import orjson

from harvester.formatting import format_duration, format_instant, format_span, plural, without_prefix
from harvester.pipeline.estimate import Budget, Estimate, Spread


def plan_json(estimate: Estimate, *, one_line: bool = False) -> str:
    indent = 0 if one_line else orjson.OPT_INDENT_2
    return orjson.dumps(estimate, option=indent | orjson.OPT_UTC_Z).decode()


def plan_lines(estimate: Estimate) -> Iterator[str]:
    window = f", {format_span(estimate.window)} UTC" if estimate.window is not None else ""
    yield f"{estimate.vendor}, account {estimate.account}{window}"
    if not estimate.complete:
        why = f" ({without_prefix(estimate.reason, estimate.vendor)})" if estimate.reason else ""
        again = (
            f"; run this again at {format_instant(estimate.until)} UTC" if estimate.until is not None else ""
        )
        yield f"  the listing did not reach its end{why}: there is more than this{again}"
    yield from (f"  {label:14}{text}" for label, text in _rows(estimate))


def _rows(estimate: Estimate) -> Iterator[tuple[str, str]]:
    done = estimate.days - estimate.days_listed
    if estimate.journal:
        yield (
            "done already",
            f"{done:,} of {plural(estimate.days, 'day')}: {plural(estimate.known, 'meeting')} known",
        )
    known = f", {estimate.unchanged:,} known already" if estimate.journal else ""
    yield (
        "listed now",
        f"{plural(estimate.days_listed, 'day')}: {plural(estimate.listed, 'meeting')}{known}",
    )
    earlier = f", {estimate.resumed:,} left by earlier runs" if estimate.resumed else ""
    yield "to fetch", f"{plural(estimate.wanted, 'meeting')}{earlier}"
    yield (
        "requests",
        f"{estimate.requests:,}: {estimate.meeting_requests:,} for meetings, {estimate.listing_requests:,} for the listing",
    )
    yield (
        "time",
        f"{format_duration(estimate.seconds)} at {estimate.requests_per_second:.1f} requests a second",
    )
    if estimate.budget is not None:
        yield "daily quota", _format_budget(estimate.budget)
    yield from _spread_rows(estimate.spread, complete=estimate.complete)


def _format_budget(budget: Budget) -> str:
    return (
        f"{budget.limit:,} calls ({budget.name}): the vendor's limit × the rate share, {budget.rate_share:g}; "
        f"{budget.spent:,} used today"
    )


def _spread_rows(spread: Spread, *, complete: bool) -> Iterator[tuple[str, str]]:
    if spread.ends is None:
        yield "days", "0" if complete else "unknown"
        yield "ends", "at once: nothing is left to do" if complete else "unknown"
        return
    again = "; run the same command on each of them" if spread.days > 1 else ""
    yield "days", f"{spread.days}{again}"
    yield "ends", f"{format_instant(spread.ends)} UTC, if started now"
