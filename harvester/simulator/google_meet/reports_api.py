"""Reports: `activities` of Meet, newest first; a row is there minutes to days after an endpoint has left.

Not every event is the end of a call, an item may hold several of them, and what is asked for by name is told whole.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from typing import Any

from harvester.simulator.google_meet import filters, formats
from harvester.simulator.google_meet.access import Terms, require
from harvester.simulator.google_meet.account import CUSTOMER, ROWS_KEPT, Account, Conference
from harvester.simulator.google_meet.attendance import Endpoint, Presences, Row
from harvester.simulator.google_meet.call_ended_rows import Calls, Told, of_conference
from harvester.simulator.google_meet.error_responses import Refusal, bad
from harvester.simulator.google_meet.paging import Pages
from harvester.simulator.google_meet.request import Question
from harvester.simulator.organisation import Person, seeded_random

CALL_ENDED = "call_ended"
_SOON = 1000  # ms by which two clocks of one machine may differ
_OUTSIDER = {"callerType": "KEY", "key": "HANGOUTS_EXTERNAL_OR_ANONYMOUS"}
_EVENTS = frozenset({CALL_ENDED, "presentation_stopped", "knocking_accepted", "recording_activity"})


class Reports:
    def __init__(self, account: Account, presences: Presences, terms: Terms) -> None:
        self._account = account
        self._presences = presences
        self._terms = terms
        self._calls = Calls(account.organisation)
        self._pages = Pages(account.organisation.seed)

    def answer(self, asked: Question) -> dict[str, Any]:
        """`activity/users/{userKey}/applications/meet`."""
        require(asked, "reports", self._terms)
        if asked.person is None or asked.person != self._account.administrator:
            raise Refusal(
                401 if asked.person is None else 403,
                "Access denied. You are not authorized to read activity records.",
                reason="authError" if asked.person is None else "forbidden",
            )
        if asked.path[4] != "meet":
            return {"kind": "admin#reports#activities", "etag": '"none"'}
        _check(asked)
        found = list(self._found(asked))
        size = asked.count("maxResults", default=1000, most=1000, strict=True)
        shown, token = self._pages.page(asked, found, size)
        body: dict[str, Any] = {"kind": "admin#reports#activities", "etag": f'"{len(found):x}"'}
        if shown:
            body["items"] = [self._item(row) for row in shown]
        return body | ({"nextPageToken": token} if token else {})

    def _found(self, asked: Question) -> Iterator[Row]:
        person = self._user(asked)
        event = asked.get("eventName")
        if event is not None and event not in _EVENTS:
            return
        conference_test, test = filters.reports(asked.get("filters") or "")
        fits: dict[int, bool] = {}
        for row in self._between(asked):
            seed = row.conference.meeting.seed
            if conference_test is not None and seed not in fits:
                fits[seed] = conference_test(of_conference(row.conference))
            if row.known_at > asked.instant or not fits.get(seed, True):
                continue
            if person is None and test is None and event in {None, CALL_ENDED}:
                yield row
                continue
            endpoint = self._endpoint(row)
            if person is not None and endpoint.person != person:
                continue
            named = event in {None, CALL_ENDED} or event in {
                e["name"] for e in _besides(row.conference, endpoint)
            }
            if named and (test is None or test(self._calls.parameters(row.conference, endpoint))):
                yield row

    def _between(self, asked: Question) -> list[Row]:
        """Rows of the time that is asked for, both ends with it, that have not expired."""
        rows = self._presences.every_row
        first = asked.instant_of("startTime") or 0
        last = asked.instant_of("endTime") or asked.instant
        first = max(first, asked.instant - ROWS_KEPT)
        low = bisect_left(rows, -last, key=_newest_first)
        return rows[low : bisect_right(rows, -first, key=_newest_first)]

    def _user(self, asked: Question) -> Person | None:
        """None for everybody."""
        key = asked.path[2]
        if key == "all":
            return None
        everybody = {p.email: p for p in self._account.organisation.people}
        person = everybody.get(key.lower()) or self._account.by_id.get(key)
        if person is None:
            raise bad(f"Invalid value for userKey: {key}", "invalid")
        return person

    def _endpoint(self, row: Row) -> Endpoint:
        return self._presences.rows(row.conference)[row.place]

    def _item(self, row: Row) -> dict[str, Any]:
        endpoint = self._endpoint(row)
        parameters = self._calls.parameters(row.conference, endpoint)
        unique = seeded_random.number("qualifier", endpoint.id) - 2**63
        ended = {
            "type": "call",
            "name": CALL_ENDED,
            "parameters": [_parameter(*p) for p in parameters.items()],
        }
        besides = _besides(row.conference, endpoint)
        item: dict[str, Any] = {
            "kind": "admin#reports#activity",
            "id": {
                "time": formats.to_the_millisecond(row.left_at),
                "uniqueQualifier": str(unique),
                "applicationName": "meet",
                "customerId": CUSTOMER,
            },
            "etag": f'"{unique & 0xFFFFFFFF:x}"',
            "actor": self._actor(endpoint),
            "events": [*besides, ended],
        }
        if "ip_address" in parameters:
            item["ipAddress"] = parameters["ip_address"]
        return item

    def _actor(self, endpoint: Endpoint) -> Mapping[str, str]:
        person = endpoint.person
        if person is None:
            return _OUTSIDER
        return {"callerType": "USER", "email": person.email, "profileId": self._account.user_id(person)}


def _newest_first(row: Row) -> int:
    return -row.left_at


def _check(asked: Question) -> None:
    start, end = asked.instant_of("startTime"), asked.instant_of("endTime")
    if end is not None and end > asked.instant + _SOON:
        raise bad("End time is in the future.")
    if start is not None and start >= (asked.instant + _SOON if end is None else end):
        raise bad("Start time must be before end time.")
    if asked.get("filters") and not asked.get("eventName"):
        raise bad("Filters need an eventName.")
    if asked.get("includeSensitiveData") == "true":
        raise bad("includeSensitiveData is not supported for this application.")
    if asked.get("customerId") not in {None, CUSTOMER, "my_customer"}:
        raise Refusal(403, "Not Authorized to access this resource/api", reason="forbidden")


def _parameter(name: str, value: str | int | bool) -> dict[str, Any]:
    """Whole numbers are text."""
    if isinstance(value, bool):
        return {"name": name, "boolValue": value}
    return (
        {"name": name, "intValue": str(value)} if isinstance(value, int) else {"name": name, "value": value}
    )


def _besides(conference: Conference, endpoint: Endpoint) -> list[dict[str, Any]]:
    """Other events in the same item, told before the end of the call."""
    turn = endpoint.stay.bits % 23
    names = {3: "presentation_stopped", 9: "knocking_accepted"}
    if turn not in names:
        return []
    told: Told = {"conference_id": conference.reported, "meeting_code": formats.shouted(conference.code)}
    told["action_time"] = formats.to_the_millisecond(endpoint.left_at)
    return [
        {
            "type": "conference_action",
            "name": names[turn],
            "parameters": [_parameter(*parameter) for parameter in told.items()],
        }
    ]
