"""Who an endpoint of a call is: a person with an id, a person without one, or a bot or service.

The identities of call records: https://learn.microsoft.com/graph/api/resources/callrecords-participantendpoint,
…/callrecords-serviceendpoint, …/communicationsidentityset and …/callrecords-useridentity (2026). Microsoft withholds the names
of people of other organisations: they are all called "External user"
(https://github.com/microsoftgraph/microsoft-graph-docs-contrib/issues/4615).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from connectors.parsing import as_dict, as_text

Row = Mapping[str, Any]
UserType = Literal["signed_in", "guest", "phone", "room"]

USER = "user"
PHONE = "phone"
GUESTS = ("guest", "encrypted", "acsUser", "azureCommunicationServicesUser")
KINDS = (USER, *GUESTS, PHONE)
"""The members of an identity set that are people, in the order in which they are looked for."""

_BOT = "application"
"""A member whose name contains this is a program: `application`, `applicationInstance`, `acsApplicationInstance`."""

_PLACEHOLDERS = frozenset({"external user"})
"""Names that stand for a name that is withheld."""

ROOM_PLATFORMS = ("roomSystem", "surfaceHub")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """One participant. Names do not identify people."""

    kind: str | None = None
    """The member of the identity set, such as `user`; `None` if there is none."""
    id: str | None = None
    name: str | None = None
    email: str | None = None
    tenant_id: str | None = None


def participant_of(endpoint: Any) -> Identity | None:
    """The participant at an endpoint; `None` if there is none: it is missing, a service, or a bot."""
    if not isinstance(endpoint, dict) or _is_service(endpoint):
        return None
    identities = as_dict(endpoint.get("identity"))
    kind = _kind(identities)
    if kind is None and any(_BOT in name.lower() for name, value in identities.items() if value):
        return None
    return _merged(kind, as_dict(identities.get(kind or "")), as_dict(endpoint.get("associatedIdentity")))


def user_of(identities: Any) -> Identity | None:
    """The user of an identity set, as the organizer is one; `None` if it has no user."""
    user = as_dict(as_dict(identities).get(USER))
    return _merged(USER, user, {}) if user else None


def user_type(identity: Identity, platform: Any, tenant: str) -> UserType | None:
    """`tenant`: the one that is harvested; users of another one are guests."""
    if identity.kind == PHONE:
        return "phone"
    if platform in ROOM_PLATFORMS:
        return "room"
    if identity.kind in GUESTS:
        return "guest"
    if identity.kind != USER or identity.tenant_id is None:
        return None
    if identity.tenant_id.lower() == tenant.lower():
        return "signed_in"
    return "guest" if is_guid(tenant) else None  # the name of a domain is compared with no id


def is_guid(tenant: str) -> bool:
    digits = tenant.replace("-", "")
    return len(digits) == 32 and all(digit in "0123456789abcdefABCDEF" for digit in digits)


def _is_service(endpoint: Row) -> bool:
    agent = as_dict(endpoint.get("userAgent"))
    kinds = f"{endpoint.get('@odata.type')} {agent.get('@odata.type')}".lower()
    return "serviceendpoint" in kinds or "serviceuseragent" in kinds


def _kind(identities: Row) -> str | None:
    """The member that is a person: a known one, else any other with an id."""
    for name in KINDS:
        if identities.get(name) and as_dict(identities[name]):
            return name
    others = (name for name in identities if "@" not in name and _BOT not in name.lower())
    return next((name for name in others if as_dict(identities.get(name))), None)


def _merged(kind: str | None, member: Row, associated: Row) -> Identity:
    """`associated`: the user that the endpoint belongs to, which has more fields."""
    return Identity(
        kind=USER if kind is None and associated else kind,
        id=_first(associated, member, "id"),
        name=_name(associated) or _name(member),
        email=_email(associated, member),
        tenant_id=_first(associated, member, "tenantId"),
    )


def _first(row: Row, other: Row, key: str) -> str | None:
    return as_text(row.get(key)) or as_text(other.get(key))


def _name(row: Row) -> str | None:
    name = as_text(row.get("displayName")) or ""
    return name if name.strip() and name.strip().lower() not in _PLACEHOLDERS else None


def _email(row: Row, other: Row) -> str | None:
    for key in ("userPrincipalName", "email"):
        text = _first(row, other, key)
        if text and "@" in text:
            return text
    return None
