"""The REST API: the state of a room, bookings, and the messages of push channels.

Paths and parameters are those of arduino-iotcloud-gcal-sync, whose displays keep working: `GET /meetings`, `POST /meetings`,
`DELETE /meeting/ID`, `POST /start_watching`, `POST /webhook`, with `room_name` and `client_id`, and the secret as a bearer
token. Errors are `{"error": "…"}` with the status that fits.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeVar

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from connectors.errors import HarvestError
from harvester.rooms.booking import (
    LONGEST,
    SHORTEST,
    BookingRefused,
    NotYourBooking,
    RoomBooker,
    to_booking_json,
)
from harvester.rooms.push_channels import PushChannels
from harvester.rooms.service.access import ClientAccess, Refused
from harvester.rooms.status_json import RoomReading, meeting_json, to_json
from harvester.rooms.watcher import Watcher

MAX_BODY = 16_384
NEXT_MEETINGS = 2
DEFAULT_MINUTES = 60

Result = TypeVar("Result")
Handler = Callable[[Request], Awaitable[Response]]

logger = logging.getLogger(__name__)


class RoomsApi:
    """`booker`: None if booking is switched off. `channels`: None without push."""

    def __init__(
        self,
        watcher: Watcher,
        access: ClientAccess,
        booker: RoomBooker | None,
        channels: PushChannels | None,
    ) -> None:
        self._watcher = watcher
        self._access = access
        self._booker = booker
        self._channels = channels

    def routes(self) -> list[Route]:
        return [
            Route("/meetings", _safely(self._get_meetings), methods=["GET"]),
            Route("/meetings", _safely(self._post_meeting), methods=["POST"]),
            Route("/meetings/{id}", _safely(self._delete_meeting), methods=["DELETE"]),
            Route("/meeting/{id}", _safely(self._delete_meeting), methods=["DELETE"]),
            Route("/start_watching", _safely(self._start_watching), methods=["POST"]),
            Route("/webhook", _safely(self._webhook), methods=["POST"]),
        ]

    async def _get_meetings(self, request: Request) -> Response:
        self._authorize(request, request.query_params.get("client_id"))
        reading = self._reading(request.query_params.get("room_name"))
        later = [meeting_json(meeting, reading.titles) for meeting in reading.status.upcoming[:NEXT_MEETINGS]]
        return json_response({**to_json(reading), "upcoming": later})

    async def _post_meeting(self, request: Request) -> Response:
        body = await _json_body(request)
        client = self._authorize(request, _text(body, "client_id"))
        booker = self._require_booker()
        room = self._reading(_text(body, "room_name")).room
        minutes = body.get("duration_mins", DEFAULT_MINUTES)
        fit = body.get("fit", False)
        if isinstance(minutes, bool) or not isinstance(minutes, int) or not isinstance(fit, bool):
            raise Refused(400, "duration_mins must be a whole number of minutes, and fit true or false")
        if not SHORTEST <= timedelta(minutes=min(max(minutes, 0), 100_000)) <= LONGEST:
            raise Refused(400, "duration_mins must be from 15 to 480")
        try:
            booked = await run_in_threadpool(
                booker.book, room, timedelta(minutes=minutes), client=client, fit=fit
            )
        except BookingRefused as refused:
            return json_response({"error": str(refused), "free_minutes": refused.free_minutes}, 409)
        self._watcher.show_change(room)
        return json_response(to_booking_json(booked), 201)

    async def _delete_meeting(self, request: Request) -> Response:
        body = await _json_body(request, optional=True)
        named = _text(body, "client_id") or request.query_params.get("client_id")
        client = self._authorize(request, named)
        booker = self._require_booker()
        event_id = str(request.path_params["id"])
        room = _text(body, "room_name") or request.query_params.get("room_name") or booker.room_of(event_id)
        if room is None:
            raise Refused(404, "there is no such booking")
        try:
            deleted = await run_in_threadpool(
                booker.cancel, self._reading(room).room, event_id, client=client
            )
        except NotYourBooking:
            raise Refused(403, "this event was not booked by this client") from None
        self._watcher.show_change(room)
        if not deleted:
            raise Refused(404, "there is no such booking")
        return json_response({"deleted": event_id})

    async def _start_watching(self, request: Request) -> Response:
        body = await _json_body(request)
        self._authorize(request, _text(body, "client_id"))
        reading = self._reading(_text(body, "room_name"))
        self._watcher.read_now(reading.room)
        pushed = self._channels is not None and self._channels.is_open(reading.calendar)
        return json_response({"room": reading.room, "push": pushed})

    async def _webhook(self, request: Request) -> Response:
        """A message only says that something has changed: the calendar is read, and nothing in the message is believed."""
        room = None
        if self._channels is not None:
            headers = request.headers
            room = self._channels.room_of(
                headers.get("X-Goog-Channel-ID"), headers.get("X-Goog-Channel-Token")
            )
        if room is None:
            raise Refused(404, "there is no such channel")
        if request.headers.get("X-Goog-Resource-State") != "sync":
            self._watcher.read_now(room)
        return Response(status_code=204)

    def _authorize(self, request: Request, named: str | None) -> str:
        address = request.client.host if request.client is not None else ""
        return self._access.authorize(request.headers.get("Authorization"), named, address)

    def _require_booker(self) -> RoomBooker:
        if self._booker is None:
            raise Refused(403, "booking is switched off: start the service with --booking")
        return self._booker

    def _reading(self, room: str | None) -> RoomReading:
        if not room:
            raise Refused(400, "room_name is missing")
        reading = self._watcher.reading(room)
        if reading is None:
            raise Refused(404, "there is no such room")
        return reading


def json_response(value: Any, status: int = 200) -> Response:
    return Response(
        orjson.dumps(value),
        status_code=status,
        media_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


def error_response(refused: Refused) -> Response:
    response = json_response({"error": refused.message}, refused.status)
    if refused.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    if refused.status == 429:
        response.headers["Retry-After"] = "1"
    return response


def _safely(handler: Handler) -> Handler:
    """Every error is JSON with its status. Messages of Google are logged, not passed on."""

    async def handle(request: Request) -> Response:
        try:
            return await handler(request)
        except Refused as refused:
            return error_response(refused)
        except ClientDisconnect:
            return Response(status_code=400)
        except HarvestError as error:
            logger.warning("rooms: %s %s: %s", request.method, request.scope["route"].path, error)
            return error_response(Refused(503, "the calendar cannot be read or changed now: try again later"))

    return handle


async def _json_body(request: Request, *, optional: bool = False) -> dict[str, Any]:
    """The JSON object in the body. Raises Refused for anything else, and for more than 16 kB."""
    content = bytearray()
    async for piece in request.stream():
        content += piece
        if len(content) > MAX_BODY:
            raise Refused(413, "the body is larger than 16 kB")
    if optional and not content:
        return {}
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError:
        body = None
    if not isinstance(body, dict):
        raise Refused(400, "the body is not a JSON object")
    return body


def _text(body: dict[str, Any], key: str) -> str | None:
    value = body.get(key)
    return value if isinstance(value, str) and value else None
