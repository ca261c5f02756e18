"""Server-sent events: each open page learns which room has changed, and reads it then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from harvester.rooms.status_json import RoomReading

MAX_LISTENERS = 500
KEEP_ALIVE_SECONDS = 20.0


class LiveChanges:
    """`publish` and `close` are safe for all threads; `respond` runs in the event loop."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._queues: set[asyncio.Queue[str]] = set()
        self._closed = False

    def publish(self, reading: RoomReading) -> None:
        loop = self._loop
        if loop is not None:
            with suppress(RuntimeError):  # the loop is closed: the service is ending
                loop.call_soon_threadsafe(self._put, reading.room)

    def close(self) -> None:
        """End all responses, so that the service can end."""
        self._closed = True
        if self._loop is not None:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._put, "")

    def _put(self, room: str) -> None:
        for queue in self._queues:
            with suppress(asyncio.QueueFull):  # a page that does not read gets the next change
                queue.put_nowait(room)

    async def respond(self, _request: Request) -> Response:
        self._loop = asyncio.get_running_loop()
        if len(self._queues) >= MAX_LISTENERS:
            return Response("too many pages are open", status_code=503)
        return StreamingResponse(
            self._events(), media_type="text/event-stream", headers={"Cache-Control": "no-store"}
        )

    async def _events(self) -> AsyncIterator[bytes]:
        queue: asyncio.Queue[str] = asyncio.Queue(100)
        self._queues.add(queue)
        try:
            yield b"retry: 5000\n\n"
            while not self._closed:
                try:
                    room = await asyncio.wait_for(queue.get(), KEEP_ALIVE_SECONDS)
                except TimeoutError:
                    yield b": still here\n\n"
                    continue
                if room:
                    yield b"event: room\ndata: " + orjson.dumps({"room": room}) + b"\n\n"
        finally:
            self._queues.discard(queue)
