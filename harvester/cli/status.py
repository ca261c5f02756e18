"""`harvester status`: the status of each account in each index, out of the state alone."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import update_wrapper
from typing import Any

import click

import connectors
from connectors.errors import BrokenPlugin, HarvestError, StateError
from connectors.exit_codes import ExitCode
from connectors.parsing import is_loopback
from harvester.cli.configured_accounts import require_known
from harvester.cli.confirmation import confirm
from harvester.cli.from_settings import elastic_config
from harvester.cli.options import (
    ACCOUNT,
    AS_JSON,
    ES_HOST,
    GeneralOptions,
    apply,
    examples,
    general_options,
    handle_signals,
    pass_env,
    pass_general_options,
)
from harvester.cli.render.attention import attention, verdict_line
from harvester.cli.render.echo import echo, echo_json, echo_lines
from harvester.cli.render.scope import Scope, label_of, possible_names, unique_names
from harvester.cli.render.status import StatePlace, as_text, status_json
from harvester.cli.run_environment import RunEnvironment
from harvester.cli.shared_state import STATE, StateKind, is_shared, shared_state_reader
from harvester.formatting import plural
from harvester.logging_setup import ONCE
from harvester.pipeline.index_generation import EMPTY_WHEN_BEGUN
from harvester.state.account_status import Retention, account_status
from harvester.state.journal import delete_journal
from harvester.state.journal_reader import JournalReader
from harvester.state.layout import JournalLocation
from harvester.state.reader import StateReader

logger = logging.getLogger(__name__)


def _verbose_adds_details(command: Any) -> Any:
    """`-v` shows more of the answer, and not each request."""
    for param in command.__click_params__:
        if param.name == "verbose":
            param.help = "Show all of each account."

    @pass_general_options
    def with_details(options: GeneralOptions, /, *args: Any, **kwargs: Any) -> Any:
        options.verbose_adds_details = True
        return command(*args, **kwargs)

    return update_wrapper(with_details, command)


@click.command(epilog=examples("harvester status", "harvester status zoom --json | jq .attention"))
@click.argument("vendors", nargs=-1)
@click.option(
    "--exit-code",
    is_flag=True,
    help="Exit with 75 if something needs attention, and begin with a line that says so.",
)
@click.option(
    "--forget",
    metavar="ACCOUNT",
    help="Delete the journal of an account that is no longer harvested, named as in the output: zoom/main.",
)
@click.option("--yes", is_flag=True, help="With --forget: do not ask.")
@apply([ACCOUNT, ES_HOST, STATE, AS_JSON])
@_verbose_adds_details
@general_options
@pass_env
def status(
    env: RunEnvironment,
    vendors: tuple[str, ...],
    *,
    exit_code: bool,
    forget: str | None,
    yes: bool,
    state: StateKind | None,
    as_json: bool,
) -> int:
    """Show what needs attention, and one line for each account; with --verbose the last runs, the time that is complete,
    and what is missing, pending, failed or about to expire.

    Without VENDORS, shows every account that was ever harvested into an index. It reads only the state folder, or with
    --state index what all machines have in Elasticsearch: it needs no credentials of vendors, changes nothing unless
    --forget is given, and a run may be under way.

    What needs attention comes first: failed or overdue meetings, skipped parts of listings, data about to expire at the
    vendor. Attention is not an error unless --exit-code is given: the exit code is 0, and 78 only if a state database is
    damaged.
    """
    is_index = is_shared(env, state)
    if forget is not None:
        if is_index:
            raise click.UsageError("--forget deletes a journal of the state folder: add --state dir")
        return _forget(forget, env, confirmed=yes)
    require_known(vendors)
    read = _read_shared_status if is_index else _read_status
    scopes, rejects_of_loads, errors = read(vendors, env)
    place = _place(env, is_index=is_index)
    for each in errors:
        logger.error(f"harvester: {each}")
    if as_json:
        echo_json(status_json(place, scopes, errors, rejects_of_loads))
    elif scopes or not errors:
        if exit_code:
            echo(verdict_line(scopes, rejects_of_loads))
        echo_lines(as_text(place, scopes, rejects_of_loads, details=env.verbose))
    codes: list[int] = [error.exit_code for error in errors]
    if exit_code and (not scopes or attention(scopes, rejects_of_loads)):
        codes.append(ExitCode.TEMPFAIL)
    return ExitCode.worst(codes)


def _place(env: RunEnvironment, *, is_index: bool) -> StatePlace:
    """Where the state was read."""
    if not is_index:
        return StatePlace(name=str(env.state_folder))
    config = elastic_config(env)
    return StatePlace(name=f"{config.url}/{config.state_index}", is_index=True)


def _read_status(vendors: Sequence[str], env: RunEnvironment) -> tuple[list[Scope], int, list[HarvestError]]:
    """The accounts in each index, the rejects of `harvester load`, and the databases that could not be read."""
    reader = StateReader(env.state_folder)
    rejects_of_loads = 0
    scopes, errors = _scopes(reader, vendors, env)
    scopes = _selected(scopes, env)
    if not vendors and not env.only_accounts:
        try:
            rejects_of_loads = reader.count_rejects_of_loads()
        except HarvestError as error:
            errors.append(error)
    return scopes, rejects_of_loads, errors


def _scopes(
    reader: StateReader, vendors: Sequence[str], env: RunEnvironment
) -> tuple[list[Scope], list[HarvestError]]:
    scopes: list[Scope] = []
    errors: list[HarvestError] = []
    for location in _journals(reader, vendors):
        try:
            scopes.append(_scope(reader, location, env))
        except HarvestError as error:
            errors.append(error)
    return scopes, errors


def _read_shared_status(
    vendors: Sequence[str], env: RunEnvironment
) -> tuple[list[Scope], int, list[HarvestError]]:
    """The same of all pools in the index, except that the rejects of loads are those of this machine's folder."""
    handle_signals(env)
    scopes: list[Scope] = []
    errors: list[HarvestError] = []
    with shared_state_reader(env) as shared:
        for pool in shared.pools(vendors):
            try:
                with shared.copy(pool) as folder:
                    found, unreadable = _scopes(StateReader(folder), vendors, env)
                running = shared.is_used(pool)
                digest = pool.rpartition("-")[2]
            except StateError as error:
                errors.append(error)
                continue
            scopes += [replace(scope, running=running, source=digest) for scope in found]
            errors += unreadable
    scopes = _selected(sorted(scopes, key=possible_names), env)
    count = 0 if vendors or env.only_accounts else StateReader(env.state_folder).count_rejects_of_loads()
    return scopes, count, errors


