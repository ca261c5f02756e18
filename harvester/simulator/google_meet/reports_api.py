"""The Reports API: `activities` of Meet, newest first. A row appears minutes to days after an endpoint has
left.

An item may contain several events, not only `call_ended`, and is returned whole if one of them matches.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from typing import Any

from harvester.simulator.google_meet import filters, formats
from harvester.simulator.google_meet.access import require
from harvester.simulator.google_meet.account import CUSTOMER, ROWS_KEPT, Account, Conference
from harvester.simulator.google_meet.attendance import Attendance, Endpoint, Row
from harvester.simulator.google_meet.call_ended_rows import CallEndedRows, Parameters, conference_parameters
from harvester.simulator.google_meet.error_responses import ErrorResponse, bad_request
from harvester.simulator.google_meet.options import GoogleOptions
from harvester.simulator.google_meet.paging import Pages
from harvester.simulator.google_meet.request import Request
from harvester.simulator.organisation import Person, seeded_random

CALL_ENDED = "call_ended"
_SOON = 1000  # ms by which two clocks of one machine may differ
_OUTSIDER = {"callerType": "KEY", "key": "HANGOUTS_EXTERNAL_OR_ANONYMOUS"}
_EVENTS = frozenset({CALL_ENDED, "presentation_stopped", "knocking_accepted", "recording_activity"})


class ReportsApi:
    def __init__(self, account: Account, attendance: Attendance, options: GoogleOptions) -> None:
        self._account = account
        self._attendance = attendance
        self._options = options
        self._calls = CallEndedRows(account.organisation)
        self._pages = Pages(account.organisation.seed)

    def answer(self, request: Request) -> dict[str, Any]:
        """Answer `activity/users/{userKey}/applications/meet`."""
        require(request, "reports", self._options)
        if request.person is None or request.person != self._account.administrator:
            raise ErrorResponse(
                401 if request.person is None else 403,
                "Access denied. You are not authorized to read activity records.",
                reason="authError" if request.person is None else "forbidden",
            )
        if request.path[4] != "meet":
            return {"kind": "admin#reports#activities", "etag": '"none"'}
        _check(request)
        found = list(self._find_rows(request))
        size = request.count("maxResults", default=1000, maximum=1000, strict=True)
        shown, token = self._pages.page(request, found, size)
        body: dict[str, Any] = {"kind": "admin#reports#activities", "etag": f'"{len(found):x}"'}
        if shown:
            body["items"] = [self._item(row) for row in shown]
        return body | ({"nextPageToken": token} if token else {})

    def _find_rows(self, request: Request) -> Iterator[Row]:
        person = self._user(request)
        event = request.get("eventName")
        if event is not None and event not in _EVENTS:
            return
        conference_test, test = filters.parse_reports_filters(request.get("filters") or "")
        fits: dict[int, bool] = {}
        for row in self._between(request):
            seed = row.conference.meeting.seed
            if conference_test is not None and seed not in fits:
                fits[seed] = conference_test(conference_parameters(row.conference))
            if row.known_at > request.instant or not fits.get(seed, True):
                continue
            if person is None and test is None and event in {None, CALL_ENDED}:
                yield row
                continue
            endpoint = self._endpoint(row)
            if person is not None and endpoint.person != person:
                continue
            named = event in {None, CALL_ENDED} or event in {
                e["name"] for e in _other_events(row.conference, endpoint)
            }
            if named and (test is None or test(self._calls.parameters(row.conference, endpoint))):
                yield row

    def _between(self, request: Request) -> list[Row]:
        """Return the rows in the requested time, both ends included, that have not expired."""
        rows = self._attendance.every_row
        first = request.instant_of("startTime") or 0
        last = request.instant_of("endTime") or request.instant
        first = max(first, request.instant - ROWS_KEPT)
        low = bisect_left(rows, -last, key=_newest_first)
        return rows[low : bisect_right(rows, -first, key=_newest_first)]

    def _user(self, request: Request) -> Person | None:
        """Return the requested person, None for all."""
        key = request.path[2]
        if key == "all":
            return None
        everybody = {p.email: p for p in self._account.organisation.people}
        person = everybody.get(key.lower()) or self._account.by_id.get(key)
        if person is None:
            raise bad_request(f"Invalid value for userKey: {key}", "invalid")
        return person

    def _endpoint(self, row: Row) -> Endpoint:
        return self._attendance.reported_endpoints(row.conference)[row.position]

    def _item(self, row: Row) -> dict[str, Any]:
        endpoint = self._endpoint(row)
        parameters = self._calls.parameters(row.conference, endpoint)
        unique = seeded_random.number("qualifier", endpoint.id) - 2**63
        ended = {
            "type": "call",
            "name": CALL_ENDED,
            "parameters": [_parameter(*p) for p in parameters.items()],
        }
        other_events = _other_events(row.conference, endpoint)
        item: dict[str, Any] = {
            "kind": "admin#reports#activity",
            "id": {
                "time": formats.milliseconds_stamp(row.left_at),
                "uniqueQualifier": str(unique),
                "applicationName": "meet",
                "customerId": CUSTOMER,
            },
            "etag": f'"{unique & 0xFFFFFFFF:x}"',
            "actor": self._actor(endpoint),
            "events": [*other_events, ended],
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


def _check(request: Request) -> None:
    start, end = request.instant_of("startTime"), request.instant_of("endTime")
    if end is not None and end > request.instant + _SOON:
        raise bad_request("End time is in the future.")
    if start is not None and start >= (request.instant + _SOON if end is None else end):
        raise bad_request("Start time must be before end time.")
    if request.get("filters") and not request.get("eventName"):
        raise bad_request("Filters need an eventName.")
    if request.get("includeSensitiveData") == "true":
        raise bad_request("includeSensitiveData is not supported for this application.")
    if request.get("customerId") not in {None, CUSTOMER, "my_customer"}:
        raise ErrorResponse(403, "Not Authorized to access this resource/api", reason="forbidden")


def _parameter(name: str, value: str | int | bool) -> dict[str, Any]:
    """Return a parameter; integers are sent as strings."""
    if isinstance(value, bool):
        return {"name": name, "boolValue": value}
    return (
        {"name": name, "intValue": str(value)} if isinstance(value, int) else {"name": name, "value": value}
    )


def _other_events(conference: Conference, endpoint: Endpoint) -> list[dict[str, Any]]:
    """Return other events of the same item, which come before the end of the call."""
    turn = endpoint.session.bits % 23
    names = {3: "presentation_stopped", 9: "knocking_accepted"}
    if turn not in names:
        return []
    parameters: Parameters = {
        "conference_id": conference.reports_id,
        "meeting_code": formats.without_dashes(conference.code),
    }
    parameters["action_time"] = formats.milliseconds_stamp(endpoint.left_at)
    return [
        {
            "type": "conference_action",
            "name": names[turn],
            "parameters": [_parameter(*parameter) for parameter in parameters.items()],
        }
    ]
