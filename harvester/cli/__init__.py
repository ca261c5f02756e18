"""The command line. Only this package reads the environment and the machine's clock.

`harvester --help` imports this module only: it names every command and imports none of them.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from difflib import get_close_matches
from importlib import import_module
from itertools import pairwise
from typing import Any, NoReturn

import click

import connectors
from connectors.errors import ConfigurationError, HarvestError
from connectors.exit_codes import ExitCode
from harvester import __version__
from harvester.cli.standard_streams import flush_stdout, permit_open_files, prepare_standard_streams

PROGRAM = "harvester"
COMPLETION_VARIABLE = "_HARVESTER_COMPLETE"
"""Set by the script of `harvester completion`: the program then prints what the shell can complete."""

BEFORE_COMMAND = "harvester.cli.before_command"
"""Where click's context keeps the general options that were given before the command."""

LEVELS = ("debug", "info", "warning", "error")
LEVELS_HELP = (
    "Least severe messages to show on stderr: debug (each request), info (what is done, and summaries), warning (what "
    "may be wrong), error (what failed)."
)

COMMANDS = {
    "accounts": (
        "harvester.cli.accounts:list_accounts",
        "List the accounts, or spread them over chunks for several processes.",
    ),
    "all": ("harvester.cli.vendor_commands:everything", "Harvest every account, all at the same time."),
    "attendance": (
        "harvester.cli.attendance:attendance",
        "Print who attended which meeting, and for how long.",
    ),
    "check": ("harvester.cli.check:check", "Check the settings, the vendors and Elasticsearch."),
    "completion": (
        "harvester.cli.completion:completion",
        "Print the script that completes commands in bash, zsh or fish.",
    ),
    "demo": ("harvester.cli.demo:demo", "Harvest an invented organisation from simulated vendors."),
    "forget": (
        "harvester.cli.forget:forget",
        "Remove a person from the index, the state and files, for good.",
    ),
    "init": ("harvester.cli.init:init", "Write the settings of your vendors into .env, and check them."),
    "load": ("harvester.cli.load:load", "Load NDJSON documents into Elasticsearch."),
    "login": ("harvester.cli.login:login", "Log in to a vendor and store the tokens."),
    "plan": ("harvester.cli.plan:plan", "Estimate a backfill: requests, time, days."),
    "rejects": (
        "harvester.cli.rejects:rejects",
        "List, export, replay or drop documents that Elasticsearch refused.",
    ),
    "report": ("harvester.cli.report:report", "Make one HTML page of harvested documents."),
    "rooms": ("harvester.cli.rooms:rooms", "Show whether meeting rooms are busy or free."),
    "simulate": ("harvester.cli.simulate:simulate", "Serve simulated vendors on a local port."),
    "status": (
        "harvester.cli.status:status",
        "Show how complete each account is, and what is pending, failed or about to expire.",
    ),
    "templates": ("harvester.cli.templates:templates", "Install, show or compare the index templates."),
    "verify": ("harvester.cli.verify:verify", "Compare vendor, journal and index, and repair differences."),
}


VENDOR_COMMANDS = {
    "meetecho": {
        "rooms": (
            "harvester.cli.meetecho_rooms:rooms",
            "List, plan, create and delete the rooms of working groups.",
        ),
        "slides": (
            "harvester.cli.meetecho_slides:slides",
            "Send the slide decks of sessions.",
        ),
    },
}
"""The commands below a vendor's own, which harvests."""


class SuggestingGroup(click.Group):
    """Names a similar command if there is none of this name, and lists commands with their whole first sentence."""

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if self.get_command(context, name) is None and not name.startswith("-"):
            similar = get_close_matches(name, self.list_commands(context), n=1, cutoff=0.6)
            hint = f" Did you mean {similar[0]}?" if similar else ""
            raise click.UsageError(f"No such command {name!r}.{hint}", context)
        return super().resolve_command(context, args)

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        commands = [(name, self.get_command(context, name)) for name in self.list_commands(context)]
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, command.get_short_help_str(limit=400)) for name, command in commands if command]
            )


class LazyGroup(SuggestingGroup):
    """Commands by name; the module of a command is imported when the command is used."""

    def invoke(self, ctx: click.Context) -> Any:
        """A closed pipe is not a failure; click would end the command with exit code 1. The end of a file that is not whole is
        one; click would take it for Ctrl-D."""
        try:
            return super().invoke(ctx)
        except EOFError as error:
            raise _incomplete_file(error) from error
        except BrokenPipeError:
            from harvester.sinks.base import PipeClosed

            raise PipeClosed("the output was closed") from None

    def list_commands(self, _context: click.Context) -> list[str]:
        return [*sorted(connectors.table()), *COMMANDS]

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        if name in COMMANDS:
            return load_command(COMMANDS[name][0])
        if name in connectors.table():
            from harvester.cli.vendor_commands import vendor_command

            return vendor_command(name)
        return None

    def format_commands(self, _context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Vendors"):
            formatter.write_dl(
                [(name, "Harvest meetings and sessions.") for name in sorted(connectors.table())]
            )
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def format_epilog(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code), code.meaning) for code in sorted(ExitCode)])
        super().format_epilog(context, formatter)


