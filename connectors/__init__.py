"""Connectors: one vendor's API each, turned into meetings and sessions.

The table names the classes instead of importing them, so that nobody pays for a vendor that is not used. A package of
your own joins it by an entry point of the group `harvester.connectors`: `my-vendor = "my_package:MyConnector"`; where
a person logs in to the vendor, by another one of the group `harvester.logins`: `my-vendor = "my_package:MyLogin"`.
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
"""Of the vendors above, those that a person logs in to."""


@cache
def table() -> dict[str, str]:
    """Every vendor's name and where its class is: the ones of this package, then those of other packages."""
    others = {point.name: point.value for point in entry_points(group=GROUP)}
    return {**others, **CONNECTORS}


@cache
def logins() -> dict[str, str]:
    """The same of `Login`, for the vendors that have one."""
    others = {point.name: point.value for point in entry_points(group=LOGIN_GROUP)}
    return {**others, **LOGINS}


def load(name: str) -> type[Connector]:
    """The connector class of a vendor. KeyError for a name that is not in the table."""
    found: type[Connector] = _named(table()[name])
    return found


def load_login(name: str) -> type[Login]:
    """How a person logs in to a vendor. KeyError for a name that is not in `logins`."""
    found: type[Login] = _named(logins()[name])
    return found


def _named(target: str) -> Any:
    module, _, attribute = target.partition(":")
    return getattr(import_module(module), attribute)
