"""The calls of Parley's API, its rate limit and how long it keeps data. Parley is invented, and so are its documents."""

from __future__ import annotations

from datetime import timedelta

from connectors.endpoint import Endpoint

VENDOR = "parley"
API_URL = "https://api.parley.example"

TOKEN_PATH = "/token"  # noqa: S105  # the path of the token endpoint, not a secret
MEETINGS = Endpoint(template="/meetings")
MEETING = Endpoint(template="/meetings/{id}")
STAYS = Endpoint(template="/meetings/{id}/stays")

CALLS_PER_SECOND = 10.0
MAX_WINDOW = timedelta(days=7)
LOOKBACK = timedelta(days=1)
RETENTION = timedelta(days=90)
