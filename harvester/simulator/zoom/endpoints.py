"""Zoom's calls: the path of each, its label, its scopes, and what answers it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from harvester.simulator.zoom.access import Label
from harvester.simulator.zoom.error_responses import NOT_ENDED, Refusal

DASHBOARD = ("dashboard:read:admin", "dashboard_meetings:read:admin")
WEBINAR_DASHBOARD = ("dashboard:read:admin", "dashboard_webinars:read:admin")
REPORT = ("report:read:admin",)
MEETING = ("meeting:read:admin",)
USER = ("user:read:admin",)


@dataclass(frozen=True, slots=True)
class Call:
    """`template`: the path with `{}` for the id; `handler`: the name of the method of `Answers` that answers it;
    `dashboard`: not below the Business plan; `long`: put together from so many rows that the event loop must not wait for it."""

    template: str
    label: Label
    scope: str
    classic: tuple[str, ...]
    handler: str
    dashboard: bool = False
    long: bool = False


CALLS: tuple[Call, ...] = (
    Call("/metrics/meetings", "Resource-intensive", "dashboard:read:list_meetings:admin", DASHBOARD, "listing", True, True),
    Call("/metrics/meetings/{}", "Heavy", "dashboard:read:meeting:admin", DASHBOARD, "details", True),
    Call("/metrics/meetings/{}/participants", "Heavy", "dashboard:read:list_meeting_participants:admin", DASHBOARD, "participants", True),
    Call("/metrics/meetings/{}/participants/qos", "Heavy", "dashboard:read:list_meeting_participants_qos:admin", DASHBOARD, "qos", True, True),
    Call("/metrics/webinars", "Resource-intensive", "dashboard:read:list_webinars:admin", WEBINAR_DASHBOARD, "listing", True, True),
    Call("/metrics/webinars/{}", "Heavy", "dashboard:read:webinar:admin", WEBINAR_DASHBOARD, "details", True),
    Call("/metrics/webinars/{}/participants", "Heavy", "dashboard:read:list_webinar_participants:admin", WEBINAR_DASHBOARD, "participants", True),
    Call("/metrics/webinars/{}/participants/qos", "Heavy", "dashboard:read:list_webinar_participants_qos:admin", WEBINAR_DASHBOARD, "qos", True, True),
    Call("/report/users", "Heavy", "report:read:list_users:admin", REPORT, "hosts", long=True),
    Call("/report/users/{}/meetings", "Heavy", "report:read:user:admin", REPORT, "hosted", long=True),
    Call("/report/meetings/{}", "Heavy", "report:read:meeting:admin", REPORT, "reported"),
    Call("/report/meetings/{}/participants", "Heavy", "report:read:list_meeting_participants:admin", REPORT, "reported_participants"),
    Call("/report/webinars/{}", "Heavy", "report:read:webinar:admin", REPORT, "reported"),
    Call("/report/webinars/{}/participants", "Heavy", "report:read:list_webinar_participants:admin", REPORT, "reported_participants"),
    Call("/users", "Medium", "user:read:list_users:admin", USER, "users"),
    Call("/past_meetings/{}", "Light", "meeting:read:past_meeting:admin", MEETING, "past"),
    Call("/past_meetings/{}/participants", "Medium", "meeting:read:list_past_participants:admin", MEETING, "past_participants"),
    Call("/past_meetings/{}/instances", "Medium", "meeting:read:list_past_instances:admin", MEETING, "past_instances"),
)  # fmt: skip

_BY_SHAPE: Mapping[tuple[str, ...], Call] = {
    tuple(call.template.strip("/").split("/")): call for call in CALLS
}


def route(raw_path: str) -> tuple[Call, str]:
    """The call that a path (as it was sent, below the version) means, and the id in it as far as one decoding goes."""
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
    raise Refusal(404, 2300, "This API endpoint is not recognized.")


def instance_key(decoded_once: str) -> str:
    """The UUID or number in a path. A UUID that begins with `/` or holds `//` must have been encoded twice: encoded
    once it is not found."""
    if decoded_once.startswith("/") or "//" in decoded_once:
        raise Refusal(404, 3001, NOT_ENDED)
    return unquote(decoded_once)
