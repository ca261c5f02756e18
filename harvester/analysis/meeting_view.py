"""One meeting in detail, as values for the template."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from harvester.analysis import meeting_charts
from harvester.analysis.cells import UNKNOWN, minutes
from harvester.analysis.chart_blocks import Block, to_markup
from harvester.analysis.figures import single_meetings as details
from harvester.analysis.figures.single_meetings import Detail
from harvester.analysis.figures.table import Table
from harvester.analysis.report_data import ReportData
from harvester.analysis.safe_text import clean, vendor_title
from harvester.formatting import plural


@dataclass(frozen=True, slots=True, kw_only=True)
class MeetingView:
    title: str
    facts: Sequence[str]
    summary: str
    blocks: Sequence[Block]
    is_open: bool = False


def to_meeting_view(data: ReportData, meeting: Detail, *, is_open: bool = False) -> MeetingView:
    people = list(dict.fromkeys(stay.person for stay in meeting.stays))
    names = _names(data, meeting, people)
    blocks = [
        *_presence(meeting, names, people),
        *_streams(meeting, names),
        Block(table=_stays_table(meeting, names)),
    ]
    started, vendor = meeting.started, vendor_title(meeting.vendor)
    host = f" · {clean(meeting.host)}" if data.shows_people and meeting.host else ""
    topic = clean(meeting.topic) if data.shows_people and meeting.topic else f"{vendor} meeting"
    return MeetingView(
        title=f"{topic}{host}",
        facts=[
            f"{started:%a %-d %b %H:%M}" if started else UNKNOWN,
            vendor,
            minutes(meeting.minutes) if meeting.minutes is not None else UNKNOWN,
            f"{meeting.poor_people:,} of {len(people):,} poor · {meeting.poor_minutes:,.0f} min",
        ],
        summary=f"{vendor} {clean(meeting.uuid)} · {plural(len(people), 'person')}, {plural(len(meeting.stays), 'session')}",
        blocks=blocks,
        is_open=is_open,
    )


def _presence(meeting: Detail, names: Mapping[str, str], people: Sequence[str]) -> Iterator[Block]:
    """Who was there when, if any session has both ends."""
    if not any(stay.join and stay.leave for stay in meeting.stays):
        return
    shown = _shown(meeting, people)
    more = len(people) - len(shown)
    note = f"{plural(len(shown), 'person')}, those with poor sessions first; {more:,} more are in the table."
    yield Block(
        title="Who was there when",
        legend=[("good", "good"), ("fair", "fair"), ("poor", "poor"), ("unmeasured", "not measured")],
        charts=[to_markup(meeting_charts.who_was_there(meeting, names, shown))],
        note=note if more > 0 else None,
    )


WITHOUT_SAMPLES = (
    "Samples over time were not harvested (--series), or the vendor provides none. So a line is one session: as long as it "
    "lasted, at the height of its average. Without a line, that stream of the person was not measured."
)


def _streams(meeting: Detail, names: Mapping[str, str]) -> Iterator[Block]:
    """The measures of each stream, if any was measured."""
    samples = details.over_time(meeting)
    if not samples:
        return
    lines = [p for p in details.worst_people(meeting) if any(p in each.lines for each in samples)]
    over_time = any(stay.series for stay in meeting.stays)
    people = [(f"person-{number}", names[person]) for number, person in enumerate(lines, 1)]
    yield Block(
        title="Each stream over time" if over_time else "Each stream, session by session",
        legend=[("band", "eight of ten participants"), *people],
        charts=[to_markup(meeting_charts.streams(samples))],
        note=None if over_time else WITHOUT_SAMPLES,
    )


def _shown(meeting: Detail, people: Sequence[str]) -> list[str]:
    """As many people as the chart has room for, those with poor sessions first, in the order in which they came."""
    poor = {stay.person for stay in meeting.stays if stay.rating == "poor"}
    first = sorted(people, key=lambda person: person not in poor)[: details.MAX_SHOWN]
    return [person for person in people if person in set(first)]


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
