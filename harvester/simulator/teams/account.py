"""The organisation's tenant at Microsoft: its call records, their versions, and their quirks."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Literal

from harvester.simulator.organisation import (
    DAY,
    HOUR,
    MINUTE,
    QUIET,
    Case,
    Meeting,
    Organisation,
    Person,
    seeded_random,
)
from harvester.simulator.teams import identities
from harvester.simulator.teams.formats import TICKS, TICKS_PER_MILLISECOND, join_url, uuid
from harvester.simulator.teams.identities import OTHER_TENANT_ID, Identity
from harvester.simulator.teams.tokens import TENANT_ID

PLATFORM = "teams"
KEPT = 30 * DAY
MAX_LATENCY = 150 * MINUTE
"""Latest first version after a call:
https://learn.microsoft.com/graph/change-notifications-delivery-latency."""
CallType = Literal["groupCall", "peerToPeer", "unknown"]


class Quirk(Enum):
    """Peculiarities of call records that the organisation knows nothing of."""

    # A higher version comes right after the record was first listed, or after the quiet hour.
    arriving = auto()
    late_quality = auto()  # the first version lacks the quality of some legs
    late_legs = auto()  # the first version lacks legs and video, the second the quality of those legs
    not_listed = auto()  # too young to be listed
    not_readable = auto()  # listed, but its sessions are too young to be read
    peer_to_peer = auto()
    phone_call = auto()
    escalated = auto()  # a call of two that became a group call; both are in the group call
    escalated_left = auto()  # the same, but one of the two is not in the group call
    sixty = auto()  # exactly one page of sessions
    sixty_one = auto()
    foreign_organizer = auto()
    no_link = auto()


