"""The time of a run: the vendor's, as the `Date` headers of its responses show it.

A wrong clock loses meetings: time counts as read that the vendor has not reached yet, and documents get versions that later,
true ones cannot replace. So a run asks the vendor for the time before it writes anything (`ask`), and goes on by this
machine's monotonic clock, which cannot be set.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

from connectors.base import Context
from connectors.errors import ConfigurationError, Unreachable, VendorError
from harvester.formatting import format_instant
from harvester.logging_setup import EVEN_IF_QUIET, ONCE
from harvester.pipeline.run_clock import Clock

logger = logging.getLogger(__name__)

ZERO = timedelta(0)
TOLERANCE = timedelta(seconds=2)
"""A vendor's servers may differ by this much: the time is not corrected for less."""
WORTH_SAYING = timedelta(minutes=1)
LIMIT = timedelta(hours=1)
"""A clock that is wrong by more stops a run that writes into an index."""

ASKING_ATTEMPTS = 3
ASKING_SECONDS = 1.1
"""Between two of them: a clock shows another second by then, a stored response does not."""


@dataclass(frozen=True, slots=True)
class _Reading:
    """A `Date`, and what this machine's clock showed when it arrived."""

    date: datetime
    machine: datetime

    def agrees_with(self, earlier: _Reading) -> bool:
        """Whether both are of a clock that goes: a cache repeats a `Date`."""
        passed = self.date - earlier.date
        return passed > ZERO and abs(passed - (self.machine - earlier.machine)) <= TOLERANCE


class VendorClock:
    """The calendar of one account's run. Safe for threads."""

    def __init__(self, vendor: str, clock: Clock, *, stops: bool = False) -> None:
        """`stops`: a clock that is wrong by more than an hour ends the run; if not, that is said, and the vendor's time
        is used."""
        self.clock = clock
        self._vendor = vendor
        self._stops = stops
        self._lock = Lock()
        self._known: tuple[datetime, float] | None = None
        """An instant of the vendor's time, and what the monotonic clock showed at it."""
        self._newest: datetime | None = None
        self._asking = False
        self._doubtful: _Reading | None = None
        self._said = False

    @property
    def is_known(self) -> bool:
        """Whether the vendor has shown its time."""
        return self._known is not None

    def now(self) -> datetime:
        """The vendor's time; this machine's until a response has shown it."""
        known = self._known
        if known is None:
            return self.clock.now()
        instant, at = known
        return instant + timedelta(seconds=self.clock.monotonic() - at)

    def observe(self, date: datetime, *, seconds: float) -> None:
        """The vendor's clock showed `date`, cut to the second, at some moment of the last `seconds` (of `Clock.elapsed`).

        Raises ConfigurationError if this machine's clock is wrong by more than an hour and the run must stop then.
        """
        with self._lock:
            if self._newest is None or date > self._newest:  # an older one is late, or out of a cache
                self._compare(date, date + timedelta(seconds=1 + seconds / self.clock.speed))

    def ask(self, request: Callable[[], object], wait: Callable[[float], None]) -> None:
        """Call `request`, which makes the vendor respond, until the time is known or cannot be had; then as `observe`.

        A response that contradicts this machine's clock is believed if a second one confirms it.
        """
        self._asking = True
        try:
            for attempt in range(ASKING_ATTEMPTS):
                if attempt:
                    wait(ASKING_SECONDS)
                request()
                if self.is_known or self._doubtful is None:
                    break
        finally:
            self._asking = False

    def _compare(self, earliest: datetime, latest: datetime) -> None:
        """The vendor's clock now shows something from `earliest` to `latest`."""
        machine, here = self.clock.now(), self.now()
        wrong_by = _distance(machine, earliest, latest)
        correction = -_distance(here, earliest, latest)
        if abs(correction) <= TOLERANCE:
            self._set(here, earliest)
        elif abs(wrong_by) <= LIMIT:
            self._set(here + correction, earliest)
            self._judge(here + correction, machine)
        elif not self.is_known:  # if it is known, something between here and the vendor has another clock
            self._contradict(_Reading(earliest, machine))

    def _contradict(self, reading: _Reading) -> None:
        """This machine's clock is wrong by more than an hour, or the response is not the vendor's."""
        if self._asking and not (self._doubtful is not None and reading.agrees_with(self._doubtful)):
            self._doubtful = reading
            return
        self._set(reading.date, reading.date)
        self._judge(reading.date, reading.machine)

    def _set(self, instant: datetime, date: datetime) -> None:
        self._known = instant, self.clock.monotonic()
        self._newest = date

    def _judge(self, vendor: datetime, machine: datetime) -> None:
        wrong_by = machine - vendor
        if abs(wrong_by) > LIMIT and self._stops:
            raise ConfigurationError(
                f"{self._difference(vendor, machine)}; {self._remedy}, and run the same command again"
            )
        if abs(wrong_by) > WORTH_SAYING and not self._said:
            self._said = True
            logger.warning(
                f"{self._difference(vendor, machine)}; the vendor's time is used: {self._remedy}",
                extra={**ONCE, **EVEN_IF_QUIET, "vendor": self._vendor},
            )

    def _difference(self, vendor: datetime, machine: datetime) -> str:
        direction = "ahead of" if machine > vendor else "behind"
        return (
            f"{self._vendor}: this machine's clock is {_format_span(abs(machine - vendor))} {direction} the vendor's: "
            f"{format_instant(machine)} UTC here, {format_instant(vendor)} UTC there"
        )

    @property
    def _remedy(self) -> str:
        if self.clock.shift:
            return "correct HARVESTER_NOW"
        return "set the clock, for example with `timedatectl set-ntp true`"


def ask_vendor_time(
    vendor: str, url: str, clock: VendorClock, context: Context, wait: Callable[[float], None]
) -> None:
    """Ask the server at this URL, without credentials, for the time. Whether and what else it answers does not matter.

    `wait` waits for seconds of this machine: a simulator's speed does not change its calendar.
    """
    from connectors.http import Api

    api = Api(vendor, url, context, classify=lambda _response: None)

    def request() -> None:
        try:
            api.send("HEAD", "HEAD / (for its time)", headers={"Cache-Control": "no-cache"}, attempts=1)
        except (Unreachable, VendorError) as error:
            logger.debug(f"{vendor}: the vendor's time is not known: {error}")

    clock.ask(request, wait)


def _distance(instant: datetime, earliest: datetime, latest: datetime) -> timedelta:
    """How far an instant is after (positive) or before (negative) an interval; 0 within it."""
    return max(instant - latest, ZERO) or min(instant - earliest, ZERO)


def _format_span(span: timedelta) -> str:
    minutes = round(span.total_seconds() / 60)
    for unit, size in (("day", 24 * 60), ("hour", 60), ("minute", 1)):
        if minutes >= 2 * size or (minutes >= size and unit == "minute"):
            number = minutes // size
            return f"{number:,} {unit}{'s' if number != 1 else ''}"
    return "less than a minute"
