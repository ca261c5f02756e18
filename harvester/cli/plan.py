"""`harvester plan VENDOR`: what a backfill would take, out of the listing alone. It fetches and stores nothing."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date
from functools import partial
from typing import Any

import click

import connectors
from harvester.cli.from_settings import account_config, elastic_config
from harvester.cli.options import (
    AS_JSON,
    ES_HOST,
    RATE_SHARE,
    apply,
    day_options,
    examples,
    general_options,
    handle_signals,
    pass_env,
    split_options,
    usage_errors,
    vendor_options,
)
from harvester.cli.render.plan import plan_json, plan_lines
from harvester.cli.render.progress import Progress
from harvester.cli.render.summary import problem_lines
from harvester.cli.render.terminal import echo, echo_json
from harvester.cli.run_environment import RunEnvironment
from harvester.pipeline.account import Account, open_account
from harvester.pipeline.estimate import estimate_backfill
from harvester.pipeline.report import Report
from harvester.pipeline.request import VendorOptions, resolve
from harvester.state.journal import Journal
from harvester.state.reader import StateReader

logger = logging.getLogger(__name__)


class Vendors(click.Group):
    """A subcommand for every vendor, built when it is used."""

    def list_commands(self, _context: click.Context) -> list[str]:
        return sorted(connectors.table())

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        return vendor_command(name) if name in connectors.table() else None


@click.group(cls=Vendors, epilog=examples("harvester plan zoom --from 2026-06-01"))
def plan() -> None:
    """Estimate a backfill before it starts: meetings, requests, time, days that the daily quota takes.

    The meetings are listed as the backfill would list them, so the credentials are needed and the listing's requests
    are made; nothing is fetched, stored or written into the journal. What the journal of the index knows as done
    already is left out.
    """


def vendor_command(name: str) -> click.Command:
    """`harvester plan` for one vendor, with the switches that its connector names."""
    connector = connectors.load(name)
    options = [option for option in connector.options if not option.future_days]

    @apply(
        day_options(
            None, "First day of the backfill.", "Last day, inclusive.  [default: yesterday]", required=True
        )
    )
    @apply([ES_HOST])
    @vendor_options(options)
    @apply([RATE_SHARE, AS_JSON])
    @general_options
    @pass_env
    def command(env: RunEnvironment, as_json: bool, **values: Any) -> int:
        return _plan(name, env, split_options(options, values), as_json=as_json, **values)

    return click.command(
        name,
        help=f"Estimate a backfill of {connector.title}.",
        epilog=examples(
            f"harvester plan {name} --from 2026-06-01", f"harvester plan {name} --from 2026-06-01 --json"
        ),
    )(command)


def _plan(
    name: str,
    env: RunEnvironment,
    options: VendorOptions,
    *,
    first: date,
    last: date | None,
    timezone: str | None,
    rate_share: float | None,
    as_json: bool,
) -> int:
    zone = env.zone(timezone)
    with usage_errors():
        request = resolve(
            now=env.clock({}).now(),
            zone=zone,
            first=first,
            last=last,
            options=options,
            rate_share=env.rate_share(rate_share),
        )
    handle_signals(env)
    report = Report(vendor=name, account=env.account)
    config = account_config(name, env)
    with (
        open_account(config, env.stop, options=options, rate_share=request.rate_share) as account,
        _open_journal(account, env) as journal,
    ):
        estimate = estimate_backfill(
            account.connect(journal.stored_refs) if journal is not None else account.connect(),
            request,
            journal,
            report,
            zone=zone,
            stop=env.stop,
            progress=partial(Progress, quiet=env.quiet),
        )
    for line in problem_lines(report):
        logger.error(f"{name}: {line}")
    if as_json:
        echo_json(plan_json(estimate))
    else:
        for line in plan_lines(estimate):
            echo(line)
    return report.exit_code


@contextmanager
def _open_journal(account: Account, env: RunEnvironment) -> Iterator[Journal | None]:
    """The journal of the index that the settings name, if there is one; nothing is written into it."""
    folder = None
    if env.environment.get("ES_HOST"):
        elastic = elastic_config(env)
        folder = StateReader(env.state_folder).find_journal(account.folder, elastic.url, elastic.prefix)
    if folder is None:
        yield None
        return
    with closing(Journal(folder, dry_run=True)) as journal:
        yield journal
