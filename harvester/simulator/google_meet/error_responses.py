"""Google's error responses in both forms.

Meet answers with google.rpc.Status, the Admin SDK and Calendar with the older list of `errors`, each with a
reason.
"""

from __future__ import annotations

from typing import Any

_STATUS = {
    400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE",
}  # fmt: skip


class ErrorResponse(Exception):
    """An answer other than 200.

    `reason` is the code of the older form, `detail` that of the newer one in `ErrorInfo`, `oauth` that of the
    token endpoint.
    """

    def __init__(
        self, status: int, message: str, *, reason: str = "", domain: str = "global", detail: str = "", oauth: str = ""
    ) -> None:  # fmt: skip
        super().__init__(message)
        self.status = status
        self.message = message
        self.reason = reason
        self.domain = domain
        self.detail = detail
        self.oauth = oauth
        self.headers: dict[str, str] = {}

    def body(self, *, older: bool) -> dict[str, Any]:
        if self.oauth:
            return {"error": self.oauth, "error_description": self.message}
        error: dict[str, Any] = {"code": self.status, "message": self.message}
        if older:
            error["errors"] = [{"message": self.message, "domain": self.domain, "reason": self.reason}]
        if self.status in _STATUS and not (older and self.status in {404, 429}):
            error["status"] = _STATUS[self.status]
        if self.detail:
            info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": self.detail}
            error["details"] = [
                {**info, "domain": "googleapis.com", "metadata": {"consumer": "projects/123456789012"}}
            ]
        return {"error": error}


def bad_request(message: str, reason: str = "invalid") -> ErrorResponse:
    return ErrorResponse(400, message, reason=reason)
