"""The command line: parse, build, run, print. Only this package reads the environment and the machine's clock.

This module is what `harvester --help` costs: it names every command and imports none.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from importlib import import_module
from typing import NoReturn

import click

import connectors
from harvester import __version__

COMMANDS = {
    "all": ("harvester.cli.harvest:everything", "Harvest every vendor that is configured."),
    "check": ("harvester.cli.check:check", "What is configured, what works, and what to do about the rest."),
    "demo": ("harvester.cli.demo:demo", "Harvest an invented organisation from simulated vendors."),
    "load": ("harvester.cli.load:load", "Load NDJSON documents into Elasticsearch."),
    "login": ("harvester.cli.login:login", "Log in to a vendor in the browser, or with --device."),
    "plan": ("harvester.cli.plan:plan", "Estimate a backfill: requests, time, days."),
    "rejects": (
        "harvester.cli.rejects:rejects",
        "Documents that Elasticsearch refused, and what to do with them.",
    ),
    "simulate": ("harvester.cli.simulate:simulate", "Serve simulated vendors on a local port."),
    "status": (
        "harvester.cli.status:status",
        "How complete each account is, and what waits, failed or expires.",
    ),
    "templates": ("harvester.cli.templates:templates", "The index templates: install, show, diff."),
    "verify": ("harvester.cli.verify:verify", "Compare the vendor, the journal and the index; repair."),
}


class LazyGroup(click.Group):
    """Commands by name; a command's module is imported when it is used."""

    def list_commands(self, _context: click.Context) -> list[str]:
        return [*sorted(connectors.table()), *COMMANDS]

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        if name in COMMANDS:
            module, _, attribute = COMMANDS[name][0].partition(":")
            command: click.Command = getattr(import_module(module), attribute)
            return command
        if name in connectors.table():
            from harvester.cli.harvest import vendor_command

            return vendor_command(name)
        return None

    def format_commands(self, _context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Vendors"):
            formatter.write_dl(
                [(name, "Harvest meetings and sessions.") for name in sorted(connectors.table())]
            )
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(
    cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.version_option(__version__, prog_name="harvester")
def cli() -> None:
    """Meetings and sessions out of Zoom, Webex, Google Meet and Meetecho, into Elasticsearch or a pipe.

    Documents go to stdout or into the index, everything else to stderr. The README tells what each exit code means;
    0 is that all that can be had today is stored.
    """


def run() -> NoReturn:
    """The whole program: one place turns errors into words and exit codes."""
    code = _run()
    with suppress(AttributeError, OSError, ValueError):  # closed or full: nothing is left to report it to
        sys.stderr.flush()
    # Threads that still wait for a vendor's answer must not hold the exit up; everything that counts is stored.
    os._exit(code)


def _run() -> int:
    try:
        code = cli.main(prog_name="harvester", standalone_mode=False)
        _flush_stdout()
    except click.ClickException as error:
        with suppress(OSError, ValueError):
            error.show()
        return 64
    except (click.Abort, KeyboardInterrupt):
        return 130
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else 70
    except Exception as error:  # noqa: BLE001  # the last stop: whatever it is gets its words and its exit code
        return _report(error)
    return code if isinstance(code, int) else 0


def _report(error: Exception) -> int:
    """Log what went wrong; the exit code."""
    import logging

    from connectors.errors import HarvestError
    from harvester import console

    if not console.is_configured():  # it went wrong before the command had read its options
        console.configure_logging()
    logger = logging.getLogger(__name__)
    if isinstance(error, HarvestError):
        logger.error("harvester: %s", error)
        return error.exit_code
    if isinstance(error, BrokenPipeError):
        return 0
    if isinstance(error, OSError):
        logger.error("harvester: %s: %s", error.strerror or type(error).__name__, error.filename or "output")
        return 74
    logger.error("harvester: this is a bug, please report it with these lines", exc_info=error)
    return 70


def _flush_stdout() -> None:
    if sys.stdout is not None and not sys.stdout.closed:
        sys.stdout.flush()
