"""`/meetings` and `/admin/meetings`: what is listed to whom, of which kind, in which time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from harvester.simulator.organisation import Person
from harvester.simulator.webex import meeting_rows
from harvester.simulator.webex.access import ADMIN_SCHEDULE, require
from harvester.simulator.webex.account import SITE, Account, Instance
from harvester.simulator.webex.error_responses import bad, forbidden
from harvester.simulator.webex.paging import Pages
from harvester.simulator.webex.request import WEEK, Question, Reply, boolean, choice, time_range

_STATES = ("active", "scheduled", "ready", "lobby", "inProgress", "ended", "missed", "expired")
_ALONE = ("meetingNumber", "webLink", "roomId")


class Listing:
    """`most`: how many instances are listed at all, however many pages are asked for."""

    def __init__(self, account: Account, pages: Pages, caller: Person, most: int) -> None:
        self._account = account
        self._pages = pages
        self._caller = caller
        self._most = most

    def meetings(self, asked: Question) -> Reply:
        """Instances only where they are asked for; else the plans of the coming week."""
        require(asked.scopes, "meeting:schedules_read", *ADMIN_SCHEDULE)
        query = asked.query
        kind = choice(query, "meetingType", "meetingSeries", "scheduledMeeting", "meeting")
        state = choice(query, "state", *_STATES)
        alone = [name for name in _ALONE if name in query]
        if len(alone) > 1:
            raise bad(f"{' and '.join(alone)} are mutually exclusive.")
        if alone:
            return Reply({"items": self._looked_up(asked, alone[0])})
        if kind == "meeting":
            found = self._instances(asked, state)
            shown, headers = self._pages.page(asked, found[: self._most], default=10, most=100)
            return Reply({"items": [meeting_rows.listing_row(i, asked.instant) for i in shown]}, headers)
        rows = list(self._plans(asked, series=kind != "scheduledMeeting"))
        planned, headers = self._pages.page(
            asked, [row for row in rows if state in {None, row["state"]}], default=10, most=100
        )
        return Reply({"items": list(planned)}, headers)

    def admin_meetings(self, asked: Question) -> Reply:
        """A look-up by number or link, no listing of the organisation."""
        require(asked.scopes, *ADMIN_SCHEDULE)
        if not asked.admin:
            raise forbidden("The user is not an administrator.")
        told = [name for name in ("meetingNumber", "webLink") if name in asked.query]
        if len(told) != 1:
            raise bad("One of 'meetingNumber' and 'webLink' is required.")
        return Reply({"items": self._looked_up(asked, told[0])})

    def _looked_up(self, asked: Question, name: str) -> list[dict[str, Any]]:
        """By number: the series that is dialled by it. Links and rooms of plans are not simulated."""
        series = self._account.series_of(asked.query[name]) if name == "meetingNumber" else None
        if series is None:
            return []
        instance = self._account.of_series(series, asked.instant)[-1:]
        first = asked.instant - WEEK
        return [
            row
            for i in instance
            for row in meeting_rows.planned_rows(i, first, first + 2 * WEEK, series=True)
        ][:1]

    def _instances(self, asked: Question, state: str | None) -> list[Instance]:
        query, now = asked.query, asked.instant
        series = query.get("meetingSeriesId")
        times = time_range(query, now, instances=True)
        begun: Iterable[Instance] = self._account.between(times.first, times.last, now)
        if series is not None:
            key = series.replace("-", "")
            begun = (i for i in begun if i.series.replace("-", "") == key)
        else:
            begun = self._of_type(asked, begun)
        seen = self._seen(asked)
        found = [i for i in begun if (seen is None or i.id in seen) and state in {None, i.state(now)}]
        return list(_left_behind(asked, found, state))

    def _of_type(self, asked: Question, begun: Iterable[Instance]) -> Iterator[Instance]:
        kind = choice(asked.query, "scheduledType", "meeting", "webinar", "personalRoomMeeting")
        if kind == "personalRoomMeeting":
            raise bad("'scheduledType' of meeting instances is meeting or webinar.")
        if asked.query.get("siteUrl", SITE) != SITE:
            raise bad("'siteUrl' is not a site of the user.")
        yield from (i for i in begun if kind is None or i.meeting.webinar is (kind == "webinar"))

    def _seen(self, asked: Question) -> frozenset[str] | None:
        """The ids that may be listed, None for every one: to an admin those of the organisation, or of one user; to
        others what they called or came to."""
        email = asked.query.get("hostEmail")
        if not (asked.admin and asked.may(*ADMIN_SCHEDULE)):
            if email is not None:
                raise forbidden("'hostEmail' is for administrators.")
            return self._account.joined_by(self._caller.index)
        if email is None:
            return None
        person = self._account.user(email)
        return frozenset() if person is None else self._account.joined_by(person.index)

    def _plans(self, asked: Question, *, series: bool) -> Iterator[dict[str, Any]]:
        """Of the caller's own series, or of the user's whose meetings an admin wants to see."""
        times = time_range(asked.query, asked.instant, instances=False)
        email = asked.query.get("hostEmail")
        if email is not None and not (asked.admin and asked.may(*ADMIN_SCHEDULE)):
            raise forbidden("'hostEmail' is for administrators.")
        host = self._caller.email if email is None else email.lower()
        last: dict[str, Instance] = {}
        for instance in self._account.instances:
            if instance.meeting.kind == "recurring" and instance.meeting.host.email == host:
                last[instance.series] = instance
        for instance in last.values():
            yield from meeting_rows.planned_rows(instance, times.first, times.last, series=series)


def _left_behind(asked: Question, found: Iterable[Instance], state: str | None) -> Iterator[Instance]:
    """Filters by chats, recordings and so on: true and false both leave something out; only of ended instances."""
    wanted = {name: told for name in meeting_rows.HAS if (told := boolean(asked.query, name)) is not None}
    if not wanted or state != "ended":
        yield from found
        return
    for instance in found:
        left = meeting_rows.flags(instance)
        if all(left[name] is told for name, told in wanted.items()):
            yield instance
