"""What the command line asks a harvest for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import click

from connectors.base import Option
from harvester.cli import dates
from harvester.cli.environment import RunEnvironment, common_options
from harvester.pipeline import destination

LONGEST_AHEAD = 366


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
    es_host: str | None = None
    index_period: str | None = None
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


def vendor_options(options: Sequence[Option]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The options that a connector names, for the command line."""

    def decorated(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = _option(option)(command)
        return command

    return decorated


def _option(option: Option) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    name = f"--{option.name}"
    if not option.metavar:
        return click.option(name, is_flag=True, help=option.help)
    kind = click.IntRange(1, LONGEST_AHEAD) if option.future_days else click.STRING
    return click.option(name, type=kind, metavar=option.metavar, multiple=option.repeatable, help=option.help)


def chosen(options: Sequence[Option], given: dict[str, Any]) -> dict[str, Any]:
    """What was given of a connector's options, taken out of `given`, as the fields of a `Wish`."""
    values = {option: given.pop(option.name.replace("-", "_")) for option in options}
    said = {option: value for option, value in values.items() if value not in (None, False, ())}
    return {
        "options": frozenset(o.name for o in said if not o.metavar and not o.filters),
        "option_values": {o.name: _texts(value) for o, value in said.items() if o.metavar or o.filters},
        "filtered": any(o.filters for o in said),
        "upcoming_days": next((value for o, value in said.items() if o.future_days), None),
    }


def _texts(value: Any) -> tuple[str, ...]:
    if value is True:
        return ()
    return tuple(value) if isinstance(value, tuple) else (str(value),)


def harvest_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that every vendor's command has."""
    options = (
        click.option("--date", "on", type=dates.Date(), help="This one day, whatever is known of it."),
        click.option("--from", "first", type=dates.Date(), help="First day of a backfill, which resumes."),
        click.option("--to", "last", type=dates.Date(), help="Last day of a backfill.  [default: yesterday]"),
        click.option("--timezone", metavar="ZONE", help="Whose midnights these are.  [default: UTC]"),
        click.option(
            "--lookback",
            type=click.IntRange(0, 365),
            metavar="DAYS",
            help="How late data may come, without dates.  [default: as the vendor has it]",
        ),
        click.option(
            "--force", is_flag=True, help="Read the days of --from and --to again, as --date always does."
        ),
        *destination.OPTIONS,
        click.option(
            "--concurrency",
            type=click.IntRange(1, 64),
            metavar="N",
            help="Meetings in flight.  [default: what the rate limit can use]",
        ),
        click.option(
            "--rate-share", type=float, metavar="S", help="Part of the permitted rate.  [default: 0.8]"
        ),
        click.option("--raw", is_flag=True, help="Keep the vendor's own rows as vendor_data."),
        click.option("--dry-run", is_flag=True, help="List the meetings, fetch and store nothing."),
        click.option(
            "--summary-json",
            type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
            metavar="FILE",
            help="Write what the run did to FILE, with - to stderr.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return common_options(command)
