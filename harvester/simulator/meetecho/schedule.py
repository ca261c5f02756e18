"""What the working groups planned: out of the organisation's meetings, and what is still ahead of them.

No plan begins, ends or lies ahead within the hour after the organisation's now, nor begins between then and midnight:
whether a harvest up to tonight is to have it would be a matter of taste.
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
"""Meets as the others do, and nobody asks for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`recorded`: whether the datatracker knows a session of it, or Meetecho a room alone. `together`: what it shares
    with other sessions of one interim meeting; `plenary`: held at the IETF meeting where there is one that week."""

    key: str
    group: str
    start: int
    minutes: int
    together: str
    plenary: bool
    held: Meeting | None = None
    recorded: bool = True
    canceled: bool = False
    unscheduled: bool = False
    description: str = ""


def plans(organisation: Organisation) -> list[Plan]:
    """All of them, by their start."""
    made = [_of(meeting, organisation) for meeting in organisation.meetings(PLATFORM)]
    made += _ahead(organisation) + _unscheduled(organisation) + _test_rooms(organisation)
    return sorted(made, key=lambda plan: (plan.start, plan.key))


def _of(meeting: Meeting, organisation: Organisation) -> Plan:
    start, end = _planned(meeting, organisation.now)
    group = CONFIGURED[seeded_random.number("group", meeting.series) % len(CONFIGURED)]
    if meeting.case is Case.plain and meeting.seed % 9 == 4:
        group = ELSEWHERE
    deleted = meeting.case is Case.deleted  # in the datatracker; the room is still there
    broken = meeting.case in {Case.drop, Case.resumed}
    return Plan(
        key=f"meeting:{meeting.seed}",
        group=CONFIGURED[meeting.seed % 5] if deleted else group,
        start=start,
        minutes=(end - start) // MINUTE,
        together=f"{group}:{meeting.series}:{start // DAY}" if broken else f"meeting:{meeting.seed}",
        plenary=not broken and seeded_random.number("plenary", meeting.seed) % 2 == 0,
        held=None if deleted else meeting,
        recorded=not deleted,
        description=meeting.topic or "" if deleted else "",
    )


def _planned(meeting: Meeting, now: int) -> tuple[int, int]:
    """What is over was over by plan, too; what runs is to run on beyond the quiet hour."""
    start = minute(meeting.start if meeting.case is Case.resumed else meeting.planned_start)
    end = start + (meeting.planned_end - meeting.planned_start) // MINUTE * MINUTE
    if meeting.case in LIVE:
        return start, max(end, minute(meeting.end))
    if meeting.case is Case.day_long:
        end = start + (meeting.end - meeting.start) // HOUR * HOUR
    return start, max(start + MINUTE, min(end, minute(now - 5 * MINUTE)))


def _ahead(organisation: Organisation) -> list[Plan]:
    """From tomorrow on, for three weeks: some canceled already, some a room alone."""
    dice = Random(seeded_random.number(organisation.seed, PLATFORM, "ahead"))
    tomorrow = (organisation.now // DAY + 1) * DAY
    return [
        Plan(
            key=f"ahead:{n}",
            group=CONFIGURED[n % len(CONFIGURED)] if n % 6 != 5 else CONFIGURED[n // 6 % 5],
            start=tomorrow + 2 * HOUR + dice.randrange(20 * 24 * 12) * 5 * MINUTE,
            minutes=dice.choice((30, 60, 60, 90, 120)),
            together=f"ahead:{n}",
            plenary=n % 4 == 1,
            recorded=n % 6 != 5,
            canceled=n % 8 == 7,
            description="Planning ahead" if n % 6 == 5 else "",
        )
        for n in range(max(12, organisation.size // 8))
    ]


def _unscheduled(organisation: Organisation) -> list[Plan]:
    """Sessions that were asked for and have no timeslot. Where there is a room, that alone tells when."""
    return [
        Plan(
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


def _test_rooms(organisation: Organisation) -> list[Plan]:
    dice = Random(seeded_random.number(organisation.seed, PLATFORM, "test rooms"))
    over = minute(organisation.now - 3 * HOUR)
    return [
        Plan(
            key=f"test room:{n}",
            group=CONFIGURED[n % 5],
            start=max(organisation.first, over - dice.randrange(1, 48 * 12) * 5 * MINUTE),
            minutes=dice.choice((30, 60, 90)),
            together=f"test room:{n}",
            plenary=False,
            recorded=False,
        )
        for n in range(max(2, organisation.size // 40))
    ]
