"""`harvester verify`: compares the vendor's listing, the journal and the index, and repairs on request."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import click

from connectors.errors import HarvestError, Interrupted
from connectors.models import Window
from harvester.cli.configured_accounts import (
    AccountSettings,
    accounts_of,
    find_accounts,
    messages_about,
    none_configured,
    require_known,
)
from harvester.cli.from_settings import account_config, elastic_config
from harvester.cli.options import (
    ACCOUNT,
    AS_JSON,
    apply,
    day_options,
    elasticsearch_options,
    examples,
    general_options,
    handle_signals,
    pass_env,
    usage_errors,
)
from harvester.cli.render.echo import echo, echo_json
from harvester.cli.render.progress import ProgressDisplay
from harvester.cli.render.summary import summary_lines
from harvester.cli.render.verify import verify_json, verify_lines
from harvester.cli.run_environment import RunEnvironment
from harvester.cli.shared_state import STATE, StateKind, shared_state
from harvester.formatting import without_prefix
from harvester.logging_setup import EVEN_IF_QUIET, LINES, indented
from harvester.pipeline.report import Report
from harvester.pipeline.request import Day, days_window
from harvester.verify.result import VerifyResult, worst_exit_code

if TYPE_CHECKING:
    from harvester.verify.runner import Verifier

logger = logging.getLogger(__name__)


@click.command(
    epilog=examples(
        "harvester verify",
        "harvester verify zoom --from 2026-11-01 --to 2026-11-20",
        "harvester verify zoom --date 2026-11-20 --repair",
    )
)
@click.argument("vendor", required=False)
@apply(
    day_options(
        "Check this day only.",
        "First day to check.  [default: the first day that any run was asked to harvest]",
        "Last day to check, inclusive.  [default: yesterday]",
    )
)
@apply([ACCOUNT, STATE])
@elasticsearch_options
@click.option("--repair", is_flag=True, help="Harvest what is missing and delete what should not exist.")
@click.option(
    "--delete-orphans",
    is_flag=True,
    help="With --repair: delete sessions whose meeting the vendor no longer has. They exist nowhere else.",
)
@AS_JSON
@general_options
@pass_env
def verify(
    env: RunEnvironment,
    vendor: str | None,
    *,
    state: StateKind | None,
    repair: bool,
    delete_orphans: bool,
    as_json: bool,
    on: Day | None,
    first: Day | None,
    last: Day | None,
    timezone: str | None,
) -> int:
    """Compare the vendor's listing, the journal and the index, and report what is wrong.

    Reports meetings that are missing or have too few or too many sessions, sessions without their meeting, documents of
    earlier harvests, documents in two indices, and documents among the rejects.

    By default, checks the accounts of every VENDOR, and every day that any run was asked to harvest and that the vendor still
    retains. Without a journal, that is everything it retains if there are documents, and nothing if there are none.
    Read-only unless --repair is given; never deletes a document newer or more complete than the meeting's own, and
    deletes what exists nowhere else only with --delete-orphans.

    Exits 65 if findings or rejects remain.
    """
    if delete_orphans and not repair:
        raise click.UsageError("--delete-orphans goes with --repair")
    with usage_errors():
        window = days_window(on, first, last, zone=env.zone(timezone), now=env.clock({}).now())
    accounts, broken = _accounts(vendor, env)
    handle_signals(env)
    results = [_broken_result(name, error, env, timezone) for name, error in broken.items()]
    has_dates = on is not None or first is not None
    verifier = partial(
        _verifier, env, window, has_dates=has_dates, repair=repair, delete_orphans=delete_orphans
    )
    with shared_state(env, state):
        for account in accounts:
            result = _new_result(account, env, timezone)
            results.append(result)
            if not _verify(account, verifier, env, result):
                break
    _warn_if_never_harvested(results, env)
    return _print(results, as_json=as_json, quiet=env.quiet)


def _warn_if_never_harvested(results: Sequence[VerifyResult], env: RunEnvironment) -> None:
    if results and all(result.never_harvested for result in results):
        config = elastic_config(env)
        logger.warning(
            f"nothing was compared: no account was ever harvested into {config.url}, indices {config.prefix}*; check ES_HOST and "
            "ES_INDEX_PREFIX",
            extra=EVEN_IF_QUIET,
        )


def _new_result(account: AccountSettings, env: RunEnvironment, timezone: str | None) -> VerifyResult:
    return VerifyResult(
        vendor=account.vendor, account=account.label, name=account.name, zone=env.zone(timezone)
    )


def _print(results: Sequence[VerifyResult], *, as_json: bool, quiet: bool) -> int:
    """Returns the exit code."""
    if as_json:
        echo_json(verify_json(results))
    else:
        for line in verify_lines(results, quiet=quiet):
            echo(line)
    return worst_exit_code(results)


def _verify(
    account: AccountSettings, verifier: Callable[[], Verifier], env: RunEnvironment, result: VerifyResult
) -> bool:
    """Verify one account, and fill in its result. Returns whether to go on with the next one."""
    try:
        with messages_about(account):
            verifier().verify(account_config(account, env), result)
    except HarvestError as error:
        logger.error(f"harvester: {account.name}: {without_prefix(str(error), account.vendor)}")
        result.error = str(error)
        result.codes.add(error.exit_code)
        return not isinstance(error, Interrupted)
    return True


def _broken_result(name: str, error: HarvestError, env: RunEnvironment, timezone: str | None) -> VerifyResult:
    logger.error(f"harvester: {error}")
    return VerifyResult(
        vendor=name,
        account=env.label,
        zone=env.zone(timezone),
        error=str(error),
        codes={error.exit_code},
    )


def _accounts(
    vendor: str | None, env: RunEnvironment
) -> tuple[Sequence[AccountSettings], Mapping[str, HarvestError]]:
    """The accounts to verify, and the vendors that cannot be used."""
    if vendor is not None:
        require_known([vendor])
        return accounts_of(vendor, env), {}
    accounts = find_accounts(env)
    if not accounts.configured and not accounts.broken:
        raise none_configured(env)
    return accounts.selected(env), accounts.broken


def _verifier(
    env: RunEnvironment, window: Window, *, has_dates: bool, repair: bool, delete_orphans: bool
) -> Verifier:
    from harvester.verify.runner import Verifier

    return Verifier(
        window=window,
        has_dates=has_dates,
        elastic=elastic_config(env),
        stop=env.stop,
        rate_share=env.rate_share(None),
        repair=repair,
        delete_orphans=delete_orphans,
        progress=ProgressDisplay(quiet=env.quiet),
        on_repaired=_log_repair,
    )


def _log_repair(report: Report) -> None:
    for text in report.tracebacks:
        logger.info(indented(text), extra=LINES)
    for line in summary_lines(report):
        logger.info(line)
