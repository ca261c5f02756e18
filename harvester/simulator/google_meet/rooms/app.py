"""Everything about rooms at Google: dispatches requests to the Calendar and Directory APIs of rooms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harvester.simulator.clock import SimulatedClock
from harvester.simulator.google_meet.account import Account
from harvester.simulator.google_meet.options import GoogleOptions
from harvester.simulator.google_meet.request import Request
from harvester.simulator.google_meet.rooms import resources_api
from harvester.simulator.google_meet.rooms.api import RoomsApi
from harvester.simulator.google_meet.rooms.channels import Channels
from harvester.simulator.google_meet.rooms.control_endpoint import Control
from harvester.simulator.google_meet.rooms.planned_faults import RoomRequests
from harvester.simulator.google_meet.rooms.resources_api import ResourcesApi
from harvester.simulator.google_meet.rooms.room_store import RoomStore


class Rooms:
    def __init__(self, account: Account, clock: SimulatedClock, options: GoogleOptions) -> None:
        self.store = RoomStore(account.organisation, options.rooms, freebusy_only=options.rooms_freebusy_only)
        for name in options.rooms_refused:
            self.store.named(name).refused = 403
        self.channels = Channels(account.organisation.seed, clock.milliseconds)
        self.requests = RoomRequests()
        self.control = Control(self.store, self.channels, self.requests, clock.milliseconds)
        self._api = RoomsApi(self.store, self.channels)
        self._resources = ResourcesApi(account, self.store)

    def serves(self, api: str, call: str, request: Request) -> bool:
        """Return whether a request is about rooms."""
        if api == "directory":
            return call == resources_api.CALL
        return api == "calendar" and self._api.serves(request, call)

    def answer(
        self, api: str, call: str, request: Request, admit: Callable[[], None]
    ) -> dict[str, Any] | None:
        """Answer a request within the quota, which `admit` counts; None is an answer without a body."""

        def carry_out() -> dict[str, Any] | None:
            admit()
            return self._resources.answer(request) if api == "directory" else self._api.answer(call, request)

        calendar = self.store.calendars.get(request.path[1].lower()) if len(request.path) > 1 else None
        room = calendar.room.name if calendar is not None else ""
        answer: dict[str, Any] | None = self.requests.answer(
            f"{request.method} {api} {call}", room, request.instant, carry_out
        )
        return answer
