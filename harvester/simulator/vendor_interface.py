"""The interface between the server and a vendor, and a wrapper that creates the vendor at its first request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from starlette.types import Receive, Scope, Send


class Vendor(Protocol):
    """An ASGI application that counts the requests it received."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...

    def traffic(self) -> dict[str, Any]: ...


class LazyVendor:
    """Creates its vendor at the first request, so that using one vendor does not mean waiting for all of
    them.

    `on_created` is called once the vendor exists.
    """

    def __init__(self, create: Callable[[], Vendor], on_created: Callable[[], None]) -> None:
        self._create = create
        self._on_created = on_created
        self._vendor: Vendor | None = None

    def vendor(self) -> Vendor:
        if self._vendor is None:
            self._vendor = self._create()
            self._on_created()
        return self._vendor

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.vendor()(scope, receive, send)

    def traffic(self) -> dict[str, Any]:
        """Return the vendor's counts; before its first request, empty ones under the keys that every vendor
        has."""
        if self._vendor is None:
            return {"classes": {}, "refused": 0, "calls": {}}
        return self._vendor.traffic()
