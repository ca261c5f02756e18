"""The meetings of one platform: who called them, when they ran, and what was odd about them.

A meeting is a light record, so that fifty thousand of them are there in seconds; who came and went is made when it is
asked for. Instants are milliseconds since 1970, always UTC.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from random import Random
from typing import Literal

from harvester.simulator.organisation import names
from harvester.simulator.organisation.people import Person
from harvester.simulator.organisation.seeded_random import number

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

QUIET = HOUR
"""After "now" nobody joins or leaves, nothing starts, ends or turns up, for so long."""

Kind = Literal["instant", "scheduled", "recurring", "personal", "webinar"]


class Case(Enum):
    """What is awkward about a meeting. Every one happens at least once in an organisation of forty meetings, the young
    ones on platforms where they matter."""

    mixed = (
        auto()
    )  # rejoins, two devices, phones, rooms, the nameless, waiting rooms, breakouts, odd names, in one
    huge = auto()  # more than three hundred stays
    alone = auto()
    midnight = auto()
    day_long = auto()  # more than 24 hours
    drop = auto()  # the host's connection breaks: the rest is another instance under the same number
    resumed = auto()  # that rest
    live = auto()
    live_crowd = auto()
    young = (
        auto()
    )  # over, though it began only minutes ago: what needs its time after the start is not there yet
    young_live = auto()
    deleted = auto()
    unsettled = auto()  # just over: its records are not ready before the quiet hour has passed
    late = auto()  # some of its stays turn up after the quiet hour
    empty = auto()  # started by nobody that anything is known of
    webinar = auto()
    personal = auto()
    recurring = auto()
    early = auto()  # on the evening before the first day
    long_topic = auto()
    nobody_knows_host = auto()
    retired_host = auto()
    plain = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Meeting:
    """One instance. `series`: what it shares with the other instances of its kind. `records_at`: from when on a
    platform can tell of it in detail. `topic`: None for what was never given one."""

    seed: int
    series: str
    kind: Kind
    topic: str | None
    host: Person
    planned_start: int
    planned_end: int
    start: int
    end: int
    attendance: int
    case: Case
    records_at: int
    dial_in: bool
    video: bool
    shared: bool
    recorded: bool

    @property
    def alone(self) -> bool:
        return self.case is Case.alone

    @property
    def webinar(self) -> bool:
        return self.kind == "webinar"


# The order in which a small organisation gets its awkward cases; a drop brings the rest of it along.
REQUIRED: tuple[Case, ...] = (
    Case.mixed, Case.alone, Case.live, Case.huge, Case.drop, Case.deleted, Case.unsettled, Case.midnight,
    Case.late, Case.webinar, Case.day_long, Case.empty, Case.nobody_knows_host, Case.retired_host, Case.personal,
    Case.live_crowd, Case.long_topic, Case.early, Case.alone, Case.recurring, Case.recurring, Case.mixed,
)  # fmt: skip

_SOONER = 5  # of these come before what a platform wants besides
LIVE = frozenset({Case.live, Case.live_crowd, Case.young_live})

_WEIGHTS: dict[Case, float] = {
    Case.plain: 0.32, Case.recurring: 0.42, Case.personal: 0.07, Case.alone: 0.08, Case.mixed: 0.03,
    Case.webinar: 0.03, Case.midnight: 0.015, Case.drop: 0.01, Case.deleted: 0.006, Case.day_long: 0.003,
    Case.huge: 0.0015, Case.empty: 0.003, Case.long_topic: 0.004, Case.nobody_knows_host: 0.008,
    Case.retired_host: 0.01,
}  # fmt: skip
_HOURS = (7, 8, 8, 9, 9, 9, 10, 10, 11, 12, 13, 13, 14, 14, 15, 15, 16, 17, 19, 22, 3)
_LENGTHS = (10, 15, 25, 30, 30, 30, 45, 50, 55, 60, 60, 60, 75, 90, 110, 180)
_CROWDS = (2, 2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 6, 6, 7, 8, 9, 11, 14, 19, 32)


class Planner:
    """Makes the meetings of one platform, `size` of them, out of dice. `also`: cases that matter on it alone."""

    def __init__(
        self, seed: int, platform: str, size: int, first: int, now: int, people: Sequence[Person],
        also: Sequence[Case] = (),
    ) -> None:  # fmt: skip
        self._dice = Random(number(seed, platform, "plan"))
        self._seed = number(seed, platform, "meetings", size=6) << 20
        self._platform = platform
        self._size = size
        self._required = (*REQUIRED[:_SOONER], *also, *REQUIRED[_SOONER:])
        self._first = first
        self._now = now
        self._latest_end = now - 15 * MINUTE
        self._days = max(1, (now - first) // DAY + 1)
        hosts = [person for person in people[: max(14, size // 12)] if person.standing != "pending"]
        self._hosts = [person for person in hosts if person.standing == "active"]
        self._departed = [person for person in hosts if person.standing == "departed"]
        self._inactive = [person for person in hosts if person.standing == "inactive"]
        self._series = max(3, size // 14)
        self._made: list[Meeting] = []

    def meetings(self) -> list[Meeting]:
        """Oldest first."""
        for case in self._cases():
            if len(self._made) < self._size:
                self._add(case)
        return sorted(self._made, key=lambda meeting: (meeting.start, meeting.seed))

    def _cases(self) -> list[Case]:
        required = list(self._required[: self._size])
        more = self._size - len(required)
        required += [Case.live, Case.live_crowd, Case.unsettled, Case.late] * min(8, more // 400)
        drawn = self._dice.choices(list(_WEIGHTS), list(_WEIGHTS.values()), k=max(0, more))
        return required + drawn

    def _add(self, case: Case) -> None:
        span = self._span(case)
        if span is None:  # no room for it in so short a calendar
            case, span = Case.plain, self._ordinary_span()
        meeting = self._meeting(case, *span)
        self._made.append(meeting)
        if case is Case.drop and len(self._made) < self._size:
            self._made.append(self._rest_of(meeting))

    def _meeting(self, case: Case, start: int, end: int) -> Meeting:
        dice = self._dice
        kind, series, host, topic = self._subject(case)
        planned_start = start - dice.randrange(-4, 6) * MINUTE
        return Meeting(
            seed=self._seed + len(self._made),
            series=series,
            kind=kind,
            topic=topic,
            host=host,
            planned_start=planned_start,
            planned_end=planned_start + dice.choice(_LENGTHS) * MINUTE,
            start=start,
            end=end,
            attendance=self._attendance(case),
            case=case,
            records_at=self._now + 3 * HOUR if case is Case.unsettled else end + 2 * MINUTE,
            dial_in=case is Case.mixed or dice.random() < 0.2,
            video=dice.random() < 0.8,
            shared=dice.random() < 0.5,
            recorded=dice.random() < 0.15,
        )

    def _rest_of(self, dropped: Meeting) -> Meeting:
        start = dropped.end + self._dice.randrange(11, 148) * SECOND
        end = min(start + self._dice.randrange(5, 30) * MINUTE, self._latest_end)
        return Meeting(
            **{name: getattr(dropped, name) for name in Meeting.__slots__}
            | {
                "seed": self._seed + len(self._made),
                "start": start,
                "end": end,
                "case": Case.resumed,
                "records_at": end + 2 * MINUTE,
            }
        )

    def _subject(self, case: Case) -> tuple[Kind, str, Person, str | None]:
        dice = self._dice
        single = f"{self._platform}:single:{len(self._made)}"
        if case is Case.personal:
            host = dice.choice(self._hosts)
            return "personal", f"{self._platform}:personal:{host.index}", host, None
        if case in {Case.recurring, Case.drop, Case.midnight}:
            return self._instance_of(dice.randrange(self._series))
        if case is Case.webinar:
            return "webinar", single, dice.choice(self._hosts), f"{names.TEAMS[0][0]}: open seminar"
        host = self._host(case)
        if case is Case.long_topic:
            return (
                "scheduled",
                single,
                host,
                "On the length of topics, which is long: " + "and longer " * 14 + "✔",
            )
        if dice.random() < 0.3:
            return "instant", single, host, None
        return "scheduled", single, host, f"{host.department} {dice.choice(names.TOPICS)}"

    def _instance_of(self, series: int) -> tuple[Kind, str, Person, str | None]:
        # Everything about a series follows from its number, so that none needs to be kept.
        host = self._hosts[(series * 7) % len(self._hosts)]
        topic = f"{host.department} {names.TOPICS[series % len(names.TOPICS)]}"
        return "recurring", f"{self._platform}:series:{series}", host, topic

    def _host(self, case: Case) -> Person:
        if case is Case.nobody_knows_host and self._departed:
            return self._dice.choice(self._departed)
        if case is Case.retired_host and self._inactive:
            return self._dice.choice(self._inactive)
        return self._dice.choice(self._hosts)

    def _attendance(self, case: Case) -> int:
        dice = self._dice
        if case is Case.alone:
            return 1
        if case is Case.empty:
            return 0
        if case is Case.huge:
            return 310 if self._size < 400 else dice.randrange(310, 900)
        if case in {Case.mixed, Case.live_crowd, Case.webinar}:
            return dice.randrange(16, 24)
        if case in {Case.late, Case.young, Case.young_live}:
            return 6
        return dice.choice(_CROWDS)

    def _span(self, case: Case) -> tuple[int, int] | None:
        if case in {Case.live, Case.live_crowd}:
            return self._running()
        if case in {Case.young, Case.young_live}:
            return self._just_begun(case)
        if case in {Case.unsettled, Case.late}:
            return self._recent()
        if case is Case.midnight:
            return self._within(20 * HOUR + 200 * MINUTE, 35, 90)
        if case is Case.day_long:
            return self._within(10 * HOUR, 24 * 60 + 20, 31 * 60)
        if case is Case.early:
            start = self._first - self._dice.randrange(60, 180) * MINUTE
            return start, start + 40 * MINUTE
        if case is Case.deleted:
            return self._long_ago()
        start, end = self._ordinary_span()
        if case is Case.drop and end > self._latest_end - HOUR:  # the rest of it must be over by now, too
            return start - HOUR, end - HOUR
        return start, end

    def _running(self) -> tuple[int, int]:
        dice = self._dice
        start = self._now - dice.randrange(25 * 60, 100 * 60) * SECOND
        return start, self._now + QUIET + dice.randrange(30, 150) * MINUTE

    def _just_begun(self, case: Case) -> tuple[int, int]:
        # Far enough from ten minutes that a run may take some of them.
        dice = self._dice
        start = self._now - dice.randrange(270, 330) * SECOND
        if case is Case.young_live:
            return start, self._now + QUIET + dice.randrange(30, 90) * MINUTE
        return start, self._now - dice.randrange(185, 200) * SECOND

    def _recent(self) -> tuple[int, int]:
        end = self._now - dice_minutes(self._dice, 30, 18 * 60)
        return end - dice_minutes(self._dice, 20, 80), end

    def _long_ago(self) -> tuple[int, int] | None:
        # Long enough that nobody can hope for its records any more.
        latest = self._now - 28 * HOUR
        if latest - self._first < HOUR:
            return None
        start = self._first + self._dice.randrange((latest - self._first) // SECOND) * SECOND
        return start, start + dice_minutes(self._dice, 15, 60)

    def _within(self, clock: int, shortest: int, longest: int) -> tuple[int, int] | None:
        """A day of the calendar on which a meeting from about `clock` for so many minutes is over by now."""
        for _ in range(20):
            day = self._first + self._dice.randrange(self._days) * DAY
            start = day + clock + dice_minutes(self._dice, 0, 30)
            end = start + dice_minutes(self._dice, shortest, longest)
            if end <= self._latest_end:
                return start, end
        return None

    def _ordinary_span(self) -> tuple[int, int]:
        dice = self._dice
        length = dice.choice(_LENGTHS) * MINUTE + dice.randrange(-420, 420) * SECOND
        day = self._first + self._weekday() * DAY
        start = day + dice.choice(_HOURS) * HOUR + dice.choice((0, 0, 15, 30, 30, 45)) * MINUTE
        start += dice.randrange(-240, 600) * SECOND
        if start + length > self._latest_end:
            start -= DAY
        if start < self._first:  # a calendar of hardly more than a night
            start = self._first + dice_minutes(dice, 1, 30)
        return start, min(start + length, self._latest_end)

    def _weekday(self) -> int:
        day = self._dice.randrange(self._days)
        if (self._first // DAY + day + 3) % 7 >= 5 and self._dice.random() < 0.8:
            day = self._dice.randrange(self._days)
        return day


def dice_minutes(dice: Random, least: int, most: int) -> int:
    """Milliseconds: between so many minutes, to the second."""
    return dice.randrange(least * 60, most * 60) * SECOND
