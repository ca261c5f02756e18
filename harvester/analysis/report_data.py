"""Every figure of the report, from the tables of documents; the same from a file, a pipe and the index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harvester.analysis.document_tables import Read
from harvester.analysis.duckdb_database import Database
from harvester.analysis.figures import people, provided_fields, quality, single_meetings, usage
from harvester.analysis.figures.fact_tables import Period, create_facts, vendors
from harvester.analysis.figures.rooms import RoomUse, room_use
from harvester.analysis.figures.single_meetings import Detail
from harvester.analysis.figures.table import Table
from harvester.analysis.org_units import Units
from harvester.analysis.selection import Selection


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportData:
    read: Read
    selection: Selection
    shows_people: bool
    period: Period | None
    """`None` if no meeting was held: then there are no tables either."""
    vendors: Sequence[str]
    totals: dict[str, Any]
    over_time: Table
    by_vendor: Table
    by_hour: Table
    peaks_over_time: Table
    peaks: Table
    lengths: Table
    sizes: Table
    room_use: RoomUse | None
    """`None` if no booking of a room is within the days of the report."""
    units: Table
    hosts: Table
    versions: Table
    systems: Table
    rates: Table
    measures: Table
    groups: Sequence[Table]
    known: Table
    worst: Sequence[Detail]
    chosen: Sequence[Detail]

    def tables(self) -> list[Table]:
        """Those with rows, in the order of the page."""
        found = [
            *(
                self.over_time,
                self.by_vendor,
                self.by_hour,
                self.peaks_over_time,
                self.peaks,
                self.lengths,
                self.sizes,
            ),
            *(self.room_use.tables() if self.room_use else ()),
            *(self.units, self.hosts, self.versions, self.systems, self.rates, self.measures, *self.groups),
            *(single_meetings.worst_table(self.worst), self.known),
        ]
        return [table for table in found if table]


def report_data(
    database: Database,
    read: Read,
    selection: Selection,
    *,
    units: Units,
    meetings: Sequence[str],
    worst: int,
    shows_people: bool,
) -> ReportData:
    """`meetings`: those to show in detail, beside the worst. Without `shows_people`, groups of few people are left out."""
    period = create_facts(database, selection, units)
    least = 1 if shows_people else people.LEAST_PEOPLE
    none = Table(name="none", columns={"none": "text"}, rows=[])
    if period is not None:
        usage.create_levels(database)
    return ReportData(
        read=read,
        selection=selection,
        shows_people=shows_people,
        period=period,
        vendors=vendors(database),
        totals=usage.totals(database),
        over_time=usage.over_time(database, period) if period else none,
        by_vendor=usage.by_vendor(database),
        by_hour=usage.by_hour(database, period) if period else none,
        peaks_over_time=usage.peaks_by_day(database, period) if period else none,
        peaks=usage.peaks(database) if period else none,
        lengths=usage.lengths(database),
        sizes=usage.sizes(database),
        room_use=room_use(database, selection, period, shows_people=shows_people) if read.bookings else None,
        units=people.units(database, least=least),
        hosts=people.hosts(database) if shows_people else none,
        versions=people.versions(database, least=least),
        systems=people.systems(database, least=least),
        rates=quality.rates_over_time(database, period) if period else none,
        measures=quality.measures_over_time(database, period) if period else none,
        groups=[quality.groups(database, name, least=least) for name in quality.GROUPS],
        known=provided_fields.known(database),
        worst=single_meetings.worst(database, worst),
        chosen=single_meetings.chosen(database, meetings),
    )
