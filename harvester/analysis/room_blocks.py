"""The part of the page about rooms: how much they are booked, and whether what was booked was held."""

from __future__ import annotations

from collections.abc import Sequence

from harvester.analysis import charts, room_charts
from harvester.analysis.cells import span
from harvester.analysis.chart_blocks import Block, to_markup
from harvester.analysis.figures.rooms import FIRST_HOUR, LAST_HOUR, RoomUse
from harvester.analysis.figures.table import Table
from harvester.analysis.report_data import ReportData
from harvester.analysis.safe_text import clean

MAX_DRAWN = 40
"""Rooms in a chart; the table has all of them."""
MAX_LISTED = 500
"""Bookings in the list of those that were never held; the CSV file has all of them."""

NO_BOOKINGS = "There are no bookings of rooms among the documents, so nothing is known of rooms; harvester rooms bookings reads them."


def room_intro(data: ReportData, use: RoomUse) -> list[str]:
    period = data.period or use.period
    lines = [
        f"Bookings of {span(period.first, period.last)}; {data.selection.zone.key}. A booking that overlaps another one of the same "
        "room counts once. A room without any booking is not among the documents.",
    ]
    if use.conferences:
        share = use.not_booked / use.conferences * 100
        text = f"For {use.not_booked:,} of {use.conferences:,} conferences of Google Meet ({share:.0f} %), no room was booked"
        if use.not_booked_with_room:
            text += f"; a device of a room was in {use.not_booked_with_room:,} of them"
        lines.append(text + ".")
    else:
        lines.append(
            "There are no conferences of Google Meet among the documents of these days, so whether bookings were held is not known."
        )
    return lines


def room_blocks(use: RoomUse) -> list[Block]:
    return [
        _rooms(use.rooms),
        _outcomes(use.outcomes),
        Block(
            title="By weekday and hour",
            note="The share of all rooms that is booked, in %.",
            charts=[
                to_markup(
                    room_charts.share_heat(
                        use.by_hour, _names(use.by_hour), "Share of rooms booked, by weekday and hour"
                    )
                )
            ],
            table=use.by_hour,
        ),
        _by_room_and_hour(use.by_room_and_hour),
        *_never_held(use.never_held),
    ]


def _rooms(table: Table) -> Block:
    drawn = table.rows[:MAX_DRAWN]
    hours = f"{FIRST_HOUR}:00 to {LAST_HOUR + 1}:00"
    return Block(
        title="By room",
        note=f"The share of the working hours, Monday to Friday from {hours}, for which the room is booked.{_drawn(table.rows)}",
        charts=[
            to_markup(
                room_charts.share_bars(
                    [clean(row[0]) for row in drawn],
                    [row[3] for row in drawn],
                    "Working hours booked by room",
                )
            )
        ],
        table=table,
        half=True,
    )


def _outcomes(table: Table) -> Block:
    return Block(
        title="Booked, and held?",
        note="A booking was held if Google Meet has a conference of its code at its time, and never held if Meet's other "
        "conferences of that time are known, and none has its code.",
        charts=[to_markup(charts.bars(table, "count", [row[0].capitalize() for row in table.rows]))],
        table=table,
        half=True,
    )


def _by_room_and_hour(table: Table) -> Block:
    names = _names(table)
    drawn = set(names[:MAX_DRAWN])
    shown = Table(name=table.name, columns=table.columns, rows=[row for row in table.rows if row[0] in drawn])
    labels = [clean(name) for name in names[:MAX_DRAWN]]
    return Block(
        title="By room and hour, Monday to Friday",
        note=f"The share of the hour for which the room is booked, in %.{_drawn(names)} "
        "--csv also writes each room's hours of the week.",
        charts=[to_markup(room_charts.share_heat(shown, labels, "Share of time booked, by room and hour"))],
        table=table,
    )


def _never_held(table: Table) -> list[Block]:
    if not table:
        return []
    count = len(table.rows)
    last = Table(name=table.name, columns=table.columns, rows=table.rows[-MAX_LISTED:])
    note = f"The last {MAX_LISTED} of {count:,}; --csv writes all of them." if count > MAX_LISTED else None
    return [Block(title="Booked and never held", note=note, table=last, summary="Each of these bookings")]


def _names(table: Table) -> list[str]:
    return list(dict.fromkeys(row[0] for row in table.rows))


def _drawn(rows: Sequence[object]) -> str:
    return f" The first {MAX_DRAWN} of {len(rows)} rooms are drawn." if len(rows) > MAX_DRAWN else ""
