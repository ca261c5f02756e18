"""The filter languages of Meet (`filter`) and of Reports (`filters`)."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from harvester.simulator.google_meet import formats
from harvester.simulator.google_meet.error_responses import bad_request
from harvester.simulator.google_meet.request import instant_of

Value = str | int | None
Fields = Callable[[str], Value]
Test = Callable[[Fields], bool]

_TOKEN = re.compile(
    r"\s*(?:(?P<text>\"(?:\\.|[^\"\\])*\")|(?P<sign>>=|<=|!=|=|<|>)|(?P<mark>[()])|(?P<word>[A-Za-z_][\w.]*))"
)
_FRACTION = re.compile(r"\.(\d{1,9})\d*")
_SIGNS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_REPORTED = re.compile(r"^([a-z_]+)(==|<>|<=|>=|<|>)(.+)$")


def parse_meet_filter(text: str | None, *names: str) -> Test:
    """Parse a filter like `start_time>="2026-11-20T00:00:00Z" AND end_time IS NULL`.

    Times are compared in nanoseconds; an unknown time matches only IS NULL. `names` are the fields that may
    be filtered.
    """
    if not text:
        return lambda _: True
    parser = _Parser(text, names)
    found = parser.parse_or()
    parser.expect_end()
    return found


class _Parser:
    """A recursive descent parser; AND binds tighter than OR."""

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

    def expect_end(self) -> None:
        if self._peek():
            raise _invalid(f"unexpected {self._peek()}")

    def parse_or(self) -> Test:
        tests = [self._parse_and()]
        while self._peek().upper() == "OR":
            self._take()
            tests.append(self._parse_and())
        return lambda fields: any(test(fields) for test in tests)

    def _parse_and(self) -> Test:
        tests = [self._parse_term()]
        while self._peek().upper() == "AND":
            self._take()
            tests.append(self._parse_term())
        return lambda fields: all(test(fields) for test in tests)

    def _parse_term(self) -> Test:
        if self._peek() == "(":
            self._take()
            inner = self.parse_or()
            if self._take() != ")":
                raise _invalid("a parenthesis is not closed")
            return inner
        name = self._take()
        if name not in self._names:
            raise _invalid(f"unknown field {name!r}")
        sign = self._take()
        if sign.upper() == "IS":
            return self._parse_is_null(name)
        if sign not in _SIGNS:
            raise _invalid(f"unknown operator {sign!r}")
        text = self._take()
        if not text.startswith('"'):
            raise _invalid(f"{name} needs a quoted value")
        return _comparison(name, _SIGNS[sign], re.sub(r"\\(.)", r"\1", text[1:-1]))

    def _parse_is_null(self, name: str) -> Test:
        expect_null = True
        if self._peek().upper() == "NOT":
            self._take()
            expect_null = False
        if self._take().upper() != "NULL":
            raise _invalid("IS needs NULL")
        return lambda fields: (fields(name) is None) is expect_null


def _comparison(name: str, compare: Callable[[Any, Any], bool], text: str) -> Test:
    value: str | int = nanoseconds(text, name) if name.endswith("_time") else text

    def test(fields: Fields) -> bool:
        actual = fields(name)
        return actual is not None and compare(actual, value)

    return test


def nanoseconds(text: str, name: str) -> int:
    """Convert an RFC 3339 instant to nanoseconds, keeping all its digits."""
    found = _FRACTION.search(text)
    whole = instant_of(text.replace(found[0], "") if found else text, name)
    return whole * formats.MILLISECOND + (int(found[1].ljust(9, "0")) if found else 0)


def _tokens(text: str) -> Iterator[str]:
    position = 0
    text = text.rstrip()
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            raise _invalid(f"cannot be read from {text[position : position + 12]!r} on")
        yield found[0].strip()
        position = found.end()


def _invalid(message: str) -> Exception:
    return bad_request(f"Invalid filter: {message}.")


_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq, "<>": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


Parameters = Mapping[str, Any]


def parse_reports_filters(
    text: str,
) -> tuple[Callable[[Parameters], bool] | None, Callable[[Parameters], bool] | None]:
    """Parse filters like `meeting_code==WKTIMXIVUK,duration_seconds>60`, all of which must match.

    The last filter on a parameter counts, and unknown parameters are ignored. Returns two tests, for the
    parameters that a whole conference shares and for the others, each None if nothing is filtered.
    """
    conditions: dict[str, tuple[str, str]] = {}
    for part in text.split(",") if text else ():
        found = _REPORTED.match(part)
        if found is None:
            raise bad_request(f"Invalid filter: {part}", "invalidParameter")
        if found[1] in PARAMETERS:
            conditions[found[1]] = found[2], found[3]
    of_conference = {name: test for name, test in conditions.items() if name in _CONFERENCE_PARAMETERS}
    of_row = {name: test for name, test in conditions.items() if name not in _CONFERENCE_PARAMETERS}
    return partial(_all_match, of_conference) if of_conference else None, partial(
        _all_match, of_row
    ) if of_row else None


def _all_match(conditions: Mapping[str, tuple[str, str]], parameters: Parameters) -> bool:
    return all(_matches(parameters.get(name), sign, value) for name, (sign, value) in conditions.items())


def _matches(actual: Any, sign: str, value: str) -> bool:
    if actual is None:
        return sign == "<>"
    if isinstance(actual, bool):
        return _COMPARE[sign](str(actual).lower(), value)
    if isinstance(actual, int):
        return value.lstrip("-").isdigit() and _COMPARE[sign](actual, int(value))
    return _COMPARE[sign](actual, value)


_CONFERENCE_PARAMETERS = frozenset(
    {"conference_id", "meeting_code", "calendar_event_id", "organizer_email", "product_type"}
)
PARAMETERS = frozenset(
    {
        "conference_id", "meeting_code", "calendar_event_id", "organizer_email", "product_type", "endpoint_id",
        "device_type", "display_name", "identifier", "identifier_type", "is_external", "start_timestamp_seconds",
        "duration_seconds", "ip_address", "location_country", "location_region", "end_call_reason",
    }
)  # fmt: skip
