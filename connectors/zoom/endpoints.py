"""Zoom's endpoints that are read here: path, rate label, the name of the list in the answer, and the scopes.

Labels: https://developers.zoom.us/docs/api/rate-limits/ (as of 2026-02-07). Scopes: the "Scopes" and "Granular
Scopes" of each endpoint in https://developers.zoom.us/docs/api/ (Meetings, Accounts, Users; as of 2025-06 to 2026-08).
New apps are offered granular scopes, older ones hold classic ones, and one app may mix both.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

VENDOR = "Zoom"

Label = Literal["intensive", "heavy", "medium"]

MAX_PAGE_SIZE = 300
MAX_QOS_PAGE_SIZE = 10

_DASHBOARD_MEETINGS = ("dashboard_meetings:read:admin", "dashboard:read:admin")
_DASHBOARD_WEBINARS = ("dashboard_webinars:read:admin", "dashboard:read:admin")
_REPORTS = ("report:read:admin",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """`rows` is the key of the list in each page; empty where the answer is one object.

    `granular` is the scope to ask for; any of `classic` does as well.
    """

    template: str
    label: Label
    granular: str
    classic: tuple[str, ...]
    rows: str = ""
    page_size: int = MAX_PAGE_SIZE

    @property
    def call(self) -> str:
        """How messages name it: never with an id in it."""
        return f"GET {self.template}"

    def path(self, *ids: str) -> str:
        filled = iter(ids)
        return re.sub(r"\{\w+\}", lambda _: encode_id(next(filled)), self.template)

    def granted(self, scopes: Iterable[str]) -> bool:
        """Whether one of these scopes permits the call; `:master` scopes hold what their `:admin` twins do."""
        held = set(scopes)
        for name in (self.granular, *self.classic):
            area = name.partition(":")[0]
            if held & {name, name.removesuffix("admin") + "master", f"{area}:master"}:
                return True
        return False


def encode_id(identifier: str) -> str:
    """An id as one segment of a path. Zoom wants ids that begin with `/` or contain `//` encoded twice (quoted from
    the parameter's description in its OpenAPI document); all others once."""
    once = quote(identifier, safe="")
    return quote(once, safe="") if identifier.startswith("/") or "//" in identifier else once


def _metrics(template: str, granular: str, rows: str = "", **more: Any) -> Endpoint:
    webinars = template.startswith("/metrics/webinars")
    return Endpoint(
        template=template,
        label=more.pop("label", "heavy"),
        granular=f"dashboard:read:{granular}:admin",
        classic=_DASHBOARD_WEBINARS if webinars else _DASHBOARD_MEETINGS,
        rows=rows,
        **more,
    )


def _report(template: str, granular: str, rows: str = "") -> Endpoint:
    return Endpoint(
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

USERS = Endpoint(
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
"""By the name that messages and answers carry."""


def missing_scopes(endpoints: Iterable[Endpoint], scopes: Iterable[str]) -> list[str]:
    """The granular scopes to add to the app, in order, so that all these endpoints may be called."""
    held = frozenset(scopes)
    return [endpoint.granular for endpoint in endpoints if not endpoint.granted(held)]
