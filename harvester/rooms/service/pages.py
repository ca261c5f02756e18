"""The pages: a board of all rooms, a door panel for each, and a login for panels that may book.

They work without a script, by a reload each minute; with it, they follow the changes. Nothing comes from elsewhere, and the
content security policy permits nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import cache
from importlib.resources import files
from urllib.parse import parse_qs, quote, urlsplit

import jinja2
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from connectors.errors import HarvestError
from harvester.rooms.booking import BookingRefused, RoomBooker
from harvester.rooms.service.access import ClientAccess, Refused
from harvester.rooms.service.page_views import DURATIONS, RoomView, room_view
from harvester.rooms.status_json import RoomReading
from harvester.rooms.watcher import Watcher

COOKIE = "rooms_client"
COOKIE_SECONDS = 365 * 24 * 3600
MAX_FORM = 4096

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'self'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_STATIC = {"rooms.css": "text/css", "rooms.js": "text/javascript"}


class RoomPages:
    """`booker`: None if booking is switched off. `no_one_joined`: as in `create_app`."""

    def __init__(
        self,
        watcher: Watcher,
        access: ClientAccess,
        booker: RoomBooker | None,
        no_one_joined: Callable[[RoomReading], bool],
    ) -> None:
        self._watcher = watcher
        self._no_one_joined = no_one_joined
        self._access = access
        self._booker = booker

    def routes(self) -> list[Route]:
        return [
            Route("/", self._board, methods=["GET"]),
            Route("/room/{name}", self._panel, methods=["GET"]),
            Route("/room/{name}/book", self._book, methods=["POST"]),
            Route("/login", self._login_form, methods=["GET"]),
            Route("/login", self._login, methods=["POST"]),
            Route("/static/{name}", _static, methods=["GET"]),
        ]

    async def _board(self, _request: Request) -> Response:
        readings = list(self._watcher.readings().values())
        zones = len({reading.status.zone.key for reading in readings}) > 1
        rooms = [self._view(reading) for reading in readings]
        free = sum(room.state == "free" for room in rooms)
        return _page("board", title="Meeting rooms", rooms=rooms, free=free, zones=zones)

    def _view(self, reading: RoomReading) -> RoomView:
        return room_view(reading, no_one_joined=self._no_one_joined(reading))

    async def _panel(self, request: Request) -> Response:
        return self._show_panel(request, str(request.path_params["name"]))

    def _show_panel(self, request: Request, name: str, message: str = "", status: int = 200) -> Response:
        reading = self._watcher.reading(name)
        if reading is None:
            return _page("login", 404, title="No such room", message="There is no such room.", room="")
        return _page(
            "panel",
            status,
            title=name,
            room=self._view(reading),
            message=message,
            can_book=self._client(request) is not None,
            booking_offered=self._booker is not None,
        )

    async def _book(self, request: Request) -> Response:
        name = str(request.path_params["name"])
        client = self._client(request)
        if self._booker is None or client is None or not _is_same_origin(request):
            return self._show_panel(request, name, "Log in to book this room.", 403)
        form = await _form(request)
        minutes = {str(each): each for each in DURATIONS}.get(form.get("minutes", ""))
        if minutes is None or self._watcher.reading(name) is None:
            return self._show_panel(request, name, "That is not a booking.", 400)
        try:
            self._access.count_address(_address(request), client)
            await run_in_threadpool(
                self._booker.book, name, timedelta(minutes=minutes), client=client, fit=True
            )
        except BookingRefused as refused:
            return self._show_panel(request, name, f"Not booked: {refused}.", 409)
        except Refused as refused:
            return self._show_panel(request, name, "Too many requests.", refused.status)
        except HarvestError:
            return self._show_panel(request, name, "Not booked: the calendar cannot be changed now.", 503)
        self._watcher.show_change(name)
        return RedirectResponse(f"/room/{quote(name, safe='')}", 303)

    async def _login_form(self, request: Request) -> Response:
        return _page("login", title="Log in", message="", room=request.query_params.get("room", ""))

    async def _login(self, request: Request) -> Response:
        form = await _form(request)
        room, client = form.get("room", ""), form.get("client", "")
        try:
            self._access.count_address(_address(request), client)
        except Refused as refused:
            return _page("login", refused.status, title="Log in", message="Too many requests.", room=room)
        if not _is_same_origin(request) or not self._access.knows(client, form.get("secret", "")):
            return _page("login", 401, title="Log in", message="Client or secret is wrong.", room=room)
        known = room if self._watcher.reading(room) is not None else ""
        response = RedirectResponse(f"/room/{quote(known, safe='')}" if known else "/", 303)
        response.set_cookie(
            COOKIE,
            self._access.cookie(client),
            max_age=COOKIE_SECONDS,
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return response

    def _client(self, request: Request) -> str | None:
        if self._booker is None:
            return None
        return self._access.client_of(request.cookies.get(COOKIE))


async def _static(request: Request) -> Response:
    name = str(request.path_params["name"])
    if name not in _STATIC:
        return Response(status_code=404)
    return Response(_resource(name), media_type=_STATIC[name], headers={"X-Content-Type-Options": "nosniff"})


async def _form(request: Request) -> dict[str, str]:
    """The fields of a form; empty if it is too large or unreadable."""
    content = bytearray()
    async for piece in request.stream():
        content += piece
        if len(content) > MAX_FORM:
            return {}
    try:
        fields = parse_qs(content.decode(), keep_blank_values=True, max_num_fields=10)
    except ValueError:
        return {}
    return {name: values[0] for name, values in fields.items()}


def _is_same_origin(request: Request) -> bool:
    """Browsers send `Origin` with each form; other programs have no cookie to abuse."""
    origin = request.headers.get("Origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("Host")


def _address(request: Request) -> str:
    return request.client.host if request.client is not None else ""


def _page(name: str, status: int = 200, **values: object) -> Response:
    text = _environment().get_template(f"{name}.html.j2").render(kind=name, **values)
    return HTMLResponse(text, status, headers=_HEADERS)


@cache
def _environment() -> jinja2.Environment:
    loader = jinja2.FunctionLoader(_resource)
    return jinja2.Environment(
        loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )


@cache
def _resource(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
