"""The options of the commands that harvest or plan a harvest, and those that a vendor's connector names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from connectors.base import Option
from harvester.cli.options import (
    ACCOUNT,
    CONFIG,
    DESTINATION,
    ENV_FILE,
    ES_HOST,
    INDEX_PERIOD,
    LOGGING_OPTIONS,
    OUTPUT,
    PATH,
    RATE_SHARE,
    VENDORS,
    Decorator,
    WholeNumber,
    apply,
    day_options,
    validated,
)
from harvester.cli.shared_state import STATE
from harvester.cli.time_limit import FOR
from harvester.pipeline.request import VendorOptions
from harvester.setting_checks import heartbeat_url

MAX_DAYS_AHEAD = 366

HARVEST_DATES = (
    *day_options(
        "Harvest this day, even if it has been harvested before.",
        "First day of a backfill; days already harvested are skipped.",
        "Last day of a backfill, inclusive.  [default: yesterday]",
    ),
    click.option(
        "--lookback",
        type=WholeNumber(0, 365),
        metavar="DAYS",
        help="How far back a nightly run looks for late data.  [default: depends on the vendor]",
    ),
    click.option("--force", is_flag=True, help="Harvest the days of --from and --to again."),
)
METRICS_FILE = click.option(
    "--metrics-file",
    type=PATH,
    metavar="FILE",
    help="Write metrics of the run to FILE for Prometheus; those of other accounts in it stay.",
)
HEARTBEAT = click.option(
    "--heartbeat",
    metavar="URL",
    callback=validated(lambda url: heartbeat_url(url, "--heartbeat")),
    help="Ping URL when the run begins and ends, with the exit code.  [default: HARVESTER_HEARTBEAT for runs without dates]",
)
HARVEST_REST = (
    STATE,
    FOR,
    click.option(
        "--concurrency",
        type=WholeNumber(1, 64),
        metavar="N",
        help="Meetings to fetch at the same time.  [default: as many as the rate limit allows]",
    ),
    RATE_SHARE,
    click.option("--raw", is_flag=True, help="Add the vendor's own rows to the documents, as vendor_data."),
    click.option("--dry-run", is_flag=True, help="List the meetings only; fetch and store nothing."),
    click.option(
        "--summary-json",
        type=PATH,
        metavar="FILE",
        help="Write a summary of the run to FILE; - is stderr.",
    ),
    METRICS_FILE,
    HEARTBEAT,
)


def harvest_options(options: Sequence[Option], *, choose_vendors: bool = False) -> Decorator[Any]:
    """The options of a harvest command, with those that the vendor's connector names.

    `choose_vendors`: the command harvests several vendors, and --vendor selects some.
    """
    return apply(
        [
            *HARVEST_DATES,
            *([VENDORS] if choose_vendors else []),
            ACCOUNT,
            DESTINATION,
            OUTPUT,
            ES_HOST,
            INDEX_PERIOD,
            *map(_vendor_option, options),
            *HARVEST_REST,
            *LOGGING_OPTIONS,
            ENV_FILE,
            CONFIG,
        ]
    )


def vendor_options(options: Sequence[Option]) -> Decorator[Any]:
    """The options that a connector names."""
    return apply([_vendor_option(option) for option in options])


def _vendor_option(option: Option) -> Decorator[Any]:
    name = f"--{option.name}"
    if not option.metavar:
        return click.option(name, is_flag=True, help=option.help)
    kind = WholeNumber(1, MAX_DAYS_AHEAD) if option.future_days else click.STRING
    return click.option(name, type=kind, metavar=option.metavar, multiple=option.repeatable, help=option.help)


def split_options(options: Sequence[Option], given: dict[str, Any]) -> VendorOptions:
    """Take the values of a connector's options out of `given`."""
    values = {option: given.pop(option.name.replace("-", "_")) for option in options}
    used = {option: value for option, value in values.items() if value not in (None, False, ())}
    return VendorOptions(
        switches=frozenset(o.name for o in used if not o.metavar and not o.filters),
        values={o.name: _texts(value) for o, value in used.items() if o.metavar or o.filters},
        filtered=any(o.filters for o in used),
        upcoming_days=next((value for o, value in used.items() if o.future_days), None),
    )


def _texts(value: Any) -> tuple[str, ...]:
    if value is True:
        return ()
    return tuple(value) if isinstance(value, tuple) else (str(value),)
