"""The head of the page: six figures, and sentences about what stands out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from harvester.analysis.cells import UNKNOWN, instant, minutes, shown
from harvester.analysis.figures.quality import standing_out, worst_step
from harvester.analysis.figures.usage import EVERYTHING
from harvester.analysis.report_data import ReportData
from harvester.analysis.safe_text import clean, vendor_title
from harvester.formatting import plural


def figures(data: ReportData) -> list[tuple[str, str]]:
    """Six figures and what they are."""
    totals = data.totals
    peak = max((row[1] for row in data.peaks.rows), default=None)
    measured = totals["measured"] / totals["stays"] if totals["stays"] else 0
    length = "median length of a meeting"
    if totals["median_people"] is not None:
        size = totals["median_people"]
        length += f"; median size: {shown('people', 'number', size)} {'person' if size == 1 else 'people'}"
    poor = f"of the sessions were poor: {_no_quality(data)}"
    if totals["measured"]:
        poor = f"of measured sessions poor ({measured * 100:.0f} % measured)"
    return [
        (f"{totals['held']:,}", "meetings held"),
        (f"{totals['people']:,}" if totals["people"] else UNKNOWN, "different people"),
        (UNKNOWN if totals["hours"] is None else f"{totals['hours']:,.0f}", "participant-hours"),
        (UNKNOWN if peak is None else f"{peak:,}", "meetings at once, at most"),
        (UNKNOWN if totals["median_minutes"] is None else minutes(totals["median_minutes"]), length),
        (f"{totals['poor'] / totals['measured'] * 100:.1f} %" if totals["measured"] else UNKNOWN, poor),
    ]


def _no_quality(data: ReportData) -> str:
    """That no session has a quality; for Zoom, also the option that adds it."""
    how = "; harvest Zoom with --qos" if "zoom" in data.vendors else ""
    return f"no quality was harvested{how}"


def _nearly_empty(totals: Mapping[str, Any]) -> list[str]:
    """A sentence about meetings of one person and of none, if there were any."""
    parts = []
    if totals["one_person"]:
        share = totals["one_person"] / totals["sized"] * 100
        parts.append(f"{plural(totals['one_person'], 'meeting')} ({share:.0f} %) had only one person")
    if totals["missed"]:
        parts.append(f"{plural(totals['missed'], 'planned meeting')} had no participants")
    return [f"{'; '.join(parts)}."] if parts else []


def sentences(data: ReportData) -> list[str]:
    found = []
    totals = data.totals
    overall = next((row for row in data.peaks.rows if row[0] == EVERYTHING), None)
    if overall is not None:
        text = f"The busiest moment was {instant(overall[2])}"
        alone = next((row for row in data.peaks.rows if row[0] != EVERYTHING), None)
        if alone is not None and len(data.vendors) > 1:
            text += f"; {vendor_title(alone[0])} alone reached {plural(alone[1], 'meeting')} at once"
        found.append(text + ".")
    found += _nearly_empty(totals)
    if (out := standing_out(data.groups)) is not None:
        found.append(
            f"The {out[0]} “{clean(out[1])}” stands out: {out[2] * 100:.1f} % of its sessions were poor."
        )
    if data.room_use is not None:
        judged = {row[0]: row[1] for row in data.room_use.outcomes.rows}
        never, held = judged["booked, never held"], judged["booked and held"]
        if never:
            share = never / (never + held) * 100
            found.append(
                f"{never:,} of {plural(never + held, 'booking')} of a room with a Meet code ({share:.0f} %) "
                f"{'was' if never == 1 else 'were'} never held."
            )
    if data.period is not None and (worst := worst_step(data.rates)) is not None:
        when, share = worst
        name = {"day": "day was", "week": "week began on", "month": "month began on"}[data.period.bucket]
        found.append(
            f"The worst {name} {date.fromisoformat(when):%a %-d %b}: {share * 100:.1f} % of the sessions were poor."
        )
    return found
