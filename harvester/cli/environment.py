"""What a command finds around it: settings, clock, state folder, stop signal."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import click

from connectors.base import Setting
from connectors.errors import ConfigurationError
from harvester import config
from harvester.config import OWN, Environment
from harvester.console import Redactor, configure_logging
from harvester.pipeline.context import Clock, StopSignal

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(kw_only=True)
class RunEnvironment:
    environment: Environment
    quiet: bool = False
    redactor: Redactor = field(default_factory=Redactor)
    stop: StopSignal = field(default_factory=StopSignal)

    @classmethod
    def find(cls, env_file: str | None, *, quiet: bool) -> RunEnvironment:
        """Read the process's environment and the .env file given, else the one in this folder, and set up logging."""
        path = Path(env_file) if env_file else (Path(".env") if Path(".env").is_file() else None)
        environment = Environment.read(os.environ, path)
        found = cls(environment=environment, quiet=quiet)
        found.hide(OWN)
        configure_logging(quiet=quiet, redactor=found.redactor)
        return found

    def hide(self, of: tuple[Setting, ...]) -> None:
        """Redact the secrets among these settings in everything that is printed."""
        for setting in of:
            if setting.secret and (secret := self.environment.get(setting.name)):
                self.redactor.add(secret)

    @cached_property
    def own(self) -> dict[str, str]:
        return self.environment.of(OWN)

    @property
    def account(self) -> str:
        label = self.own["HARVESTER_ACCOUNT"]
        if not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", label):
            raise ConfigurationError(
                "HARVESTER_ACCOUNT is part of every document's id: up to 64 of A-Z a-z 0-9 _ . - and nothing else, "
                "like main or berlin-2"
            )
        return label

    @property
    def state_folder(self) -> Path:
        named = self.environment.get("HARVESTER_STATE_DIR")
        if named is not None:
            return Path(named).expanduser()
        base = self.environment.values.get("XDG_STATE_HOME") or "~/.local/state"
        return Path(base).expanduser() / "meeting-harvester"

    def zone(self, named: str | None) -> ZoneInfo:
        """By `--timezone`, else by the setting. UsageError for the one, ConfigurationError for the other."""
        with _option("--timezone", given=named is not None):
            return config.zone(named if named is not None else self.own["HARVESTER_TIMEZONE"])

    def rate_share(self, given: float | None) -> float:
        with _option("--rate-share", given=given is not None):
            return config.rate_share(str(given) if given is not None else self.own["HARVESTER_RATE_SHARE"])

    def clock(self, base_urls: dict[str, str]) -> Clock:
        """The machine's clock, or the simulator's, which only simulated vendors may be asked by."""
        shown, speed = self.environment.get("HARVESTER_NOW"), self.environment.get("HARVESTER_SPEED")
        real = {name: url for name, url in base_urls.items() if not config.is_loopback(url)}
        if (shown or speed) and real:
            raise ConfigurationError(
                f"HARVESTER_NOW and HARVESTER_SPEED are for simulated vendors, but {', '.join(sorted(real))} "
                "is not an address of this machine; unset them"
            )
        return Clock(
            wall=time.time,
            monotonic=time.monotonic,
            shift=config.shifted(shown, datetime.now(UTC)) if shown else timedelta(0),
            speed=config.speed(speed) if speed else 1.0,
        )

    def obey_signals(self) -> None:
        """Ctrl-C and SIGTERM say stop; the second one leaves at once."""

        def hear(number: int, _frame: FrameType | None) -> None:
            code = 128 + number
            if self.stop.is_set:
                os._exit(code)
            self.stop.set(code)

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, hear)


@contextmanager
def _option(name: str, *, given: bool) -> Iterator[None]:
    """What is wrong with an option of the command line is a mistake in its use."""
    try:
        yield
    except ConfigurationError as error:
        if not given:
            raise
        raise click.BadParameter(str(error), param_hint=name) from None


def common_options(command: Command) -> Command:
    """`--env-file` and `-q`, which every command has."""
    command = click.option("-q", "--quiet", is_flag=True, help="Say nothing unless something is wrong.")(
        command
    )
    return click.option(
        "--env-file", metavar="FILE", help="Settings as NAME=value lines.  [default: .env, if there]"
    )(command)


def stdout_bytes() -> Any:
    """stdout for documents: bytes, and nobody else's."""
    return sys.stdout.buffer
