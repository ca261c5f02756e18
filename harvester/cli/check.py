"""`harvester check`: what is configured, what works, and how to fix the rest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import click

import connectors
from connectors.base import CheckResult
from connectors.errors import BrokenPlugin, HarvestError
from connectors.exit_codes import ExitCode
from harvester.cli.from_settings import account_config, elastic_config, find_vendors, read_journal
from harvester.cli.options import (
    AS_JSON,
    elasticsearch_options,
    examples,
    general_options,
    handle_signals,
    pass_env,
)
from harvester.cli.render.check import output_for
from harvester.cli.run_environment import RunEnvironment
from harvester.formatting import without_prefix
from harvester.logging_setup import collect_messages
from harvester.pipeline import connector_context
from harvester.pipeline.account import SETTINGS_HINT, is_partly_set, missing_settings, open_account
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
@AS_JSON
@elasticsearch_options
@general_options
@pass_env
def check(env: RunEnvironment, vendors: tuple[str, ...], as_json: bool) -> int:
    """Check the settings, each vendor and Elasticsearch, and print how to fix what does not work.

    Checks the given VENDORS, or all that are configured. Prints a table on a terminal, and one line per check
    elsewhere, with what to do and a verdict at the end; with --quiet, only failures.
    """
    handle_signals(env)
    unknown = [name for name in vendors if name not in connectors.table()]
    if unknown:
        raise click.UsageError(f"{unknown[0]} is not one of {', '.join(sorted(connectors.table()))}")
    return run_checks(env, vendors, as_json=as_json)


def run_checks(env: RunEnvironment, vendors: Sequence[str] = (), *, as_json: bool = False) -> int:
    """Check these vendors, or all that are configured, and Elasticsearch; print the results, and return the exit code."""
    output = output_for(env.redactor, quiet=env.quiet, as_json=as_json)
    output.show(CheckResult(subject="settings", status="ok", message=f"read from {env.settings_source}"))
    found = find_vendors(env)
    for name in vendors or sorted(connectors.table()):
        for result in _check_vendor(name, env, required=bool(vendors)):
            output.show(result, name)
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


def _check_vendor(name: str, env: RunEnvironment, *, required: bool) -> Iterator[CheckResult]:
    """`required`: missing settings are an error even if the vendor is not used at all."""
    try:
        missing = missing_settings(name, env.environment)
    except BrokenPlugin as error:
        yield CheckResult(subject=name, status="failed", message=str(error), exit_code=error.exit_code)
        return
    retired = env.environment.retired()
    if missing and not required and not is_partly_set(name, env.environment):
        yield CheckResult(
            subject=name,
            status="failed" if retired else "warning",
            message=f"not configured: {', '.join(missing)} not set",
            remedy=retired or "",
            exit_code=ExitCode.CONFIG,
        )
        return
    shown: list[str] = []
    try:
        # Much of what a connector notifies of is among the results of its check as well.
        with (
            collect_messages(connector_context.logger) as notices,
            open_account(account_config(name, env), env.stop, rate_share=env.rate_share(None)) as account,
            read_journal(account, env) as journal,
        ):
            for result in account.connect(journal).connector.check():
                shown.append(without_prefix(result.message, name))
                yield result
    except HarvestError as error:
        shown.append(without_prefix(str(error), name))
        yield CheckResult(subject=name, status="failed", message=str(error), exit_code=error.exit_code)
    for text in notices:
        if without_prefix(text, name) not in shown:
            yield CheckResult(subject=name, status="warning", message=without_prefix(text, name))


def _check_elasticsearch(env: RunEnvironment) -> Iterator[CheckResult]:
    if not env.environment.get("ES_HOST"):
        yield CheckResult(
            subject="elasticsearch",
            status="warning",
            message="ES_HOST is not set: documents go to stdout",
            remedy="set ES_HOST to load them into Elasticsearch",
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
