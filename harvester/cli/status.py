"""`harvester status`: how each account stands in each index. It reads what runs wrote down, and writes nothing."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

import connectors
from connectors.errors import ExitCode, HarvestError, StateError
from harvester.cli.environment import RunEnvironment
from harvester.cli.options import AS_JSON, examples, general_options, pass_env
from harvester.cli.render.status import Scope, as_object, as_text
from harvester.config import is_loopback
from harvester.state import account, rejects
from harvester.state.account_status import Measures, standing
from harvester.state.database import Database, has_log
from harvester.state.journal import Journal
from harvester.state.layout import run_lock_file
from harvester.state.locks import is_locked
from harvester.state.reader import rejected_apart

logger = logging.getLogger(__name__)


@click.command(epilog=examples("harvester status", "harvester status zoom --json | jq .attention"))
@click.argument("vendors", nargs=-1)
@AS_JSON
@general_options
@pass_env
def status(env: RunEnvironment, vendors: tuple[str, ...], as_json: bool) -> int:
    """The last runs, how far each account is complete, and what is missing, pending, failed or about to expire.

    Without VENDORS: all that was ever harvested into an index. It reads the state folder alone: no credentials, no
    network, nothing is written, and a run may be under way. What needs attention (failed, overdue, left out, about to
    expire at the vendor) is said first. That is an answer, not a failure: the exit code is 0 all the same, and 78 only
    where a state database is damaged.
    """
    unknown = [name for name in vendors if name not in connectors.table()]
    if unknown:
        raise click.UsageError(f"{unknown[0]} is not one of {', '.join(sorted(connectors.table()))}")
    scopes: list[Scope] = []
    errors: list[HarvestError] = []
    for path in _journals(env.state_folder, vendors):
        try:
            scopes.append(_read(path, env))
        except HarvestError as error:
            errors.append(error)
            logger.error(f"harvester: {error}")
    apart = 0 if vendors else _apart(env, errors)
    if as_json:
        click.echo(as_object(env.state_folder, scopes, errors, apart))
    elif scopes or not errors:
        click.echo("\n".join(as_text(env.state_folder, scopes, apart)))
    return ExitCode.worst(error.exit_code for error in errors)


def _journals(state: Path, vendors: Sequence[str]) -> list[Path]:
    found = sorted(state.glob("*/elasticsearch-*/journal.db"))
    return [path for path in found if not vendors or _vendor_of(path) in vendors]


def _vendor_of(path: Path) -> str | None:
    """By the name of its folder, `<vendor>-<account>-<digest>`: a damaged journal cannot tell."""
    name = path.parents[1].name
    return max((v for v in connectors.table() if name.startswith(f"{v}-")), key=len, default=None)


def _read(path: Path, env: RunEnvironment) -> Scope:
    """Read again where a run began meanwhile: what lies without a log is read as a file that nobody writes."""
    still = not has_log(path)
    try:
        scope = _scope(path, env)
    except StateError:
        if not (still and has_log(path)):
            raise
    else:
        if not (still and has_log(path)):
            return scope
    return _scope(path, env)


def _scope(path: Path, env: RunEnvironment) -> Scope:
    with closing(Journal(path.parent, read_only=True)) as journal:
        vendor = journal.fact("vendor") or _vendor_of(path) or "unknown"
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
            held=is_locked(run_lock_file(path.parent)),
            state=standing(journal, now=now, zone=zone, measures=_measures(vendor)),
            budgets=_budgets(path.parents[1] / "account.db", now),
            rejects=_rejects(path.parents[2] / path.parent.name / "rejects.db"),
        )


def _now(api_url: str, env: RunEnvironment) -> datetime:
    """By the calendar of the vendor: a simulated one has its own."""
    return env.clock({"the API": api_url}).now() if is_loopback(api_url) else datetime.now(UTC)


def _measures(vendor: str) -> Measures | None:
    if vendor not in connectors.table():
        return None
    connector = connectors.load(vendor)
    return Measures(lookback=connector.lookback, kept=connector.retention)


def _budgets(path: Path, now: datetime) -> dict[str, int]:
    asked = "SELECT name, spent FROM budgets WHERE day = ? ORDER BY name"
    return dict(_rows(path, account.MIGRATIONS, asked, now.date().isoformat()))


def _rejects(path: Path) -> int:
    return sum(count for (count,) in _rows(path, rejects.MIGRATIONS, "SELECT count(*) FROM rejects"))


def _apart(env: RunEnvironment, errors: list[HarvestError]) -> int:
    try:
        return rejected_apart(env.state_folder)
    except HarvestError as error:
        errors.append(error)
        logger.error(f"harvester: {error}")
        return 0


def _rows(path: Path, migrations: Sequence[str], statement: str, *values: Any) -> list[Any]:
    if not path.exists():
        return []
    with closing(Database(path, migrations, read_only=True)) as database, database.reading() as connection:
        return connection.execute(statement, values).fetchall()
