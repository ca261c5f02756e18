"""Which meetings a command is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from connectors.models import Window

MARGIN = timedelta(days=1)
"""What is read is a little wider than the days; the documents themselves decide."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Every condition that is given must hold; of the values of one condition, any."""

    zone: ZoneInfo
    first: date | None = None
    last: date | None = None
    """The days, in the zone, on which the meeting began: `start_time`, else the planned start, else `@timestamp`."""
    vendors: Sequence[str] = ()
    meetings: Sequence[str] = ()
    """Uuids or document ids."""
    series: Sequence[str] = ()
    """Ids or codes of a series, with or without spaces and hyphens."""
    hosts: Sequence[str] = ()
    topic: str | None = None
    """A part of the topic, in capital or small letters."""

    def window(self) -> Window | None:
        """The time of which documents are read, with a margin at both ends; None for all of it."""
        if self.first is None and self.last is None:
            return None
        first, last = self.first or date(1, 1, 3), self.last or date(9999, 12, 29)
        return Window(
            start=Window.day(first, self.zone).start - MARGIN, end=Window.day(last, self.zone).end + MARGIN
        )

    def condition(self) -> tuple[str, list[object]]:
        """The same in SQL, over the table `meeting`, and the values in it."""
        parts: list[tuple[str, list[object]]] = [("true", [])]
        if self.first is not None:
            parts.append(("began >= ?::TIMESTAMPTZ", [Window.day(self.first, self.zone).start.isoformat()]))
        if self.last is not None:
            parts.append(("began < ?::TIMESTAMPTZ", [Window.day(self.last, self.zone).end.isoformat()]))
        if self.vendors:
            parts.append(("vendor IN (SELECT unnest(?::VARCHAR[]))", [list(self.vendors)]))
        if self.meetings:
            wanted = list(self.meetings)
            parts.append(
                (
                    "(uuid IN (SELECT unnest(?::VARCHAR[])) OR concat_ws(':', vendor, account, uuid) IN (SELECT unnest(?::VARCHAR[])))",
                    [wanted, wanted],
                )
            )
        if self.series:
            plain = [_plain(each) for each in self.series]
            parts.append(
                (
                    "(regexp_replace(meeting_series_id, '[ -]', '', 'g') IN (SELECT unnest(?::VARCHAR[])) "
                    "OR regexp_replace(meeting_code, '[ -]', '', 'g') IN (SELECT unnest(?::VARCHAR[])))",
                    [plain, plain],
                )
            )
        if self.hosts:
            parts.append(
                (
                    "lower(host_email) IN (SELECT unnest(?::VARCHAR[]))",
                    [[host.lower() for host in self.hosts]],
                )
            )
        if self.topic is not None:
            parts.append(("contains(lower(topic), lower(?))", [self.topic]))
        return " AND ".join(sql for sql, _ in parts), [value for _, values in parts for value in values]


def _plain(series: str) -> str:
    return series.replace(" ", "").replace("-", "")
