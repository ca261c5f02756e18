"""An invented working group behind `responses`: its rooms at Meetecho, its sessions at the datatracker."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import responses
from requests import PreparedRequest

from connectors.base import Settings
from connectors.meetecho.endpoints import (
    ASSIGNMENTS,
    ATTENDED,
    GROUPS,
    MEETINGS,
    PEOPLE,
    SESSIONS,
    STATUSES,
    TIMESLOTS,
)
from connectors.models import Window

DATA = Path(__file__).parents[2] / "data" / "meetecho"
MEETECHO = "https://meetecho.example.org/api/v1"
DATATRACKER = "https://datatracker.example.org"
SECRET = "marked-client-secret"

DAY = Window(start=datetime(2026, 11, 20, tzinfo=UTC), end=datetime(2026, 11, 21, tzinfo=UTC))

PATHS = (GROUPS, MEETINGS, SESSIONS, ASSIGNMENTS, TIMESLOTS, STATUSES, ATTENDED, PEOPLE)

Reply = tuple[int, dict[str, str], str]


def data(name: str) -> Any:
    return json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))


def settings(
    *, raw: bool = False, given: dict[str, tuple[str, ...]] | None = None, **values: str
) -> Settings:
    values = {
        "MEETECHO_GROUPS": "acro",
        "MEETECHO_CLIENT_ID": "datatracker",
        "MEETECHO_CLIENT_SECRET": SECRET,
        "MEETECHO_API_URL": MEETECHO,
        "DATATRACKER_URL": DATATRACKER,
        **values,
    }
    kept = {name: value for name, value in values.items() if value}
    return Settings(values=kept, raw=raw, option_values=given or {}, rate_share=1.0)


def uri(kind: str, number: object) -> str:
    return f"/api/v1/{kind}/{number}/"


def room(number: int, start: str, url: str, **changes: Any) -> dict[str, Any]:
    inner = {"id": number, "start_time": start, "duration": 60, "description": "interim-2026-acro-01"}
    return {"room": {**inner, **changes}, "url": url, "deletion_token": "marked-deletion-token"}


class Account:
    """`tables`: records of the datatracker by path and id. `broken`: paths and ids that it cannot show. `rooms`: by group.
    `refused`: answers in turn instead of the right ones, by a part of the address."""

    def __init__(self, http: responses.RequestsMock) -> None:
        self.http = http
        self.tables: dict[str, dict[int, dict[str, Any]]] = {path: {} for path in PATHS}
        self.broken: set[tuple[str, int]] = set()
        self.rooms: dict[str, Any] = {"acro": {}}
        self.bearers: dict[str, str] = {}
        self.refused: dict[str, list[Reply]] = {}
        self.tokens_had = 0
        http.add_callback(responses.GET, re.compile(re.escape(DATATRACKER)), callback=self._tracker)
        for method in (responses.GET, responses.POST):
            http.add_callback(method, re.compile(re.escape(MEETECHO)), callback=self._meetecho)
        self.add("group/group", 7, acronym="acro")
        self.add(
            "meeting/meeting",
            30,
            number="interim-2026-acro-01",
            date="2026-11-20",
            schedule=uri("meeting/schedule", 5),
        )

    def add(self, kind: str, number: int, /, **values: Any) -> dict[str, Any]:
        row = {"id": number, "resource_uri": uri(kind, number), **values}
        self.tables.setdefault(f"/api/v1/{kind}/", {})[number] = row
        return row

    def session(
        self,
        number: int = 18,
        *,
        at: str | None = "2026-11-20T10:00:00Z",
        status: str = "sched",
        **changes: Any,
    ) -> None:
        row = {"group": uri("group/group", 7), "meeting": uri("meeting/meeting", 30), "name": ""}
        self.add("meeting/session", number, **{**row, "remote_instructions": "", **changes})
        this = uri("meeting/session", number)
        event = {"time": "2026-10-01T00:00:00Z", "status": uri("name/sessionstatusname", status)}
        self.add("meeting/schedulingevent", number, session=this, **event)
        if at is not None:
            schedule, slot = uri("meeting/schedule", 5), uri("meeting/timeslot", number)
            self.add(
                "meeting/schedtimesessassignment", number, session=this, schedule=schedule, timeslot=slot
            )
            self.add("meeting/timeslot", number, time=at, duration="1:30:00")

    def attends(self, person: int, session: int = 18, time: str | None = "2026-11-20T10:02:00Z") -> None:
        number = len(self.tables.get("/api/v1/meeting/attended/", {})) + 1
        row = {"person": uri("person/person", person), "session": uri("meeting/session", session)}
        self.add("meeting/attended", number, time=time, origin="datatracker", **row)
        self.add("person/person", person, name=f"Person {person}", plain="", ascii="x", email="a@example.org")

    def session_attended_by(self, people: int) -> None:
        """A session with this many attendees."""
        self.session()
        for person in range(1, people + 1):
            self.attends(person)

    def asked(self, part: str) -> list[dict[str, str]]:
        """The queries of the requests with this in their URL."""
        urls = [str(call.request.url) for call in self.http.calls]
        return [query_of(url) for url in urls if part in url]

    def _instead(self, url: str) -> Reply | None:
        for part, replies in self.refused.items():
            if part in url:
                return replies.pop(0) if len(replies) > 1 else replies[0]
        return None

    def _meetecho(self, request: PreparedRequest) -> Reply:
        url = str(request.url)
        if (instead := self._instead(url)) is not None:
            return instead
        if url == f"{MEETECHO}/auth/ietfservice/tokens" and request.method == "POST":
            asked = json.loads(request.body or b"")
            if asked["secret"] != SECRET:
                return 403, {}, "marked-body"
            self.tokens_had += 1
            tokens = {
                group: f"token-{self.tokens_had}-{group}" for group in asked["wgs"] if group in self.rooms
            }
            self.bearers |= {group: f"bearer {token}" for group, token in tokens.items()}
            return 200, {}, json.dumps({"tokens": tokens})
        for group, bearer in self.bearers.items():
            if request.headers.get("Authorization") == bearer:
                return 200, {}, json.dumps({"rooms": self.rooms[group]})
        return 401, {}, "marked-body"

    def _tracker(self, request: PreparedRequest) -> Reply:
        url = str(request.url)
        if (instead := self._instead(url)) is not None:
            return instead
        path, query = urlsplit(url).path, query_of(url)
        if path in self.tables:
            return self._page(path, query)
        parent, _, number = path.rstrip("/").rpartition("/")
        row = self.tables.get(f"{parent}/", {}).get(int(number) if number.isdecimal() else -1)
        if row is None or (f"{parent}/", row["id"]) in self.broken:
            return 404, {}, ""
        return 200, {}, json.dumps(row)

    def _page(self, path: str, query: dict[str, str]) -> Reply:
        rows = [row for row in self.tables[path].values() if fits(row, query)]
        limit, offset = int(query.get("limit", "20")), int(query.get("offset", "0"))
        page = rows[offset : offset + limit]
        if any((path, row["id"]) in self.broken for row in page):
            return 404, {}, "marked-body"
        more = offset + limit < len(rows)
        following = f"{path}?{urlencode({**query, 'offset': str(offset + limit)})}" if more else None
        meta = {"limit": limit, "offset": offset, "next": following, "total_count": len(rows)}
        return 200, {}, json.dumps({"meta": meta, "objects": page})


def fits(row: dict[str, Any], query: dict[str, str]) -> bool:
    for name, wanted in query.items():
        field, _, how = name.partition("__")
        if field in {"limit", "offset"}:
            continue
        value = str(row.get(field, ""))
        last = value.rstrip("/").rpartition("/")[2]
        if how == "in":
            if last not in wanted.split(","):
                return False
        elif how:
            if (value < wanted) if how == "gte" else (value > wanted):
                return False
        elif last != wanted:
            return False
    return True


def query_of(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
