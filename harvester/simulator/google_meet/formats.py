"""How Google spells instants, meeting codes and ids. Instants are nanoseconds since 1970, always UTC."""

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
    """RFC 3339 with nine, six, three or no digits behind the point, as many as it takes."""
    seconds, fraction = divmod(instant, SECOND)
    day, second = divmod(seconds, _DAY)
    minute, second = divmod(second, 60)
    hour, minute = divmod(minute, 60)
    told = f"{_date(day)}T{hour:02}:{minute:02}:{second:02}"
    if not fraction:
        return told + "Z"
    digits = f"{fraction:09}"
    while digits.endswith("000"):
        digits = digits[:-3]
    return f"{told}.{digits}Z"


def to_the_millisecond(instant: int) -> str:
    """As in Reports and Calendar: always three digits. `instant` in milliseconds."""
    whole = stamp(instant // 1000 * SECOND)
    return f"{whole[:-1]}.{instant % 1000:03}Z"


def compact(instant: int) -> str:
    """`20261120T090000Z`, out of milliseconds: in the ids of a recurring event's instances."""
    return stamp(instant // 1000 * SECOND).replace("-", "").replace(":", "")


def fraction(bits: int) -> int:
    """Nanoseconds below one second; mostly to the last digit, sometimes rounder."""
    unit = _UNITS[bits % len(_UNITS)]
    return bits * 2_654_435_761 % SECOND // unit * unit


def code(seed: int, space: str) -> str:
    """`wkt-imxi-vuk`: what people type to join."""
    told = number(seed, "meeting code", space)
    letters = []
    for _ in range(10):
        told, letter = divmod(told, len(_LETTERS))
        letters.append(_LETTERS[letter])
    text = "".join(letters)
    return f"{text[:3]}-{text[3:7]}-{text[7:]}"


def shouted(code: str) -> str:
    """As Reports writes it."""
    return code.replace("-", "").upper()


def conference(*words: str | int) -> str:
    """`R3HZ3EpDqgVoEmhkcXpkDxIWOAIIigIgABgDCA`: with the letters in the middle that all of them have."""
    text = urlsafe_b64encode(digest("conference", *words, size=20)).decode()
    return f"{text[:16]}DxIWO{text[17:26].rstrip('=')}"


def space(seed: int, name: str) -> str:
    return urlsafe_b64encode(digest(seed, "space", name, size=9)).decode()


def digits(*words: str | int) -> str:
    """The twenty-one of people, participants and sessions."""
    return str(10**20 + number(*words) % (9 * 10**19))


def event(*words: str | int) -> str:
    return digest("event", *words, size=13).hex()
