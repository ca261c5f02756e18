"""`/meetings` and `/admin/meetings`: which meetings are listed, to whom and for which time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from harvester.simulator.organisation import Person
from harvester.simulator.webex import meeting_rows
from harvester.simulator.webex.access import require
from harvester.simulator.webex.account import SITE, Account, Instance
from harvester.simulator.webex.error_responses import bad_request, forbidden
from harvester.simulator.webex.paging import Pages
from harvester.simulator.webex.request import WEEK, Request, Response, boolean, choice, time_range
from harvester.simulator.webex.scopes import ADMIN_SCHEDULE

_STATES = ("active", "scheduled", "ready", "lobby", "inProgress", "ended", "missed", "expired")
_ALONE = ("meetingNumber", "webLink", "roomId")


class Listing:
    """`maximum` is the number of instances listed in all, however many pages are requested."""

    def __init__(self, account: Account, pages: Pages, caller: Person, maximum: int) -> None:
        self._account = account
        self._pages = pages
        self._caller = caller
        self._maximum = maximum

    def meetings(self, request: Request) -> Response:
        """List instances if they are requested, otherwise the scheduled meetings of the coming week."""
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
        """Look up a meeting by number or link; this call does not list the organisation's meetings."""
        require(request.scopes, *ADMIN_SCHEDULE)
        if not request.admin:
            raise forbidden("The user is not an administrator.")
        given = [name for name in ("meetingNumber", "webLink") if name in request.query]
        if len(given) != 1:
            raise bad_request("One of 'meetingNumber' and 'webLink' is required.")
        return Response({"items": self._look_up(request, given[0])})

    def _look_up(self, request: Request, name: str) -> list[dict[str, Any]]:
        """Return the series with this number. Looking up links and rooms is not simulated."""
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
        """Return the ids that may be listed, None for all of them.

        An administrator sees those of the organisation or of one user, others those they hosted or attended.
        """
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
        """Yield the caller's own scheduled series, or those of the user that an administrator names."""
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
    """Filter ended instances by chat, recording and so on; both true and false exclude some."""
    filters = {
        name: value for name in meeting_rows.LEFTOVERS if (value := boolean(request.query, name)) is not None
    }
    if not filters or state != "ended":
        yield from found
        return
    for instance in found:
        leftovers = meeting_rows.flags(instance)
        if all(leftovers[name] is value for name, value in filters.items()):
            yield instance
