"""Django Tastypie, the framework of the datatracker's API: filters, pages, URIs of rows, errors.

An unknown parameter is ignored, as Tastypie does, and counted. A field that may not be filtered, an unknown
lookup and an invalid value are refused with 400.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlencode

from harvester.simulator.meetecho.formats import duration, parse_instant, stamp

ROOT = "/api/v1/"
DEFAULT_LIMIT = 20
MAX_LIMIT = 1000

Row = Mapping[str, Any]
FieldType = Literal["number", "text", "time", "date", "span", "flag"]


class BadRequest(Exception):
    """A request that Tastypie refuses; `status` is 404 if the row does not exist."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class BrokenRow(Exception):
    """A row that cannot be rendered; the request fails with `status`."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@dataclass(frozen=True, slots=True)
class Relation:
    """A field that refers to another row, or to `many`."""

    resource: str
    many: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One resource of the API.

    fields: in the order in which they are rendered.
    filters, order: the fields that may be used.
    broken: returns the error status of a row that cannot be rendered, else None.
    select: returns the rows by the values of one field without a scan, None if there is no index.
    """

    name: str
    fields: Mapping[str, FieldType | Relation]
    filters: frozenset[str]
    order: frozenset[str]
    rows: Callable[[], Sequence[Row]]
    find: Callable[[Any], Row | None]
    select: Callable[[str, Iterable[Any]], Sequence[Row] | None] = lambda _field, _keys: None
    broken: Callable[[Row], int | None] = lambda _row: None

    def uri(self, key: Any) -> str:
        return f"{ROOT}{self.name}/{key}/"

    def render(self, row: Row) -> dict[str, Any]:
        status = self.broken(row)
        if status is not None:
            raise BrokenRow(status)
        row_fields = {name: _render_field(row, name, kind) for name, kind in self.fields.items()}
        return {**row_fields, "resource_uri": self.uri(row["id"])}


def _render_field(row: Row, name: str, kind: FieldType | Relation) -> Any:
    value = row[name]
    if value is None:
        return None
    if isinstance(kind, Relation):
        addresses = [f"{ROOT}{kind.resource}/{key}/" for key in (value if kind.many else [value])]
        return addresses if kind.many else addresses[0]
    if kind == "time":
        return stamp(value, row["id"])
    return duration(value) if kind == "span" else value


