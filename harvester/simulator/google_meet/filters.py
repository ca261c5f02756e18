"""The little languages of `filter` in Meet and of `filters` in Reports."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from harvester.simulator.google_meet import formats
from harvester.simulator.google_meet.error_responses import bad
from harvester.simulator.google_meet.request import instant_of

Value = str | int | None
Facts = Callable[[str], Value]
Test = Callable[[Facts], bool]

_TOKEN = re.compile(
    r"\s*(?:(?P<text>\"(?:\\.|[^\"\\])*\")|(?P<sign>>=|<=|!=|=|<|>)|(?P<mark>[()])|(?P<word>[A-Za-z_][\w.]*))"
)
_FRACTION = re.compile(r"\.(\d{1,9})\d*")
_SIGNS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_REPORTED = re.compile(r"^([a-z_]+)(==|<>|<=|>=|<|>)(.+)$")


def meet(text: str | None, *names: str) -> Test:
    """`start_time>="2026-11-20T00:00:00Z" AND end_time IS NULL`; times are compared as nanoseconds, and one that is
    not known satisfies nothing but IS NULL. `names`: what may be asked about."""
    if not text:
        return lambda _: True
    parser = _Parser(text, names)
    found = parser.either()
    parser.done()
    return found


class _Parser:
    """AND binds tighter than OR."""

    def __init__(self, text: str, names: tuple[str, ...]) -> None:
        self._tokens = list(_tokens(text))
        self._names = names
        self._place = 0

    def _peek(self) -> str:
        return self._tokens[self._place] if self._place < len(self._tokens) else ""

    def _take(self) -> str:
        token = self._peek()
        self._place += 1
        return token

    def done(self) -> None:
        if self._peek():
            raise _wrong(f"unexpected {self._peek()}")

    def either(self) -> Test:
        tests = [self._both()]
        while self._peek().upper() == "OR":
            self._take()
            tests.append(self._both())
        return lambda facts: any(test(facts) for test in tests)

    def _both(self) -> Test:
        tests = [self._one()]
        while self._peek().upper() == "AND":
            self._take()
            tests.append(self._one())
        return lambda facts: all(test(facts) for test in tests)

    def _one(self) -> Test:
        if self._peek() == "(":
            self._take()
            inner = self.either()
            if self._take() != ")":
                raise _wrong("a parenthesis is not closed")
            return inner
        name = self._take()
        if name not in self._names:
            raise _wrong(f"unknown field {name!r}")
        sign = self._take()
        if sign.upper() == "IS":
            return self._null(name)
        if sign not in _SIGNS:
            raise _wrong(f"unknown operator {sign!r}")
        text = self._take()
        if not text.startswith('"'):
            raise _wrong(f"{name} needs a quoted value")
        return _compared(name, _SIGNS[sign], re.sub(r"\\(.)", r"\1", text[1:-1]))

    def _null(self, name: str) -> Test:
        wanted = True
        if self._peek().upper() == "NOT":
            self._take()
            wanted = False
        if self._take().upper() != "NULL":
            raise _wrong("IS needs NULL")
        return lambda facts: (facts(name) is None) is wanted


def _compared(name: str, compare: Callable[[Any, Any], bool], text: str) -> Test:
    value: str | int = nanoseconds(text, name) if name.endswith("_time") else text

    def test(facts: Facts) -> bool:
        told = facts(name)
        return told is not None and compare(told, value)

    return test


def nanoseconds(text: str, name: str) -> int:
    """Of an RFC 3339 instant, with all its digits."""
    found = _FRACTION.search(text)
    whole = instant_of(text.replace(found[0], "") if found else text, name)
    return whole * formats.MILLISECOND + (int(found[1].ljust(9, "0")) if found else 0)


def _tokens(text: str) -> Iterator[str]:
    place = 0
    text = text.rstrip()
    while place < len(text):
        found = _TOKEN.match(text, place)
        if found is None:
            raise _wrong(f"cannot be read from {text[place : place + 12]!r} on")
        yield found[0].strip()
        place = found.end()


def _wrong(message: str) -> Exception:
    return bad(f"Invalid filter: {message}.")


_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq, "<>": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


Parameters = Mapping[str, Any]


def reports(text: str) -> tuple[Callable[[Parameters], bool] | None, Callable[[Parameters], bool] | None]:
    """`meeting_code==WKTIMXIVUK,duration_seconds>60`: all of them; of one parameter that comes twice the last counts.
    A parameter that does not exist is not asked about. Two tests: of what a whole conference has in common and of the
    rest of a row, each None where nothing of that is asked about."""
    wanted: dict[str, tuple[str, str]] = {}
    for part in text.split(",") if text else ():
        found = _REPORTED.match(part)
        if found is None:
            raise bad(f"Invalid filter: {part}", "invalidParameter")
        if found[1] in PARAMETERS:
            wanted[found[1]] = found[2], found[3]
    common = {name: test for name, test in wanted.items() if name in _COMMON}
    own = {name: test for name, test in wanted.items() if name not in _COMMON}
    return partial(_hold, common) if common else None, partial(_hold, own) if own else None


def _hold(wanted: Mapping[str, tuple[str, str]], parameters: Parameters) -> bool:
    return all(_holds(parameters.get(name), sign, value) for name, (sign, value) in wanted.items())


def _holds(told: Any, sign: str, value: str) -> bool:
    if told is None:
        return sign == "<>"
    if isinstance(told, bool):
        return _COMPARE[sign](str(told).lower(), value)
    if isinstance(told, int):
        return value.lstrip("-").isdigit() and _COMPARE[sign](told, int(value))
    return _COMPARE[sign](told, value)


_COMMON = frozenset({"conference_id", "meeting_code", "calendar_event_id", "organizer_email", "product_type"})
PARAMETERS = frozenset(
    {
        "conference_id", "meeting_code", "calendar_event_id", "organizer_email", "product_type", "endpoint_id",
        "device_type", "display_name", "identifier", "identifier_type", "is_external", "start_timestamp_seconds",
        "duration_seconds", "ip_address", "location_country", "location_region", "end_call_reason",
    }
)  # fmt: skip
