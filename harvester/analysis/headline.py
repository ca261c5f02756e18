"""The head of the page: six figures, and sentences about what stands out."""

from __future__ import annotations

from datetime import date

from harvester.analysis.cells import UNKNOWN, instant, minutes
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
    length = "half of the meetings are shorter"
    if totals["median_people"] is not None:
        length += f"; half have at most {totals['median_people']:,.0f} people"
    poor = "of the sessions were poor: no vendor of these provides quality"
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
    if totals["sized"]:
        share = totals["one_person"] / totals["sized"] * 100
        text = f"{plural(totals['one_person'], 'meeting')} ({share:.0f} %) had only one person"
        if totals["missed"]:
            text += f"; {plural(totals['missed'], 'planned one')} had no participants"
        found.append(text + ".")
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
                f"{never:,} of {never + held:,} bookings of a room with a Meet code ({share:.0f} %) were never held."
            )
    if data.period is not None and (worst := worst_step(data.rates)) is not None:
        when, share = worst
        name = {"day": "day was", "week": "week began on", "month": "month began on"}[data.period.bucket]
        found.append(
            f"The worst {name} {date.fromisoformat(when):%a %-d %b}: {share * 100:.1f} % of the sessions were poor."
        )
    return found
