"""`harvester check`: what is configured, what works, and how to fix the rest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import click

from connectors.base import CheckResult
from connectors.errors import HarvestError
from connectors.exit_codes import ExitCode
from harvester.cli.configured_accounts import (
    Accounts,
    AccountSettings,
    accounts_of,
    find_accounts,
    messages_about,
    require_known,
)
from harvester.cli.from_settings import account_config, elastic_config, read_journal
from harvester.cli.options import (
    ACCOUNT,
    AS_JSON,
    apply,
    elasticsearch_options,
    examples,
    general_options,
    handle_signals,
    pass_env,
)
from harvester.cli.render.check import output_for
from harvester.cli.run_environment import RunEnvironment
from harvester.cli.same_data import REMEDY, readers_of_same_data, same_data_message
from harvester.cli.shared_state import STATE, StateKind, shared_state
from harvester.formatting import without_prefix
from harvester.logging_setup import collect_messages
from harvester.pipeline import connector_context
from harvester.pipeline.account import SETTINGS_HINT, open_account
from harvester.pipeline.destination import retry_policy


@click.command(
    epilog=examples(
        "harvester check",
        "harvester check zoom webex",
        "harvester check -q || mail ...",
        "harvester check --json",
    )
)
@click.argument("vendors", nargs=-1)
@apply([ACCOUNT, STATE, AS_JSON])
@elasticsearch_options
@general_options
@pass_env
def check(env: RunEnvironment, vendors: tuple[str, ...], state: StateKind | None, as_json: bool) -> int:
    """Check the settings, each vendor and Elasticsearch, and print how to fix what does not work.

    Checks the accounts of the given VENDORS, or all. Prints a table on a terminal, and one line per check
    elsewhere, with what to do and a verdict at the end; with --quiet, only failures.
    """
    handle_signals(env)
    require_known(vendors)
    return run_checks(env, vendors, state=state, as_json=as_json)


def run_checks(
    env: RunEnvironment,
    vendors: Sequence[str] = (),
    *,
    state: StateKind | None = None,
    as_json: bool = False,
) -> int:
    """Check the accounts of these vendors, or all, and Elasticsearch; print the results, and return the exit code."""
    found = find_accounts(env)
    selected = _selected(found, vendors, env)
    output = output_for(env.redactor, quiet=env.quiet, as_json=as_json)
    output.show(CheckResult(subject="settings", status="ok", message=f"read from {env.settings_source}"))
    for group in readers_of_same_data(selected):
        message = same_data_message(group)
        output.show(CheckResult(subject="accounts", status="warning", message=message, remedy=REMEDY))
    for account in selected:
        for result in _check_account(account, env, state):
            output.show(result, account.name)
    if not env.only_accounts:
        for result in _check_others(found, vendors, env):
            output.show(result, result.subject)
    if not vendors and not found.configured:
        output.show(
            CheckResult(
                subject="settings",
                status="failed",
                message="no vendor is configured",
                remedy=env.environment.retired() or f"{SETTINGS_HINT}; see example.env for what to set",
                exit_code=ExitCode.CONFIG,
            )
        )
    for result in _check_elasticsearch(env):
        output.show(result)
    output.show_verdict()
    return ExitCode.worst(output.codes)


def _selected(found: Accounts, vendors: Sequence[str], env: RunEnvironment) -> Sequence[AccountSettings]:
    """The accounts to check. A vendor that is named has one, even if its settings are missing."""
    if not vendors:
        return found.selected(env)
    usable = [vendor for vendor in vendors if vendor not in found.broken]
    return [account for vendor in usable for account in accounts_of(vendor, env)]


def _check_others(found: Accounts, vendors: Sequence[str], env: RunEnvironment) -> Iterator[CheckResult]:
    """The vendors without an account, if none are named, and those that cannot be loaded."""
    for vendor, missing in found.missing.items():
        if not vendors:
            retired = env.environment.retired(vendor)
            yield CheckResult(
                subject=vendor,
                status="failed" if retired else "unused",
                message=f"not configured: {', '.join(missing)} not set",
                remedy=retired or "",
                exit_code=ExitCode.CONFIG,
            )
    for vendor, error in found.broken.items():
        if not vendors or vendor in vendors:
            message = without_prefix(str(error), vendor)
            yield CheckResult(subject=vendor, status="failed", message=message, exit_code=error.exit_code)


def _check_account(
    settings: AccountSettings, env: RunEnvironment, state: StateKind | None
) -> Iterator[CheckResult]:
    vendor, name = settings.vendor, settings.name
    shown: list[str] = []
    try:
        # Much of what a connector notifies of is among the results of its check as well.
        with (
            messages_about(settings),
            collect_messages(connector_context.logger) as notices,
            shared_state(env, state),
            open_account(account_config(settings, env), env.stop, rate_share=env.rate_share(None)) as account,
            read_journal(account, env) as journal,
        ):
            for result in account.connect(journal).connector.check():
                shown.append(without_prefix(result.message, vendor))
                subject = name if result.subject == vendor else result.subject
                yield replace(result, subject=subject, message=shown[-1])
    except HarvestError as error:
        shown.append(without_prefix(str(error), vendor))
        yield CheckResult(subject=name, status="failed", message=shown[-1], exit_code=error.exit_code)
    for text in notices:
        if without_prefix(text, vendor) not in shown:
            yield CheckResult(subject=name, status="warning", message=without_prefix(text, vendor))


def _check_elasticsearch(env: RunEnvironment) -> Iterator[CheckResult]:
    if not env.environment.get("ES_HOST"):
        yield CheckResult(
            subject="elasticsearch",
            status="unused",
            message="not configured: ES_HOST is not set, so documents go to stdout",
        )
        return
    from harvester.sinks.elastic.check import check
    from harvester.sinks.elastic.client import Client

    try:
        yield from check(
            Client(elastic_config(env), env.machine.monotonic), retry_policy(env.stop, env.machine)
        )
    except HarvestError as error:
        yield CheckResult(
            subject="elasticsearch", status="failed", message=str(error), exit_code=error.exit_code
        )
