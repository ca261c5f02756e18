"""Options that several commands share, and how a command gets its settings.

Options come in this order, in the code and in `--help`: dates, destination, vendor options, general ones. The general
options and `--es-host` and `--index-period` are not passed to the command: their callbacks store them in click's
`ctx.obj`, and `pass_env` makes the `RunEnvironment` out of them that the command takes.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import update_wrapper
from pathlib import Path
from typing import Any, TypeVar

import click

import connectors
from connectors.errors import ConfigurationError
from harvester import config
from harvester.accounts_file import DEFAULT_NAME, read_accounts_file
from harvester.cli import BEFORE_COMMAND, LEVELS, LEVELS_HELP
from harvester.cli.run_environment import RunEnvironment
from harvester.cli.text_values import FilePath, require_not_empty, require_text
from harvester.config import OWN, Environment
from harvester.env_file_warnings import exposed_secrets
from harvester.logging_setup import ONCE, Format, Level, configure_logging
from harvester.pipeline.request import RELATIVE_DAYS, Day
from harvester.pipeline.run_clock import Clock
from harvester.signals import exit_code_after, finish_on_signals, raise_on_signals

logger = logging.getLogger(__name__)

Command = TypeVar("Command", bound=Callable[..., Any])
Decorator = Callable[[Command], Command]


PATH = FilePath()
"""A file or folder. Opening it shows whether it can be used, so that every command fails for the same reason with the same
exit code: 74, or 78 for a file of settings."""

A_BILLION = 1_000_000_000
"""More than anything can be counted, and few enough for SQLite, and for waiting so many seconds."""


class WholeNumber(click.ParamType[int]):
    """A number from `least` to `most`. Help texts name the limits in words, if they matter; click would add `[0<=x<=9]`."""

    name = "number"

    def __init__(self, least: int, most: int = A_BILLION) -> None:
        self._range = click.IntRange(least, most)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        number: int = _convert(self._range, value, "a whole number", param, ctx)
        return number


class DecimalNumber(click.ParamType[float]):
    """The same for numbers with a fraction."""

    name = "number"

    def __init__(self, least: float, most: float | None = None) -> None:
        self._range = click.FloatRange(least, most)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number: float = _convert(self._range, value, "a number", param, ctx)
        return number


def _convert(
    limits: click.IntRange | click.FloatRange,
    value: Any,
    what: str,
    param: click.Parameter | None,
    ctx: click.Context | None,
) -> Any:
    """Raises BadParameter with the limits in words; click would write `0<=x<=9`, and `not a valid integer range`."""
    try:
        return limits.convert(value, param, ctx)
    except click.BadParameter:
        most = f"from {limits.min} to {limits.max}" if limits.max is not None else f"of at least {limits.min}"
        if limits.max == A_BILLION:
            most = f"of at least {limits.min}, and at most {A_BILLION}"
        raise click.BadParameter(f"write {what} {most}", ctx, param) from None


class Date(click.ParamType[Day]):
    """A day written as `2026-02-03`, `today` or `yesterday`; every other spelling is refused, since a day misread is a day
    lost."""

    name = "date"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Day:
        if isinstance(value, date):
            return value
        text = str(value)
        if (word := text.lower()) in RELATIVE_DAYS:
            return word
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            try:
                found = date.fromisoformat(text)
            except ValueError:
                raise click.BadParameter(f"{text} is not a day of the calendar", ctx, param) from None
            if found.year in {date.min.year, date.max.year}:  # its midnight may lie outside the calendar
                raise click.BadParameter(f"no meeting is on {text}", ctx, param)
            return found
        if parts := re.fullmatch(r"([0-9]{4})[^0-9]([0-9]{1,2})[^0-9]([0-9]{1,2})", text):
            year, month, day = map(int, parts.groups())
            raise click.BadParameter(f"write it {year:04d}-{month:02d}-{day:02d}", ctx, param)
        raise click.BadParameter("write a day like 2026-02-03, or today or yesterday", ctx, param)


def validated(check: Callable[[Any], object]) -> Callable[..., Any]:
    """A callback: what the settings would refuse with exit code 78 is a usage error of an option."""

    def callback(_context: click.Context, _param: click.Parameter, value: Any) -> Any:
        if value is not None:
            try:
                check(value)
            except ConfigurationError as error:
                raise click.BadParameter(str(error)) from None
        return value

    return callback


def apply(options: Sequence[Decorator[Any]]) -> Decorator[Any]:
    """One decorator out of several options, which `--help` shows in this order."""

    def decorate(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


# Stored in the context, not passed to the command


@dataclass(kw_only=True)
class GeneralOptions:
    """Values of the options that are not passed to the command itself."""

    env_file: str | None = None
    config: str | None = None
    account: tuple[str, ...] = ()
    verbose: bool = False
    verbose_adds_details: bool = False
    """`-v` shows more of the answer, and not each request."""
    quiet: bool = False
    log_level: Level | None = None
    log_format: Format | None = None
    es_host: str | None = None
    index_period: str | None = None

    def begin(self) -> None:
        """Take those before the command: `harvester -q all` is `harvester all -q`; what is given after the command wins."""
        context = click.get_current_context()
        require_text(context)
        before: dict[str, Any] = context.meta.get(BEFORE_COMMAND, {})
        for name, value in before.items():
            if not getattr(self, name):
                setattr(self, name, value)
        raise_on_signals()

    def configure_logging(self, env: RunEnvironment | None = None) -> None:
        configure_logging(
            level=self.log_level or ("debug" if self.verbose and not self.verbose_adds_details else "info"),
            format=self.log_format or "text",
            quiet=self.quiet,
            redactor=env.redactor if env is not None else None,
        )

    def open_environment(self) -> RunEnvironment:
        """Read the settings: the process's environment, and the files given, else those in this folder."""
        path = _named_or_here(self.env_file, ".env")
        config_path = _named_or_here(self.config, DEFAULT_NAME)
        self.configure_logging()
        settings = Environment.read(os.environ, path)
        accounts_file = read_accounts_file(config_path) if config_path is not None else None
        if accounts_file is not None:
            shared = accounts_file.shared
            settings = settings.over(shared.values, shared.references, shared.spelling)
        if self.es_host:
            settings = settings.override("ES_HOST", self.es_host, "--es-host")
        if self.index_period:
            settings = settings.override("ES_INDEX_PERIOD", self.index_period, "--index-period")
        env = RunEnvironment(
            environment=settings,
            machine=Clock(wall=time.time, monotonic=time.monotonic),
            quiet=self.quiet,
            verbose=self.verbose,
            env_file=path,
            accounts_file=accounts_file,
            only_accounts=self.account,
        )
        self.configure_logging(env)
        env.redact(OWN)
        if not env.treatment.keeps_all:
            env.redactor.treat = env.treatment.text
        if path is not None and (exposed := exposed_secrets(path)):
            logger.warning(exposed, extra=ONCE)
        if accounts_file is not None and (exposed := accounts_file.exposed_secrets()):
            logger.warning(exposed, extra=ONCE)
        logger.debug(f"settings: {env.settings_source}")
        return env


