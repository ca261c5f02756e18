"""`harvester init`: asks for the settings that are needed, writes them into `.env`, and checks them."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import click

import connectors
from connectors.base import Setting
from connectors.errors import BrokenPlugin, ConfigurationError, OutputError
from connectors.exit_codes import ExitCode
from harvester.cli.check import run_checks
from harvester.cli.confirmation import confirm
from harvester.cli.options import (
    GeneralOptions,
    examples,
    general_options,
    handle_signals,
    pass_open_options,
)
from harvester.cli.render.echo import echo, echo_lines
from harvester.cli.render.layout import wrapped
from harvester.cli.standard_streams import stderr_is_terminal, stdin_is_terminal
from harvester.config import OWN, Environment, account_label
from harvester.env_template import Section, described, env_text
from harvester.output_file import write_output
from harvester.setting_checks import checked_url

logger = logging.getLogger(__name__)

ELASTICSEARCH = "ES_"
SIMULATOR_ONLY = frozenset({"HARVESTER_NOW", "HARVESTER_SPEED"})

OWN_NEEDS = {
    "ES_HOST": None,
    "ES_API_KEY": "ES_HOST",
    "ES_USERNAME": "ES_HOST",
    "ES_PASSWORD": "ES_USERNAME",
    "HARVESTER_ACCOUNT": None,
}
"""The settings of the harvester itself that are asked for, with the one without which they mean nothing."""
ALTERNATIVES = {"ES_USERNAME": "ES_API_KEY"}


@click.command(
    epilog=examples(
        "harvester init", "harvester init zoom webex", "(umask 077; harvester init --print > .env)"
    )
)
@click.argument("vendors", nargs=-1)
@click.option("--print", "print_only", is_flag=True, help="Print the file with every setting commented out.")
@click.option("--force", is_flag=True, help="Replace the file if it exists.")
@general_options
@pass_open_options
def init(options: GeneralOptions, vendors: tuple[str, ...], print_only: bool, force: bool) -> int:
    """Ask for the settings of the vendors, write them into .env, and check them.

    Asks for the given VENDORS, or which ones you use. The file is .env in this folder, or the one that --env-file names, and
    only you can read it. Without a terminal, the file is printed and not written.
    """
    table = connectors.table()
    if unknown := [name for name in vendors if name not in table]:
        raise click.UsageError(f"{unknown[0]} is not one of {', '.join(sorted(table))}")
    if print_only or not (stdin_is_terminal() and stderr_is_terminal()):
        if not print_only:
            logger.info("there is no terminal to ask on: fill in what follows, and save it as .env")
        echo_lines(env_text([*_vendor_sections(vendors or sorted(table)), *_own_sections()]).rstrip("\n"))
        return 0
    path = Path(options.env_file or ".env")
    _check_writable(path)
    if path.exists() and not force:
        question = f"{path} exists. Replace it? Its settings are lost."
        confirm(question, refusal=f"{path} exists; replace it with --force")
    names = vendors or _ask_vendors(sorted(table))
    sections = [*_vendor_sections(names), *_own_sections()]
    values = _ask_everything(sections)
    _write(path, env_text(sections, values))
    _say("", f"wrote {path}; checking it")
    return _check_file(path, options, names)


def _check_file(path: Path, options: GeneralOptions, vendors: Sequence[str]) -> int:
    options.env_file = str(path)
    env = options.open_environment()
    handle_signals(env)
    code = run_checks(env)
    if code == ExitCode.OK:
        _say("", f"next: harvester {vendors[0]} --date yesterday | head")
    return code


def _vendor_sections(names: Sequence[str]) -> Iterator[Section]:
    for name in names:
        try:
            connector = connectors.load(name)
        except BrokenPlugin as error:
            logger.error(str(error))
            continue
        yield Section(title=connector.title, settings=connector.settings)


def _own_sections() -> Iterator[Section]:
    own = [setting for setting in OWN if setting.name not in SIMULATOR_ONLY]
    yield Section(title="Elasticsearch", settings=[s for s in own if s.name.startswith(ELASTICSEARCH)])
    yield Section(title="The harvester", settings=[s for s in own if not s.name.startswith(ELASTICSEARCH)])


def _ask_vendors(table: Sequence[str]) -> list[str]:
    """The vendors that the user names, each once."""
    while True:
        answer = click.prompt(f"Vendors that you use ({', '.join(table)}), separated by commas", err=True)
        names = list(dict.fromkeys(answer.replace(",", " ").lower().split()))
        if names and all(name in table for name in names):
            return names
        unknown = next((name for name in names if name not in table), answer)
        _say(f"{unknown} is not one of {', '.join(table)}")


def _ask_everything(sections: Sequence[Section]) -> dict[str, str]:
    _say("", "Press Enter to leave a setting out; you can fill it in later. Secrets are not shown.")
    values: dict[str, str] = {}
    for section in sections:
        _say("", section.title)
        for setting, text in described(section.settings):
            if _is_asked(setting, section.settings, values) and (value := _ask(setting, text)):
                values[setting.name] = value
    return values


def _is_asked(setting: Setting, beside: Sequence[Setting], values: Mapping[str, str]) -> bool:
    """Whether a user has to know it: it is required, or has to be looked up and no answer so far makes it unnecessary.

    `beside`: all settings of its section.
    """
    if setting.name in OWN_NEEDS:
        needed = OWN_NEEDS[setting.name]
        return (needed is None or needed in values) and ALTERNATIVES.get(setting.name) not in values
    if setting.required:
        return True
    replaced = [other.name for other in beside if other.alternative == setting.name]
    return bool(setting.how_to_get) and not (replaced and all(name in values for name in replaced))


def _say(*lines: str) -> None:
    width = shutil.get_terminal_size().columns
    for line in lines:
        echo(line, err=True, layout=lambda text: wrapped(text, width, hanging=2))


def _ask(setting: Setting, text: str) -> str:
    """The value that the user types, checked; empty if it is the default or there is none."""
    _say(f"  {text}")
    while True:
        answer: str = click.prompt(
            f"  {setting.name}",
            default=setting.default or "",
            show_default=bool(setting.default),
            hide_input=setting.secret,
            err=True,
        ).strip()
        if not answer or answer == setting.default:
            return ""
        try:
            _check_value(setting, answer)
        except ConfigurationError as error:
            _say(f"  {error}")
        else:
            return answer


def _check_value(setting: Setting, value: str) -> None:
    """Raises ConfigurationError if the setting cannot have this value."""
    Environment(values={setting.name: value}).of([setting])
    if setting.name == "ES_HOST":
        checked_url(setting.name, value, http_anywhere=True)
    if setting.name == "HARVESTER_ACCOUNT":
        account_label(value)


def _check_writable(path: Path) -> None:
    """Raises OutputError, before the first question, if the file cannot be written. Changes nothing."""
    problem = None
    if path.is_dir():
        problem = "it is a folder"
    elif not path.parent.is_dir():
        problem = "its folder does not exist"
    elif not os.access(path if path.exists() else path.parent, os.W_OK):
        problem = "permission denied"
    if problem:
        raise OutputError(f"{path} cannot be written ({problem})")


def _write(path: Path, text: str) -> None:
    try:
        write_output(path, text.encode(), private=True)
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error.strerror})") from None
