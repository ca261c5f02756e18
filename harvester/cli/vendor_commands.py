"""`harvester zoom` and every other vendor's command, built from what the connectors define, and `harvester all`."""

from __future__ import annotations

import gc
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any, Literal

import click

import connectors
from connectors.errors import HarvestError, Interrupted
from harvester.cli import VENDOR_COMMANDS, load_command
from harvester.cli.concurrent_accounts import run_side_by_side
from harvester.cli.configured_accounts import (
    Accounts,
    AccountSettings,
    accounts_of,
    find_accounts,
    messages_about,
    none_configured,
)
from harvester.cli.from_settings import account_config, elastic_config, open_destination
from harvester.cli.harvest_options import harvest_options, split_options
from harvester.cli.metrics_and_heartbeat import Monitors, monitored
from harvester.cli.options import (
    examples,
    handle_signals,
    pass_env,
    usage_errors,
)
from harvester.cli.render.progress import ProgressDisplay
from harvester.cli.render.summary import Summary, summary_lines, verdict_lines
from harvester.cli.run_environment import RunEnvironment
from harvester.cli.same_data import warn_of_same_data
from harvester.cli.shared_state import StateKind, shared_state
from harvester.cli.time_limit import stopping_after
from harvester.logging_setup import LINES, indented
from harvester.pipeline.destination import Destination, StreamDestination, choose_destination
from harvester.pipeline.report import Report
from harvester.pipeline.request import HarvestRequest, resolve
from harvester.pipeline.run_summary import DestinationKind
from harvester.pipeline.runner import Runner, SinkDecorator, keep_sink

logger = logging.getLogger(__name__)

GARBAGE_COLLECTION = (20_000, 20, 20)
"""A parsed page is thousands of objects without cycles: with Python's own thresholds, a harvest spends a sixth of its CPU on
looking for some."""


WITHOUT_DATES = (
    "Without dates, runs the nightly harvest: every day that is not complete yet, up to the end of yesterday."
)


def vendor_command(name: str) -> click.Command:
    """The command of one vendor, with the options that its connector defines."""
    connector = connectors.load(name)

    @harvest_options(connector.options)
    @pass_env
    def command(env: RunEnvironment, **values: Any) -> int:
        options = split_options(connector.options, values)
        return run_harvest(env, [name], options=options, **values)

    harvest = click.command(
        name,
        help=f"Harvest {connector.title} meetings and their sessions.\n\n{WITHOUT_DATES}",
        epilog=examples(
            f"harvester {name} --date 2026-11-20 --destination stdout",
            f"harvester {name} --from 2026-11-01 --to 2026-11-20",
            f"harvester {name} -q",
        ),
    )(command)
    return VendorGroup(harvest, VENDOR_COMMANDS[name]) if name in VENDOR_COMMANDS else harvest


class VendorGroup(click.Group):
    """A vendor's command that harvests if no other command follows it."""

    def __init__(self, harvest: click.Command, commands: Mapping[str, tuple[str, str]]) -> None:
        super().__init__(
            harvest.name,
            params=harvest.params,
            help=harvest.help,
            epilog=harvest.epilog,
            callback=self._harvest,
            invoke_without_command=True,
            subcommand_metavar="[COMMAND]",
        )
        self._command = harvest
        self._commands = commands

    def _harvest(self, **values: Any) -> int | None:
        context = click.get_current_context()
        if context.invoked_subcommand is not None:
            return None
        code: int = context.invoke(self._command, **values)
        return code

    def list_commands(self, _context: click.Context) -> list[str]:
        return list(self._commands)

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        return load_command(self._commands[name][0]) if name in self._commands else None

    def format_commands(self, _context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in self._commands.items()])


@click.command(
    "all",
    epilog=examples(
        "harvester all -q", "harvester all --date 2026-11-20", "harvester all --vendor zoom --account berlin"
    ),
)
@harvest_options((), choose_vendors=True)
@pass_env
def everything(env: RunEnvironment, vendors: tuple[str, ...], **values: Any) -> int:
    """Harvest every account, all at the same time.

    The accounts are those of the settings file and those that the environment describes. Vendor options such as --qos
    are keys of an account there (qos = true), or options of that vendor's command.
    """
    return run_harvest(env, None, only_vendors=vendors, **values)


