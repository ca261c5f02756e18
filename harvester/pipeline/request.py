"""What a run was asked for, resolved once: which time it reads, how, and with which options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from connectors.models import Window
from harvester.documents import FIRST_MEETING_YEAR

Mode = Literal["nightly", "backfill", "forced", "upcoming"]
"""`nightly`: what is not final yet, up to the end of yesterday. `backfill`: what was never listed. `forced`: everything,
whatever is known of it. `upcoming`: what is planned, from now on."""


RELATIVE_DAYS = {"today": 0, "yesterday": 1}
"""Words for days, and how many days ago they are."""

Day = date | str
"""A day, or one of the words above."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorOptions:
    """The options that a connector defines, as they were given."""

    switches: frozenset[str] = frozenset()
    """Options without a value that ask for more of every meeting, like `qos`."""
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Options with their values, and those that select meetings."""
    filtered: bool = False
    """Whether an option selects a part of the meetings."""
    upcoming_days: int | None = None

    def joined(self, other: VendorOptions) -> VendorOptions:
        """The options of both. If both have a value, the one of `other` counts."""
        return VendorOptions(
            switches=self.switches | other.switches,
            values={**self.values, **other.values},
            filtered=self.filtered or other.filtered,
            upcoming_days=other.upcoming_days if other.upcoming_days is not None else self.upcoming_days,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HarvestRequest:
    """`resolve` makes one out of dates and options."""

    window: Window
    """The time that the dates mean, whatever the vendor retains; of a nightly run, yesterday."""
    mode: Mode
    zone: ZoneInfo
    """Whose days these are."""
    description: str
    """For the journal: which time is read, in words."""
    options: VendorOptions = VendorOptions()
    raw: bool = False
    """Keep the vendor's rows in the documents."""
    lookback: timedelta | None = None
    """How late data may come; `None`: as the connector has it."""
    rate_share: float = 1.0
    """The part of the vendor's permitted request rate to use."""
    concurrency: int | None = None
    """Meetings in flight; `None`: as the connector has it."""
    dry_run: bool = False

    @property
    def extras(self) -> frozenset[str]:
        """What is fetched of every meeting beyond the usual; kept per meeting in the journal."""
        return self.options.switches | ({"raw"} if self.raw else set())

    def of_account(self, options: VendorOptions, *, raw: bool) -> HarvestRequest:
        """The same of an account of which every run asks for these options, too."""
        return replace(self, options=options.joined(self.options), raw=self.raw or raw)

    @property
    def filtered(self) -> bool:
        """The run reads a selection of meetings, and counts as coverage for no other run."""
        return self.options.filtered


def resolve(
    *,
    now: datetime,
    zone: ZoneInfo,
    on: Day | None = None,
    first: Day | None = None,
    last: Day | None = None,
    force: bool = False,
    lookback: int | None = None,
    options: VendorOptions | None = None,
    raw: bool = False,
    rate_share: float = 1.0,
    concurrency: int | None = None,
    dry_run: bool = False,
) -> HarvestRequest:
    """The request for one day (`on`), for days from `first` to `last`, or, without dates, for a nightly run.

    Raises ValueError for dates and options that contradict each other, and for days in the future.
    """
    options = options or VendorOptions()
    on, first, last = (to_date(day, now, zone) for day in (on, first, last))
    has_dates = on is not None or first is not None or last is not None
    if force and not has_dates:
        raise ValueError(
            "--force is for a backfill with --from and --to (--date always harvests its day again)"
        )
    if lookback is not None and has_dates:
        raise ValueError("--lookback is for the nightly run; leave out --date, --from and --to")
    window = days_window(on, first, last, zone=zone, now=now)
    if options.upcoming_days is not None:
        if has_dates:
            raise ValueError("planned meetings are read from now on; leave out --date, --from and --to")
        window = Window(start=now, end=now + timedelta(days=options.upcoming_days))
    return HarvestRequest(
        window=window,
        zone=zone,
        mode=_mode(on, first, options, force=force),
        description=_describe(on, first, last, options, force=force),
        options=options,
        raw=raw,
        lookback=timedelta(days=lookback) if lookback is not None else None,
        rate_share=rate_share,
        concurrency=concurrency,
        dry_run=dry_run,
    )


def days_window(
    on: Day | None, first: Day | None, last: Day | None, *, zone: ZoneInfo, now: datetime
) -> Window:
    """One day, or days from `first` to `last` inclusive, `last` being yesterday by default; else yesterday.

    Raises ValueError for dates that contradict each other, and for days in the future.
    """
    on, first, last = (to_date(day, now, zone) for day in (on, first, last))
    today = now.astimezone(zone).date()
    yesterday = today - timedelta(days=1)
    if on is not None and (first is not None or last is not None):
        raise ValueError("--date is one day, --from and --to are several; use one or the other")
    if first is None and last is not None:
        raise ValueError("--to needs --from")
    begin = on or first or yesterday
    end = on or last or yesterday
    for day in (begin, end):
        if day > today:
            raise ValueError(f"{day} is in the future (today is {today} in {zone.key})")
        if day.year < FIRST_MEETING_YEAR:
            raise ValueError(f"{day} is before {FIRST_MEETING_YEAR}: no vendor has data of that time")
    if begin > end:
        raise ValueError(f"--from {begin} is after --to {end}")
    try:
        return Window.days(begin, end, zone)
    except ValueError:  # the zone moved over the date line, and left the day out
        raise ValueError(f"there was no {begin} in {zone.key}") from None


def to_date(day: Day | None, now: datetime, zone: ZoneInfo) -> date | None:
    """The date of a day that may be relative to now."""
    if isinstance(day, str):
        return now.astimezone(zone).date() - timedelta(days=RELATIVE_DAYS[day])
    return day


def _mode(on: date | None, first: date | None, options: VendorOptions, *, force: bool) -> Mode:
    if options.upcoming_days is not None:
        return "upcoming"
    if on is not None or force:
        return "forced"
    return "nightly" if first is None else "backfill"


def _describe(
    on: date | None, first: date | None, last: date | None, options: VendorOptions, *, force: bool
) -> str:
    if options.upcoming_days is not None:
        return f"the next {options.upcoming_days} days"
    if on is not None:
        return str(on)
    if first is None:
        return "a part of yesterday" if options.filtered else "nightly"
    return f"{first} to {last or 'yesterday'}{' again' if force else ''}"
