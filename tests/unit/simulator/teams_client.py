"""A test client of the simulated Teams tenant."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from harvester.simulator.clock import SimulatedClock
from harvester.simulator.teams.account import CallRecord, Quirk
from harvester.simulator.teams.app import GRAPH, LOGIN, Teams
from harvester.simulator.teams.control_endpoint import PATH
from harvester.simulator.teams.options import TeamsOptions
from harvester.simulator.teams.tokens import CLIENT_ID, CLIENT_SECRET, TENANT_ID
from tests.unit.simulator.clients import NOW, Answer, ManualClock, organisation, send_request

HOST = "sim.example.org"
SCOPE = "https://graph.microsoft.com/.default"
RECORDS = "/communications/callRecords"
ALL = "startDateTime ge 2026-10-25T00:00:00Z and startDateTime lt 2026-12-01T00:00:00Z"


@dataclass
class TeamsClient:
    """A tenant, its clock, and an access token."""

    teams: Teams
    clock: ManualClock
    calendar: SimulatedClock
    token: str = field(default="", init=False)

    def ask_token(self, tenant: str = TENANT_ID, **changed: str) -> Answer:
        fields = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "scope": SCOPE}
        body = urlencode({**fields, "grant_type": "client_credentials", **changed}).encode()
        return send_request(
            self.teams, f"{LOGIN}/{tenant}/oauth2/v2.0/token", method="POST", body=body, host=HOST
        )

    def get(self, path: str, *, prefer: str = "", **query: object) -> Answer:
        """Send a GET request, late enough after the last one for every limit. `filter` is `$filter`."""
        self.clock.seconds += 0.6
        encoded = urlencode({f"${name}": value for name, value in query.items()}, quote_via=quote)
        return self.follow(f"http://{HOST}{GRAPH}/v1.0{path}?{encoded}", prefer=prefer)

    def follow(self, url: str, *, prefer: str = "") -> Answer:
        if not self.token:
            self.token = self.ask_token().body["access_token"]
        parts = urlsplit(url)
        return send_request(
            self.teams,
            parts.path,
            query=parts.query,
            authorization=f"Bearer {self.token}",
            host=HOST,
            prefer=prefer,
        )

    def rows(self, path: str, **query: Any) -> list[dict[str, Any]]:
        """Return every row of every page."""
        answer = self.get(path, **query)
        assert answer.status == 200, answer.content
        found: list[dict[str, Any]] = answer.body["value"]
        while url := answer.body.get("@odata.nextLink"):
            self.clock.seconds += 0.6
            answer = self.follow(url)
            found += answer.body["value"]
        return found

    def listed(self, **query: Any) -> dict[str, dict[str, Any]]:
        """Return every listed record by id."""
        return {row["id"]: row for row in self.rows(RECORDS, **{"filter": ALL, **query})}

    def sessions(self, record: CallRecord) -> list[dict[str, Any]]:
        return self.rows(f"{RECORDS}/{record.id}/sessions", expand="segments")

    def record(self, quirk: Quirk) -> CallRecord:
        return next(record for record in self.teams.account.records if record.quirk is quirk)

    def control(self, **changes: Any) -> Any:
        """Return the state of the simulator, or change it."""
        body, method = (json.dumps(changes).encode(), "POST") if changes else (b"", "GET")
        return send_request(self.teams, PATH, method=method, body=body, host=HOST).body


def teams_client(*, later: timedelta = timedelta(), **options: Any) -> TeamsClient:
    """Create a tenant with a clock that is `later` than the organisation's now. `options`: those of the organisation and the tenant."""
    built = organisation(**{k: options.pop(k) for k in ("size", "seed", "days") if k in options})
    clock = ManualClock()
    # The calendar stands still: only a jump moves it.
    calendar = SimulatedClock(NOW + later, calendar_speed=1e-9, monotonic=clock)
    return TeamsClient(Teams(built, calendar, TeamsOptions(**options)), clock, calendar)
