"""Formats of Meetecho and the datatracker: instants and durations. Instants are milliseconds since 1970."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

from harvester.simulator.organisation import MINUTE, SECOND

# The datatracker uses both formats; here they alternate with the ids of the rows.
_ZONES = (None, timezone(-timedelta(hours=7)), None, timezone(timedelta(hours=5, minutes=30)))
# The time zone of an instant without an offset is documented nowhere; here it is that of the datatracker's
# first years.
_NAIVE = timezone(-timedelta(hours=8))


def stamp(instant: int, row: int) -> str:
    """Format as `2024-03-12T18:35:43Z` or `2020-08-05T06:00:00-07:00`, in turn, in whole seconds."""
    zone = _ZONES[row % len(_ZONES)]
    local = datetime.fromtimestamp(instant // SECOND, zone or UTC)
    return local.isoformat().replace("+00:00", "Z")


def parse_instant(text: str) -> int:
    """Parse an ISO 8601 instant or date. Raises ValueError for anything else."""
    parsed = datetime.fromisoformat(text)
    aware = parsed if parsed.tzinfo else parsed.replace(tzinfo=_NAIVE)
    return int(aware.timestamp() * SECOND)


def meetecho_stamp(instant: int) -> str:
    """Format as Meetecho does: `2021-09-14 10:00:00`, in UTC without saying so."""
    return f"{datetime.fromtimestamp(instant // SECOND, UTC):%Y-%m-%d %H:%M:%S}"


def parse_meetecho_stamp(text: str) -> int:
    """Parse what `meetecho_stamp` formats. Raises ValueError for anything else."""
    parsed = datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    instant = int(parsed.timestamp()) * SECOND
    if meetecho_stamp(instant) != text:
        raise ValueError(text)
    return instant


def day(instant: int) -> date:
    return datetime.fromtimestamp(instant // SECOND, UTC).date()


def duration(minutes: int) -> str:
    """Format a duration as Python does: `1:30:00`, or `1 day, 1:00:00` from a day on."""
    return str(timedelta(minutes=minutes))


def storable(text: str) -> str:
    """Remove what PostgreSQL cannot store: NUL and lone surrogates."""
    return text.replace("\x00", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def minute(instant: int) -> int:
    """Cut an instant to the minute."""
    return instant // MINUTE * MINUTE
