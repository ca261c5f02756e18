"""Who attended each session, as the datatracker knows it: each person once, with the first join as reported
by Meetecho.

It contains only people whom the datatracker knows, not those who dialled in, sat in a room or gave no
name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from harvester.simulator.meetecho.account import FIRST_SESSION, Account, GroupSession
from harvester.simulator.meetecho.formats import storable
from harvester.simulator.organisation import HOUR, LIVE, Person, Session, Visitor
from harvester.simulator.organisation.people import generate_guests, generate_odd_guests

_PER_SESSION = 1_000  # attendance ids reserved for a session
_FIRST_RECORD = 400_000
_STAFF, _GUESTS, _ODD = 21_000, 31_000, 41_000
_SOUND = 110  # records before the first broken one
_ODD_INDEX = 100_000
_DECLARED_AFTER = 47 * HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class AttendanceRecord:
    """One record.

    `time` is None if only the attendance was reported. `broken`: the datatracker fails to render it. `self_declared`:
    people made the record about themselves at that time, after the session.
    """

    id: int
    session: int
    person: int
    time: int | None
    broken: bool
    self_declared: bool


class Attendance:
    def __init__(self, account: Account) -> None:
        self._account = account
        everybody: list[Visitor] = [*account.organisation.people]
        everybody += [*generate_guests(account.organisation.seed, 400), *generate_odd_guests()]
        self.people: dict[int, Visitor] = {
            pk: visitor for visitor in everybody if (pk := person_id(visitor)) is not None
        }
        self.records = lru_cache(maxsize=2048)(self._records)

    def _records(self, session: GroupSession) -> Sequence[AttendanceRecord]:
        """Return the records in the order of their creation; the list is shared and must not be changed."""
        meeting, now = session.meeting, self._account.organisation.now
        if meeting is None or (meeting.records_at > now and meeting.case not in LIVE):
            return ()
        first: dict[int, Session] = {}
        for stay in self._account.organisation.sessions(meeting):  # in the order of joining
            pk = person_id(stay.visitor)
            if pk is None or stay.kind != "meeting" or stay.join > now:
                continue
            if meeting.case in LIVE or stay.known_at <= now:
                first.setdefault(pk, stay)
        offset = (session.id - FIRST_SESSION) * _PER_SESSION + _FIRST_RECORD
        records = []
        for position, (pk, stay) in enumerate(first.items()):
            declared_at = stay.join + _DECLARED_AFTER
            self_declared = (session.id + position) % 13 == 4 and declared_at <= now
            time = None if (session.id + position) % 9 == 5 else stay.join
            records.append(
                AttendanceRecord(
                    id=offset + position,
                    session=session.id,
                    person=pk,
                    time=declared_at if self_declared else time,
                    broken=position >= _SOUND and position % 37 == 3,
                    self_declared=self_declared,
                )
            )
        return tuple(records)

    def name(self, pk: int) -> str:
        return storable(self.people[pk].name or "")


def person_id(visitor: Visitor) -> int | None:
    """Return the datatracker's id of a person, None if it does not know them."""
    if isinstance(visitor, Person):
        return _STAFF + visitor.index
    if visitor.joined_by != "guest" or visitor.name is None:
        return None
    odd = visitor.index >= _ODD_INDEX
    return _ODD + visitor.index - _ODD_INDEX if odd else _GUESTS + visitor.index
