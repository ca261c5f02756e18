"""A test client for the rooms of a simulated Workspace."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from harvester.simulator.google_meet.rooms.calendar import RoomCalendar
from harvester.simulator.google_meet.scopes import AUTH
from tests.unit.simulator.clients import GOOGLE_PATHS, Answer, GoogleClient, google_client, send_request


@dataclass
class RoomsClient:
    google: GoogleClient

    @property
    def calendars(self) -> list[RoomCalendar]:
        return list(self.google.google.rooms.store.calendars.values())

    def named(self, name: str) -> RoomCalendar:
        return self.google.google.rooms.store.named(name)

    def send(
        self, method: str, path: str, body: Any = None, *, scope: str = "calendar.events", api: str = "calendar",
        email: str | None = None, **query: object,
    ) -> Answer:  # fmt: skip
        """Send a request as the service account itself, or for the person with this e-mail address."""
        self.google.clock.seconds += 0.2
        key = scope, email
        if key not in self.google.tokens:
            answer = self.google.asserted(sub=email, scope=AUTH + scope)
            self.google.tokens[key] = answer.body["access_token"]
        return send_request(
            self.google.google,
            GOOGLE_PATHS[api] + path,
            method=method,
            query=urlencode(query, doseq=True),
            body=b"" if body is None else json.dumps(body).encode(),
            authorization=f"Bearer {self.google.tokens[key]}",
        )

    def events(self, calendar: RoomCalendar, **query: object) -> Answer:
        return self.send("GET", events_path(calendar), scope="calendar.events.readonly", **query)

    def listed(self, calendar: RoomCalendar, **query: object) -> tuple[list[dict[str, Any]], str]:
        """Return every row of every page, and the sync token."""
        rows: list[dict[str, Any]] = []
        page: dict[str, Any] = {}
        while not rows or "nextPageToken" in page:
            more = {"pageToken": page["nextPageToken"]} if page else {}
            answer = self.events(calendar, **query, **more)
            assert answer.status == 200, answer.content
            page = answer.body
            rows += page["items"]
            if "nextPageToken" not in page:
                break
        return rows, page["nextSyncToken"]

    def change(self, **changes: object) -> Answer:
        return send_request(
            self.google.google, "/_simulator/rooms", method="POST", body=json.dumps(changes).encode()
        )


def rooms_client(**options: Any) -> RoomsClient:
    return RoomsClient(google_client(**options))


def events_path(calendar: RoomCalendar) -> str:
    return f"/calendars/{quote(calendar.room.email)}/events"


def reason(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.body["error"]["errors"][0]["reason"]
