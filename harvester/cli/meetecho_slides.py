"""`harvester meetecho slides`: the slide decks of sessions."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

import click

from connectors.errors import HarvestError, Interrupted, Unreachable, VendorError
from connectors.exit_codes import ExitCode
from connectors.meetecho.writing.deck_link_check import CONCURRENCY, LinkCheck, check_links
from connectors.meetecho.writing.desired_state import Deck, to_decks
from connectors.meetecho.writing.room_apply import error_code
from connectors.meetecho.writing.slide_sync import SlideOutcome, SlidePlan, SlideWriter
from harvester.cli import SuggestingGroup
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
    Decorator,
    WholeNumber,
    apply,
    examples,
    general_options,
    pass_env,
)
from harvester.cli.render import writes as render
from harvester.cli.run_environment import RunEnvironment
from harvester.input_file import UnusableFile
from harvester.input_rows import RowFormat, read_items
from harvester.meetecho_write_account import MeetechoAccount

logger = logging.getLogger(__name__)

DATATRACKER = "datatracker"


class SessionId(click.ParamType[str]):
    """The number of a datatracker session."""

    name = "session"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(value)
        if not text.isascii() or not text.isdecimal():
            raise click.BadParameter("write the number of a datatracker session, such as 28208", ctx, param)
        return text


SESSIONS: Decorator[Any] = click.option(
    "--session",
    "sessions",
    type=SessionId(),
    multiple=True,
    required=True,
    metavar="PK",
    help="The datatracker's number of the session; repeatable.",
)
SESSION: Decorator[Any] = click.option(
    "--session",
    type=SessionId(),
    required=True,
    metavar="PK",
    help="The datatracker's number of the session.",
)
DECK: Decorator[Any] = click.option(
    "--deck", type=WholeNumber(1), required=True, metavar="ID", help="The id of the deck's document."
)
SOURCE_OPTIONS: Decorator[Any] = apply(
    [
        click.option(
            "--from",
            "source",
            default=DATATRACKER,
            show_default=True,
            metavar="datatracker|FILE",
            help="Where the list of decks comes from; - is standard input.",
        ),
        FORMAT,
        click.option(
            "--group", metavar="WG", help="The session's working group.  [default: as in the datatracker]"
        ),
        click.option("--no-verify", is_flag=True, help="Do not check that the URL of each deck answers."),
        click.option(
            "--concurrency",
            type=WholeNumber(1, 32),
            default=CONCURRENCY,
            show_default=True,
            metavar="N",
            help="URLs of decks to check at the same time.",
        ),
    ]
)
SYNC_OPTIONS: Decorator[Any] = apply(
    [
        click.option("--force", is_flag=True, help="Send the list even if the same list was just sent."),
        click.option(
            "--empty", is_flag=True, help="If the list is empty, remove all decks that were sent before."
        ),
    ]
)


@click.group(
    cls=SuggestingGroup,
    epilog=examples(
        "harvester meetecho slides plan --session 28208",
        "harvester meetecho slides sync --session 28208 --session 28209",
    ),
)
def slides() -> None:
    """Send the slide decks of sessions to Meetecho.

    `sync` sends the whole list of a session in one request, numbered from 1. Meetecho's own list cannot be read; the same
    list is not sent again for 12 hours, unless --force is given.
    """


@slides.command("plan", epilog=examples("harvester meetecho slides plan --session 28208 --from decks.csv"))
@SESSIONS
@SOURCE_OPTIONS
@SYNC_OPTIONS
@ONE_ACCOUNT
@general_options
@pass_env
def plan_(env: RunEnvironment, sessions: tuple[str, ...], force: bool, empty: bool, **source: Any) -> int:
    """Show what `sync` would send. Exit code 65 if there is something to send."""
    with opened(env) as account:
        command = _Command.of(account, sessions, **source)
        codes = []
        for session in sessions:
            plan = command.plan(session, partial(command.writer.plan, force=force, empty=empty))
            if isinstance(plan, SlidePlan):
                print_lines(render.slide_plan_lines(plan))
            codes.append(plan.exit_code)
    return ExitCode.worst(codes)


@slides.command("sync", epilog=examples("harvester meetecho slides sync --session 28208"))
@SESSIONS
@SOURCE_OPTIONS
@SYNC_OPTIONS
@DRY_RUN
@AS_JSON
@ONE_ACCOUNT
@general_options
@pass_env
def sync(
    env: RunEnvironment,
    sessions: tuple[str, ...],
    force: bool,
    empty: bool,
    dry_run: bool,
    as_json: bool,
    **source: Any,
) -> int:
    """Send the whole list of decks of each session. With --quiet, only sessions that changed or failed are printed."""
    with opened(env) as account:
        command = _Command.of(account, sessions, **source)
        make = partial(command.writer.plan, force=force, empty=empty)
        return command.run(sessions, make, dry_run=dry_run, as_json=as_json, quiet=env.quiet)


def _single(name: Literal["add", "revise", "remove"], text: str) -> None:
    """One of the datatracker's own calls, as a command."""

    @slides.command(
        name, help=text, epilog=examples(f"harvester meetecho slides {name} --session 28208 --deck 1234")
    )
    @SESSION
    @DECK
    @SOURCE_OPTIONS
    @DRY_RUN
    @AS_JSON
    @ONE_ACCOUNT
    @general_options
    @pass_env
    def command(
        env: RunEnvironment, session: str, deck: int, dry_run: bool, as_json: bool, **source: Any
    ) -> int:
        with opened(env) as account:
            opened_command = _Command.of(account, [session], **source)
            call: Callable[..., SlidePlan] = getattr(opened_command.writer, name)
            make = partial(call, deck=deck)
            return opened_command.run([session], make, dry_run=dry_run, as_json=as_json, quiet=env.quiet)


