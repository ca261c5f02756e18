"""The meetings of one platform: host, times, and special cases.

A meeting is a small record, so that fifty thousand of them are generated in seconds; its sessions are
generated on demand. Instants are milliseconds since 1970, always UTC.
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
"""For this long after "now" no participant joins or leaves, and nothing starts, ends or becomes available."""

Kind = Literal["instant", "scheduled", "recurring", "personal", "webinar"]


class Case(Enum):
    """What is special about a meeting.

    Every case occurs at least once in an organisation of forty meetings; the young ones only on platforms
    where they matter.
    """

    # Rejoins, second devices, phones, rooms, no names, waiting rooms, breakouts and odd names in one meeting.
    mixed = auto()
    huge = auto()  # more than 300 sessions
    alone = auto()
    midnight = auto()
    day_long = auto()  # more than 24 hours
    drop = auto()  # the host's connection breaks; the rest is another instance under the same number
    resumed = auto()  # the rest after a drop
    live = auto()
    live_crowd = auto()
    # Ended, but started only minutes ago: data that need time after the start are not available yet.
    young = auto()
    young_live = auto()
    deleted = auto()
    records_pending = auto()  # just ended: its records are not available before the quiet hour is over
    late = auto()  # some of its sessions become available only after the quiet hour
    empty = auto()  # started, but nothing is known of any participant
    webinar = auto()
    personal = auto()
    recurring = auto()
    early = auto()  # on the evening before the first day
    long_topic = auto()
    departed_host = auto()
    inactive_host = auto()
    plain = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Meeting:
    """One instance.

    series: shared by all instances of a recurring meeting or personal room.
    records_at: when a platform can first return its details.
    topic: None if it was never given one.
    """

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


# The order in which a small organisation gets its special cases; a drop adds a resumed meeting.
REQUIRED: tuple[Case, ...] = (
    Case.mixed, Case.alone, Case.live, Case.huge, Case.drop, Case.deleted, Case.records_pending, Case.midnight,
    Case.late, Case.webinar, Case.day_long, Case.empty, Case.departed_host, Case.inactive_host, Case.personal,
    Case.live_crowd, Case.long_topic, Case.early, Case.alone, Case.recurring, Case.recurring, Case.mixed,
)  # fmt: skip

_BEFORE_EXTRA_CASES = 5  # this many come before the platform's extra cases
LIVE = frozenset({Case.live, Case.live_crowd, Case.young_live})

_WEIGHTS: dict[Case, float] = {
    Case.plain: 0.32, Case.recurring: 0.42, Case.personal: 0.07, Case.alone: 0.08, Case.mixed: 0.03,
    Case.webinar: 0.03, Case.midnight: 0.015, Case.drop: 0.01, Case.deleted: 0.006, Case.day_long: 0.003,
    Case.huge: 0.0015, Case.empty: 0.003, Case.long_topic: 0.004, Case.departed_host: 0.008,
    Case.inactive_host: 0.01,
}  # fmt: skip
_HOURS = (7, 8, 8, 9, 9, 9, 10, 10, 11, 12, 13, 13, 14, 14, 15, 15, 16, 17, 19, 22, 3)
_LENGTHS = (10, 15, 25, 30, 30, 30, 45, 50, 55, 60, 60, 60, 75, 90, 110, 180)
_CROWDS = (2, 2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 6, 6, 7, 8, 9, 11, 14, 19, 32)


class MeetingGenerator:
    """Generates the `size` meetings of one platform.

    `extra_cases` are special cases that matter on this platform only.
    """

    def __init__(
        self, seed: int, platform: str, size: int, first: int, now: int, people: Sequence[Person],
        extra_cases: Sequence[Case] = (),
    ) -> None:  # fmt: skip
        self._rng = Random(number(seed, platform, "plan"))
        self._seed = number(seed, platform, "meetings", size=6) << 20
        self._platform = platform
        self._size = size
        self._required = (*REQUIRED[:_BEFORE_EXTRA_CASES], *extra_cases, *REQUIRED[_BEFORE_EXTRA_CASES:])
        self._first = first
        self._now = now
        self._latest_end = now - 15 * MINUTE
        self._days = max(1, (now - first) // DAY + 1)
        hosts = [person for person in people[: max(14, size // 12)] if person.status != "pending"]
        self._hosts = [person for person in hosts if person.status == "active"]
        self._departed = [person for person in hosts if person.status == "departed"]
        self._inactive = [person for person in hosts if person.status == "inactive"]
        self._series = max(3, size // 14)
        self._meetings: list[Meeting] = []

    def meetings(self) -> list[Meeting]:
        """Return the meetings, oldest first."""
        for case in self._cases():
            if len(self._meetings) < self._size:
                self._add(case)
        return sorted(self._meetings, key=lambda meeting: (meeting.start, meeting.seed))

    def _cases(self) -> list[Case]:
        required = list(self._required[: self._size])
        more = self._size - len(required)
        required += [Case.live, Case.live_crowd, Case.records_pending, Case.late] * min(8, more // 400)
        drawn = self._rng.choices(list(_WEIGHTS), list(_WEIGHTS.values()), k=max(0, more))
        return required + drawn

    def _add(self, case: Case) -> None:
        times = self._times(case)
        if times is None:  # the calendar is too short for this case
            case, times = Case.plain, self._ordinary_times()
        meeting = self._meeting(case, *times)
        self._meetings.append(meeting)
        if case is Case.drop and len(self._meetings) < self._size:
            self._meetings.append(self._resumption_of(meeting))

    def _meeting(self, case: Case, start: int, end: int) -> Meeting:
        rng = self._rng
        kind, series, host, topic = self._details(case)
        planned_start = start - rng.randrange(-4, 6) * MINUTE
        return Meeting(
            seed=self._seed + len(self._meetings),
            series=series,
            kind=kind,
            topic=topic,
            host=host,
            planned_start=planned_start,
            planned_end=planned_start + rng.choice(_LENGTHS) * MINUTE,
            start=start,
            end=end,
            attendance=self._attendance(case),
            case=case,
            records_at=self._now + 3 * HOUR if case is Case.records_pending else end + 2 * MINUTE,
            dial_in=case is Case.mixed or rng.random() < 0.2,
            video=rng.random() < 0.8,
            shared=rng.random() < 0.5,
            recorded=rng.random() < 0.15,
        )

    def _resumption_of(self, dropped: Meeting) -> Meeting:
        start = dropped.end + self._rng.randrange(11, 148) * SECOND
        end = min(start + self._rng.randrange(5, 30) * MINUTE, self._latest_end)
        return Meeting(
            **{name: getattr(dropped, name) for name in Meeting.__slots__}
            | {
                "seed": self._seed + len(self._meetings),
                "start": start,
                "end": end,
                "case": Case.resumed,
                "records_at": end + 2 * MINUTE,
            }
        )

    def _details(self, case: Case) -> tuple[Kind, str, Person, str | None]:
        rng = self._rng
        single = f"{self._platform}:single:{len(self._meetings)}"
        if case is Case.personal:
            host = rng.choice(self._hosts)
            return "personal", f"{self._platform}:personal:{host.index}", host, None
        if case in {Case.recurring, Case.drop, Case.midnight}:
            return self._instance_of(rng.randrange(self._series))
        if case is Case.webinar:
            return "webinar", single, rng.choice(self._hosts), f"{names.TEAMS[0][0]}: open seminar"
        host = self._host(case)
        if case is Case.long_topic:
            return (
                "scheduled",
                single,
                host,
                "On the length of topics, which is long: " + "and longer " * 14 + "✔",
            )
        if rng.random() < 0.3:
            return "instant", single, host, None
        return "scheduled", single, host, f"{host.department} {rng.choice(names.TOPICS)}"

    def _instance_of(self, series: int) -> tuple[Kind, str, Person, str | None]:
        # Everything about a series follows from its number, so no series needs to be stored.
        host = self._hosts[(series * 7) % len(self._hosts)]
        topic = f"{host.department} {names.TOPICS[series % len(names.TOPICS)]}"
        return "recurring", f"{self._platform}:series:{series}", host, topic

    def _host(self, case: Case) -> Person:
        if case is Case.departed_host and self._departed:
            return self._rng.choice(self._departed)
        if case is Case.inactive_host and self._inactive:
            return self._rng.choice(self._inactive)
        return self._rng.choice(self._hosts)

    def _attendance(self, case: Case) -> int:
        rng = self._rng
        if case is Case.alone:
            return 1
        if case is Case.empty:
            return 0
        if case is Case.huge:
            return 310 if self._size < 400 else rng.randrange(310, 900)
        if case in {Case.mixed, Case.live_crowd, Case.webinar}:
            return rng.randrange(16, 24)
        if case in {Case.late, Case.young, Case.young_live}:
            return 6
        return rng.choice(_CROWDS)

    def _times(self, case: Case) -> tuple[int, int] | None:
        if case in {Case.live, Case.live_crowd}:
            return self._live_times()
        if case in {Case.young, Case.young_live}:
            return self._just_started_times(case)
        if case in {Case.records_pending, Case.late}:
            return self._recent_times()
        if case is Case.midnight:
            return self._times_near(20 * HOUR + 200 * MINUTE, 35, 90)
        if case is Case.day_long:
            return self._times_near(10 * HOUR, 24 * 60 + 20, 31 * 60)
        if case is Case.early:
            start = self._first - self._rng.randrange(60, 180) * MINUTE
            return start, start + 40 * MINUTE
        if case is Case.deleted:
            return self._long_ago_times()
        start, end = self._ordinary_times()
        if (
            case is Case.drop and end > self._latest_end - HOUR
        ):  # the resumed meeting must be over by now, too
            return start - HOUR, end - HOUR
        return start, end

    def _live_times(self) -> tuple[int, int]:
        rng = self._rng
        start = self._now - rng.randrange(25 * 60, 100 * 60) * SECOND
        return start, self._now + QUIET + rng.randrange(30, 150) * MINUTE

    def _just_started_times(self, case: Case) -> tuple[int, int]:
        # Far enough from ten minutes after the start, even if a run takes some minutes.
        rng = self._rng
        start = self._now - rng.randrange(270, 330) * SECOND
        if case is Case.young_live:
            return start, self._now + QUIET + rng.randrange(30, 90) * MINUTE
        return start, self._now - rng.randrange(185, 200) * SECOND

    def _recent_times(self) -> tuple[int, int]:
        end = self._now - random_minutes(self._rng, 30, 18 * 60)
        return end - random_minutes(self._rng, 20, 80), end

    def _long_ago_times(self) -> tuple[int, int] | None:
        # Long enough ago that its records cannot still appear.
        latest = self._now - 28 * HOUR
        if latest - self._first < HOUR:
            return None
        start = self._first + self._rng.randrange((latest - self._first) // SECOND) * SECOND
        return start, start + random_minutes(self._rng, 15, 60)

    def _times_near(self, clock: int, shortest: int, longest: int) -> tuple[int, int] | None:
        """Return the times of a meeting of `shortest` to `longest` minutes that starts at about `clock` on
        some day and is over by now."""
        for _ in range(20):
            day = self._first + self._rng.randrange(self._days) * DAY
            start = day + clock + random_minutes(self._rng, 0, 30)
            end = start + random_minutes(self._rng, shortest, longest)
            if end <= self._latest_end:
                return start, end
        return None

    def _ordinary_times(self) -> tuple[int, int]:
        rng = self._rng
        length = rng.choice(_LENGTHS) * MINUTE + rng.randrange(-420, 420) * SECOND
        day = self._first + self._weekday() * DAY
        start = day + rng.choice(_HOURS) * HOUR + rng.choice((0, 0, 15, 30, 30, 45)) * MINUTE
        start += rng.randrange(-240, 600) * SECOND
        if start + length > self._latest_end:
            start -= DAY
        if start < self._first:  # a calendar of little more than a night
            start = self._first + random_minutes(rng, 1, 30)
        return start, min(start + length, self._latest_end)

    def _weekday(self) -> int:
        day = self._rng.randrange(self._days)
        if (self._first // DAY + day + 3) % 7 >= 5 and self._rng.random() < 0.8:
            day = self._rng.randrange(self._days)
        return day


def random_minutes(rng: Random, minimum: int, maximum: int) -> int:
    """Return a random duration between these numbers of minutes, in milliseconds and whole seconds."""
    return rng.randrange(minimum * 60, maximum * 60) * SECOND
