"""The manners of Django Tastypie, which makes the datatracker's API: filters, pages, addresses of rows, refusals.

A parameter that names no field is ignored, as Tastypie does it, and counted; a field that may not be filtered, a lookup
that there is not, and a value that does not fit are refused with 400.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlencode

from harvester.simulator.meetecho.formats import duration, parsed, stamp

ROOT = "/api/v1/"
DEFAULT_LIMIT = 20
MOST = 1000

Row = Mapping[str, Any]
Kind = Literal["number", "text", "time", "date", "span", "flag"]


class Wrong(Exception):
    """A request that Tastypie refuses; `status` 404 for what is not there."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class Broken(Exception):
    """A row of which no answer can be made. `status`: what is said of it."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@dataclass(frozen=True, slots=True)
class To:
    """A field that holds another row, or `many`."""

    resource: str
    many: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """`fields` in the order of the alphabet or not, as they are shown. `filters`, `order`: what is allowed. `broken`:
    the status of rows that no answer can be made of, else None. `select(field, keys)`: rows by what one field holds,
    without looking at all of them, None where that is not to be had."""

    name: str
    fields: Mapping[str, Kind | To]
    filters: frozenset[str]
    order: frozenset[str]
    rows: Callable[[], Sequence[Row]]
    find: Callable[[Any], Row | None]
    select: Callable[[str, Iterable[Any]], Sequence[Row] | None] = lambda _field, _keys: None
    broken: Callable[[Row], int | None] = lambda _row: None

    def uri(self, key: Any) -> str:
        return f"{ROOT}{self.name}/{key}/"

    def shown(self, row: Row) -> dict[str, Any]:
        status = self.broken(row)
        if status is not None:
            raise Broken(status)
        told = {name: _shown(row, name, kind) for name, kind in self.fields.items()}
        return {**told, "resource_uri": self.uri(row["id"])}


def _shown(row: Row, name: str, kind: Kind | To) -> Any:
    value = row[name]
    if value is None:
        return None
    if isinstance(kind, To):
        addresses = [f"{ROOT}{kind.resource}/{key}/" for key in (value if kind.many else [value])]
        return addresses if kind.many else addresses[0]
    if kind == "time":
        return stamp(value, row["id"])
    return duration(value) if kind == "span" else value


@dataclass(slots=True)
class Api:
    """Answers questions about its resources. `ignored`: parameters that named no field."""

    resources: Mapping[str, Resource]
    ignored: Counter[str] = field(default_factory=Counter)

    def page(self, resource: Resource, query: Mapping[str, Sequence[str]]) -> dict[str, Any]:
        """A page of a listing. Broken where one of its rows is, so that only a smaller page can be had."""
        limit, offset = _count(query, "limit", DEFAULT_LIMIT), _count(query, "offset", 0)
        limit = min(limit or MOST, MOST)
        found = self._ordered(resource, self._found(resource, query), query)
        objects = [resource.shown(row) for row in found[offset : offset + limit]]
        asked = {name: told[-1] for name, told in query.items()}

        def address(start: int) -> str:
            return f"{ROOT}{resource.name}/?{urlencode({**asked, 'limit': limit, 'offset': start})}"

        meta = {
            "limit": limit,
            "next": address(offset + limit) if offset + limit < len(found) else None,
            "offset": offset,
            "previous": address(offset - limit) if offset >= limit else None,
            "total_count": len(found),
        }
        return {"meta": meta, "objects": objects}

    def one(self, resource: Resource, key: str) -> dict[str, Any]:
        row = resource.find(_key(resource, key))
        if row is None:
            raise Wrong("", 404)
        return resource.shown(row)

    def several(self, resource: Resource, keys: Sequence[str]) -> dict[str, Any]:
        """`set/1;2;3/`."""
        rows = {key: resource.find(_key(resource, key)) for key in keys}
        told: dict[str, Any] = {"objects": [resource.shown(row) for row in rows.values() if row is not None]}
        missing = [key for key, row in rows.items() if row is None]
        return told | ({"not_found": missing} if missing else {})

    def _found(self, resource: Resource, query: Mapping[str, Sequence[str]]) -> list[Row]:
        tests = []
        rows: Sequence[Row] | None = None
        for name, values in query.items():
            if name in {"limit", "offset", "format", "order_by"}:
                continue
            parts = name.split("__")
            if parts[0] not in resource.fields:
                self.ignored[f"{resource.name} {name}"] += 1
                continue
            path, lookup, wanted = self._test(resource, parts, values)
            tests.append((path, lookup, wanted))
            if rows is None and len(path) == 1 and lookup in {"exact", "in"}:
                rows = resource.select(path[0], wanted if lookup == "in" else [wanted])
        found = resource.rows() if rows is None else rows
        return [
            row
            for row in found
            if all(self._fits(resource, row, path, lookup, wanted) for path, lookup, wanted in tests)
        ]

    def _test(
        self, resource: Resource, parts: Sequence[str], values: Sequence[str]
    ) -> tuple[list[str], str, Any]:
        """Which fields lead to what is compared, how, and with what."""
        path: list[str] = []
        at: Resource | None = resource
        kind: Kind | To = "text"
        rest = list(parts)
        while at is not None and rest and rest[0] in at.fields:
            name = rest.pop(0)
            kind = at.fields[name]
            if name not in at.filters:
                raise Wrong(f"The '{name}' field does not allow filtering.")
            if isinstance(kind, To) and rest[:1] in (["id"], ["pk"], ["slug"]):
                rest.pop(0)
                at = None
            else:
                at = self.resources.get(kind.resource) if isinstance(kind, To) else None
            path.append(name)
        lookup = rest.pop(0) if rest else "exact"
        if rest or lookup not in _LOOKUPS:
            raise Wrong(f"'{lookup}' is not an allowed filter on the '{path[-1]}' field.")
        return path, lookup, _wanted(kind, lookup, values)

    def _fits(self, resource: Resource, row: Row, path: Sequence[str], lookup: str, wanted: Any) -> bool:
        kind, value = resource.fields[path[0]], row[path[0]]
        if isinstance(kind, To):
            keys = value if kind.many else [value]
            if len(path) == 1:
                return any(_compared(lookup, key, wanted) for key in keys or [None])
            other = self.resources[kind.resource]
            rows = [found for key in keys if key is not None and (found := other.find(key)) is not None]
            return any(self._fits(other, found, path[1:], lookup, wanted) for found in rows)
        return _compared(lookup, value, wanted)

    def _ordered(self, resource: Resource, found: list[Row], query: Mapping[str, Sequence[str]]) -> list[Row]:
        for told in reversed(query.get("order_by", [])):
            name = told.removeprefix("-")
            if name not in resource.order:
                raise Wrong(f"The '{name}' field does not allow ordering.")
            found.sort(key=lambda row: row[name], reverse=told.startswith("-"))
        return found


_LOOKUPS: Mapping[str, Callable[[Any, Any], bool]] = {
    "exact": lambda value, wanted: bool(value == wanted),
    "iexact": lambda value, wanted: str(value).lower() == str(wanted).lower(),
    "in": lambda value, wanted: value in wanted,
    "contains": lambda value, wanted: wanted in str(value),
    "icontains": lambda value, wanted: wanted.lower() in str(value).lower(),
    "startswith": lambda value, wanted: str(value).startswith(wanted),
    "istartswith": lambda value, wanted: str(value).lower().startswith(wanted.lower()),
    "gt": lambda value, wanted: bool(value > wanted),
    "gte": lambda value, wanted: bool(value >= wanted),
    "lt": lambda value, wanted: bool(value < wanted),
    "lte": lambda value, wanted: bool(value <= wanted),
    "range": lambda value, wanted: bool(wanted[0] <= value <= wanted[1]),
    "isnull": lambda value, wanted: (value is None) is wanted,
}
_TRUE = {"true", "True", "1"}


def _compared(lookup: str, value: Any, wanted: Any) -> bool:
    if value is None and lookup != "isnull":
        return False
    return _LOOKUPS[lookup](value, wanted)


def _wanted(kind: Kind | To, lookup: str, values: Sequence[str]) -> Any:
    if lookup == "isnull":
        return values[-1] in _TRUE
    several = [part for value in values for part in value.split(",")]
    compared: Kind | To = kind
    if isinstance(kind, To):
        # Names and documents are known by words, everything else by a number.
        compared = "text" if kind.resource.startswith(("name/", "doc/")) else "number"
    try:
        if lookup == "in":
            return [_value(compared, text) for text in several]
        if lookup == "range":
            first, last = (_value(compared, text) for text in several)
            return first, last
        return values[-1] if "with" in lookup or "contains" in lookup else _value(compared, values[-1])
    except ValueError:
        raise Wrong("Invalid resource lookup data provided (mismatched type).") from None


def _value(kind: Kind | To, text: str) -> Any:
    if kind in ("number", "span"):
        return int(text)
    if kind == "time":
        return parsed(text)
    return text in _TRUE if kind == "flag" else text


def _count(query: Mapping[str, Sequence[str]], name: str, default: int) -> int:
    told = query.get(name)
    if told is None:
        return default
    if not told[-1].isdecimal():
        raise Wrong(f"Invalid {name} '{told[-1]}' provided. Please provide a positive integer.")
    return int(told[-1])


def _key(resource: Resource, text: str) -> Any:
    if resource.fields["id"] != "number":
        return text
    if not text.isdecimal():
        raise Wrong("", 404)
    return int(text)
