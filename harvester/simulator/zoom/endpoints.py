"""Zoom's endpoints: path, rate limit label, scopes, and handler of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from harvester.simulator.zoom.access import Label
from harvester.simulator.zoom.error_responses import NOT_ENDED, ErrorResponse

DASHBOARD = ("dashboard:read:admin", "dashboard_meetings:read:admin")
WEBINAR_DASHBOARD = ("dashboard:read:admin", "dashboard_webinars:read:admin")
REPORT = ("report:read:admin",)
MEETING = ("meeting:read:admin",)
USER = ("user:read:admin",)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint.

    template: the path with `{}` for the id.
    handler: the name of the method of `Handlers` that answers.
    dashboard: requires the Business plan.
    long: the answer has so many rows that it must not block the event loop.
    """

    template: str
    label: Label
    scope: str
    classic: tuple[str, ...]
    handler: str
    dashboard: bool = False
    long: bool = False


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint("/metrics/meetings", "Resource-intensive", "dashboard:read:list_meetings:admin", DASHBOARD, "dashboard_listing", True, True),
    Endpoint("/metrics/meetings/{}", "Heavy", "dashboard:read:meeting:admin", DASHBOARD, "dashboard_details", True),
    Endpoint("/metrics/meetings/{}/participants", "Heavy", "dashboard:read:list_meeting_participants:admin", DASHBOARD, "dashboard_participants", True),
    Endpoint("/metrics/meetings/{}/participants/qos", "Heavy", "dashboard:read:list_meeting_participants_qos:admin", DASHBOARD, "dashboard_qos", True, True),
    Endpoint("/metrics/webinars", "Resource-intensive", "dashboard:read:list_webinars:admin", WEBINAR_DASHBOARD, "dashboard_listing", True, True),
    Endpoint("/metrics/webinars/{}", "Heavy", "dashboard:read:webinar:admin", WEBINAR_DASHBOARD, "dashboard_details", True),
    Endpoint("/metrics/webinars/{}/participants", "Heavy", "dashboard:read:list_webinar_participants:admin", WEBINAR_DASHBOARD, "dashboard_participants", True),
    Endpoint("/metrics/webinars/{}/participants/qos", "Heavy", "dashboard:read:list_webinar_participants_qos:admin", WEBINAR_DASHBOARD, "dashboard_qos", True, True),
    Endpoint("/report/users", "Heavy", "report:read:list_users:admin", REPORT, "report_hosts", long=True),
    Endpoint("/report/users/{}/meetings", "Heavy", "report:read:user:admin", REPORT, "report_host_meetings", long=True),
    Endpoint("/report/meetings/{}", "Heavy", "report:read:meeting:admin", REPORT, "report_details"),
    Endpoint("/report/meetings/{}/participants", "Heavy", "report:read:list_meeting_participants:admin", REPORT, "report_participants"),
    Endpoint("/report/webinars/{}", "Heavy", "report:read:webinar:admin", REPORT, "report_details"),
    Endpoint("/report/webinars/{}/participants", "Heavy", "report:read:list_webinar_participants:admin", REPORT, "report_participants"),
    Endpoint("/users", "Medium", "user:read:list_users:admin", USER, "users"),
    Endpoint("/past_meetings/{}", "Light", "meeting:read:past_meeting:admin", MEETING, "past_meeting"),
    Endpoint("/past_meetings/{}/participants", "Medium", "meeting:read:list_past_participants:admin", MEETING, "past_participants"),
    Endpoint("/past_meetings/{}/instances", "Medium", "meeting:read:list_past_instances:admin", MEETING, "past_instances"),
)  # fmt: skip

_BY_SHAPE: Mapping[tuple[str, ...], Endpoint] = {
    tuple(call.template.strip("/").split("/")): call for call in ENDPOINTS
}


def route(raw_path: str) -> tuple[Endpoint, str]:
    """Return the endpoint of a path (as sent, below the version) and the id in it, decoded once."""
    parts = raw_path.strip("/").split("/")
    call = _BY_SHAPE.get(tuple(parts))
    if call is not None:
        return call, ""
    if len(parts) > 1:
        call = _BY_SHAPE.get((parts[0], parts[1], "{}", *parts[3:])) if len(parts) > 2 else None
        if call is not None:
            return call, unquote(parts[2])
        call = _BY_SHAPE.get((parts[0], "{}", *parts[2:]))
        if call is not None:
            return call, unquote(parts[1])
    raise ErrorResponse(404, 2300, "This API endpoint is not recognized.")


def instance_key(decoded_once: str) -> str:
    """Return the UUID or number in a path.

    A UUID that begins with `/` or contains `//` must be encoded twice; encoded once, it is not found.
    """
    if decoded_once.startswith("/") or "//" in decoded_once:
        raise ErrorResponse(404, 3001, NOT_ENDED)
    return unquote(decoded_once)
