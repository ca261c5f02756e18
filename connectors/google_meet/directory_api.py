"""Read the company's Directory of users: all of it, once a run, when first needed.

`users.list` (https://developers.google.com/workspace/admin/directory/reference/rest/v1/users/list, 2026): 500 a page,
suspended users included. The `id` is the one in Meet's `users/{id}`; Meet itself has no addresses.
"""

from __future__ import annotations

from collections.abc import Iterator
from threading import Lock
from typing import NamedTuple

from connectors.base import Context
from connectors.errors import BrokenResponse
from connectors.google_meet.auth import GoogleTokens
from connectors.google_meet.endpoints import DIRECTORY, VENDOR
from connectors.google_meet.errors import ApiNotAllowed, Forbidden
from connectors.google_meet.http_client import GoogleClient, Row
from connectors.parsing import as_text

PAGE_SIZE = 500
FIELDS = "nextPageToken,users(id,primaryEmail,aliases,nonEditableAliases,name(fullName),suspended,archived)"


class Person(NamedTuple):
    id: str
    email: str
    name: str | None
    active: bool


class DirectoryApi:
    """Thread-safe: the first caller reads it, the others wait."""

    def __init__(self, client: GoogleClient, tokens: GoogleTokens, context: Context, customer: str) -> None:
        self._client = client
        self._tokens = tokens
        self._context = context
        self._customer = customer
        self._lock = Lock()
        self._by_id: dict[str, Person] | None = None
        self._by_address: dict[str, Person] = {}

    @property
    def is_readable(self) -> bool:
        """Whether the Directory may be read, and has any users."""
        return bool(self._people())

    def by_id(self, number: str | None) -> Person | None:
        return None if number is None else self._people().get(number)

    def by_address(self, address: str | None) -> Person | None:
        """The person with this primary address or alias."""
        people = self._people()
        return self._by_address.get(address.lower()) if address is not None and people else None

    def people(self) -> Iterator[Person]:
        yield from self._people().values()

    def require_access(self) -> None:
        """Makes one call. Raises the error if it is refused."""
        self._client.call(
            DIRECTORY,
            self._tokens.admin,
            "users",
            "list",
            customer=self._customer,
            maxResults=1,
            fields=FIELDS,
        )

    def _people(self) -> dict[str, Person]:
        people = self._by_id
        if people is None:
            with self._lock:
                people = self._by_id if self._by_id is not None else self._read()
        return people

    def _read(self) -> dict[str, Person]:
        people: dict[str, Person] = {}
        try:
            rows = self._client.all_rows(
                DIRECTORY,
                self._tokens.admin,
                "users",
                "users",
                customer=self._customer,
                maxResults=PAGE_SIZE,
                fields=FIELDS,
            )
        except (ApiNotAllowed, Forbidden) as error:
            self._context.notify_once(
                f"{VENDOR}: reading without the names and addresses of the Directory: {error}"
            )
            rows = []
        else:
            if not rows:
                raise BrokenResponse(f"{VENDOR}: users.list: no users, although the admin is one")
        for row in rows:
            number, email = as_text(row.get("id")), as_text(row.get("primaryEmail"))
            if number is None or email is None:
                raise BrokenResponse(f"{VENDOR}: users.list: a user without an id or an address")
            active = row.get("suspended") is not True and row.get("archived") is not True
            person = Person(number, email, _name(row), active)
            people.setdefault(number, person)
            for address in (email, *_addresses(row)):
                self._by_address.setdefault(address.lower(), person)
        self._by_id = people
        return people


def _name(row: Row) -> str | None:
    name = row.get("name")
    return as_text(name.get("fullName")) if isinstance(name, dict) else None


def _addresses(row: Row) -> Iterator[str]:
    for key in ("aliases", "nonEditableAliases"):
        addresses = row.get(key)
        if isinstance(addresses, list):
            yield from (address for address in addresses if isinstance(address, str))