def _selected(scopes: Sequence[Scope], env: RunEnvironment) -> list[Scope]:
    """The accounts that --account names; all if it is not given."""
    named = env.only_accounts
    for name in named:
        if not any(name in {scope.account, label_of(scope)} for scope in scopes):
            raise click.UsageError(f"there is no journal of {name}; `harvester status` lists them")
    return [scope for scope in scopes if not named or {scope.account, label_of(scope)} & {*named}]


def _forget(name: str, env: RunEnvironment, *, confirmed: bool) -> int:
    """Delete the journal of an account. What it stored in the index, its quotas and its tokens stay, and so do the rejects,
    which all accounts of an index share."""
    reader = StateReader(env.state_folder)
    known: list[tuple[JournalLocation, Scope]] = []
    for location in reader.journals():
        try:
            known.append((location, _scope(reader, location, env)))
        except StateError as error:  # a damaged journal does not keep another one from being deleted
            logger.warning(str(error))
    names = unique_names([scope for _, scope in known])
    found = [
        (location, scope, unique)
        for (location, scope), unique in zip(known, names, strict=True)
        if name in possible_names(scope)
    ]
    if not found:
        raise click.UsageError(f"there is no journal of {name}; `harvester status` lists them")
    if len(found) > 1:
        choices = ", ".join(unique for _, _, unique in found)
        raise click.UsageError(f"{name} has several journals; name one of {choices}")
    ((location, scope, _),) = found
    what = f"the journal of {name} (indices {scope.prefix}* at {scope.es_url})"
    question = f"Delete {what}? A later harvest reads everything again."
    if not confirmed:
        confirm(question, refusal="refusing to delete a journal without confirmation; pass --yes")
    delete_journal(location)
    logger.info(f"deleted {what}; its documents stay in the index")
    if scope.rejects:
        logger.warning(
            f"{plural(scope.rejects, 'rejected document')} of the indices {scope.prefix}* stay, of whatever account: "
            "`harvester rejects drop` deletes them"
        )
    return ExitCode.OK


def _journals(reader: StateReader, vendors: Sequence[str]) -> list[JournalLocation]:
    return [each for each in reader.journals() if not vendors or each.vendor(connectors.table()) in vendors]


def _scope(reader: StateReader, location: JournalLocation, env: RunEnvironment) -> Scope:
    def describe(journal: JournalReader) -> Scope:
        vendor = journal.fact("vendor") or location.vendor(connectors.table()) or "unknown"
        api_url = journal.fact("api_url") or ""
        now, zone = _now(api_url, env), env.zone(None)
        found = account_status(journal, now=now, zone=zone, retention=_retention(vendor))
        has_read = bool(found.meetings or found.coverage.listed)
        return Scope(
            vendor=vendor,
            account=journal.fact("account") or "",
            api_url=api_url,
            source=location.account_digest,
            es_url=journal.fact("es_url") or "",
            prefix=journal.fact("prefix") or "",
            now=now,
            zone=zone,
            running=reader.run_is_active(location),
            reached=has_read or journal.fact(EMPTY_WHEN_BEGUN) is not None,
            status=found,
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
    try:
        connector = connectors.load(vendor)
    except BrokenPlugin as error:
        logger.error(f"harvester: {error}", extra=ONCE)
        return None
    return Retention(lookback=connector.lookback, period=connector.retention)