def run_harvest(
    env: RunEnvironment,
    vendors: Sequence[str] | None,
    *,
    destination: Literal["stdout", "index"] | None = None,
    output: Path | None = None,
    summary_json: Path | None = None,
    metrics_file: Path | None = None,
    heartbeat: str | None = None,
    timezone: str | None = None,
    rate_share: float | None = None,
    state: StateKind | None = None,
    time_limit: timedelta | None = None,
    decorate: SinkDecorator = keep_sink,
    only_vendors: Sequence[str] = (),
    **values: Any,
) -> int:
    """Harvest the accounts of these vendors, or all accounts, of `only_vendors` if any are named. If one
    account fails, the others continue; the exit code is the worst one. `values`: the dates and options that `resolve` takes."""
    gc.set_threshold(*GARBAGE_COLLECTION)
    with usage_errors():
        request = resolve(
            now=env.clock({}).now(),
            zone=env.zone(timezone),
            rate_share=env.rate_share(rate_share),
            **values,
        )
        kind = _destination_kind(destination, output, env, dry_run=request.dry_run)
    refuse_raw(request, env)
    _check_usage(env, vendors, only_vendors)
    monitors = Monitors.of(env, request, metrics_file=metrics_file, heartbeat=heartbeat)
    handle_signals(env)
    # Not validated yet: an error that comes before that is reported under the label that was given.
    label = env.environment.values.get("HARVESTER_ACCOUNT", "main")
    with monitored(monitors, env, vendors or (), label, summary_json) as summary:
        accounts = _accounts(env, vendors, only_vendors, summary)
        warn_of_same_data(accounts)
        with stopping_after(time_limit, env.stop), shared_state(env, state):
            if destination is None and output is None:
                log_destination(kind, env)
            with open_destination(kind, output, env, only_lists=request.dry_run) as opened:
                _harvest_into(opened, accounts, request, decorate, env, summary)
        if vendors is None:
            _log_verdict(summary.reports)
    return summary.exit_code


def _check_usage(env: RunEnvironment, vendors: Sequence[str] | None, only_vendors: Sequence[str]) -> None:
    """Raises UsageError for accounts that do not exist. Any other error comes again, and is then in the summary."""
    try:
        _accounts(env, vendors, only_vendors)
    except Interrupted:
        raise
    except HarvestError:
        pass


def _destination_kind(
    destination: Literal["stdout", "index"] | None, output: Path | None, env: RunEnvironment, *, dry_run: bool
) -> DestinationKind:
    kind = choose_destination(destination, output, env.environment)
    # In a dry run nothing is written, and what the file holds stays.
    return "stdout" if dry_run and kind == "file" else kind


def _harvest_into(
    opened: Destination,
    accounts: Sequence[AccountSettings],
    request: HarvestRequest,
    decorate: SinkDecorator,
    env: RunEnvironment,
    summary: Summary,
) -> None:
    progress = ProgressDisplay(quiet=env.quiet)
    runner = Runner(request=request, destination=opened, stop=env.stop, progress=progress, decorate=decorate)
    _harvest_all(accounts, runner, env, summary)
    if opened.kind == "file":
        _set_aside_if_incomplete(opened, summary.reports)


def _log_verdict(reports: Sequence[Report]) -> None:
    for code, line in verdict_lines(reports):
        logger.log(logging.ERROR if code else logging.INFO, line)


def refuse_raw(request: HarvestRequest, env: RunEnvironment) -> None:
    if request.raw and not env.treatment.keeps_all:
        raise click.UsageError(
            f"--raw stores the vendor's rows as they are, and HARVESTER_PII is {env.treatment.mode}: leave out --raw"
        )