_single("add", "Announce a deck that was linked to the session, then send the whole list.")
_single("revise", "Announce a new revision of a deck, then send the whole list.")
_single("remove", "Remove a deck that was unlinked from the session, then send the whole list.")


class _Command:
    """The sessions of one command, with where their decks come from."""

    def __init__(
        self, account: MeetechoAccount, groups: Sequence[str], writer: SlideWriter, decks: list[Deck] | None
    ) -> None:
        self._account = account
        self._groups = groups
        self.writer = writer
        self._decks = decks

    @classmethod
    def of(
        cls,
        account: MeetechoAccount,
        sessions: Sequence[str],
        *,
        source: str,
        format_: RowFormat | None,
        group: str | None,
        no_verify: bool,
        concurrency: int,
    ) -> _Command:
        if source != DATATRACKER and len(set(sessions)) > 1:
            raise click.UsageError("a file has the decks of one session: give --session once")
        decks = None if source == DATATRACKER else _read_decks(Path(source), format_)
        check: LinkCheck = _unchecked if no_verify else partial(check_links, concurrency=concurrency)
        groups = acronyms([group] if group is not None else [])
        client = account.client(groups)
        return cls(account, groups, SlideWriter(client, account.log, account.context.now, check), decks)

    def plan(self, session: str, make: Callable[..., SlidePlan]) -> SlidePlan | SlideOutcome:
        """The plan for one session, or the outcome if its decks cannot be read."""
        try:
            source = self._account.source
            group = self._groups[0] if self._groups else source.group(session)
            decks = self._decks if self._decks is not None else source.decks(session)
            return make(group, session, decks)
        except ValueError as error:
            return _failed(session, str(error), ExitCode.DATAERR)
        except (VendorError, Unreachable) as error:
            return _failed(session, str(error), error_code(error))

    def run(
        self,
        sessions: Iterable[str],
        make: Callable[..., SlidePlan],
        *,
        dry_run: bool,
        as_json: bool,
        quiet: bool,
    ) -> int:
        """Send what each session needs; if one fails, the others continue. In quiet mode, sessions without a change are not
        printed."""
        codes = []
        for session in dict.fromkeys(sessions):
            plan = self.plan(session, make)
            if dry_run and isinstance(plan, SlidePlan) and not plan.findings:
                print_requests(step.request for step in plan.steps)
                continue
            outcome = self._apply(plan) if isinstance(plan, SlidePlan) else plan
            if quiet and outcome.result == "unchanged":
                pass
            elif as_json:
                print_lines(render.json_lines([render.slide_outcome_fields(outcome)]))
            else:
                print_lines([render.slide_outcome_line(outcome)])
            codes.append(outcome.exit_code)
        return ExitCode.worst(codes)

    def _apply(self, plan: SlidePlan) -> SlideOutcome:
        if plan.steps and not plan.findings and not self._groups:
            self._warn_if_far(plan.session)
        try:
            return self.writer.apply(plan)
        except Interrupted:
            raise
        except HarvestError as error:
            return _failed(plan.session, str(error), error_code(error))

    def _warn_if_far(self, session: str) -> None:
        try:
            near = self._account.source.is_near(session, self._account.context.now())
        except (VendorError, Unreachable):  # only a hint depends on it
            return
        if not near:
            logger.warning(
                "harvester: session %s does not take place now: Meetecho reads the slides itself before it begins",
                session,
            )


def _failed(session: str, message: str, code: ExitCode) -> SlideOutcome:
    logger.error("harvester: session %s: %s", session, message)
    return SlideOutcome(session=session, result="failed", message=message, exit_code=code)


def _unchecked(_decks: Sequence[Deck]) -> list[str]:
    return []


def _read_decks(file: Path, format_: RowFormat | None) -> list[Deck]:
    rows = read_items(file, standard_input(), dict, format=format_, table="decks")
    try:
        return list(to_decks(rows))
    except ValueError as error:
        raise UnusableFile(f"{file}: {error}; nothing was sent") from None
