"""The people and devices of a call as Microsoft Graph identifies them.

Microsoft gives no names of people outside the tenant: they are "External user", or have no name at all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from harvester.simulator.organisation import Guest, Person, Session, Visitor, seeded_random
from harvester.simulator.teams.formats import uuid
from harvester.simulator.teams.tokens import TENANT_ID

Kind = Literal["user", "guest", "encrypted", "acsUser", "phone", "application", "applicationInstance"]
OTHER_TENANT_ID = "33333333-cccc-4ccc-8ccc-000000000003"
EXTERNAL_USER = "External user"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """One identity; `name` is the text as sent, which may be empty or stand for any outsider.

    associated: the identity that Graph associates with it, if it does.
    email: a user principal name, or the address that a guest gave.
    """

    kind: Kind
    id: str | None
    name: str | None
    tenant: str | None = None
    email: str | None = None
    associated: Identity | None = None

    @property
    def is_bot(self) -> bool:
        return self.kind in {"application", "applicationInstance"}


def user_id(seed: int, person: Person) -> str:
    return uuid(seeded_random.digest(seed, "teams user", person.index))


def user(seed: int, person: Person) -> Identity:
    """Return the identity of a person with an account; of a deleted account only the id is left."""
    departed = person.status == "departed"
    email = person.email.title() if person.index % 7 == 3 else person.email
    return Identity(
        kind="user",
        id=user_id(seed, person),
        name=None if departed else person.name,
        tenant=TENANT_ID,
        email=None if departed else email,
    )


def caller(number: int) -> Identity:
    """Return the identity of a telephone."""
    return Identity(kind="phone", id=f"+1555010{number % 1000:03}", name=None)


def foreign_user(seed: int, number: int) -> Identity:
    digest = seeded_random.digest(seed, "teams foreign user", number)
    return Identity(kind="user", id=uuid(digest), name=EXTERNAL_USER, tenant=OTHER_TENANT_ID)


def bot(seed: int, number: int) -> Identity:
    """Return the identity of a bot, of which there are two kinds."""
    kind: Kind = "application" if number % 2 else "applicationInstance"
    return Identity(kind=kind, id=uuid(seeded_random.digest(seed, "teams bot", number % 3)), name="Recorder")


def of_session(seed: int, session: Session, people: tuple[Person, ...]) -> Identity:
    """Return the identity of the visitor of a session, with the associated one.

    Some telephones are known to belong to one of `people`; some accounts have no associated identity.
    """
    visitor, bits = session.visitor, session.bits
    identity = _of_visitor(seed, visitor, bits)
    if identity.kind == "phone":
        owner = user(seed, people[bits % len(people)]) if bits & 7 == 3 else None
        return replace(identity, associated=owner)
    if identity.kind == "user" and bits % 11 != 5:
        return replace(identity, associated=identity)
    return identity


def _of_visitor(seed: int, visitor: Visitor, bits: int) -> Identity:
    if isinstance(visitor, Person):
        return user(seed, visitor)
    if visitor.joined_by == "phone":
        return caller(visitor.index)
    if visitor.joined_by == "room":
        digest = seeded_random.digest(seed, "teams room", visitor.index)
        address = f"room-{visitor.index % 97}@example.org"
        return Identity(kind="user", id=uuid(digest), name=visitor.name, tenant=TENANT_ID, email=address)
    return _of_outsider(seed, visitor, bits)


def _of_outsider(seed: int, guest: Guest, bits: int) -> Identity:
    if guest.index >= 200_000:
        return Identity(kind="guest", id=None, name=None)
    stable = uuid(seeded_random.digest(seed, "teams guest", guest.index))
    if guest.index >= 100_000:
        return Identity(kind="guest", id=stable, name=guest.name)
    if guest.email is not None:
        if guest.index % 2:
            return foreign_user(seed, guest.index)
        return Identity(kind="guest", id=stable, name=guest.name, email=guest.email)
    turn = guest.index % 5
    if turn == 0:
        return Identity(kind="encrypted", id=stable, name="")
    if turn == 1:
        return Identity(kind="acsUser", id=f"8:acs:{stable}", name=None)
    if turn == 2:  # known by this visit only
        return Identity(kind="guest", id=uuid(seeded_random.digest(seed, "teams visit", bits)), name=None)
    if turn == 3:
        return Identity(kind="guest", id=None, name=("", EXTERNAL_USER, None)[bits % 3])
    return Identity(kind="guest", id=stable, name=guest.name)
