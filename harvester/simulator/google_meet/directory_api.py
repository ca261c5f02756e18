"""The Directory API: everyone with an account, including suspended people, excluding departed ones."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from harvester.simulator.google_meet.access import require
from harvester.simulator.google_meet.account import CUSTOMER, DOMAIN, Account
from harvester.simulator.google_meet.error_responses import ErrorResponse, bad_request
from harvester.simulator.google_meet.options import GoogleOptions
from harvester.simulator.google_meet.paging import DIRECTORY_TOKEN_SECONDS, Pages
from harvester.simulator.google_meet.request import Request
from harvester.simulator.organisation import Person

_TERM = re.compile(r"(\w+)\s*(=|:)\s*('[^']*'|\S+)\s*")
_ORDERS: dict[str, Callable[[Person], str]] = {
    "email": lambda person: person.email,
    "familyName": lambda person: person.name.split()[-1],
    "givenName": lambda person: person.name.split()[0],
}


class DirectoryApi:
    def __init__(self, account: Account, options: GoogleOptions) -> None:
        self._account = account
        self._options = options
        self._pages = Pages(account.organisation.seed, seconds=DIRECTORY_TOKEN_SECONDS)

    def answer(self, call: str, request: Request) -> dict[str, Any]:
        """Answer `users` and `users/{id}`."""
        require(request, "directory", self._options)
        if request.person is None or request.person != self._account.administrator:
            raise ErrorResponse(403, "Not Authorized to access this resource/api", reason="forbidden")
        if call == "users":
            return self._users(request)
        if call == "users/{id}":
            return self._user(request)
        raise ErrorResponse(404, "Not Found", reason="notFound")

    def _users(self, request: Request) -> dict[str, Any]:
        customer, domain = request.get("customer"), request.get("domain")
        if customer is None and domain is None:
            raise bad_request("Bad Request", "badRequest")
        if customer not in {None, "my_customer", CUSTOMER} or domain not in {None, DOMAIN}:
            raise ErrorResponse(404, "Domain not found.", reason="notFound")
        if request.get("showDeleted") == "true":
            found = [p for p in self._account.organisation.people if p.status == "departed"]
        else:
            found = [
                p for p in self._account.by_email.values() if self._matches(p, request.get("query") or "")
            ]
        order = request.get("orderBy")
        if order is not None:
            if order not in _ORDERS:
                raise bad_request(f"Invalid Input: {order}")
            found.sort(key=_ORDERS[order], reverse=request.get("sortOrder") == "DESCENDING")
        size = request.count("maxResults", default=100, maximum=500)
        shown, token = self._pages.page(request, found, size)
        body: dict[str, Any] = {"kind": "admin#directory#users", "etag": f'"{len(found):x}"'}
        if shown:
            body["users"] = [self._row(person) for person in shown]
        return body | ({"nextPageToken": token} if token else {})

    def _matches(self, person: Person, query: str) -> bool:
        rest = _TERM.sub("", query).strip()
        if rest:
            raise bad_request("Invalid Input: query")
        row = self._row(person)
        known = {
            "isSuspended": str(row["suspended"]).lower(),
            "isAdmin": str(row["isAdmin"]).lower(),
            "email": person.email,
            "orgUnitPath": row["orgUnitPath"],
        }
        for name, sign, value in _TERM.findall(query):
            if name not in known:
                raise bad_request("Invalid Input: query")
            expected = value.strip("'")
            actual = known[name]
            is_prefix = sign == ":" or expected.endswith("*")
            if not (actual.startswith(expected.rstrip("*")) if is_prefix else actual == expected):
                return False
        return True

    def _user(self, request: Request) -> dict[str, Any]:
        key = request.path[1].lower()
        account = self._account
        alias = next((p for p in account.by_email.values() if key in _aliases(p)), None)
        person = account.by_email.get(key) or account.by_id.get(key) or alias
        if person is None:
            raise ErrorResponse(404, f"Resource Not Found: userKey {key}", reason="notFound")
        return self._row(person)

    def _row(self, person: Person) -> dict[str, Any]:
        given, _, family = person.name.partition(" ")
        row: dict[str, Any] = {
            "kind": "admin#directory#user",
            "id": self._account.user_id(person),
            "etag": f'"{person.index:x}"',
            "primaryEmail": person.email,
            "name": {"givenName": given, "familyName": family, "fullName": person.name},
            "isAdmin": person == self._account.administrator,
            "isDelegatedAdmin": False,
            "suspended": person.status == "inactive",
            "archived": False,
            "orgUnitPath": f"/{person.department}",
            "customerId": CUSTOMER,
            "emails": [{"address": person.email, "primary": True}],
        }
        if person.status == "inactive":
            row["suspensionReason"] = "ADMIN"
        aliases = _aliases(person)
        return row | {"aliases": aliases} if aliases else row


def _aliases(person: Person) -> list[str]:
    return [f"alias{person.index}@{DOMAIN}"] if person.index % 5 == 2 else []