def _named_or_here(named: str | None, default: str) -> Path | None:
    if named:
        return Path(named)
    return Path(default) if Path(default).is_file() else None


pass_general_options = click.make_pass_decorator(GeneralOptions, ensure=True)


def pass_env(function: Callable[..., Any]) -> Callable[..., Any]:
    """The command takes a `RunEnvironment` as its first argument; logging is configured before it runs."""

    @pass_general_options
    def command(options: GeneralOptions, /, *args: Any, **kwargs: Any) -> Any:
        options.begin()
        return exit_code_after(function(options.open_environment(), *args, **kwargs))

    return update_wrapper(command, function)


def pass_logging(function: Callable[..., Any]) -> Callable[..., Any]:
    """For commands without settings: logging is configured before they run."""

    @pass_general_options
    def command(options: GeneralOptions, /, *args: Any, **kwargs: Any) -> Any:
        options.begin()
        options.configure_logging()
        return exit_code_after(function(*args, **kwargs))

    return update_wrapper(command, function)


def pass_open_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The command takes the `GeneralOptions` as its first argument, and opens an environment when it needs one."""

    @pass_general_options
    def command(options: GeneralOptions, /, *args: Any, **kwargs: Any) -> Any:
        options.begin()
        options.configure_logging()
        return exit_code_after(function(options, *args, **kwargs))

    return update_wrapper(command, function)


def _store(context: click.Context, param: click.Parameter, value: Any) -> None:
    if value is not None:
        require_not_empty(context, param, value)
        setattr(context.ensure_object(GeneralOptions), str(param.name), value)


def _stored(*names: str, **attributes: Any) -> Decorator[Any]:
    return click.option(*names, expose_value=False, callback=_store, **attributes)


LOGGING_OPTIONS = (
    _stored("-v", "--verbose", is_flag=True, help="Show each request: the same as --log-level debug."),
    _stored("-q", "--quiet", is_flag=True, help="Print no messages unless something goes wrong."),
    _stored(
        "--log-level",
        type=click.Choice(LEVELS),
        help=f"{LEVELS_HELP}  [default: info]",
    ),
    _stored(
        "--log-format",
        type=click.Choice(["text", "json"]),
        help="Messages as text or as one JSON object a line.  [default: text]",
    ),
)
ENV_FILE = _stored(
    "--env-file",
    metavar="FILE",
    help="Read settings from FILE (NAME=value lines).  [default: .env if present]",
)
CONFIG = _stored(
    "--config",
    metavar="FILE",
    help=f"Read accounts and settings from FILE (TOML).  [default: {DEFAULT_NAME} if present]",
)
ACCOUNT = _stored(
    "--account",
    metavar="NAME",
    multiple=True,
    help="Use only this account, as main or zoom/main; repeatable.  [default: all]",
)
ONE_ACCOUNT = _stored(
    "--account",
    metavar="NAME",
    multiple=True,
    help="The account to use, if the settings have several, as main or berlin.",
)
VENDORS = click.option(
    "--vendor",
    "vendors",
    type=click.Choice(sorted(connectors.table())),
    multiple=True,
    help="Only accounts of this vendor; repeatable.  [default: all]",
)
ES_HOST = _stored("--es-host", metavar="URL", help="URL of Elasticsearch.  [default: ES_HOST]")
INDEX_PERIOD = _stored(
    "--index-period",
    type=click.Choice(["year", "month"]),
    help="One index per year or month; fixed when the templates are installed.  [default: ES_INDEX_PERIOD, else year]",
)

logging_options = apply(LOGGING_OPTIONS)
general_options = apply([*LOGGING_OPTIONS, ENV_FILE, CONFIG])
general_options_without_config = apply([*LOGGING_OPTIONS, ENV_FILE])
"""For commands whose own option --config names another file."""

elasticsearch_options = apply([ES_HOST, INDEX_PERIOD])


# Passed to the command

DESTINATION = click.option(
    "--destination",
    type=click.Choice(["stdout", "index"]),
    help="Where documents go.  [default: index if ES_HOST is set, else stdout]",
)
OUTPUT = click.option(
    "--output",
    type=PATH,
    metavar="FILE",
    help="Write documents to FILE; - is stdout.",
)


def timezone_option(days: str) -> Decorator[Any]:
    return click.option(
        "--timezone",
        metavar="ZONE",
        callback=validated(config.zone),
        help=f"Time zone of {days}.  [default: HARVESTER_TIMEZONE or UTC]",
    )


RATE_SHARE = click.option(
    "--rate-share",
    type=float,
    metavar="S",
    callback=validated(lambda share: config.rate_share(str(share))),
    help="Fraction of the vendor's rate limit to use.  [default: HARVESTER_RATE_SHARE or 0.8]",
)
MAX_NEW_INDICES = 12
YES_NEW_INDICES = click.option(
    "--yes", is_flag=True, help=f"Create more than {MAX_NEW_INDICES} new indices without objecting."
)
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")


def day_options(on: str | None, first: str, last: str, *, required: bool = False) -> Sequence[Decorator[Any]]:
    """`--date` (if it has a help text), `--from`, `--to` and `--timezone`."""
    given: list[Decorator[Any]] = []
    if on is not None:
        given.append(click.option("--date", "on", type=Date(), metavar="DAY", help=on))
    return [
        *given,
        click.option("--from", "first", type=Date(), metavar="DAY", required=required, help=first),
        click.option("--to", "last", type=Date(), metavar="DAY", help=last),
        timezone_option("--from and --to" if on is None else "--date, --from and --to"),
    ]


# What only the command line has


@contextmanager
def usage_errors() -> Iterator[None]:
    """What the pipeline refuses of dates and options is a usage error here."""
    try:
        yield
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def examples(*lines: str) -> str:
    """The end of a help text: an example a line."""
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)])


def handle_signals(env: RunEnvironment) -> None:
    """Ctrl-C, SIGTERM and SIGHUP set the stop signal; the second one ends the process at once."""
    finish_on_signals(env.stop)
