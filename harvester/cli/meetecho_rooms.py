"""`harvester meetecho rooms`: the interim rooms of working groups."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from connectors.exit_codes import ExitCode
from connectors.meetecho.room_rows import Room
from connectors.meetecho.writing.desired_state import DesiredRoom, check_unique, to_desired_room
from connectors.meetecho.writing.room_apply import GroupPlan, RoomOutcome, RoomWriter, error_code
from connectors.meetecho.writing.room_plan import has_begun
from harvester.cli import SuggestingGroup
from harvester.cli.confirmation import confirm
from harvester.cli.meetecho_options import (
    DRY_RUN,
    FORMAT,
    acronyms,
    opened,
    print_lines,
    print_requests,
    standard_input,
)
from harvester.cli.options import (
    AS_JSON,
    ONE_ACCOUNT,
    PATH,
    Decorator,
    WholeNumber,
    examples,
    general_options,
    pass_env,
)
from harvester.cli.render import writes as render
from harvester.cli.render.echo import echo
from harvester.cli.run_environment import RunEnvironment
from harvester.cli.standard_streams import stdin_is_terminal
from harvester.formatting import plural
from harvester.input_file import UnusableFile
from harvester.input_rows import RowFormat, read_items
from harvester.meetecho_write_account import MeetechoAccount

logger = logging.getLogger(__name__)

GROUPS: Decorator[Any] = click.option(
    "--group",
    "groups",
    multiple=True,
    metavar="WG",
    help="Only this working group, by acronym; repeatable.  [default: those in FILE]",
)
PRUNE: Decorator[Any] = click.option(
    "--prune", is_flag=True, help="Delete future rooms of these groups that FILE does not have."
)
FILE: Decorator[Any] = click.argument("file", type=PATH)


@click.group(
    cls=SuggestingGroup,
    epilog=examples(
        "harvester meetecho rooms list --group quic",
        "harvester meetecho rooms plan rooms.csv",
        "harvester meetecho rooms apply rooms.csv",
    ),
)
def rooms() -> None:
    """List, plan, create and delete the rooms of working groups.

    FILE has one room in each row: group, session_id, description, start (with its offset), minutes, and optionally
    extrainfo. Rooms that are as described stay; a second `apply` sends nothing.
    """


@rooms.command("list", epilog=examples("harvester meetecho rooms list --group quic --json"))
@click.option(
    "--group",
    "groups",
    multiple=True,
    required=True,
    metavar="WG",
    help="The working group, by acronym; repeatable.",
)
@AS_JSON
@ONE_ACCOUNT
@general_options
@pass_env
def list_(env: RunEnvironment, groups: tuple[str, ...], as_json: bool) -> int:
    """List the rooms that Meetecho has for a group."""
    named = acronyms(groups)
    with opened(env) as account:
        plans = _plan(account, {group: [] for group in named}, prune=False)
    found = [(plan.group, room) for plan in plans if plan.fetched for room in plan.fetched[0]]
    if as_json:
        print_lines(render.json_lines(render.room_fields(room, group) for group, room in found))
    else:
        print_lines(render.room_table(found))
    return _report_errors(plans)


@rooms.command("plan", epilog=examples("harvester meetecho rooms plan rooms.csv --prune"))
@FILE
@GROUPS
@PRUNE
@FORMAT
@AS_JSON
@ONE_ACCOUNT
@general_options
@pass_env
def plan_(
    env: RunEnvironment,
    file: Path,
    groups: tuple[str, ...],
    prune: bool,
    format_: RowFormat | None,
    as_json: bool,
) -> int:
    """Show what `apply` would do. Exit code 65 if there is something to do."""
    desired_rooms = _read_desired(file, format_, groups)
    with opened(env) as account:
        plans = _plan(account, desired_rooms, prune=prune)
    if as_json:
        print_lines(render.json_lines(fields for plan in plans for fields in render.plan_fields(plan)))
    else:
        print_lines(render.plan_lines(plans))
    return ExitCode.worst(plan.exit_code for plan in plans)


@rooms.command(
    "apply",
    epilog=examples(
        "harvester meetecho rooms apply rooms.csv --dry-run",
        "harvester meetecho rooms apply rooms.toml --group quic --prune --yes",
    ),
)
@FILE
@GROUPS
@PRUNE
@FORMAT
@click.option("--yes", is_flag=True, help="Delete without asking.")
@DRY_RUN
@AS_JSON
@ONE_ACCOUNT
@general_options
@pass_env
def apply_(
    env: RunEnvironment,
    file: Path,
    groups: tuple[str, ...],
    prune: bool,
    format_: RowFormat | None,
    yes: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Create, replace and, with --prune, delete rooms, until they are as FILE has them.

    Meetecho cannot change a room. One that differs is replaced: the new room is created and found before the old one is
    deleted. Store the new address in the datatracker. A room that has begun is never deleted. With --quiet, only rooms
    that changed or failed are printed.
    """
    desired_rooms = _read_desired(file, format_, groups)
    with opened(env) as account:
        writer = _writer(account, desired_rooms)
        plans = _plan_groups(writer, desired_rooms, prune=prune)
        if dry_run:
            print_requests(request for plan in plans for request in plan.requests())
            return _report_errors(plans)
        if not yes:
            _ask([(plan.group, room) for plan in plans for room in plan.asks])
        return _make(writer, plans, as_json=as_json, quiet=env.quiet)