def _set_aside_if_incomplete(file: StreamDestination, reports: Sequence[Report]) -> None:
    """Do not put a file in its place if the run of an account was stopped, or the vendor could not be read."""
    if not any(is_incomplete(report) for report in reports):
        return
    file.complete = False
    if file.incomplete_path is not None and any(report.documents for report in reports):
        logger.warning(f"the run is not complete: its documents are in {file.incomplete_path}")


def is_incomplete(report: Report) -> bool:
    """Whether the output is incomplete: the run was stopped, a listing failed, or every meeting failed."""
    return (
        report.stopped is not None
        or report.failed_listings > 0
        or (report.failed > 0 and not report.documents)
    )


def _accounts(
    env: RunEnvironment,
    vendors: Sequence[str] | None,
    only_vendors: Sequence[str],
    summary: Summary | None = None,
) -> Sequence[AccountSettings]:
    """The accounts to harvest. A broken vendor goes into the summary, if there is one; the others are harvested."""
    if vendors is not None:
        return [account for vendor in vendors for account in accounts_of(vendor, env)]
    accounts = find_accounts(env)
    if summary is not None:
        _report_others(accounts, env, only_vendors, summary)
    if not accounts.configured:
        raise none_configured(env)
    return accounts.selected(env, only_vendors)


def _report_others(
    accounts: Accounts, env: RunEnvironment, only_vendors: Sequence[str], summary: Summary
) -> None:
    are_chosen = bool(only_vendors or env.only_accounts)
    for name, settings in accounts.missing.items():
        if name in only_vendors or not (are_chosen or accounts.configured):
            logger.info(f"{name}: skipped, not configured ({', '.join(settings)} not set)")
    if accounts.missing and accounts.configured and not are_chosen:
        logger.info(f"not configured, and skipped: {', '.join(accounts.missing)}; see `harvester check`")
    for name, error in accounts.broken.items():
        if only_vendors and name not in only_vendors:
            continue
        logger.error(str(error))
        report = Report(vendor=name, account=env.label)
        report.record_stop(error)
        summary.reports.append(report)


def _harvest_all(
    accounts: Sequence[AccountSettings], runner: Runner, env: RunEnvironment, summary: Summary
) -> None:
    """Several accounts are harvested side by side, each within its own quota pool."""
    reports = [
        Report(
            vendor=account.vendor,
            account=account.label,
            name=account.name,
            destination=runner.destination.kind,
        )
        for account in accounts
    ]
    summary.reports += reports
    if len(accounts) == 1:
        _harvest(accounts[0], runner, env, reports[0])
        return
    runs = [
        (report, partial(_harvest_beside_others, account, runner, env, report))
        for account, report in zip(accounts, reports, strict=True)
    ]
    run_side_by_side(runs, env.stop)
    for report in reports:
        if report.resume_at is None:  # of an account whose turn did not come
            report.set_resume_at(env.machine)


def _harvest_beside_others(
    account: AccountSettings, runner: Runner, env: RunEnvironment, report: Report
) -> None:
    with runner.destination.for_account() as destination:
        _harvest(account, replace(runner, destination=destination), env, report)


def _harvest(account: AccountSettings, runner: Runner, env: RunEnvironment, report: Report) -> None:
    with messages_about(account):
        try:
            runner.run(account_config(account, env), report)
        except HarvestError as error:
            report.record_stop(error)
        finally:
            with _log_lock:
                _log_report(report, runner.request)


_log_lock = Lock()
"""Keeps the lines of one account's summary together."""


def log_destination(kind: DestinationKind, env: RunEnvironment) -> None:
    if kind == "index":
        config = elastic_config(env)
        logger.info(f"documents go to {config.url}, indices {config.prefix}*")
    else:
        logger.info("documents go to stdout, since ES_HOST is not set")


def _log_report(report: Report, request: HarvestRequest) -> None:
    """As errors if something is wrong, so that quiet mode shows it."""
    level = logging.ERROR if report.exit_code else logging.INFO
    if report.started or report.exit_code:
        for line in summary_lines(report, dry_run=request.dry_run and report.started):
            logger.log(level, line)
    for text in report.tracebacks:
        logger.log(level, indented(text), extra=LINES)