@dataclass(slots=True)
class TastypieApi:
    """Answers requests for its resources. `ignored` counts unknown parameters."""

    resources: Mapping[str, Resource]
    ignored: Counter[str] = field(default_factory=Counter)

    def page(self, resource: Resource, query: Mapping[str, Sequence[str]]) -> dict[str, Any]:
        """Return a page of a listing.

        Raises BrokenRow if one of its rows is broken; only a smaller page can then be read.
        """
        limit, offset = _count(query, "limit", DEFAULT_LIMIT), _count(query, "offset", 0)
        limit = min(limit or MAX_LIMIT, MAX_LIMIT)
        found = self._ordered(resource, self._select(resource, query), query)
        objects = [resource.render(row) for row in found[offset : offset + limit]]
        parameters = {name: values[-1] for name, values in query.items()}

        def address(start: int) -> str:
            return f"{ROOT}{resource.name}/?{urlencode({**parameters, 'limit': limit, 'offset': start})}"

        meta = {
            "limit": limit,
            "next": address(offset + limit) if offset + limit < len(found) else None,
            "offset": offset,
            "previous": address(offset - limit) if offset >= limit else None,
            "total_count": len(found),
        }
        return {"meta": meta, "objects": objects}

    def get_one(self, resource: Resource, key: str) -> dict[str, Any]:
        row = resource.find(_key(resource, key))
        if row is None:
            raise BadRequest("", 404)
        return resource.render(row)

    def get_many(self, resource: Resource, keys: Sequence[str]) -> dict[str, Any]:
        """Answer `set/1;2;3/`."""
        rows = {key: resource.find(_key(resource, key)) for key in keys}
        body: dict[str, Any] = {"objects": [resource.render(row) for row in rows.values() if row is not None]}
        missing = [key for key, row in rows.items() if row is None]
        return body | ({"not_found": missing} if missing else {})

    def _select(self, resource: Resource, query: Mapping[str, Sequence[str]]) -> list[Row]:
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
            if all(self._matches(resource, row, path, lookup, wanted) for path, lookup, wanted in tests)
        ]

    def _test(
        self, resource: Resource, parts: Sequence[str], values: Sequence[str]
    ) -> tuple[list[str], str, Any]:
        """Return the fields that lead to the compared value, the lookup, and the value to compare with."""
        path: list[str] = []
        at: Resource | None = resource
        kind: FieldType | Relation = "text"
        rest = list(parts)
        while at is not None and rest and rest[0] in at.fields:
            name = rest.pop(0)
            kind = at.fields[name]
            if name not in at.filters:
                raise BadRequest(f"The '{name}' field does not allow filtering.")
            if isinstance(kind, Relation) and rest[:1] in (["id"], ["pk"], ["slug"]):
                rest.pop(0)
                at = None
            else:
                at = self.resources.get(kind.resource) if isinstance(kind, Relation) else None
            path.append(name)
        lookup = rest.pop(0) if rest else "exact"
        if rest or lookup not in _LOOKUPS:
            raise BadRequest(f"'{lookup}' is not an allowed filter on the '{path[-1]}' field.")
        return path, lookup, _parse_values(kind, lookup, values)

    def _matches(self, resource: Resource, row: Row, path: Sequence[str], lookup: str, wanted: Any) -> bool:
        kind, value = resource.fields[path[0]], row[path[0]]
        if isinstance(kind, Relation):
            keys = value if kind.many else [value]
            if len(path) == 1:
                return any(_compare(lookup, key, wanted) for key in keys or [None])
            other = self.resources[kind.resource]
            rows = [found for key in keys if key is not None and (found := other.find(key)) is not None]
            return any(self._matches(other, found, path[1:], lookup, wanted) for found in rows)
        return _compare(lookup, value, wanted)

    def _ordered(self, resource: Resource, found: list[Row], query: Mapping[str, Sequence[str]]) -> list[Row]:
        for order in reversed(query.get("order_by", [])):
            name = order.removeprefix("-")
            if name not in resource.order:
                raise BadRequest(f"The '{name}' field does not allow ordering.")
            found.sort(key=lambda row: row[name], reverse=order.startswith("-"))
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


def _compare(lookup: str, value: Any, wanted: Any) -> bool:
    if value is None and lookup != "isnull":
        return False
    return _LOOKUPS[lookup](value, wanted)


def _parse_values(kind: FieldType | Relation, lookup: str, values: Sequence[str]) -> Any:
    if lookup == "isnull":
        return values[-1] in _TRUE
    get_many = [part for value in values for part in value.split(",")]
    compared: FieldType | Relation = kind
    if isinstance(kind, Relation):
        # Names and documents have text keys, everything else has numbers.
        compared = "text" if kind.resource.startswith(("name/", "doc/")) else "number"
    try:
        if lookup == "in":
            return [_parse_value(compared, text) for text in get_many]
        if lookup == "range":
            first, last = (_parse_value(compared, text) for text in get_many)
            return first, last
        return values[-1] if "with" in lookup or "contains" in lookup else _parse_value(compared, values[-1])
    except ValueError:
        raise BadRequest("Invalid resource lookup data provided (mismatched type).") from None


def _parse_value(kind: FieldType | Relation, text: str) -> Any:
    if kind in ("number", "span"):
        return int(text)
    if kind == "time":
        return parse_instant(text)
    return text in _TRUE if kind == "flag" else text


def _count(query: Mapping[str, Sequence[str]], name: str, default: int) -> int:
    values = query.get(name)
    if values is None:
        return default
    if not values[-1].isdecimal():
        raise BadRequest(f"Invalid {name} '{values[-1]}' provided. Please provide a positive integer.")
    return int(values[-1])


def _key(resource: Resource, text: str) -> Any:
    if resource.fields["id"] != "number":
        return text
    if not text.isdecimal():
        raise BadRequest("", 404)
    return int(text)
