"""The description of the REST API (OpenAPI 3.1), served at /openapi.json."""

from __future__ import annotations

from typing import Any

from harvester import __version__

_TEXT = {"type": "string"}
_INSTANT = {"type": "string", "format": "date-time"}
_MAYBE_INSTANT = {"type": ["string", "null"], "format": "date-time"}
_ROOM_NAME = {"name": "room_name", "in": "query", "required": True, "schema": _TEXT}
_CLIENT_ID = {"name": "client_id", "in": "query", "required": True, "schema": _TEXT}


def _reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _response(description: str, schema: str | None = None) -> dict[str, Any]:
    if schema is None:
        return {"description": description}
    return {"description": description, "content": {"application/json": {"schema": _reference(schema)}}}


_REFUSALS = {
    "400": _response("A parameter is missing or wrong.", "Error"),
    "401": _response("The secret is missing or wrong.", "Error"),
    "404": _response("There is no such room or booking.", "Error"),
    "429": _response("Too many requests; see Retry-After.", "Error"),
    "503": _response("The calendar cannot be read or changed now.", "Error"),
}


def _body(required: list[str], properties: dict[str, Any]) -> dict[str, Any]:
    schema = {"type": "object", "required": required, "properties": properties}
    return {"required": True, "content": {"application/json": {"schema": schema}}}


_MEETING = {
    "type": "object",
    "required": ["title", "organizer", "start", "end", "tentative"],
    "properties": {
        "title": _TEXT,
        "organizer": {"type": ["string", "null"]},
        "start": _INSTANT,
        "end": _INSTANT,
        "tentative": {"type": "boolean"},
    },
}
_STATUS = {
    "type": "object",
    "required": ["room", "calendar", "busy", "current", "running", "next", "text", "upcoming"],
    "properties": {
        "room": _TEXT,
        "calendar": _TEXT,
        "busy": {"type": ["boolean", "null"], "description": "null: the calendar cannot be read"},
        "current": {"anyOf": [_reference("Meeting"), {"type": "null"}]},
        "running": {"type": "array", "items": _reference("Meeting")},
        "next": {"anyOf": [_reference("Meeting"), {"type": "null"}]},
        "upcoming": {"type": "array", "maxItems": 2, "items": _reference("Meeting")},
        "busy_until": _MAYBE_INSTANT,
        "free_until": _MAYBE_INSTANT,
        "text": _TEXT,
        "as_of": _MAYBE_INSTANT,
        "stale_seconds": {"type": ["integer", "null"]},
    },
}
_BOOKING = {
    "type": "object",
    "required": ["id", "room", "title", "start", "end"],
    "properties": {"id": _TEXT, "room": _TEXT, "title": _TEXT, "start": _INSTANT, "end": _INSTANT},
}
_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {"error": _TEXT, "free_minutes": {"type": "integer"}},
}

DESCRIPTION: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {
        "title": "Meeting rooms",
        "version": __version__,
        "description": "Whether rooms are busy or free, and bookings from now on.",
    },
    "security": [{"secret": []}],
    "paths": {
        "/meetings": {
            "get": {
                "summary": "The state of a room, with the next two meetings",
                "parameters": [_ROOM_NAME, _CLIENT_ID],
                "responses": {"200": _response("The state.", "Status"), **_REFUSALS},
            },
            "post": {
                "summary": "Book a room from now on",
                "requestBody": _body(
                    ["room_name", "client_id"],
                    {
                        "room_name": _TEXT,
                        "client_id": _TEXT,
                        "duration_mins": {"type": "integer", "minimum": 15, "maximum": 480, "default": 60},
                        "fit": {
                            "type": "boolean",
                            "default": False,
                            "description": "shorten the booking to the start of the next meeting",
                        },
                    },
                ),
                "responses": {
                    "201": _response("The booking.", "Booking"),
                    "403": _response("Booking is switched off.", "Error"),
                    "409": _response("The room is busy, or not free for that long.", "Error"),
                    "413": _response("The body is too large.", "Error"),
                    **_REFUSALS,
                },
            },
        },
        "/meetings/{id}": {
            "delete": {
                "summary": "Cancel a booking that this client made",
                "parameters": [
                    {"name": "id", "in": "path", "required": True, "schema": _TEXT},
                    {**_ROOM_NAME, "required": False},
                    _CLIENT_ID,
                ],
                "responses": {
                    "200": _response("It is deleted."),
                    "403": _response("This client did not make it.", "Error"),
                    **_REFUSALS,
                },
            }
        },
        "/start_watching": {
            "post": {
                "summary": "Read a room's calendar now",
                "requestBody": _body(["room_name", "client_id"], {"room_name": _TEXT, "client_id": _TEXT}),
                "responses": {"200": _response("It will be read."), **_REFUSALS},
            }
        },
        "/healthz": {
            "get": {
                "summary": "Whether the calendars are being read",
                "security": [],
                "responses": {
                    "200": _response("All are."),
                    "503": _response("Some are not; the body counts them."),
                },
            }
        },
    },
    "components": {
        "securitySchemes": {"secret": {"type": "http", "scheme": "bearer"}},
        "schemas": {"Status": _STATUS, "Meeting": _MEETING, "Booking": _BOOKING, "Error": _ERROR},
    },
}
