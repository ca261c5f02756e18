"""Error responses of Microsoft Graph and of the token endpoint."""

from __future__ import annotations

from typing import Any

NO_TOKEN = "Access token is empty."
BAD_TOKEN = "Access token has expired or is not yet valid."
NOT_FOUND = "The requested resource could not be found."
TOO_MANY = "Too many requests."


class ErrorResponse(Exception):
    """An answer of Graph other than 200."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers: dict[str, str] = {}

    def body(self, request_id: str, date: str) -> dict[str, Any]:
        inner = {"date": date, "request-id": request_id, "client-request-id": request_id}
        return {"error": {"code": self.code, "message": self.message, "innerError": inner}}


class TokenError(ErrorResponse):
    """An answer of the token endpoint other than 200; `number` is the one after AADSTS."""

    def __init__(self, status: int, error: str, number: int, message: str) -> None:
        super().__init__(status, error, message)
        self.number = number

    def body(self, request_id: str, date: str) -> dict[str, Any]:
        trace = f"Trace ID: {request_id} Correlation ID: {request_id} Timestamp: {date}"
        return {
            "error": self.code,
            "error_description": f"AADSTS{self.number}: {self.message} {trace}",
            "error_codes": [self.number],
            "timestamp": date,
            "trace_id": request_id,
            "correlation_id": request_id,
            "error_uri": f"https://login.microsoftonline.com/error?code={self.number}",
        }


def bad_request(message: str) -> ErrorResponse:
    return ErrorResponse(400, "BadRequest", message)


def forbidden(message: str = "") -> ErrorResponse:
    """The message is empty if the permission is missing."""
    return ErrorResponse(403, "Forbidden", message)


def not_found() -> ErrorResponse:
    return ErrorResponse(404, "NotFound", NOT_FOUND)
