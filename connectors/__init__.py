"""Connectors: each reads one vendor's API and returns meetings and sessions.

The registry names the classes instead of importing them, so a run imports only the vendors that it uses. Another package
adds a connector with an entry point of the group `harvester.connectors`, `my-vendor = "my_package:MyConnector"`, and a
login with one of the group `harvester.logins`, `my-vendor = "my_package:MyLogin"`.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any

from connectors.errors import BrokenPlugin

if TYPE_CHECKING:
    from connectors.base import Connector
    from connectors.oauth import Login

GROUP = "harvester.connectors"
LOGIN_GROUP = "harvester.logins"

CONNECTORS = {
    "google-meet": "connectors.google_meet:GoogleMeet",
    "meetecho": "connectors.meetecho:Meetecho",
    "teams": "connectors.teams:Teams",
    "webex": "connectors.webex:Webex",
    "zoom": "connectors.zoom:Zoom",
}

LOGINS = {
    "google-meet": "connectors.google_meet.login:GoogleLogin",
    "webex": "connectors.webex.login:WebexLogin",
}
"""The vendors above that a person logs in to."""


_REQUIRED = (
    "name",
    "title",
    "settings",
    "options",
    "max_window",
    "lookback",
    "retention",
    "lists_live",
    "daily_quota",
    "concurrency",
    "requests_per_second",
    "meetings",
    "fetch",
    "check",
    "estimate_requests",
)
"""What a connector class of another package must have, or the commands that read it would fail."""

_IMPORT_ERRORS = (
    ImportError,
    AttributeError,
    SyntaxError,
    NameError,
    TypeError,
    ValueError,
    LookupError,
    OSError,
    RuntimeError,
)
"""What the code of another package may raise while it is imported."""


@cache
def table() -> dict[str, str]:
    """The connector classes by vendor name: those of other packages and of this one, which win."""
    return {**{name: point.value for name, point in _plugins(GROUP).items()}, **CONNECTORS}


@cache
def logins() -> dict[str, str]:
    """The login classes by vendor name, for the vendors that have one."""
    return {**{name: point.value for name, point in _plugins(LOGIN_GROUP).items()}, **LOGINS}


def load(name: str) -> type[Connector]:
    """The connector class of a vendor. Raises KeyError if the name is not in `table()`, and BrokenPlugin if another
    package provides it and it cannot be used."""
    if name in CONNECTORS:
        connector: type[Connector] = _import(CONNECTORS[name])
        return connector
    connector = _load_plugin(name, table()[name], GROUP)
    missing = [each for each in _REQUIRED if not hasattr(connector, each)]
    if missing and name in _plugins(GROUP):
        raise _broken(name, table()[name], GROUP, f"the class lacks {', '.join(missing)}")
    return connector


def load_login(name: str) -> type[Login]:
    """The login class of a vendor. Raises KeyError if the name is not in `logins()`, and BrokenPlugin as `load` does."""
    login: type[Login] = (
        _import(LOGINS[name]) if name in LOGINS else _load_plugin(name, logins()[name], LOGIN_GROUP)
    )
    return login


@cache
def _plugins(group: str) -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=group)}


def _load_plugin(name: str, target: str, group: str) -> Any:
    try:
        return _import(target)
    except _IMPORT_ERRORS as error:
        raise _broken(name, target, group, str(error) or type(error).__name__) from error


def _broken(name: str, target: str, group: str, why: str) -> BrokenPlugin:
    point = _plugins(group).get(name)
    package = point.dist.name if point is not None and point.dist is not None else target.partition(":")[0]
    return BrokenPlugin(
        f"{name}: the connector of the package {package} cannot be used: {why}; install what it lacks, update it, or "
        "uninstall it"
    )


def _import(target: str) -> Any:
    module, _, attribute = target.partition(":")
    return getattr(import_module(module), attribute)