def _incomplete_file(error: EOFError) -> Exception:
    if "marshal" not in str(error):
        return RuntimeError("a file that the program reads ends too early")
    return ConfigurationError(
        "a compiled file of the harvester or of a library is incomplete: the disk may have been full when Python wrote it. "
        f"Delete the folders __pycache__ below {sys.prefix}, or install the harvester again"
    )


def load_command(place: str) -> click.Command:
    """The command at `module:attribute`."""
    module, _, attribute = place.partition(":")
    command: click.Command = getattr(import_module(module), attribute)
    return command


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="\b\nExamples:\n  harvester check\n  harvester zoom --date 2026-11-20 > documents.ndjson\n  harvester all -q",
)
@click.version_option(__version__, prog_name=PROGRAM)
@click.option("-v", "--verbose", is_flag=True, help="Show each request: the same as --log-level debug.")
@click.option("-q", "--quiet", is_flag=True, help="Print no messages unless something goes wrong.")
@click.option("--log-level", type=click.Choice(LEVELS), help=LEVELS_HELP)
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    help="Messages as text, or as one JSON object a line.",
)
@click.option("--env-file", metavar="FILE", help="Read settings from FILE (NAME=value lines).")
@click.option("--config", metavar="FILE", help="Read accounts and settings from FILE (TOML).")
@click.pass_context
def cli(context: click.Context, /, **given: Any) -> None:
    """Harvest meetings and sessions from Zoom, Webex, Microsoft Teams, Google Meet and Meetecho.

    Documents go to stdout or into an index, messages to stderr. Exit codes are listed at the end; 0 means everything
    available today has been stored. Run `harvester COMMAND --help` for the options of a command. The options below may
    also stand after the command.
    """
    for name, value in given.items():
        if value == "":
            raise click.UsageError(f"--{name.replace('_', '-')} is empty; is a variable not set?", context)
    context.meta[BEFORE_COMMAND] = {name: value for name, value in given.items() if value}


def run() -> NoReturn:
    """The whole program: the one place that turns errors into messages and exit codes."""
    prepare_standard_streams()
    permit_open_files()
    code = _run()
    with suppress(OSError, ValueError):  # stderr is full: there is nowhere to report it
        sys.stderr.flush()
    # Threads that still wait for a vendor's response must not delay the exit; everything that counts is stored.
    os._exit(code)


def _run() -> int:
    try:
        code = cli.main(prog_name=PROGRAM, standalone_mode=False, complete_var=COMPLETION_VARIABLE)
        flush_stdout()
    except click.ClickException as error:
        _show(error)
        return ExitCode.USAGE
    except (click.Abort, KeyboardInterrupt):
        return ExitCode.INTERRUPTED
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else ExitCode.SOFTWARE
    except Exception as error:  # noqa: BLE001  # the last resort: every error gets a message and an exit code
        return _report(error)
    return code if isinstance(code, int) else 0


def _show(error: click.ClickException) -> None:
    """Print what is wrong with the command line. It may quote an argument, which may contain anything."""
    if _asks_for_json(sys.argv[1:]):
        _log_as_json(error)
        return
    from harvester.cli.render.echo import echo_lines

    shown = io.StringIO()
    error.show(shown)
    with suppress(OSError, ValueError):
        echo_lines(shown.getvalue().rstrip("\n").expandtabs(2), err=True)  # click sets choices in with tabs


def _asks_for_json(words: Sequence[str]) -> bool:
    """Whether these words of a command line, which need not be valid, choose JSON for messages."""
    return "--log-format=json" in words or ("--log-format", "json") in pairwise(words)


def _log_as_json(error: click.ClickException) -> None:
    import logging

    from harvester import logging_setup

    if not logging_setup.is_configured():
        logging_setup.configure_logging(format="json")
    logging.getLogger(__name__).error("harvester: %s", error.format_message())


def _report(error: Exception) -> int:
    """Log an error; returns its exit code."""
    import logging

    from harvester import logging_setup

    if not logging_setup.is_configured():  # the error came before the command had read its options
        logging_setup.configure_logging(format="json" if _asks_for_json(sys.argv[1:]) else "text")
    logger = logging.getLogger(__name__)
    if isinstance(error, HarvestError) and error.exit_code == ExitCode.OK:  # a closed pipe is not a failure
        return ExitCode.OK
    if isinstance(error, HarvestError):
        logger.error("harvester: %s", error)
        return error.exit_code
    if isinstance(error, BrokenPipeError):
        return ExitCode.OK
    from connectors.exhausted import exhausted

    if (lack := exhausted(error)) is not None:
        logger.error("harvester: %s", lack)
        return lack.exit_code
    if isinstance(error, OSError):
        from harvester.write_errors import ONLY_OF_WRITING, access_error, write_error

        if error.errno in ONLY_OF_WRITING:
            logger.error("harvester: %s", write_error(error.filename or "the output", error))
        else:
            logger.error("harvester: %s", access_error(error.filename or "the output", error))
        return ExitCode.IOERR
    logger.error("harvester: this is a bug, please report it with these lines", exc_info=error)
    return ExitCode.SOFTWARE
