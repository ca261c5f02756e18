"""Webex's error responses.

Sources: Webex's pages on the basics, on meetings and on rate limits (2025 and 2026), its OpenAPI description
of 2026-05, and what clients of the API guard against.
"""

from __future__ import annotations

from typing import Any

NOT_ALLOWED = (
    "The server understood the request, but refused to fulfill it because the access token is missing required "
    "scopes or the user is missing required roles or licenses."
)
NOT_FOUND = "The requested resource could not be found."
BAD = "The request could not be understood by the server due to malformed syntax."
NO_TOKEN = "The request requires a valid access token set in the Authorization request header."
TOO_MANY = "The server is currently overloaded or you have sent too many requests. Please try again later."


class ErrorResponse(Exception):
    """An answer other than 200.

    `descriptions` say what is wrong in particular, `more` are other keys of the body, `error` is the OAuth
    error code.
    """

    def __init__(self, status: int, message: str, *descriptions: str, error: str = "", **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.descriptions = descriptions
        self.error = error
        self.more = more
        self.headers: dict[str, str] = {}

    def body(self, number: int) -> dict[str, Any]:
        """Return the body of the `number`th error: `errors` is sometimes missing, and OAuth errors have two
        shapes."""
        if self.error and number % 2:
            return {"error": self.error, "error_description": self.message}
        body: dict[str, Any] = {"message": self.message, **self.more}
        if number % 4 != 3 or self.error:
            descriptions = (*self.descriptions, *([self.error] if self.error else [])) or (self.message,)
            body["errors"] = [{"description": description} for description in descriptions]
            if number % 4 == 2:
                body["errors"][0]["errorCode"] = self.status * 100
        return body | {"trackingId": f"ROUTERGW_{number:08x}-0000-4000-8000-inventedorg"}


def bad_request(description: str) -> ErrorResponse:
    return ErrorResponse(400, BAD, description)


def not_found(description: str) -> ErrorResponse:
    return ErrorResponse(404, NOT_FOUND, description)


def forbidden(description: str) -> ErrorResponse:
    return ErrorResponse(403, NOT_ALLOWED, description)
