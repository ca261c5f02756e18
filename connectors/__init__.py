"""Connectors: each reads one vendor's API and returns meetings and sessions.

The registry names the classes instead of importing them, so a run imports only the vendors that it uses. Another package
adds a connector with an entry point of the group `harvester.connectors`, `my-vendor = "my_package:MyConnector"`, and a
login with one of the group `harvester.logins`, `my-vendor = "my_package:MyLogin"`.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from connectors.base import Connector
    from connectors.oauth import Login

GROUP = "harvester.connectors"
LOGIN_GROUP = "harvester.logins"

CONNECTORS = {
    "google-meet": "connectors.google_meet:GoogleMeet",
    "meetecho": "connectors.meetecho:Meetecho",
    "webex": "connectors.webex:Webex",
    "zoom": "connectors.zoom:Zoom",
}

LOGINS = {
    "google-meet": "connectors.google_meet.login:GoogleLogin",
    "webex": "connectors.webex.login:WebexLogin",
}
"""The vendors above that a person logs in to."""


@cache
def table() -> dict[str, str]:
    """The connector classes by vendor name: those of other packages and of this one, which win."""
    others = {point.name: point.value for point in entry_points(group=GROUP)}
    return {**others, **CONNECTORS}


@cache
def logins() -> dict[str, str]:
    """The login classes by vendor name, for the vendors that have one."""
    others = {point.name: point.value for point in entry_points(group=LOGIN_GROUP)}
    return {**others, **LOGINS}


def load(name: str) -> type[Connector]:
    """The connector class of a vendor. Raises KeyError if the name is not in `table()`."""
    connector: type[Connector] = _import(table()[name])
    return connector


def load_login(name: str) -> type[Login]:
    """The login class of a vendor. Raises KeyError if the name is not in `logins()`."""
    login: type[Login] = _import(logins()[name])
    return login


def _import(target: str) -> Any:
    module, _, attribute = target.partition(":")
    return getattr(import_module(module), attribute)
