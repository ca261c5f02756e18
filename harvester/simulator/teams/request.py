"""A request to the simulated Graph, and the parsing of its `$filter` and `Prefer`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from harvester.simulator.teams.error_responses import bad_request
from harvester.simulator.teams.formats import parse_stamp

PAGE_SIZE = re.compile(r"odata\.maxpagesize=(\d+)")
_CLAUSE = re.compile(r"startDateTime (lt|le|gt|ge) (\S+)")
_PARTICIPANT = re.compile(r"participants_v2/any\(p:\s*p/id eq '([^']+)'\)")
_JOIN_URL = re.compile(r"JoinWebUrl eq '((?:[^']|'')+)'", re.IGNORECASE)
_ALWAYS = 1 << 62


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request.

    url: with scheme and host, without the query.
    instant: now, in milliseconds.
    prefer: the preferences, lower case.
    """

    url: str
    query: Mapping[str, str]
    instant: int
    prefer: tuple[str, ...] = ()

    def page_size(self, maximum: int) -> int:
        """Return the preferred page size if it is not above the maximum."""
        for preference in self.prefer:
            if found := PAGE_SIZE.fullmatch(preference):
                return min(max(1, int(found[1])), maximum)
        return maximum

    @property
    def omit_nulls(self) -> bool:
        return "omit-values=nulls" in self.prefer


@dataclass(frozen=True, slots=True)
class Filter:
    """Records that start in [first, last), in ticks, with this participant if there is one."""

    first: int
    last: int
    participant: str | None


def preferences(header: str) -> tuple[str, ...]:
    return tuple(part.strip().lower() for part in header.split(",") if part.strip())


def record_filter(text: str | None) -> Filter:
    """Parse `$filter` of the list; anything that is not documented is refused."""
    first, last, participant = -_ALWAYS, _ALWAYS, None
    for clause in text.split(" and ") if text else ():
        if found := _PARTICIPANT.fullmatch(clause.strip()):
            participant = found[1]
            continue
        bound = _CLAUSE.fullmatch(clause.strip())
        if bound is None:
            raise bad_request(f"The filter '{clause}' is not supported.")
        try:
            instant = parse_stamp(bound[2])
        except ValueError:
            raise bad_request(f"The literal '{bound[2]}' is not a date and time.") from None
        if bound[1] in {"ge", "gt"}:
            first = max(first, instant + (bound[1] == "gt"))
        else:
            last = min(last, instant + (bound[1] == "le"))
    return Filter(first, last, participant)


def join_url_filter(text: str | None) -> str:
    """Parse `$filter` of online meetings, of which only `JoinWebUrl eq '…'` is simulated."""
    found = _JOIN_URL.fullmatch((text or "").strip())
    if found is None:
        raise bad_request("A filter on JoinWebUrl is required.")
    return found[1].replace("''", "'")
