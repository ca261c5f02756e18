"""Who was at a session, as the datatracker has it: a person once, with their first joining, told by Meetecho.

Only people whom the datatracker knows: not those who dialled in, sat in a room or gave no name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from harvester.simulator.meetecho.account import FIRST_SESSION, Account, Session
from harvester.simulator.meetecho.formats import storable
from harvester.simulator.organisation import LIVE, Person, Stay, Visitor
from harvester.simulator.organisation.people import guests, odd_guests

_PER_SESSION = 1_000  # ids of attendance that a session may use up
_FIRST_RECORD = 400_000
_STAFF, _GUESTS, _ODD = 21_000, 31_000, 41_000
_SOUND = 110  # records that come before the first broken one
_ODD_INDEX = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Attended:
    """`time`: None where only the presence was told. `broken`: no answer can be made of it."""

    id: int
    session: int
    person: int
    time: int | None
    broken: bool


class Attendance:
    def __init__(self, account: Account) -> None:
        self._account = account
        everybody: list[Visitor] = [*account.organisation.people]
        everybody += [*guests(account.organisation.seed, 400), *odd_guests()]
        self.people: dict[int, Visitor] = {
            pk: visitor for visitor in everybody if (pk := person_id(visitor)) is not None
        }
        self.of = lru_cache(maxsize=2048)(self._of)

    def _of(self, session: Session) -> Sequence[Attended]:
        """In the order in which it became known; shared, not to be changed."""
        meeting, now = session.held, self._account.organisation.now
        if meeting is None or (meeting.records_at > now and meeting.case not in LIVE):
            return ()
        first: dict[int, Stay] = {}
        for stay in self._account.organisation.stays(meeting):  # in the order of joining
            pk = person_id(stay.visitor)
            if pk is None or stay.place != "meeting" or stay.join > now:
                continue
            if meeting.case in LIVE or stay.known_at <= now:
                first.setdefault(pk, stay)
        offset = (session.id - FIRST_SESSION) * _PER_SESSION + _FIRST_RECORD
        return tuple(
            Attended(
                id=offset + place,
                session=session.id,
                person=pk,
                time=None if (session.id + place) % 9 == 5 else stay.join,
                broken=place >= _SOUND and place % 37 == 3,
            )
            for place, (pk, stay) in enumerate(first.items())
        )

    def name(self, pk: int) -> str:
        return storable(self.people[pk].name or "")


def person_id(visitor: Visitor) -> int | None:
    """The datatracker's; None for whom it does not know."""
    if isinstance(visitor, Person):
        return _STAFF + visitor.index
    if visitor.means != "guest" or visitor.name is None:
        return None
    odd = visitor.index >= _ODD_INDEX
    return _ODD + visitor.index - _ODD_INDEX if odd else _GUESTS + visitor.index
