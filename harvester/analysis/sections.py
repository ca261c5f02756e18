"""The page as values: head, sections, and in them charts and tables. Every text from outside is cleaned here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from harvester.analysis import charts
from harvester.analysis.extra import require
from harvester.analysis.figures import detail as details
from harvester.analysis.figures.detail import Detail
from harvester.analysis.figures.facts import FAIR, POOR
from harvester.analysis.figures.people import LEAST_PEOPLE
from harvester.analysis.figures.quality import LEAST_STAYS, standing_out
from harvester.analysis.figures.table import Kind, Table
from harvester.analysis.figures.use import EVERYTHING
from harvester.analysis.names import clean, vendor_class, vendor_title
from harvester.analysis.report_data import ReportData

UNKNOWN = "–"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    text: str
    value: str
    """As `--csv` writes it."""
    is_text: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    title: str | None = None
    note: str | None = None
    legend: Sequence[tuple[str, str]] = ()
    """CSS name of the colour, and text."""
    charts: Sequence[str] = ()
    """Markup of jinja2, which is not escaped again: only `_svg` makes it."""
    table: Table | None = None
    is_open: bool = False
    """Whether the table stands in the page by itself, instead of behind "The figures behind this chart"."""
    half: bool = False

    @property
    def header(self) -> list[tuple[str, bool]]:
        return [(name, kind == "text") for name, kind in self.table.columns.items()] if self.table else []

    @property
    def cells(self) -> list[list[Cell]]:
        if self.table is None:
            return []
        kinds = list(self.table.columns.items())
        return [
            [_cell(*kind, value) for kind, value in zip(kinds, row, strict=True)] for row in self.table.rows
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class MeetingView:
    title: str
    facts: Sequence[str]
    summary: str
    blocks: Sequence[Block]
    is_open: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    name: str
    link: str
    title: str
    intro: Sequence[str] = ()
    blocks: Sequence[Block] = ()
    meetings: Sequence[MeetingView] = ()
    facts: Sequence[str] = field(default_factory=tuple)


def _svg(drawing: str) -> str:
    """The only place that makes markup: from `svg.draw`, which builds it anew from an allow-list."""
    markup: str = require("markupsafe").Markup(drawing)  # see above
    return markup


def _cell(name: str, kind: Kind, value: Any) -> Cell:
    if value is None:
        return Cell(
            text="" if name in {"partial", "stands out"} else UNKNOWN, value="", is_text=kind == "text"
        )
    return Cell(text=shown(name, kind, value), value=plain_value(kind, value), is_text=kind == "text")


def plain_value(kind: Kind, value: Any) -> str:
    """As a CSV file has it: that of `--csv`, and the one that the page saves."""
    return "" if value is None else clean(str(value)) if kind == "text" else str(value)


def plain_rows(table: Table) -> list[list[str]]:
    kinds = list(table.columns.values())
    return [[plain_value(kind, value) for kind, value in zip(kinds, row, strict=True)] for row in table.rows]


def shown(name: str, kind: Kind, value: Any) -> str:
    if kind == "share":
        return f"{value * 100:.1f} %" if 0 < value < 0.1 else f"{value * 100:.0f} %"
    if kind == "minutes":
        return minutes(value)
    if kind in {"count", "hours"}:
        return f"{value:,.0f}" if kind == "count" or value >= 10 else f"{value:.1f}"
    if kind == "number":
        return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.1f}"
    if kind == "instant":
        return instant(str(value))
    return vendor_title(value) if name == "vendor" else clean(str(value))


def minutes(value: float) -> str:
    whole = round(value)
    return (
        f"{whole // 60} h {whole % 60:02d}"
        if whole >= 60
        else f"{whole} min"
        if value >= 1
        else "under 1 min"
    )


def instant(text: str) -> str:
    return f"{datetime.fromisoformat(text):%a %-d %b %Y %H:%M}"


def day(value: date) -> str:
    return f"{value.day} {value:%B %Y}"


def span(first: date, last: date) -> str:
    """`1 to 30 June 2026`: what the two days have in common is written once."""
    if first == last:
        return day(last)
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day} to {day(last)}"
    return (
        f"{first.day} {first:%B} to {day(last)}"
        if first.year == last.year
        else f"{day(first)} to {day(last)}"
    )


def vendor_legend(vendors: Sequence[str]) -> list[tuple[str, str]]:
    return [(vendor_class(vendor), vendor_title(vendor)) for vendor in vendors]


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
        text = f"At most {overall[1]:,} meetings ran at once ({instant(overall[2])})"
        alone = next((row for row in data.peaks.rows if row[0] != EVERYTHING), None)
        if alone is not None and len(data.vendors) > 1:
            text += f"; {vendor_title(alone[0])} alone reached {alone[1]:,}"
        found.append(text + ".")
    if totals["sized"]:
        text = f"{totals['one_person']:,} meetings ({totals['one_person'] / totals['sized'] * 100:.0f} %) had only one person in them"
        if totals["missed"]:
            text += f"; {totals['missed']:,} planned ones did not take place"
        found.append(text + ".")
    if totals["measured"]:
        text = f"{totals['poor'] / totals['measured'] * 100:.1f} % of the measured sessions were poor"
        if (out := standing_out(data.groups)) is not None:
            text += f"; {out[0]} “{clean(out[1])}” stands out with {out[2] * 100:.1f} %"
        found.append(text + ".")
    days = [(row[2], row[0]) for row in data.rates.rows if row[1] >= LEAST_STAYS]
    if data.period is not None and len(days) > 1 and max(days)[0] > 0:
        share, when = max(days)
        name = {"day": "day was", "week": "week began on", "month": "month began on"}[data.period.bucket]
        found.append(
            f"The worst {name} {date.fromisoformat(when):%a %-d %b}: {share * 100:.1f} % of the sessions were poor."
        )
    return found


def sections(data: ReportData) -> list[Section]:
    made = [
        *(_use(data), _when(data), _at_once(data), _size(data), _who(data), _clients(data), _quality(data)),
        *(_chosen(data), _worst(data), _unknown(data), _counted(data)),
    ]
    return [section for section in made if section is not None]


def _use(data: ReportData) -> Section | None:
    if data.period is None:
        return None
    partial = any(row[-1] for row in data.over_time.rows)
    note = (
        f"Pale: a {data.period.bucket} that lies only partly within the days of this report."
        if partial
        else None
    )
    return Section(
        name="use",
        link="Use",
        title="How much do we meet, and with what?",
        blocks=[
            Block(
                legend=vendor_legend(data.vendors),
                charts=[_svg(charts.over_time(data.over_time, data.period, data.vendors))],
                note=note,
                table=data.over_time,
            ),
            Block(table=data.by_vendor, is_open=True),
        ],
    )


def _when(data: ReportData) -> Section | None:
    if not any(row[2] for row in data.by_hour.rows):
        return None
    intro = [f"Meetings running at once, on average over all days of the period; {data.selection.zone.key}."]
    return Section(
        name="when",
        link="When",
        title="When do we meet?",
        intro=[*intro, *_ends(data)],
        blocks=[Block(charts=[_svg(charts.heat(data.by_hour))], table=data.by_hour)],
    )


def _ends(data: ReportData) -> list[str]:
    parts = []
    if data.totals["end_from_leave"]:
        parts.append(f"the last leave time for {data.totals['end_from_leave']:,}")
    if data.totals["end_from_plan"]:
        parts.append(f"the planned end for {data.totals['end_from_plan']:,}")
    found = []
    if parts:
        found.append(
            f"If the vendor does not provide the end of a meeting, another one counts: {' and '.join(parts)} meetings."
        )
    if data.totals["no_length"]:
        found.append(f"{data.totals['no_length']:,} meetings without any known end are left out.")
    return found


def _at_once(data: ReportData) -> Section | None:
    if data.period is None or not data.peaks:
        return None
    timed = [vendor for vendor in data.vendors if any(row[1] == vendor for row in data.peaks_over_time.rows)]
    others = [vendor_title(vendor) for vendor in data.vendors if vendor not in timed]
    note = (
        f"Not drawn, because the ends of the meetings are not known: {', '.join(others)}." if others else None
    )
    return Section(
        name="at-once",
        link="At once",
        title="How many meetings run at once?",
        blocks=[
            Block(
                legend=vendor_legend(timed),
                charts=[_svg(charts.peaks(data.peaks_over_time, data.period, timed))],
                note=note,
                table=data.peaks_over_time,
                half=True,
            ),
            Block(
                title="What the licences have to carry",
                note="For 1 h and 10 h: so many meetings at once, or more, during that long in all.",
                table=data.peaks,
                is_open=True,
                half=True,
            ),
        ],
    )


def _size(data: ReportData) -> Section | None:
    totals = data.totals
    facts = [f"{totals['one_person']:,} meetings had one person only."] if totals["sized"] else []
    if totals["missed"]:
        facts.append(f"{totals['missed']:,} planned meetings did not take place.")
    if totals["over_a_day"]:
        facts.append(f"{totals['over_a_day']:,} meetings lasted more than a day.")
    if totals["live"]:
        facts.append(f"{totals['live']:,} meetings were still going on when they were harvested.")
    facts.append("Whether invited people stayed away is not known: no vendor provides the invited people.")
    blocks = [
        Block(title=title, charts=[_svg(charts.columns(table))], table=table, half=True)
        for title, table in (("Length", data.lengths), ("People", data.sizes))
        if table
    ]
    if not blocks:
        return None
    return Section(
        name="size",
        link="Length and size",
        title="How long, and with how many people?",
        blocks=blocks,
        facts=facts,
    )


def _hidden(data: ReportData) -> list[str]:
    return [] if data.shows_people else [f"Groups of fewer than {LEAST_PEOPLE} people are not shown."]


def _who(data: ReportData) -> Section | None:
    blocks = []
    if data.units:
        timed = any(row[2] for row in data.units.rows)
        value = "participant-hours" if timed else "people"
        labels = [clean(row[0]) for row in data.units.rows]
        blocks.append(
            Block(
                title=f"{value.capitalize()} by unit",
                charts=[_svg(charts.bars(data.units, value, labels))],
                table=data.units,
                half=True,
            )
        )
    if data.hosts:
        labels = [clean(row[0]) for row in data.hosts.rows]
        colours = [charts.vendor_colour(row[1]) for row in data.hosts.rows]
        blocks.append(
            Block(
                title="Meetings by host",
                legend=vendor_legend(
                    [v for v in data.vendors if any(row[1] == v for row in data.hosts.rows)]
                ),
                charts=[_svg(charts.bars(data.hosts, "meetings", labels, colours))],
                table=data.hosts,
                half=True,
            )
        )
    if not blocks:
        return None
    intro = [
        "A unit is the domain of the e-mail address, or what --units names; guests, telephones and rooms are units of their own."
    ]
    return Section(name="who", link="Who", title="Who meets?", intro=[*intro, *_hidden(data)], blocks=blocks)


def _clients(data: ReportData) -> Section | None:
    blocks = []
    if data.versions:
        labels = [clean(f"{vendor_title(row[0])} {row[1]}") for row in data.versions.rows]
        colours = [charts.vendor_colour(row[0]) for row in data.versions.rows]
        blocks.append(
            Block(
                title="Versions, the newest first",
                charts=[_svg(charts.bars(data.versions, "sessions", labels, colours))],
                table=data.versions,
                half=True,
            )
        )
    if data.systems:
        labels = [clean(row[0]) for row in data.systems.rows]
        blocks.append(
            Block(
                title="Operating systems",
                charts=[_svg(charts.bars(data.systems, "sessions", labels))],
                table=data.systems,
                half=True,
            )
        )
    if not blocks:
        return None
    return Section(name="clients", link="Clients", title="Which clients?", intro=_hidden(data), blocks=blocks)


_MEASURES = (
    ("Latency, ms", "latency ms, median", "latency ms, 95 %", POOR["latency_ms"]),
    ("Jitter, ms", "jitter ms, median", "jitter ms, 95 %", POOR["jitter_ms"]),
    ("Packet loss, %", "loss %, median", "loss %, 95 %", POOR["packet_loss_pct"]),
)


def _quality(data: ReportData) -> Section | None:
    totals = data.totals
    if data.period is None or not totals["measured"]:
        return None
    measured = [v for v in data.vendors if any(row[1] == v for row in data.measures.rows)]
    intro = [
        f"A session is poor if its average packet loss reaches {POOR['packet_loss_pct']:.0f} %, jitter {POOR['jitter_ms']:.0f} ms or "
        f"latency {POOR['latency_ms']:.0f} ms in either direction of the sound (of the picture, if no sound was measured), and fair from "
        f"{FAIR['packet_loss_pct']:.0f} %, {FAIR['jitter_ms']:.0f} ms or {FAIR['latency_ms']:.0f} ms. "
        f"{totals['measured']:,} of {totals['stays']:,} sessions were measured; the others are in no share.",
    ]
    blocks = [
        Block(
            title=f"Poor and fair sessions per {data.period.bucket}",
            legend=[("poor", "poor"), ("fair", "fair")],
            charts=[_svg(charts.rates(data.rates, data.period))],
            table=data.rates,
        ),
        Block(
            title="Latency, jitter and loss",
            note="Solid: 95 % of the sessions are below. Dashed: half of them are. Dotted red: poor from here.",
            legend=vendor_legend(measured),
            charts=[
                _svg(charts.measure(data.measures, data.period, title, half, most, limit))
                for title, half, most, limit in _MEASURES
                if any(row[half] is not None for row in data.measures.dicts())
            ],
            table=data.measures,
        ),
    ]
    mean = totals["poor"] / totals["measured"]
    for table in data.groups:
        if table:
            labels = [_group_label(table, row[0]) for row in table.rows]
            blocks.append(
                Block(
                    title=f"Poor sessions by {next(iter(table.columns))}",
                    charts=[_svg(charts.dots(table, labels, mean))],
                    table=table,
                    half=True,
                )
            )
    if any(data.groups):
        intro.append(
            "By network, country, version and unit: the share of poor sessions and its 95 % interval; the dotted line is everyone. "
            f"Red: surely at least a quarter above it. Groups of fewer than {LEAST_STAYS} measured sessions are left out."
        )
    return Section(
        name="quality",
        link="Quality",
        title="How well did it work?",
        intro=[*intro, *_hidden(data)],
        blocks=blocks,
    )


def _group_label(table: Table, label: str) -> str:
    if "client version" not in table.columns:
        return clean(label)
    vendor, _, version = label.partition(" ")
    return clean(f"{vendor_title(vendor)} {version}")


def _worst(data: ReportData) -> Section | None:
    if not data.worst:
        return None
    return Section(
        name="worst",
        link="Worst meetings",
        title="Which meetings went worst?",
        intro=[
            "By the minutes that people spent in poor sessions. Open one to see who was there when, and every stream."
        ],
        meetings=[_meeting(data, each) for each in data.worst],
    )


def _chosen(data: ReportData) -> Section | None:
    if not data.chosen:
        return None
    title = "The chosen meeting" if len(data.chosen) == 1 else "The chosen meetings"
    meetings = [_meeting(data, each, is_open=True) for each in data.chosen]
    return Section(name="chosen", link=title, title=title, meetings=meetings)


def _meeting(data: ReportData, meeting: Detail, *, is_open: bool = False) -> MeetingView:
    people = list(dict.fromkeys(stay.person for stay in meeting.stays))
    names = _names(data, meeting, people)
    shown_people = people[: details.MAX_SHOWN]
    blocks = []
    if any(stay.join and stay.leave for stay in meeting.stays):
        more = len(people) - len(shown_people)
        blocks.append(
            Block(
                title="Who was there when",
                legend=[("good", "good"), ("fair", "fair"), ("poor", "poor"), ("unmeasured", "not measured")],
                charts=[_svg(charts.who_was_there(meeting, names, shown_people))],
                note=f"The first {len(shown_people)} people; {more:,} more are in the table."
                if more > 0
                else None,
            )
        )
    samples = details.over_time(meeting)
    if samples:
        lines = [p for p in details.worst_people(meeting) if any(p in each.lines for each in samples)]
        over_time = any(stay.series for stay in meeting.stays)
        blocks.append(
            Block(
                title="Each stream over time" if over_time else "Each stream",
                legend=[
                    ("band", "eight of ten participants"),
                    *((f"person-{n}", names[p]) for n, p in enumerate(lines, 1)),
                ],
                charts=[_svg(charts.streams(samples))],
                note=None
                if over_time
                else "The vendor's samples over time were not harvested or are not provided: each session's average is drawn over its length.",
            )
        )
    blocks.append(Block(table=_stays_table(meeting, names)))
    started = meeting.started
    what = f"{vendor_title(meeting.vendor)} {clean(meeting.uuid)} · {len(people):,} people, {len(meeting.stays):,} sessions"
    host = f" · {clean(meeting.host)}" if data.shows_people and meeting.host else ""
    topic = (
        f"{clean(meeting.topic)}{host}"
        if data.shows_people and meeting.topic
        else f"{vendor_title(meeting.vendor)} meeting{host}"
    )
    facts = [
        f"{started:%a %-d %b %H:%M}" if started else UNKNOWN,
        vendor_title(meeting.vendor),
        minutes(meeting.minutes) if meeting.minutes is not None else UNKNOWN,
        f"{meeting.poor_people:,} of {len(people):,} poor · {meeting.poor_minutes:,.0f} min",
    ]
    return MeetingView(title=topic, facts=facts, summary=what, blocks=blocks, is_open=is_open)


def _names(data: ReportData, meeting: Detail, people: Sequence[str]) -> dict[str, str]:
    numbered = {person: f"Participant {number}" for number, person in enumerate(people, 1)}
    if not data.shows_people:
        return numbered
    known = {stay.person: clean(stay.name) for stay in reversed(meeting.stays) if stay.name}
    return {person: known.get(person) or numbered[person] for person in people}


def _stays_table(meeting: Detail, names: dict[str, str]) -> Table:
    measures = {
        f"{stream.replace('_', ' ')} {short}": f"{stream}_{measure}"
        for stream in ("audio_in", "audio_out", "video_in", "video_out", "share_in", "share_out")
        for measure, short in (("latency_ms", "ms"), ("jitter_ms", "jitter"), ("packet_loss_pct", "loss %"))
        if any(stay.measures[f"{stream}_{measure}"] is not None for stay in meeting.stays)
    }
    rows = [
        (
            names[stay.person],
            *(t.isoformat(timespec="seconds") if t else None for t in (stay.join, stay.leave)),
            stay.rating or "not measured",
            *(stay.measures[name] for name in measures.values()),
        )
        for stay in meeting.stays
    ]
    return Table(
        name="sessions",
        columns={
            "participant": "text",
            "join": "instant",
            "leave": "instant",
            "quality": "text",
            **dict.fromkeys(measures, "number"),
        },
        rows=rows,
    )


def _unknown(data: ReportData) -> Section | None:
    read = data.read
    facts = []
    if data.totals["no_join"]:
        facts.append(f"{data.totals['no_join']:,} of {data.totals['stays']:,} sessions have no join time.")
    if read.unreadable:
        facts.append(
            f"{read.unreadable:,} of {read.lines:,} lines of the input were no documents; they are left out."
        )
    if read.superseded:
        facts.append(
            f"{read.superseded:,} documents were older versions or second copies; they are left out."
        )
    intro = [
        f"The share of meetings or sessions for which the vendor provides the field. {UNKNOWN}: there are none. "
        "What is not provided is in no figure of this page; it is never counted as zero."
    ]
    return Section(
        name="unknown",
        link="What is not known",
        title="What is not known?",
        intro=intro,
        facts=facts,
        blocks=[Block(table=data.known, is_open=True)] if data.known else [],
    )


def _counted(data: ReportData) -> Section:
    facts = [
        f"A meeting belongs to the day on which it began, in {data.selection.zone.key}.",
        "A session is one stay of one person; rejoining makes another session of the same person. Waiting rooms do not count.",
        "Participant-hours: the time that at least one session of a person ran, summed over people and meetings.",
        "People are the same across meetings and vendors if they have the same e-mail, else the same id of the vendor, else the same name.",
        "Rejoined: the share of people in meetings who had more than one session there.",
        "A planned meeting did not take place if nobody was in it and its planned time was over when it was harvested.",
        "If a meeting was harvested several times, its newest and richest version counts.",
    ]
    return Section(name="counted", link="How it was counted", title="How was it counted?", facts=facts)
