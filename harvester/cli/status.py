"""`harvester status`: the status of each account in each index, out of the state folder alone."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime

import click

import connectors
from connectors.errors import HarvestError
from connectors.exit_codes import ExitCode
from connectors.parsing import is_loopback
from harvester.cli.options import AS_JSON, examples, general_options, pass_env
from harvester.cli.render.status import Scope, as_object, as_text
from harvester.cli.render.terminal import echo_json, echo_lines
from harvester.cli.run_environment import RunEnvironment
from harvester.state.account_status import Retention, account_status
from harvester.state.journal_reader import JournalReader
from harvester.state.layout import JournalLocation
from harvester.state.reader import StateReader

logger = logging.getLogger(__name__)


@click.command(epilog=examples("harvester status", "harvester status zoom --json | jq .attention"))
@click.argument("vendors", nargs=-1)
@AS_JSON
@general_options
@pass_env
def status(env: RunEnvironment, vendors: tuple[str, ...], as_json: bool) -> int:
    """Show the last runs, the time that is complete, and what is missing, pending, failed or about to expire.

    Without VENDORS, shows every account that was ever harvested into an index. It reads only the state folder: it needs
    no credentials and no network, changes nothing, and a run may be under way.

    What needs attention comes first: failed or overdue meetings, skipped parts of listings, data about to expire at the
    vendor. Attention is no error: the exit code is 0, and 78 only if a state database is damaged.
    """
    unknown = [name for name in vendors if name not in connectors.table()]
    if unknown:
        raise click.UsageError(f"{unknown[0]} is not one of {', '.join(sorted(connectors.table()))}")
    reader = StateReader(env.state_folder)
    scopes: list[Scope] = []
    rejects_of_loads = 0
    errors: list[HarvestError] = []
    for location in _journals(reader, vendors):
        try:
            scopes.append(_scope(reader, location, env))
        except HarvestError as error:
            errors.append(error)
    if not vendors:
        try:
            rejects_of_loads = reader.count_rejects_of_loads()
        except HarvestError as error:
            errors.append(error)
    for each in errors:
        logger.error(f"harvester: {each}")
    if as_json:
        echo_json(as_object(env.state_folder, scopes, errors, rejects_of_loads))
    elif scopes or not errors:
        echo_lines(as_text(env.state_folder, scopes, rejects_of_loads))
    return ExitCode.worst(error.exit_code for error in errors)


def _journals(reader: StateReader, vendors: Sequence[str]) -> list[JournalLocation]:
    return [each for each in reader.journals() if not vendors or each.vendor(connectors.table()) in vendors]


def _scope(reader: StateReader, location: JournalLocation, env: RunEnvironment) -> Scope:
    def describe(journal: JournalReader) -> Scope:
        vendor = journal.fact("vendor") or location.vendor(connectors.table()) or "unknown"
        api_url = journal.fact("api_url") or ""
        now, zone = _now(api_url, env), env.zone(None)
        return Scope(
            vendor=vendor,
            account=journal.fact("account") or "",
            api_url=api_url,
            es_url=journal.fact("es_url") or "",
            prefix=journal.fact("prefix") or "",
            now=now,
            zone=zone,
            running=reader.run_is_active(location),
            status=account_status(journal, now=now, zone=zone, retention=_retention(vendor)),
            quotas=reader.quotas_used(location, now),
            rejects=reader.count_rejects(location),
        )

    return reader.ask_journal(location, describe)


def _now(api_url: str, env: RunEnvironment) -> datetime:
    """The present according to the vendor: a simulated vendor has a calendar of its own."""
    return env.clock({"the API": api_url}).now() if is_loopback(api_url) else datetime.now(UTC)


def _retention(vendor: str) -> Retention | None:
    if vendor not in connectors.table():
        return None
    connector = connectors.load(vendor)
    return Retention(lookback=connector.lookback, period=connector.retention)
