"""The sections of the page as values for the template. Every text from outside is cleaned before it gets there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from harvester.analysis import charts, quality_charts
from harvester.analysis.cells import UNKNOWN
from harvester.analysis.chart_blocks import Block, to_markup, vendor_legend
from harvester.analysis.figures.fact_tables import FAIR, POOR, Period
from harvester.analysis.figures.people import LEAST_PEOPLE
from harvester.analysis.figures.quality import LEAST_STAYS
from harvester.analysis.figures.table import Table
from harvester.analysis.meeting_view import MeetingView, to_meeting_view
from harvester.analysis.report_data import ReportData
from harvester.analysis.room_blocks import NO_BOOKINGS, room_blocks, room_intro
from harvester.analysis.safe_text import clean, vendor_title
from harvester.formatting import plural


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    name: str
    link: str
    title: str
    intro: Sequence[str] = ()
    blocks: Sequence[Block] = ()
    meetings: Sequence[MeetingView] = ()
    facts: Sequence[str] = field(default_factory=tuple)


def sections(data: ReportData) -> list[Section]:
    made = [
        *(
            _use(data),
            _when(data),
            _at_once(data),
            _size(data),
            _rooms(data),
            _who(data),
            _clients(data),
            _quality(data),
        ),
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
                charts=[to_markup(charts.over_time(data.over_time, data.period, data.vendors))],
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
        blocks=[Block(charts=[to_markup(charts.heat(data.by_hour))], table=data.by_hour)],
    )


def _ends(data: ReportData) -> list[str]:
    parts = []
    if data.totals["end_from_leave"]:
        parts.append(f"the last leave time ({plural(data.totals['end_from_leave'], 'meeting')})")
    if data.totals["end_from_plan"]:
        parts.append(f"the planned end ({plural(data.totals['end_from_plan'], 'meeting')})")
    found = []
    if parts:
        found.append(
            f"If the vendor does not provide the end of a meeting, another time counts: {' or '.join(parts)}."
        )
    if data.totals["no_length"]:
        found.append(f"Left out, because no end is known: {plural(data.totals['no_length'], 'meeting')}.")
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
                charts=[to_markup(charts.peaks(data.peaks_over_time, data.period, timed))],
                note=note,
                table=data.peaks_over_time,
                half=True,
            ),
            Block(
                title="What the licences have to carry",
                note="Enough but for 1 h: with licences for this many meetings at once, some would have had to wait, but for less than 1 hour "
                "of these days in all.",
                table=data.peaks,
                is_open=True,
                half=True,
            ),
        ],
    )


def _size(data: ReportData) -> Section | None:
    totals = data.totals
    facts = (
        [f"{plural(totals['one_person'], 'meeting')} had one person only."] if totals["one_person"] else []
    )
    if totals["missed"]:
        facts.append(
            f"{plural(totals['missed'], 'planned meeting')} had no participants ({_titles(totals['missed_at'])})."
        )
    if totals["unattested"]:
        facts.append(
            f"It is not known whether {plural(totals['unattested'], 'planned meeting')} took place: no participants are provided "
            f"({_titles(totals['unattested_at'])})."
        )
    if totals["over_a_day"]:
        facts.append(f"{plural(totals['over_a_day'], 'meeting')} lasted more than a day.")
    if totals["live"]:
        facts.append(f"Still going on when harvested: {plural(totals['live'], 'meeting')}.")
    facts.append("Whether invited people stayed away is not known: no vendor provides the invited people.")
    blocks = [
        Block(title=title, charts=[to_markup(charts.columns(table))], table=table, half=True)
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


def _titles(vendors: str) -> str:
    return ", ".join(vendor_title(vendor) for vendor in vendors.split(","))


def _rooms(data: ReportData) -> Section | None:
    if data.room_use is None:
        return None
    return Section(
        name="rooms",
        link="Rooms",
        title="How are the rooms used?",
        intro=room_intro(data, data.room_use),
        blocks=room_blocks(data.room_use),
    )


def _hidden(data: ReportData) -> list[str]:
    return [] if data.shows_people else [f"Groups of fewer than {LEAST_PEOPLE} people are not shown."]


def _bars(
    title: str, table: Table, value: str, labels: Sequence[str], colours: Sequence[str] | None = None
) -> Block:
    """Half a line of the page: a bar for each row, and the table."""
    return Block(
        title=title, charts=[to_markup(charts.bars(table, value, labels, colours))], table=table, half=True
    )


def _who(data: ReportData) -> Section | None:
    blocks = []
    if data.units:
        timed = any(row[2] for row in data.units.rows)
        value = "participant-hours" if timed else "people"
        labels = [clean(row[0]) for row in data.units.rows]
        blocks.append(_bars(f"{value.capitalize()} by unit", data.units, value, labels))
    if data.hosts:
        labels = [clean(row[0]) for row in data.hosts.rows]
        blocks.append(_bars("Meetings by host", data.hosts, "meetings", labels))
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
        blocks.append(_bars("Versions, the newest first", data.versions, "sessions", labels, colours))
    if data.systems:
        labels = [clean(row[0]) for row in data.systems.rows]
        blocks.append(_bars("Operating systems", data.systems, "sessions", labels))
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
    intro = [
        f"A session is poor if its average packet loss reaches {POOR['packet_loss_pct']:.0f} %, jitter {POOR['jitter_ms']:.0f} ms or "
        f"latency {POOR['latency_ms']:.0f} ms in either direction of the sound (of the picture, if no sound was measured), and fair from "
        f"{FAIR['packet_loss_pct']:.0f} %, {FAIR['jitter_ms']:.0f} ms or {FAIR['latency_ms']:.0f} ms. "
        f"Sessions measured: {totals['measured']:,} of {totals['stays']:,}; the others are in no share.",
    ]
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
        blocks=[
            Block(
                title=f"Poor and fair sessions per {data.period.bucket}",
                legend=[("poor", "poor"), ("fair", "fair")],
                charts=[to_markup(quality_charts.rates(data.rates, data.period))],
                table=data.rates,
            ),
            _measures(data, data.period),
            *_groups(data),
        ],
    )


def _measures(data: ReportData, period: Period) -> Block:
    measured = [v for v in data.vendors if any(row[1] == v for row in data.measures.rows)]
    return Block(
        title="Latency, jitter and loss",
        note="Thick: 95 % of the sessions are below. Dashed: half of them are. The grey line: from here on, a session is poor.",
        legend=vendor_legend(measured),
        charts=[
            to_markup(quality_charts.measure(data.measures, period, title, half, most, limit))
            for title, half, most, limit in _MEASURES
            if any(row[half] is not None for row in data.measures.dicts())
        ],
        table=data.measures,
    )


def _groups(data: ReportData) -> list[Block]:
    mean = data.totals["poor"] / data.totals["measured"]
    return [
        Block(
            title=f"Poor sessions by {next(iter(table.columns))}",
            charts=[
                to_markup(
                    quality_charts.dots(table, [_group_label(table, row[0]) for row in table.rows], mean)
                )
            ],
            table=table,
            half=True,
        )
        for table in data.groups
        if table
    ]


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
        meetings=[to_meeting_view(data, each) for each in data.worst],
    )


def _chosen(data: ReportData) -> Section | None:
    if not data.chosen:
        return None
    title = "The chosen meeting" if len(data.chosen) == 1 else "The chosen meetings"
    meetings = [to_meeting_view(data, each, is_open=True) for each in data.chosen]
    return Section(name="chosen", link=title, title=title, meetings=meetings)


def _unknown(data: ReportData) -> Section | None:
    read = data.read
    facts = []
    if data.totals["no_join"]:
        facts.append(f"Sessions without a join time: {data.totals['no_join']:,} of {data.totals['stays']:,}.")
    if read.unreadable:
        facts.append(
            f"Left out, because they are not documents: {read.unreadable:,} of {plural(read.lines, 'line')} of the input."
        )
    if not read.bookings:
        facts.append(NO_BOOKINGS)
    elif data.room_use is None:
        facts.append(
            f"No booking of a room is within the days of this report; on other days: {plural(read.bookings, 'booking')}."
        )
    if read.superseded:
        facts.append(f"Left out as older versions or second copies: {plural(read.superseded, 'document')}.")
    intro = [
        f"The share of meetings or sessions for which the vendor provides the field. {UNKNOWN}: there are none. "
        "What is not provided is in no figure of this page; it is never counted as zero."
    ]
    return Section(
        name="unknown",
        link="What is known",
        title="How much is known?",
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
        "A planned meeting that has no start and no participants, and whose planned time was over when it was harvested, is not among "
        "the meetings held.",
        "If a meeting was harvested several times, its newest and richest version counts.",
    ]
    return Section(name="counted", link="How it was counted", title="How was it counted?", facts=facts)
