"""The libraries of the extras: imported when used, with a remedy if they are not installed."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from connectors.errors import ConfigurationError


def require(name: str, *, extra: str = "report") -> ModuleType:
    """The module of this name. Raises ConfigurationError if it is not installed. `extra`: what installs it."""
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name.partition(".")[0]:
            raise
        raise ConfigurationError(
            f"this command needs {error.name}; in a checkout of the harvester, install it with: pip install '.[{extra}]'"
        ) from None