LATE = frozenset({Quirk.arriving, Quirk.late_quality, Quirk.late_legs})
# In the order in which a small organisation gets them: the first to its latest meetings.
_RECENT = (Quirk.late_legs, Quirk.arriving, Quirk.late_quality)
_REQUIRED = (
    Quirk.escalated, Quirk.peer_to_peer, Quirk.sixty_one, Quirk.phone_call, Quirk.escalated_left, Quirk.sixty,
    Quirk.foreign_organizer, Quirk.no_link,
)  # fmt: skip
# In percent of the other ordinary meetings.
_SHARES = (
    (Quirk.peer_to_peer, 7), (Quirk.late_quality, 7), (Quirk.late_legs, 4), (Quirk.phone_call, 2), (Quirk.escalated, 2),
    (Quirk.escalated_left, 1), (Quirk.arriving, 1), (Quirk.foreign_organizer, 1), (Quirk.no_link, 2),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a record. `published`: milliseconds since 1970."""

    number: int
    published: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecord:
    """One call.

    ticks: the fraction of a second, in ticks, at which everything in it starts and ends.
    readable: when its sessions can be read, in milliseconds since 1970.
    """

    meeting: Meeting
    id: str
    quirk: Quirk | None
    type: CallType
    ticks: int
    versions: tuple[Version, ...]
    readable: int
    link: str | None
    organizer: Identity
    start: int
    """In ticks, as `end`."""
    end: int

    def version(self, instant: int, *, was_listed: bool) -> int | None:
        """Return the position in `versions` of the latest published one, None before the first.

        was_listed: whether a listing has contained the record, which makes the version of an `arriving` one appear.
        """
        if instant < self.versions[0].published:
            return None
        if self.quirk is Quirk.arriving and was_listed:
            return len(self.versions) - 1
        return max(n for n, version in enumerate(self.versions) if version.published <= instant)


class Account:
    """Every call record, with the look-ups that the API needs. Instants are milliseconds unless they are ticks."""

    def __init__(self, organisation: Organisation) -> None:
        self.organisation = organisation
        self._seed = organisation.seed
        # Young calls matter: their records are not there yet, or not complete.
        meetings = organisation.meetings(PLATFORM, (Case.young, Case.young))
        quirks = _quirks(meetings)
        self.records = sorted((self._record(m, quirks.get(m.seed)) for m in meetings), key=_start)
        self._starts = [record.start for record in self.records]
        self._by_id = {record.id: record for record in self.records}
        self.people = {identities.user_id(self._seed, p): p for p in organisation.people}

    def find(self, record_id: str) -> CallRecord | None:
        return self._by_id.get(record_id)

    def started_between(self, first: int, last: int) -> Iterator[CallRecord]:
        """Yield the records that started in [first, last), both in ticks."""
        yield from self.records[bisect_left(self._starts, first) : bisect_left(self._starts, last)]

    @property
    def refused_organizer(self) -> Person:
        """The organizer whose online meetings the tenant's policy does not open to applications."""
        hosts = Counter(r.meeting.host for r in self.records if r.meeting.host.status == "active")
        ranked = sorted(hosts, key=lambda host: (-hosts[host], host.index))
        return ranked[min(1, len(ranked) - 1)]

    def _record(self, meeting: Meeting, quirk: Quirk | None) -> CallRecord:
        meeting = _changed(meeting, quirk)
        number = seeded_random.number("teams record", meeting.seed, size=4)
        ticks = number % TICKS if number % 4 else 0
        organizer = self._organizer(meeting, quirk)
        return CallRecord(
            meeting=meeting,
            id=uuid(seeded_random.digest("teams record", meeting.seed)),
            quirk=quirk,
            type=_type(quirk),
            ticks=ticks,
            versions=tuple(self._versions(meeting, quirk, number)),
            readable=self._soon(30) if quirk is Quirk.not_readable else 0,
            link=self._link(meeting, quirk, organizer),
            organizer=organizer,
            start=meeting.start * TICKS_PER_MILLISECOND + ticks,
            end=meeting.end * TICKS_PER_MILLISECOND + ticks,
        )

    def _organizer(self, meeting: Meeting, quirk: Quirk | None) -> Identity:
        if quirk is Quirk.foreign_organizer:
            return identities.foreign_user(self._seed, meeting.seed)
        if quirk is Quirk.phone_call:
            return identities.caller(meeting.seed)
        return identities.user(self._seed, meeting.host)

    def _link(self, meeting: Meeting, quirk: Quirk | None, organizer: Identity) -> str | None:
        if quirk in {Quirk.no_link, Quirk.peer_to_peer, Quirk.phone_call}:
            return None
        tenant = OTHER_TENANT_ID if quirk is Quirk.foreign_organizer else TENANT_ID
        thread = seeded_random.digest(self._seed, "teams thread", meeting.series).hex()
        return join_url(thread, tenant, organizer.id or "")

    def _soon(self, minutes: int) -> int:
        """Return an instant after the quiet hour."""
        return self.organisation.now + QUIET + minutes * MINUTE

    def _versions(self, meeting: Meeting, quirk: Quirk | None, number: int) -> Iterator[Version]:
        first = 1 + number % 3
        published = self._first_published(meeting, quirk, number)
        yield Version(first, published)
        recent = meeting.end > self.organisation.now - 2 * DAY
        waits = {Quirk.late_quality: (3,), Quirk.late_legs: (2, 26), Quirk.arriving: (0,)}
        for step, hours in enumerate(waits.get(quirk, ()) if quirk else ()):
            published += (hours + number % 20) * HOUR
            if recent:
                published = max(published, self._soon(hours * 60))
            elif self.organisation.now < published <= self._soon(5):
                published = self._soon(6 + step)
            yield Version(first + 1 + 2 * step, self._soon(5) if quirk is Quirk.arriving else published)

    def _first_published(self, meeting: Meeting, quirk: Quirk | None, number: int) -> int:
        """Return when the first version is there: at most 150 minutes after the end, and not in the quiet hour."""
        now, end = self.organisation.now, meeting.end
        latency = (5 + number % 30) * MINUTE if number % 50 else MAX_LATENCY
        if quirk is Quirk.not_listed or (meeting.case is Case.records_pending and end > now - HOUR):
            return self._soon(10)
        if end <= now < end + latency:
            return end + 2 * MINUTE
        return end + latency


def _start(record: CallRecord) -> tuple[int, str]:
    return record.start, record.id


def _type(quirk: Quirk | None) -> CallType:
    if quirk is Quirk.peer_to_peer:
        return "peerToPeer"
    return "unknown" if quirk is Quirk.phone_call else "groupCall"


def _changed(meeting: Meeting, quirk: Quirk | None) -> Meeting:
    """Return the meeting with as many participants as the quirk needs."""
    if quirk in {Quirk.sixty, Quirk.sixty_one}:
        return replace(meeting, attendance=90)
    if quirk in {Quirk.peer_to_peer, Quirk.phone_call}:
        return replace(meeting, attendance=2, video=False, shared=False)
    if quirk in {Quirk.escalated, Quirk.escalated_left, *LATE}:
        return replace(meeting, attendance=max(4, meeting.attendance))
    return meeting


def _quirks(meetings: Sequence[Meeting]) -> dict[int, Quirk]:
    """Assign each quirk once if there are enough meetings, and then to a few percent of the rest."""
    young = sorted((m for m in meetings if m.case is Case.young), key=lambda m: m.seed)
    quirks = dict(zip((m.seed for m in young), (Quirk.not_listed, Quirk.not_readable), strict=False))
    late = sorted((m for m in meetings if m.case is Case.late), key=lambda m: m.seed)
    quirks |= {meeting.seed: Quirk.late_legs for meeting in late}
    ordinary = [m for m in meetings if m.case in {Case.plain, Case.recurring}]
    ordinary.sort(key=lambda m: (-m.end, m.seed))
    quirks |= {m.seed: quirk for m, quirk in zip(ordinary, _RECENT, strict=False)}
    rest = sorted(ordinary[len(_RECENT) :], key=lambda m: m.seed)
    for position, meeting in enumerate(rest):
        quirk = _REQUIRED[position] if position < len(_REQUIRED) else _drawn(meeting)
        if quirk is not None:
            quirks[meeting.seed] = quirk
    return quirks


def _drawn(meeting: Meeting) -> Quirk | None:
    draw = seeded_random.number("teams quirk", meeting.seed, size=2) % 100
    for quirk, share in _SHARES:
        if draw < share:
            return quirk
        draw -= share
    return None
