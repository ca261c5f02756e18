"""What the server knows of a vendor, and vendors that are not there before somebody asks for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from starlette.types import Receive, Scope, Send


class Vendor(Protocol):
    """An ASGI application that counts how it was asked."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...

    def traffic(self) -> dict[str, Any]: ...


class Late:
    """A vendor that is made at its first request, so that who asks for one does not wait for all. `settled` is called
    when it is there."""

    def __init__(self, made: Callable[[], Vendor], settled: Callable[[], None]) -> None:
        self._made = made
        self._settled = settled
        self._vendor: Vendor | None = None

    def vendor(self) -> Vendor:
        if self._vendor is None:
            self._vendor = self._made()
            self._settled()
        return self._vendor

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.vendor()(scope, receive, send)

    def traffic(self) -> dict[str, Any]:
        """Of one that is not there yet: nothing, under the keys that every vendor has."""
        if self._vendor is None:
            return {"classes": {}, "refused": 0, "calls": {}}
        return self._vendor.traffic()
