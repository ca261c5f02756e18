"""What the command line asks a harvest for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import click

from harvester.cli import dates
from harvester.cli.environment import RunEnvironment


@dataclass(frozen=True, slots=True, kw_only=True)
class HarvestRequest:
    """What the command line asked for. `given`: options with their values, and those that narrow; `narrowed`: only a
    part of what there is, which covers nothing; `ahead`: so many days from now on, instead of the past."""

    on: date | None = None
    first: date | None = None
    last: date | None = None
    timezone: str | None = None
    lookback: int | None = None
    force: bool = False
    destination: str | None = None
    concurrency: int | None = None
    rate_share: float | None = None
    raw: bool = False
    dry_run: bool = False
    summary_json: Path | None = None
    options: frozenset[str] = frozenset()
    option_values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    filtered: bool = False
    upcoming_days: int | None = None

    @property
    def extras(self) -> frozenset[str]:
        """What every meeting is asked for, beyond what always is."""
        return self.options | ({"raw"} if self.raw else set())

    @property
    def has_dates(self) -> bool:
        return self.on is not None or self.first is not None or self.last is not None

    def validate(self, env: RunEnvironment) -> HarvestRequest:
        """Itself; UsageError for what contradicts itself or is not there, before anything else can be wrong."""
        if self.force and not self.has_dates:
            raise click.UsageError(
                "--force is for a backfill, --from and --to (--date reads its day again in any case)"
            )
        if self.lookback is not None and self.has_dates:
            raise click.UsageError(
                "--lookback is for the nightly run, without dates: days given by hand are read as they are given"
            )
        zone, now = env.zone(self.timezone), env.clock({}).now()
        dates.window(self.on, self.first, self.last, zone=zone, now=now)
        env.rate_share(self.rate_share)
        if self.upcoming_days is not None and self.has_dates:
            raise click.UsageError("what is planned is read from now on: leave out --date, --from and --to")
        return self

    def lookback_of(self, vendors: timedelta) -> timedelta:
        """How far back the nightly run looks for late data: the vendor's own measure, unless another was given."""
        return vendors if self.lookback is None else timedelta(days=self.lookback)

    @property
    def what(self) -> str:
        """Which time is to be read, in words."""
        if self.upcoming_days is not None:
            return f"the next {self.upcoming_days} days"
        if self.filtered and not self.has_dates:
            return "a part of yesterday"
        if self.on is not None:
            return str(self.on)
        if self.first is None:
            return "nightly"
        return f"{self.first} to {self.last or 'yesterday'}{' again' if self.force else ''}"
