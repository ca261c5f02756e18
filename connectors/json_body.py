"""Parse the JSON body of a response, within limits.

A body whose values would take much more memory than the body itself (`[],[],[],…`) is refused before it is parsed. Of a
body that is nested too deeply, the values that are too deep become `TOO_DEEP`: only a document that would contain one of
them fails.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

import msgspec
import orjson

EMPTY = "an empty body"

MAX_DEPTH = 100
"""No vendor documents more than ten levels, and Elasticsearch accepts 20 in a `flattened` field."""

_ORJSON_DEPTH = 254
"""The most levels that orjson writes (https://github.com/ijl/orjson#serialize)."""

SMALL_BYTES = 2_000_000
"""The values of a body of this size take less than 150 MB, whatever they are."""

_LARGEST_REPAIRED_BYTES = 4 * SMALL_BYTES
"""Python's own parser needs a copy of the body with up to four bytes for each character."""

_NOT_JSON = "a body that is not JSON"

_ESCAPE = re.compile(
    r"""\\(?: u[dD][89abAB][0-9a-fA-F]{2} \\u[dD][c-fC-F][0-9a-fA-F]{2}  # a pair of surrogates: one character
        | (u[dD][89a-fA-F][0-9a-fA-F]{2})  # a lone surrogate
        | . )""",  # any other escape, so that the second backslash of two begins none
    re.VERBOSE | re.DOTALL,
)

_WITHOUT_MEANING = bytes(set(range(256)) - set(b'[]{}"\\'))
"""The bytes that neither nest values nor begin, end or escape anything."""

_BYTES_OF_OBJECT, _BYTES_OF_ARRAY, _BYTES_OF_VALUE = 260, 80, 72
"""About what CPython and orjson need for each at most."""


class BodyRefused(Exception):
    """The body exceeds a limit; the message says which."""


class TooDeep:
    """Stands for an object or a list that is nested too deeply. It is not a value of JSON."""

    def __repr__(self) -> str:
        return "TOO_DEEP"


TOO_DEEP = TooDeep()


@dataclass(frozen=True, slots=True)
class ParsedBody:
    value: Any = None
    problem: str | None = None
    """Why there is no JSON."""
    too_deep: bool = False
    """Whether a part of the value became `TOO_DEEP`."""


def parse_body(
    content: bytes | bytearray, *, max_memory: int = 150_000_000, shape: type[msgspec.Struct] | None = None
) -> ParsedBody:
    """The JSON in a body. Raises BodyRefused for a body that needs too much memory.

    A body of the given shape becomes such a struct, and any other one becomes objects and lists as without a shape.

    Lone surrogates, which orjson refuses together with the page around them, and bytes that are not UTF-8 become U+FFFD;
    a number that no float can hold becomes null.
    """
    if not content:
        return ParsedBody(problem=EMPTY)
    if len(content) > SMALL_BYTES and needed_memory(content) > max_memory:
        raise BodyRefused("an answer whose values need too much memory")
    if shape is not None:
        try:
            return ParsedBody(msgspec.json.decode(content, type=shape))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            pass
    parsed = _parse(content)
    if parsed.problem is not None or _has_few_levels(content) or _is_shallow(parsed.value):
        return parsed
    _prune(parsed.value)
    return ParsedBody(parsed.value, too_deep=True)


def needed_memory(content: bytes | bytearray) -> int:
    """The most memory that parsing the body may take: orjson's copy, the texts, and the values."""
    return (
        3 * len(content)
        + content.count(b"{") * _BYTES_OF_OBJECT
        + content.count(b"[") * _BYTES_OF_ARRAY
        + content.count(b",") * _BYTES_OF_VALUE
    )


def _parse(content: bytes | bytearray) -> ParsedBody:
    try:
        return ParsedBody(orjson.loads(content))
    except orjson.JSONDecodeError:
        pass
    if len(content) > _LARGEST_REPAIRED_BYTES:
        return ParsedBody(problem=_NOT_JSON)
    text = _ESCAPE.sub(_without_lone_surrogate, content.decode("utf-8", "replace"))
    try:
        return ParsedBody(orjson.loads(text))
    except orjson.JSONDecodeError:
        pass
    try:
        return ParsedBody(
            json.loads(text, parse_float=_read_float, parse_int=_read_int, parse_constant=_refuse)
        )
    except (ValueError, RecursionError):
        return ParsedBody(problem=_NOT_JSON)


def _without_lone_surrogate(escape: re.Match[str]) -> str:
    return escape[0] if escape[1] is None else "\\ufffd"


def _has_few_levels(content: bytes | bytearray) -> bool:
    """Whether the brackets of this JSON show that nothing is nested deeper than MAX_DEPTH.

    They do not if a text contains brackets or escapes; then `_is_shallow` answers, which takes three times as long: as long
    as writing the body again.
    """
    if len(content) > SMALL_BYTES:
        return False
    marks = content.translate(None, _WITHOUT_MEANING)
    if b"\\" in marks:  # perhaps before a quote that does not end its text
        return False
    brackets = marks.replace(b'""', b"")  # a text with brackets leaves its quotes behind
    for _ in range(MAX_DEPTH // 2):
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")  # the innermost level, or two
        if not brackets:
            return True
    return False


def _is_shallow(value: Any) -> bool:
    """Whether nothing is nested deeper than MAX_DEPTH. orjson refuses what is nested deeper than its own limit, and finds
    that faster than any walk in Python."""
    for _ in range(_ORJSON_DEPTH - MAX_DEPTH):
        value = [value]
    try:
        orjson.dumps(value)
    except orjson.JSONEncodeError:
        return False
    return True


def _prune(value: Any) -> None:
    """Replace whatever lies deeper than MAX_DEPTH."""
    level = [value]
    for _ in range(MAX_DEPTH - 1):
        level = [item for part in level for item in _items(part) if isinstance(item, dict | list)]
    for part in level:
        for key, item in part.items() if isinstance(part, dict) else enumerate(part):
            if isinstance(item, dict | list):
                part[key] = TOO_DEEP


def contains_too_deep(value: Any) -> bool:
    """Whether a part of this value is `TOO_DEEP`."""
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if part is TOO_DEEP:
            return True
        waiting += _items(part)
    return False


def _items(part: Any) -> Collection[Any]:
    if isinstance(part, Mapping):
        return part.values()
    return part if isinstance(part, list) else ()


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _read_float(text: str) -> float | None:
    number = float(text)
    return number if isfinite(number) else None


def _read_int(text: str) -> float | None:
    """A number of up to 64 bits exactly; a longer one as a float, as orjson reads it, which can write that."""
    number = int(text) if len(text) <= 20 else None
    return number if number is not None and number.bit_length() < 64 else _read_float(text)
