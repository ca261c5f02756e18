"""The room resources of the Directory API."""

from __future__ import annotations

from typing import Any

from harvester.simulator.google_meet.access import require_scope
from harvester.simulator.google_meet.account import CUSTOMER, Account
from harvester.simulator.google_meet.error_responses import ErrorResponse
from harvester.simulator.google_meet.paging import DIRECTORY_TOKEN_SECONDS, Pages
from harvester.simulator.google_meet.request import Request
from harvester.simulator.google_meet.rooms.room import Room
from harvester.simulator.google_meet.rooms.room_store import RoomStore

CALL = "customer/{id}/resources/{id}"


class ResourcesApi:
    def __init__(self, account: Account, store: RoomStore) -> None:
        self._account = account
        self._store = store
        self._pages = Pages(store.seed, seconds=DIRECTORY_TOKEN_SECONDS)

    def answer(self, request: Request) -> dict[str, Any]:
        """Answer `customer/{id}/resources/calendars`."""
        require_scope(
            request, "admin.directory.resource.calendar.readonly", "admin.directory.resource.calendar"
        )
        if request.person is None or request.person != self._account.administrator:
            raise ErrorResponse(403, "Not Authorized to access this resource/api", reason="forbidden")
        if request.path[3] != "calendars" or request.path[1] not in {"my_customer", CUSTOMER}:
            raise ErrorResponse(404, "Not Found", reason="notFound")
        rows = [_row(room) for room in self._store.rooms] + [_projector()]
        size = request.count("maxResults", default=100, maximum=500)
        shown, token = self._pages.page(request, rows, size)
        body: dict[str, Any] = {
            "kind": "admin#directory#resources#calendars#calendarResourcesList",
            "etag": f'"{len(rows)}"',
        }
        return body | ({"items": list(shown)} if shown else {}) | ({"nextPageToken": token} if token else {})


def _row(room: Room) -> dict[str, Any]:
    return {
        "kind": "admin#directory#resources#calendars#CalendarResource",
        "etags": f'"{room.index}"',
        "resourceId": f"room-{room.index}",
        "resourceName": room.name,
        "generatedResourceName": f"{room.building}-{room.floor}-{room.name} ({room.capacity})",
        "resourceEmail": room.email,
        "resourceCategory": "CONFERENCE_ROOM",
        "capacity": room.capacity,
        "buildingId": room.building,
        "floorName": room.floor,
        "featureInstances": [{"feature": {"name": name}} for name in room.features],
    }


def _projector() -> dict[str, Any]:
    """Return a resource that is not a room."""
    return {
        "kind": "admin#directory#resources#calendars#CalendarResource",
        "etags": '"p"',
        "resourceId": "projector",
        "resourceName": "Projector",
        "generatedResourceName": "Projector",
        "resourceEmail": "c_188projector@resource.calendar.google.com",
        "resourceCategory": "OTHER",
        "resourceType": "Projector",
    }
