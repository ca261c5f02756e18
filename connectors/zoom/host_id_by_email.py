"""Users by e-mail address: the Dashboard reports a host's address, but not the id.

`GET /users`, active and inactive, since meetings of deactivated users remain. Read once a run, when first needed.
"""

from __future__ import annotations

from threading import Lock

from connectors.base import Context
from connectors.errors import CredentialsError
from connectors.parsing import as_text
from connectors.zoom.endpoints import USERS, VENDOR
from connectors.zoom.http_client import ZoomClient


class HostIds:
    """Thread-safe: the first caller reads the table, the others wait for it."""

    def __init__(self, client: ZoomClient, context: Context, *, permitted: bool) -> None:
        self._client = client
        self._context = context
        self._lock = Lock()
        self._ids: dict[str, str] | None = None
        if not permitted:
            self._disable()

    def host_id(self, email: str) -> str | None:
        """The id of the user with this address; `None` if there is none, or the app may not read users."""
        ids = self._ids
        if ids is None:
            with self._lock:
                ids = self._ids if self._ids is not None else self._read()
        return ids.get(email.lower())

    def _read(self) -> dict[str, str]:
        ids: dict[str, str] = {}
        try:
            for status in ("active", "inactive"):
                for page in self._client.pages(USERS, status=status):
                    for row in page:
                        user, email = as_text(row.get("id")), as_text(row.get("email"))
                        if user is not None and email is not None:
                            ids.setdefault(email.lower(), user)
        except CredentialsError:
            return self._disable()
        self._ids = ids
        return ids

    def _disable(self) -> dict[str, str]:
        self._context.notify_once(
            f"{VENDOR}: meetings have no host.host_id: the app may not read /users; "
            f"to include it, add the scope {USERS.granular}"
        )
        self._ids = {}
        return self._ids
