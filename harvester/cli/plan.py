"""`harvester plan VENDOR`: what a backfill would take, out of the listing alone. It fetches and stores nothing."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Any

import click

import connectors
from connectors.errors import HarvestError, Interrupted
from connectors.exit_codes import ExitCode
from harvester.cli import SuggestingGroup
from harvester.cli.configured_accounts import (
    AccountSettings,
    accounts_of,
    find_accounts,
    messages_about,
    none_configured,
)
from harvester.cli.from_settings import account_config, read_journal
from harvester.cli.harvest_options import split_options, vendor_options
from harvester.cli.options import (
    ACCOUNT,
    AS_JSON,
    ES_HOST,
    RATE_SHARE,
    VENDORS,
    apply,
    day_options,
    examples,
    general_options,
    handle_signals,
    pass_env,
    usage_errors,
)
from harvester.cli.render.echo import echo, echo_json
from harvester.cli.render.plan import plan_json, plan_lines
from harvester.cli.render.progress import ProgressDisplay
from harvester.cli.render.summary import problem_lines
from harvester.cli.run_environment import RunEnvironment
from harvester.cli.shared_state import STATE, StateKind, shared_state
from harvester.formatting import without_prefix
from harvester.pipeline.account import open_account
from harvester.pipeline.estimate import estimate_backfill
from harvester.pipeline.report import Report
from harvester.pipeline.request import Day, HarvestRequest, VendorOptions, resolve

logger = logging.getLogger(__name__)


DATES = day_options(
    None, "First day of the backfill.", "Last day, inclusive.  [default: yesterday]", required=True
)


class Vendors(SuggestingGroup):
    """A subcommand for every vendor, built when it is used."""

    def list_commands(self, _context: click.Context) -> list[str]:
        return ["all", *sorted(connectors.table())]

    def format_commands(self, _context: click.Context, formatter: click.HelpFormatter) -> None:
        """Without importing the connectors, of which one may be broken."""
        with formatter.section("Commands"):
            formatter.write_dl(
                [
                    (name, f"Estimate a backfill of {'every account' if name == 'all' else name}.")
                    for name in self.list_commands(_context)
                ]
            )

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        if name == "all":
            return everything
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

    @apply([*DATES, ACCOUNT, ES_HOST, STATE])
    @vendor_options(options)
    @apply([RATE_SHARE, AS_JSON])
    @general_options
    @pass_env
    def command(env: RunEnvironment, as_json: bool, state: StateKind | None, **values: Any) -> int:
        request = _request(env, split_options(options, values), **values)
        accounts = accounts_of(name, env)
        handle_signals(env)
        with shared_state(env, state):
            if len(accounts) == 1:
                return _plan(accounts[0], env, request, as_json=as_json)
            return ExitCode.worst(_plan_all(accounts, env, request, as_json=as_json))

    return click.command(
        name,
        help=f"Estimate a backfill of {connector.title}.",
        epilog=examples(
            f"harvester plan {name} --from 2026-06-01", f"harvester plan {name} --from 2026-06-01 --json"
        ),
    )(command)


@click.command(
    "all",
    epilog=examples("harvester plan all --from 2026-06-01", "harvester plan all --from 2026-06-01 --json"),
)
@apply([*DATES, VENDORS, ACCOUNT, ES_HOST, STATE, RATE_SHARE, AS_JSON])
@general_options
@pass_env
def everything(
    env: RunEnvironment, as_json: bool, vendors: tuple[str, ...], state: StateKind | None, **values: Any
) -> int:
    """Estimate a backfill of every account, one after the other.

    If one account fails, the others continue; the exit code is the worst one. With --json, prints one object a line.
    """
    request = _request(env, VendorOptions(), **values)
    handle_signals(env)
    accounts = find_accounts(env)
    if not accounts.configured and not accounts.broken:
        raise none_configured(env)
    selected = accounts.selected(env, vendors)
    codes: list[int] = []
    for vendor, error in accounts.broken.items():
        if not vendors or vendor in vendors:
            logger.error(f"harvester: {error}")
            codes.append(error.exit_code)
    with shared_state(env, state):
        return ExitCode.worst([*codes, *_plan_all(selected, env, request, as_json=as_json)])


def _plan_all(
    accounts: Sequence[AccountSettings], env: RunEnvironment, request: HarvestRequest, *, as_json: bool
) -> Iterator[int]:
    """Print the estimate of each account; yields the exit codes."""
    for account in accounts:
        try:
            yield _plan(account, env, request, as_json=as_json, one_line=True)
        except HarvestError as error:
            logger.error(f"harvester: {account.name}: {without_prefix(str(error), account.vendor)}")
            yield error.exit_code
            if isinstance(error, Interrupted):
                break


def _request(
    env: RunEnvironment,
    options: VendorOptions,
    *,
    first: Day,
    last: Day | None,
    timezone: str | None,
    rate_share: float | None,
) -> HarvestRequest:
    with usage_errors():
        return resolve(
            now=env.clock({}).now(),
            zone=env.zone(timezone),
            first=first,
            last=last,
            options=options,
            rate_share=env.rate_share(rate_share),
        )


def _plan(
    settings: AccountSettings,
    env: RunEnvironment,
    request: HarvestRequest,
    *,
    as_json: bool,
    one_line: bool = False,
) -> int:
    """Print the estimate of one account; `one_line`: as one line of JSON."""
    report = Report(vendor=settings.vendor, account=settings.label, name=settings.name)
    config = account_config(settings, env)
    request = request.of_account(config.options, raw=config.raw)
    with (
        messages_about(settings),
        open_account(
            config, env.stop, options=request.options, rate_share=request.rate_share, only_lists=True
        ) as account,
        read_journal(account, env) as journal,
    ):
        estimate = estimate_backfill(
            account.connect(journal),
            request,
            journal,
            report,
            zone=request.zone,
            stop=env.stop,
            progress=ProgressDisplay(quiet=env.quiet),
        )
    for line in problem_lines(report):
        logger.error(f"{settings.name}: {line}")
    if as_json:
        echo_json(plan_json(estimate, one_line=one_line))
    else:
        for line in plan_lines(estimate):
            echo(line)
    return report.exit_code
