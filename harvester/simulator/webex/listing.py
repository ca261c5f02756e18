"""`/meetings` and `/admin/meetings`: what is listed to whom, of which kind, in which time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from harvester.simulator.organisation import Person
from harvester.simulator.webex import meeting_rows
from harvester.simulator.webex.access import ADMIN_SCHEDULE, require
from harvester.simulator.webex.account import SITE, Account, Instance
from harvester.simulator.webex.error_responses import bad_request, forbidden
from harvester.simulator.webex.paging import Pages
from harvester.simulator.webex.request import WEEK, Request, Response, boolean, choice, time_range

_STATES = ("active", "scheduled", "ready", "lobby", "inProgress", "ended", "missed", "expired")
_ALONE = ("meetingNumber", "webLink", "roomId")


class Listing:
    """`most`: how many instances are listed at all, however many pages are asked for."""

    def __init__(self, account: Account, pages: Pages, caller: Person, maximum: int) -> None:
        self._account = account
        self._pages = pages
        self._caller = caller
        self._maximum = maximum

    def meetings(self, request: Request) -> Response:
        """Instances only where they are asked for; else the plans of the coming week."""
        require(request.scopes, "meeting:schedules_read", *ADMIN_SCHEDULE)
        query = request.query
        kind = choice(query, "meetingType", "meetingSeries", "scheduledMeeting", "meeting")
        state = choice(query, "state", *_STATES)
        alone = [name for name in _ALONE if name in query]
        if len(alone) > 1:
            raise bad_request(f"{' and '.join(alone)} are mutually exclusive.")
        if alone:
            return Response({"items": self._look_up(request, alone[0])})
        if kind == "meeting":
            found = self._instances(request, state)
            shown, headers = self._pages.page(request, found[: self._maximum], default=10, maximum=100)
            return Response({"items": [meeting_rows.listing_row(i, request.instant) for i in shown]}, headers)
        rows = list(self._plans(request, series=kind != "scheduledMeeting"))
        planned, headers = self._pages.page(
            request, [row for row in rows if state in {None, row["state"]}], default=10, maximum=100
        )
        return Response({"items": list(planned)}, headers)

    def admin_meetings(self, request: Request) -> Response:
        """A look-up by number or link, no listing of the organisation."""
        require(request.scopes, *ADMIN_SCHEDULE)
        if not request.admin:
            raise forbidden("The user is not an administrator.")
        given = [name for name in ("meetingNumber", "webLink") if name in request.query]
        if len(given) != 1:
            raise bad_request("One of 'meetingNumber' and 'webLink' is required.")
        return Response({"items": self._look_up(request, given[0])})

    def _look_up(self, request: Request, name: str) -> list[dict[str, Any]]:
        """By number: the series that is dialled by it. Links and rooms of plans are not simulated."""
        series = self._account.series_of(request.query[name]) if name == "meetingNumber" else None
        if series is None:
            return []
        instance = self._account.of_series(series, request.instant)[-1:]
        first = request.instant - WEEK
        return [
            row
            for i in instance
            for row in meeting_rows.planned_rows(i, first, first + 2 * WEEK, series=True)
        ][:1]

    def _instances(self, request: Request, state: str | None) -> list[Instance]:
        query, now = request.query, request.instant
        series = query.get("meetingSeriesId")
        times = time_range(query, now, instances=True)
        begun: Iterable[Instance] = self._account.between(times.first, times.last, now)
        if series is not None:
            key = series.replace("-", "")
            begun = (i for i in begun if i.series.replace("-", "") == key)
        else:
            begun = self._of_type(request, begun)
        seen = self._visible_ids(request)
        found = [i for i in begun if (seen is None or i.id in seen) and state in {None, i.state(now)}]
        return list(_filter_by_leftovers(request, found, state))

    def _of_type(self, request: Request, begun: Iterable[Instance]) -> Iterator[Instance]:
        kind = choice(request.query, "scheduledType", "meeting", "webinar", "personalRoomMeeting")
        if kind == "personalRoomMeeting":
            raise bad_request("'scheduledType' of meeting instances is meeting or webinar.")
        if request.query.get("siteUrl", SITE) != SITE:
            raise bad_request("'siteUrl' is not a site of the user.")
        yield from (i for i in begun if kind is None or i.meeting.webinar is (kind == "webinar"))

    def _visible_ids(self, request: Request) -> frozenset[str] | None:
        """The ids that may be listed, None for every one: to an admin those of the organisation, or of one user; to
        others what they called or came to."""
        email = request.query.get("hostEmail")
        if not (request.admin and request.may(*ADMIN_SCHEDULE)):
            if email is not None:
                raise forbidden("'hostEmail' is for administrators.")
            return self._account.attended_by(self._caller.index)
        if email is None:
            return None
        person = self._account.user(email)
        return frozenset() if person is None else self._account.attended_by(person.index)

    def _plans(self, request: Request, *, series: bool) -> Iterator[dict[str, Any]]:
        """Of the caller's own series, or of the user's whose meetings an admin wants to see."""
        times = time_range(request.query, request.instant, instances=False)
        email = request.query.get("hostEmail")
        if email is not None and not (request.admin and request.may(*ADMIN_SCHEDULE)):
            raise forbidden("'hostEmail' is for administrators.")
        host = self._caller.email if email is None else email.lower()
        last: dict[str, Instance] = {}
        for instance in self._account.instances:
            if instance.meeting.kind == "recurring" and instance.meeting.host.email == host:
                last[instance.series] = instance
        for instance in last.values():
            yield from meeting_rows.planned_rows(instance, times.first, times.last, series=series)


def _filter_by_leftovers(
    request: Request, found: Iterable[Instance], state: str | None
) -> Iterator[Instance]:
    """Filters by chats, recordings and so on: true and false both leave something out; only of ended instances."""
    wanted = {
        name: value for name in meeting_rows.LEFTOVERS if (value := boolean(request.query, name)) is not None
    }
    if not wanted or state != "ended":
        yield from found
        return
    for instance in found:
        leftovers = meeting_rows.flags(instance)
        if all(leftovers[name] is value for name, value in wanted.items()):
            yield instance
