"""The sessions that the working groups scheduled: from the organisation's meetings, and future ones.

No session starts or ends in the hour after the organisation's now, and none starts between then and midnight,
since whether a harvest up to tonight includes it would be arbitrary.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from harvester.simulator.meetecho.formats import minute
from harvester.simulator.organisation import (
    DAY,
    HOUR,
    LIVE,
    MINUTE,
    Case,
    Meeting,
    Organisation,
    seeded_random,
)

PLATFORM = "meetecho"
CONFIGURED = ("zquilt", "oakloom", "inkferry", "brambl", "tealcup", "hushwg")
"""The groups in MEETECHO_GROUPS; the last one has no rooms."""
ELSEWHERE = "farwg"
"""A group with sessions that is not in MEETECHO_GROUPS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedSession:
    """One scheduled session.

    recorded: the datatracker has a session, otherwise there is only a room at Meetecho.
    together: shared by the sessions of one interim meeting.
    plenary: held at the IETF meeting if there is one that week.
    """

    key: str
    group: str
    start: int
    minutes: int
    together: str
    plenary: bool
    meeting: Meeting | None = None
    recorded: bool = True
    canceled: bool = False
    unscheduled: bool = False
    description: str = ""


def plan_sessions(organisation: Organisation) -> list[PlannedSession]:
    """Return all scheduled sessions, by start."""
    planned = [_from_meeting(meeting, organisation) for meeting in organisation.meetings(PLATFORM)]
    planned += _future_sessions(organisation) + _unscheduled(organisation) + _test_rooms(organisation)
    return sorted(planned, key=lambda session: (session.start, session.key))


def _from_meeting(meeting: Meeting, organisation: Organisation) -> PlannedSession:
    start, end = _planned_times(meeting, organisation.now)
    group = CONFIGURED[seeded_random.number("group", meeting.series) % len(CONFIGURED)]
    if meeting.case is Case.plain and meeting.seed % 9 == 4:
        group = ELSEWHERE
    deleted = meeting.case is Case.deleted  # deleted in the datatracker; the room still exists
    broken = meeting.case in {Case.drop, Case.resumed}
    return PlannedSession(
        key=f"meeting:{meeting.seed}",
        group=CONFIGURED[meeting.seed % 5] if deleted else group,
        start=start,
        minutes=(end - start) // MINUTE,
        together=f"{group}:{meeting.series}:{start // DAY}" if broken else f"meeting:{meeting.seed}",
        plenary=not broken and seeded_random.number("plenary", meeting.seed) % 2 == 0,
        meeting=None if deleted else meeting,
        recorded=not deleted,
        description=meeting.topic or "" if deleted else "",
    )


def _planned_times(meeting: Meeting, now: int) -> tuple[int, int]:
    """Return planned start and end.

    A meeting that has ended was planned to end by now; a live one is planned to last beyond the quiet hour.
    """
    start = minute(meeting.start if meeting.case is Case.resumed else meeting.planned_start)
    end = start + (meeting.planned_end - meeting.planned_start) // MINUTE * MINUTE
    if meeting.case in LIVE:
        return start, max(end, minute(meeting.end))
    if meeting.case is Case.day_long:
        end = start + (meeting.end - meeting.start) // HOUR * HOUR
    return start, max(start + MINUTE, min(end, minute(now - 5 * MINUTE)))


def _future_sessions(organisation: Organisation) -> list[PlannedSession]:
    """Return sessions of the next three weeks: some already canceled, some only a room."""
    rng = Random(seeded_random.number(organisation.seed, PLATFORM, "ahead"))
    tomorrow = (organisation.now // DAY + 1) * DAY
    return [
        PlannedSession(
            key=f"ahead:{n}",
            group=CONFIGURED[n % len(CONFIGURED)] if n % 6 != 5 else CONFIGURED[n // 6 % 5],
            start=tomorrow + 2 * HOUR + rng.randrange(20 * 24 * 12) * 5 * MINUTE,
            minutes=rng.choice((30, 60, 60, 90, 120)),
            together=f"ahead:{n}",
            plenary=n % 4 == 1,
            recorded=n % 6 != 5,
            canceled=n % 8 == 7,
            description="Planning ahead" if n % 6 == 5 else "",
        )
        for n in range(max(12, organisation.size // 8))
    ]


def _unscheduled(organisation: Organisation) -> list[PlannedSession]:
    """Return sessions that were requested and have no timeslot; only their room, if any, has a time."""
    return [
        PlannedSession(
            key=f"unscheduled:{n}",
            group=CONFIGURED[(n * 2 + organisation.seed) % 5],
            start=organisation.first + 9 * HOUR + n * 47 * MINUTE,
            minutes=60,
            together=f"unscheduled:{n}",
            plenary=n % 2 == 0,
            unscheduled=True,
        )
        for n in range(4)
    ]


def _test_rooms(organisation: Organisation) -> list[PlannedSession]:
    rng = Random(seeded_random.number(organisation.seed, PLATFORM, "test rooms"))
    over = minute(organisation.now - 3 * HOUR)
    return [
        PlannedSession(
            key=f"test room:{n}",
            group=CONFIGURED[n % 5],
            start=max(organisation.first, over - rng.randrange(1, 48 * 12) * 5 * MINUTE),
            minutes=rng.choice((30, 60, 90)),
            together=f"test room:{n}",
            plenary=False,
            recorded=False,
        )
        for n in range(max(2, organisation.size // 40))
    ]
