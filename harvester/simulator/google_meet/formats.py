"""Google's formats: instants, meeting codes and ids. Instants are nanoseconds since 1970, always UTC."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from harvester.simulator.organisation.seeded_random import digest, number

MILLISECOND = 10**6
SECOND = 10**9
_DAY = 86_400
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LETTERS = "abcdefghijkmnopqrstuvwxyz"
_UNITS = (1, 1, 1, 1, 1000, MILLISECOND, SECOND)


@lru_cache(maxsize=1024)
def _date(day: int) -> str:
    return f"{_EPOCH + timedelta(days=day):%Y-%m-%d}"


def stamp(instant: int) -> str:
    """Format an instant as RFC 3339 with nine, six, three or no decimals, as few as possible."""
    seconds, fraction = divmod(instant, SECOND)
    day, second = divmod(seconds, _DAY)
    minute, second = divmod(second, 60)
    hour, minute = divmod(minute, 60)
    text = f"{_date(day)}T{hour:02}:{minute:02}:{second:02}"
    if not fraction:
        return text + "Z"
    digits = f"{fraction:09}"
    while digits.endswith("000"):
        digits = digits[:-3]
    return f"{text}.{digits}Z"


def milliseconds_stamp(instant: int) -> str:
    """Format an instant in milliseconds with three decimals, as in Reports and Calendar."""
    whole = stamp(instant // 1000 * SECOND)
    return f"{whole[:-1]}.{instant % 1000:03}Z"


def compact(instant: int) -> str:
    """Format an instant in milliseconds as `20261120T090000Z`, as in the ids of a recurring event's
    instances."""
    return stamp(instant // 1000 * SECOND).replace("-", "").replace(":", "")


def fraction(bits: int) -> int:
    """Return nanoseconds below one second; usually with nine significant digits, sometimes rounder."""
    unit = _UNITS[bits % len(_UNITS)]
    return bits * 2_654_435_761 % SECOND // unit * unit


def code(seed: int, space: str) -> str:
    """Return a meeting code like `wkt-imxi-vuk`."""
    rest = number(seed, "meeting code", space)
    letters = []
    for _ in range(10):
        rest, letter = divmod(rest, len(_LETTERS))
        letters.append(_LETTERS[letter])
    text = "".join(letters)
    return f"{text[:3]}-{text[3:7]}-{text[7:]}"


def without_dashes(code: str) -> str:
    """Return the meeting code as Reports writes it."""
    return code.replace("-", "").upper()


def conference(*parts: str | int) -> str:
    """Return an id like `R3HZ3EpDqgVoEmhkcXpkDxIWOAIIigIgABgDCA`; all of them have the same letters in the
    middle."""
    text = urlsafe_b64encode(digest("conference", *parts, size=20)).decode()
    return f"{text[:16]}DxIWO{text[17:26].rstrip('=')}"


def space(seed: int, name: str) -> str:
    return urlsafe_b64encode(digest(seed, "space", name, size=9)).decode()


def digits(*parts: str | int) -> str:
    """Return the 21-digit id of a person, participant or session."""
    return str(10**20 + number(*parts) % (9 * 10**19))


def event(*parts: str | int) -> str:
    return digest("event", *parts, size=13).hex()
