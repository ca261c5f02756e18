"""`harvester check`: what is configured, what works, and what to do about the rest."""

from __future__ import annotations

from collections.abc import Iterator

import click

import connectors
from connectors.base import CheckResult
from connectors.errors import HarvestError, worst_exit
from harvester.cli import destination
from harvester.cli.account import connected, missing_settings
from harvester.cli.surroundings import Surroundings, common_options
from harvester.cli.wish import Wish

MARKS = {"ok": "ok     ", "warning": "warning", "failed": "FAILED "}


@click.command()
@click.argument("vendors", nargs=-1)
@destination.elasticsearch_options
@common_options
def check(
    env_file: str | None, quiet: bool, vendors: tuple[str, ...], es_host: str | None, index_period: str | None
) -> int:
    """Look at the settings, ask each vendor and Elasticsearch once, and say what to do about what does not work.

    Without VENDORS: every one that is configured.
    """
    around = Surroundings.find(env_file, quiet=quiet)
    around.obey_signals()
    unknown = [name for name in vendors if name not in connectors.table()]
    if unknown:
        raise click.UsageError(f"{unknown[0]} is not one of {', '.join(sorted(connectors.table()))}")
    codes = [
        _said(result, around)
        for name in vendors or sorted(connectors.table())
        for result in _vendor(name, around, named=bool(vendors))
    ]
    if not vendors and all(missing_settings(name, around) for name in connectors.table()):
        around.voice.complain("no vendor is configured: see example.env for what to set")
        codes.append(78)
    codes += [_said(result, around) for result in destination.checked(es_host, index_period, around)]
    return worst_exit(codes)


def _said(result: CheckResult, around: Surroundings) -> int:
    remedy = f"\n        {result.remedy}" if result.remedy else ""
    line = f"{MARKS[result.status]} {result.subject}: {result.found}{remedy}"
    if result.status == "failed":
        around.voice.complain(line)
        return result.exit_code
    around.voice.say(line)
    return 0


def _vendor(name: str, around: Surroundings, *, named: bool) -> Iterator[CheckResult]:
    missing = missing_settings(name, around)
    if missing and not named:
        yield CheckResult(
            subject=name,
            status="failed" if around.environment.retired() else "warning",
            found=f"not configured: {', '.join(missing)} not set",
            remedy=around.environment.retired() or "see example.env",
            exit_code=78,
        )
        return
    try:
        with connected(name, around, Wish()) as vendor:
            yield from vendor.connector.check()
    except HarvestError as error:
        yield CheckResult(subject=name, status="failed", found=str(error), exit_code=error.exit_code)
