"""The Microsoft Graph calls that the connector makes, their rates, and how late and how long call records are available.

Calls and retention: https://learn.microsoft.com/graph/api/resources/callrecords-api-overview and
https://learn.microsoft.com/graph/callrecords-api-faq (2026). Rates:
https://learn.microsoft.com/graph/throttling-limits (2026). Clouds: https://learn.microsoft.com/graph/deployments.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from connectors.endpoint import Endpoint

VENDOR = "Teams"
APP_PAGE = "entra.microsoft.com, under App registrations"
PERMISSION = "CallRecords.Read.All"
TITLES_PERMISSION = "OnlineMeetings.Read.All"

CALL_RECORDS = Endpoint(template="/communications/callRecords")
CALL_RECORD = Endpoint(template="/communications/callRecords/{id}")
SESSIONS = Endpoint(template="/communications/callRecords/{id}/sessions")
SEGMENTS = Endpoint(template="/communications/callRecords/{id}/sessions/{session}/segments")
ONLINE_MEETINGS = Endpoint(template="/users/{user}/onlineMeetings")

CALLS_PER_SECOND = 4.0
"""Graph permits an app 1,500 requests in 20 seconds in one tenant. Users of large tenants were refused at much less
(https://github.com/microsoftgraph/microsoft-graph-docs-contrib/issues/1715), so this is where the rate starts."""

LISTS_PER_SECOND = 0.7
"""The documentation has had 40 and 15 listings in 20 seconds; this keeps below both."""

MAX_WINDOW = timedelta(days=1)

LOOKBACK = timedelta(days=7)
"""A record gets a higher version when telemetry arrives late. No bound is documented."""

KEPT = timedelta(days=30)
"""Graph keeps a call record this long."""

RETENTION = KEPT - timedelta(hours=1)
"""What a listing asks for: whether a filter beyond 30 days is refused or ignored is not documented."""

LATENCY = timedelta(minutes=150)
"""The first version of a record is available at most this long after the call; until then its answer is 404
(https://learn.microsoft.com/graph/change-notifications-overview)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    login: str
    graph: str


CLOUDS = {
    "global": Cloud(login="https://login.microsoftonline.com", graph="https://graph.microsoft.com"),
    "usgov": Cloud(login="https://login.microsoftonline.us", graph="https://graph.microsoft.us"),
    "dod": Cloud(login="https://login.microsoftonline.us", graph="https://dod-graph.microsoft.us"),
}
"""The cloud of China (21Vianet) has no call records."""

API_VERSION = "/v1.0"


def api_url(graph: str) -> str:
    """The base URL of the API; `graph` is a root such as `https://graph.microsoft.com`, with or without the version."""
    root = graph.rstrip("/")
    return root if root.endswith(API_VERSION) else root + API_VERSION
