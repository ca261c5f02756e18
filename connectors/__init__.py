"""Connectors: one vendor's API each, turned into meetings and sessions.

The table names the classes instead of importing them, so that nobody pays for a vendor that is not used. A package of
your own joins it by an entry point of the group `harvester.connectors`: `my-vendor = "my_package:MyConnector"`.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from connectors.base import Connector

GROUP = "harvester.connectors"

CONNECTORS = {
    "webex": "connectors.webex:Webex",
    "zoom": "connectors.zoom:Zoom",
}


@cache
def table() -> dict[str, str]:
    """Every vendor's name and where its class is: the ones of this package, then those of other packages."""
    others = {point.name: point.value for point in entry_points(group=GROUP)}
    return {**others, **CONNECTORS}


def load(name: str) -> type[Connector]:
    """The connector class of a vendor. KeyError for a name that is not in the table."""
    module, _, attribute = table()[name].partition(":")
    found: type[Connector] = getattr(import_module(module), attribute)
    return found
