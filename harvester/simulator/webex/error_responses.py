"""What Webex refuses, and in which words: error bodies, parameters, pages and the `Link` header.

Sources: Webex's pages on the basics, on meetings and on rate limits (2025 and 2026), its OpenAPI description of
2026-05, and what clients of the API guard against.
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


class Refusal(Exception):
    """An answer that is not 200: a message and what is wrong in particular. `more`: other keys of the body;
    `error`: OAuth's word for it."""

    def __init__(self, status: int, message: str, *descriptions: str, error: str = "", **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.descriptions = descriptions
        self.error = error
        self.more = more
        self.headers: dict[str, str] = {}

    def body(self, number: int) -> dict[str, Any]:
        """The `number`th one: `errors` is not always there, and OAuth's errors come in two shapes."""
        if self.error and number % 2:
            return {"error": self.error, "error_description": self.message}
        told: dict[str, Any] = {"message": self.message, **self.more}
        if number % 4 != 3 or self.error:
            said = (*self.descriptions, *([self.error] if self.error else [])) or (self.message,)
            told["errors"] = [{"description": description} for description in said]
            if number % 4 == 2:
                told["errors"][0]["errorCode"] = self.status * 100
        return told | {"trackingId": f"ROUTERGW_{number:08x}-0000-4000-8000-inventedorg"}


def bad(description: str) -> Refusal:
    return Refusal(400, BAD, description)


def not_found(description: str) -> Refusal:
    return Refusal(404, NOT_FOUND, description)


def forbidden(description: str) -> Refusal:
    return Refusal(403, NOT_ALLOWED, description)