@rooms.command("delete", epilog=examples("harvester meetecho rooms delete --group quic 12345"))
@click.option("--group", required=True, metavar="WG", help="The working group, by acronym.")
@click.argument("which", nargs=-1, required=True, metavar="URL|ID...")
@click.option("--yes", is_flag=True, help="Delete without asking.")
@AS_JSON
@ONE_ACCOUNT
@general_options
@pass_env
def delete_(env: RunEnvironment, group: str, which: tuple[str, ...], yes: bool, as_json: bool) -> int:
    """Delete future rooms, named by URL, uuid or session id."""
    (acronym,) = acronyms((group,))
    with opened(env) as account:
        writer = _writer(account, {acronym: []})
        (plan,) = _plan_groups(writer, {acronym: []}, prune=False)
        if plan.error is not None:
            return _report_errors([plan])
        chosen = _choose(plan, which, account)
        if not yes:
            _ask([(acronym, room) for room in chosen])
        outcomes = list(_report(writer.delete(plan, chosen), as_json=as_json, quiet=env.quiet))
    return ExitCode.worst(outcome.exit_code for outcome in outcomes)


@rooms.command("log", epilog=examples("harvester meetecho rooms log --last 20"))
@click.option(
    "--last", type=WholeNumber(1), default=50, show_default=True, metavar="N", help="The last N writes."
)
@AS_JSON
@ONE_ACCOUNT
@general_options
@pass_env
def log_(env: RunEnvironment, last: int, as_json: bool) -> int:
    """Show what was written to Meetecho, newest first: rooms and slide decks."""
    with opened(env) as account:
        found = account.log.newest(last)
    print_lines(render.json_lines(map(render.log_fields, found)) if as_json else render.log_table(found))
    return ExitCode.OK


def _read_desired(
    file: Path, format_: RowFormat | None, groups: Sequence[str]
) -> dict[str, list[DesiredRoom]]:
    """The desired rooms by group, of these groups only if any are named. A file with one wrong row is refused as a whole."""
    named = acronyms(groups)
    desired_rooms = read_items(file, standard_input(), to_desired_room, format=format_, table="rooms")
    try:
        check_unique(desired_rooms)
    except ValueError as error:
        raise UnusableFile(f"{file}: {error}; nothing was changed") from None
    by_group: dict[str, list[DesiredRoom]] = {group: [] for group in named}
    for desired in desired_rooms:
        if not named or desired.group in named:
            by_group.setdefault(desired.group, []).append(desired)
    if not by_group:
        raise UnusableFile(
            f"{file}: no rows; to delete all rooms of a group, name it with --group and add --prune"
        )
    return by_group


def _writer(account: MeetechoAccount, desired_rooms: dict[str, list[DesiredRoom]]) -> RoomWriter:
    return RoomWriter(account.client(list(desired_rooms)), account.log, account.context.now)


def _plan(
    account: MeetechoAccount, desired_rooms: dict[str, list[DesiredRoom]], *, prune: bool
) -> list[GroupPlan]:
    return _plan_groups(_writer(account, desired_rooms), desired_rooms, prune=prune)


def _plan_groups(
    writer: RoomWriter, desired_rooms: dict[str, list[DesiredRoom]], *, prune: bool
) -> list[GroupPlan]:
    return [writer.plan(group, desired, prune=prune) for group, desired in desired_rooms.items()]


def _report_errors(plans: Iterable[GroupPlan]) -> int:
    """Log why groups could not be read; returns the exit code."""
    errors = {plan.group: plan.error for plan in plans if plan.error is not None}
    for group, error in errors.items():
        logger.error("harvester: group %s: %s", group, error)
    return ExitCode.worst(map(error_code, errors.values()))


def _make(writer: RoomWriter, plans: Sequence[GroupPlan], *, as_json: bool, quiet: bool) -> int:
    outcomes = [
        outcome for plan in plans for outcome in _report(writer.apply(plan), as_json=as_json, quiet=quiet)
    ]
    return ExitCode.worst(outcome.exit_code for outcome in outcomes)


def _report(outcomes: Iterable[RoomOutcome], *, as_json: bool, quiet: bool) -> Iterator[RoomOutcome]:
    """Print each outcome as it comes: a later one may never come. In quiet mode, those that changed nothing are left out."""
    for outcome in outcomes:
        if quiet and outcome.result in {"unchanged", "past", "left alone"}:
            pass
        elif as_json:
            print_lines(render.json_lines([render.outcome_fields(outcome)]))
        else:
            print_lines([render.outcome_line(outcome)])
        yield outcome


def _choose(plan: GroupPlan, which: Sequence[str], account: MeetechoAccount) -> list[Room]:
    rooms = plan.fetched[0] if plan.fetched is not None else []
    chosen: dict[str, Room] = {}
    for name in which:
        found = [room for room in rooms if name in {room.url, room.uuid, room.number}]
        if not found:
            raise UnusableFile(f"{plan.group} has no room {name}; see `harvester meetecho rooms list`")
        for room in found:
            if has_begun(room, account.context.now()):
                raise UnusableFile(
                    f"room {name} has begun, or has no start time: only future rooms are deleted"
                )
            chosen[room.uuid] = room
    return list(chosen.values())


def _ask(doomed: Sequence[tuple[str, Room]]) -> None:
    """Raises click.UsageError without a terminal, click.Abort unless the user agrees."""
    if not doomed:
        return
    refusal = f"{plural(len(doomed), 'room')} would be deleted: look with `plan`, then add --yes"
    if not stdin_is_terminal():
        raise click.UsageError(refusal)
    for line in ["To be deleted:", *render.room_table(doomed)]:
        echo(line, err=True)
    confirm("Proceed?", refusal=refusal)
