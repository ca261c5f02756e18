"""How Meetecho and the datatracker spell instants and durations. Instants are milliseconds since 1970."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

from harvester.simulator.organisation import MINUTE, SECOND

# The datatracker spells them both ways; by turns, as the ids of the rows go.
_ZONES = (None, timezone(-timedelta(hours=7)), None, timezone(timedelta(hours=5, minutes=30)))
# Of an instant without an offset nobody says whose clock it is: here the one of the datatracker's first years.
_NAIVE = timezone(-timedelta(hours=8))


def stamp(instant: int, row: int) -> str:
    """`2024-03-12T18:35:43Z` or `2020-08-05T06:00:00-07:00`: whole seconds, by turns."""
    zone = _ZONES[row % len(_ZONES)]
    told = datetime.fromtimestamp(instant // SECOND, zone or UTC)
    return told.isoformat().replace("+00:00", "Z")


def parsed(text: str) -> int:
    """ISO 8601, a day alone too. ValueError for anything else."""
    told = datetime.fromisoformat(text)
    aware = told if told.tzinfo else told.replace(tzinfo=_NAIVE)
    return int(aware.timestamp() * SECOND)


def plain(instant: int) -> str:
    """Meetecho's: `2021-09-14 10:00:00`, always UTC, which it does not say."""
    return f"{datetime.fromtimestamp(instant // SECOND, UTC):%Y-%m-%d %H:%M:%S}"


def day(instant: int) -> date:
    return datetime.fromtimestamp(instant // SECOND, UTC).date()


def duration(minutes: int) -> str:
    """`1:30:00`, and from a day on `1 day, 1:00:00`, as Python writes it."""
    return str(timedelta(minutes=minutes))


def storable(text: str) -> str:
    """What a PostgreSQL can hold: no NUL, no half of a character."""
    return text.replace("\x00", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def minute(instant: int) -> int:
    """Cut to the minute."""
    return instant // MINUTE * MINUTE
