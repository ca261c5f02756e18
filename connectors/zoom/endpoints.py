"""The Zoom endpoints that the connector calls: path, rate limit label, scopes, and the days that a list may be asked for.

Labels: https://developers.zoom.us/docs/api/rate-limits/ (as of 2026-02-07). Scopes: the "Scopes" and "Granular
Scopes" of each endpoint in https://developers.zoom.us/docs/api/ (Meetings, Accounts, Users; as of 2025-06 to 2026-08).
New apps are offered granular scopes, older ones hold classic ones, and one app may mix both.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from urllib.parse import quote

from connectors.endpoint import Endpoint
from connectors.models import Window

VENDOR = "Zoom"

Label = Literal["intensive", "heavy", "medium"]

MAX_PAGE_SIZE = 300
MAX_QOS_PAGE_SIZE = 10

RETENTION = timedelta(days=180)
"""Lists reach back "six months". 180 days are within six months of any length."""

LOOKBACK = timedelta(days=7)
"""Zoom documents no upper bound for the delay of its data. It says minutes; large meetings take longer."""

MAX_WINDOW = timedelta(days=25)
"""One list request may span "one month"; whether both ends count is not documented. 25 days, begun at any time of day,
touch at most 26 days of UTC. With a day added on each side that makes 28 days, ends included: within a month by any
reading, February too."""

_DASHBOARD_MEETINGS = ("dashboard_meetings:read:admin", "dashboard:read:admin")
_DASHBOARD_WEBINARS = ("dashboard_webinars:read:admin", "dashboard:read:admin")
_REPORTS = ("report:read:admin",)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoomEndpoint(Endpoint):
    label: Label
    """The rate limit that the call counts against."""
    granular: str
    """The scope to add to an app."""
    classic: tuple[str, ...]
    """Scopes of older apps; any of them permits the call too."""
    rows: str = ""
    """The key of the list in each page; empty if the response is one object."""
    page_size: int = MAX_PAGE_SIZE

    @staticmethod
    def encode_id(identifier: str) -> str:
        """An id as one segment of a path.

        Ids that begin with `/` or contain `//` must be encoded twice, all others once (description of the parameter in
        Zoom's OpenAPI document).
        """
        once = quote(identifier, safe="")
        return quote(once, safe="") if identifier.startswith("/") or "//" in identifier else once

    def granted(self, scopes: Iterable[str]) -> bool:
        """Whether one of these scopes permits the call. A `:master` scope includes its `:admin` counterpart."""
        held = set(scopes)
        for name in (self.granular, *self.classic):
            area = name.partition(":")[0]
            if held & {name, name.removesuffix("admin") + "master", f"{area}:master"}:
                return True
        return False


def _metrics(template: str, granular: str, rows: str = "", **more: Any) -> ZoomEndpoint:
    webinars = template.startswith("/metrics/webinars")
    return ZoomEndpoint(
        template=template,
        label=more.pop("label", "heavy"),
        granular=f"dashboard:read:{granular}:admin",
        classic=_DASHBOARD_WEBINARS if webinars else _DASHBOARD_MEETINGS,
        rows=rows,
        **more,
    )


def _report(template: str, granular: str, rows: str = "") -> ZoomEndpoint:
    return ZoomEndpoint(
        template=template,
        label="heavy",
        granular=f"report:read:{granular}:admin",
        classic=_REPORTS,
        rows=rows,
    )


MEETINGS = _metrics("/metrics/meetings", "list_meetings", "meetings", label="intensive")
MEETING = _metrics("/metrics/meetings/{uuid}", "meeting")
PARTICIPANTS = _metrics("/metrics/meetings/{uuid}/participants", "list_meeting_participants", "participants")
QOS = _metrics(
    "/metrics/meetings/{uuid}/participants/qos",
    "list_meeting_participants_qos",
    "participants",
    page_size=MAX_QOS_PAGE_SIZE,
)
WEBINARS = _metrics("/metrics/webinars", "list_webinars", "webinars", label="intensive")
WEBINAR = _metrics("/metrics/webinars/{uuid}", "webinar")
WEBINAR_PARTICIPANTS = _metrics(
    "/metrics/webinars/{uuid}/participants", "list_webinar_participants", "participants"
)

REPORT_USERS = _report("/report/users", "list_users", "users")
REPORT_USER_MEETINGS = _report("/report/users/{user}/meetings", "user", "meetings")
REPORT_MEETING = _report("/report/meetings/{uuid}", "meeting")
REPORT_PARTICIPANTS = _report(
    "/report/meetings/{uuid}/participants", "list_meeting_participants", "participants"
)
REPORT_WEBINAR = _report("/report/webinars/{uuid}", "webinar")
REPORT_WEBINAR_PARTICIPANTS = _report(
    "/report/webinars/{uuid}/participants", "list_webinar_participants", "participants"
)

USERS = ZoomEndpoint(
    template="/users",
    label="medium",
    granular="user:read:list_users:admin",
    classic=("user:read:admin",),
    rows="users",
)

BY_CALL = {
    f"{VENDOR}: {endpoint.call}": endpoint
    for endpoint in (
        *(MEETINGS, MEETING, PARTICIPANTS, QOS, WEBINARS, WEBINAR, WEBINAR_PARTICIPANTS),
        *(REPORT_USERS, REPORT_USER_MEETINGS, REPORT_MEETING, REPORT_PARTICIPANTS),
        *(REPORT_WEBINAR, REPORT_WEBINAR_PARTICIPANTS, USERS),
    )
}
"""Endpoints by the name that messages and error responses use."""


def missing_scopes(endpoints: Iterable[ZoomEndpoint], scopes: Iterable[str]) -> list[str]:
    """The granular scopes that an app with these scopes still needs for these endpoints, in order."""
    held = frozenset(scopes)
    return [endpoint.granular for endpoint in endpoints if not endpoint.granted(held)]


def date_range(window: Window, now: datetime) -> tuple[str, str] | None:
    """`from` and `to` of a list that contains every meeting started in the window; `None` if Zoom can have none.

    Zoom does not document the time zone of its days, and seems to filter by the end as well as the start. So the range
    has an extra day on each side, without days beyond the retention or in the future.
    """
    day = timedelta(days=1)
    first = max((window.start - day).date(), (now - RETENTION).date())
    last = min((window.end - timedelta(microseconds=1) + day).date(), now.date())
    return (first.isoformat(), last.isoformat()) if first <= last else None
