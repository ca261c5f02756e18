"""The whole service as one ASGI application."""

from __future__ import annotations

from collections.abc import Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from harvester.rooms.booking import RoomBooker
from harvester.rooms.calendar_copy import UNKNOWN_AFTER
from harvester.rooms.push_channels import PushChannels
from harvester.rooms.service.access import ClientAccess, Refused
from harvester.rooms.service.api import RoomsApi, error_response, json_response
from harvester.rooms.service.live_changes import LiveChanges
from harvester.rooms.service.metrics import metrics_text
from harvester.rooms.service.openapi import DESCRIPTION
from harvester.rooms.service.pages import RoomPages
from harvester.rooms.status_json import RoomReading
from harvester.rooms.watcher import Watcher


def create_app(
    watcher: Watcher,
    access: ClientAccess,
    *,
    changes: LiveChanges,
    booker: RoomBooker | None = None,
    channels: PushChannels | None = None,
    no_one_joined: Callable[[RoomReading], bool] = lambda _reading: False,
    count_requests: Callable[[], int] = lambda: 0,
) -> Starlette:
    """`no_one_joined`: whether the room is booked, and no participant has joined the meeting yet; `count_requests`: how many requests
    were sent to Google so far."""

    async def healthz(_request: Request) -> Response:
        rooms = watcher.readings().values()
        unread = sum(
            reading.as_of is None or reading.status.at - reading.as_of > UNKNOWN_AFTER for reading in rooms
        )
        return json_response({"rooms": len(rooms), "unread": unread}, 503 if unread else 200)

    async def metrics(_request: Request) -> Response:
        text = metrics_text(watcher.readings().values(), count_requests())
        return Response(text, media_type="text/plain; version=0.0.4")

    async def openapi(_request: Request) -> Response:
        return json_response(DESCRIPTION)

    async def http_error(_request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        words = {404: "there is no such page", 405: "this method is not permitted here"}
        return error_response(Refused(status, words.get(status, "the request cannot be answered")))

    return Starlette(
        routes=[
            *RoomsApi(watcher, access, booker, channels).routes(),
            *RoomPages(watcher, access, booker, no_one_joined).routes(),
            Route("/events", changes.respond, methods=["GET"]),
            Route("/healthz", healthz, methods=["GET"]),
            Route("/metrics", metrics, methods=["GET"]),
            Route("/openapi.json", openapi, methods=["GET"]),
        ],
        exception_handlers={HTTPException: http_error, 500: http_error},
    )
