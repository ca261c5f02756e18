"""`/_simulator/teams`: every call record with its versions, and changes behind the harvester's back.

It is not part of Microsoft Graph.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from harvester.simulator.clock import SimulatedClock
from harvester.simulator.teams.account import Account, CallRecord
from harvester.simulator.teams.formats import TICKS_PER_MILLISECOND, stamp
from harvester.simulator.teams.handlers import Handlers

PATH = "/_simulator/teams"


class Control:
    def __init__(self, account: Account, handlers: Handlers, clock: SimulatedClock) -> None:
        self._account = account
        self._handlers = handlers
        self._clock = clock

    def state(self) -> dict[str, Any]:
        """Return the simulator's time and the records, oldest first.

        version: the number of the version that is published, null before the first.
        published: the instant of each version by its number; one of an `arriving` record comes as soon as the record is listed.
        """
        instant = self._clock.milliseconds()
        return {
            "now": stamp(instant * TICKS_PER_MILLISECOND),
            "records": [self._record(record, instant) for record in self._account.records],
        }

    def _record(self, record: CallRecord, instant: int) -> dict[str, Any]:
        version = self._handlers.version(record, instant)
        return {
            "id": record.id,
            "type": record.type,
            "quirk": None if record.quirk is None else record.quirk.name,
            "start": stamp(record.start),
            "end": stamp(record.end),
            "version": None if version is None else record.versions[version].number,
            "published": {str(v.number): stamp(v.published * TICKS_PER_MILLISECOND) for v in record.versions},
        }

    def change(self, changes: Mapping[str, Any]) -> None:
        """Apply changes; each key is optional.

        advance: seconds by which the calendar jumps ahead. missing: ids of records that are listed but not found; they
        replace earlier ones.

        Raises TypeError or ValueError for changes of another form.
        """
        if "advance" in changes:
            self._clock.advance(timedelta(seconds=float(changes["advance"])))
        if "missing" in changes:
            self._handlers.missing = {str(each) for each in changes["missing"]}
