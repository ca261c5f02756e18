"""Webex's answers to each call except listings: the organisation's data under Webex's rules."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlencode

import orjson

from harvester.simulator.organisation import DAY, Person
from harvester.simulator.webex import meeting_rows
from harvester.simulator.webex.access import RIGHT_REGION, RateLimits, require
from harvester.simulator.webex.account import KEPT, READY, SITE, Account, Instance, person_id
from harvester.simulator.webex.attendance import Attendance, Participant
from harvester.simulator.webex.error_responses import ErrorResponse, bad_request, forbidden, not_found
from harvester.simulator.webex.listing import Listing
from harvester.simulator.webex.options import WebexOptions
from harvester.simulator.webex.paging import Pages
from harvester.simulator.webex.participant_rows import participant_row
from harvester.simulator.webex.quality_rows import QualityRows
from harvester.simulator.webex.request import WEEK, Range, Request, Response, count, page_size, time_range
from harvester.simulator.webex.scopes import ADMIN_PARTICIPANTS, ADMIN_SCHEDULE

_MAX_DAYS = 90
_CROWD = 100
_SOON = 1000  # ms by which two clocks of one machine may differ
_NO_QUALITY = "Meeting quality data is not available for this meeting."


class Handlers:
    """One method per call; each may raise ErrorResponse."""

    def __init__(self, account: Account, rate_limits: RateLimits, options: WebexOptions) -> None:
        organisation = account.organisation
        self._account = account
        self._counters = rate_limits
        self._options = options
        self._attendance = Attendance(account)
        self._qualities = QualityRows(organisation)
        self._pages = Pages(organisation.seed)
        self.caller = account.administrator if options.admin else account.busiest_host
        self._listing = Listing(account, self._pages, self.caller, options.max_listed)
        self.meetings = self._listing.meetings
        self.admin_meetings = self._listing.admin_meetings

    def meeting(self, request: Request) -> Response:
        require(request.scopes, "meeting:schedules_read", *ADMIN_SCHEDULE)
        instance = self._visible(request, ADMIN_SCHEDULE, host_only=False)
        if instance.id == request.key:
            return Response(meeting_rows.detail_row(instance, request.instant))
        return Response(self._planned(instance, request))

    def admin_meeting(self, request: Request) -> Response:
        require(request.scopes, *ADMIN_SCHEDULE)
        if not request.admin:
            raise forbidden("The user is not an administrator.")
        instance = self._visible(request, ADMIN_SCHEDULE, host_only=False)
        return Response(meeting_rows.admin_row(instance, request.instant))

    def _planned(self, instance: Instance, request: Request) -> dict[str, Any]:
        series = "_" not in request.key
        first = instance.meeting.planned_start
        return next(meeting_rows.planned_rows(instance, first, first + WEEK, series=series))

    def participants(self, request: Request) -> Response:
        instance, found = self._participants(request)
        shown, headers = self._pages.page(request, found, default=10, maximum=100)
        return Response({"items": [participant_row(instance, p, request.instant) for p in shown]}, headers)

    def queried_participants(self, request: Request) -> Response:
        """Filter by the e-mail addresses in the body; neither `max` nor paging is documented for this call."""
        instance, found = self._participants(request)
        emails = {email.lower() for email in _json(request.form).get("emails", ())}
        shown = [p for p in found if not emails or (p.email or "").lower() in emails]
        return Response({"items": [participant_row(instance, p, request.instant) for p in shown]})

    def participant(self, request: Request) -> Response:
        for instance in self._account.of_participant(request.key, request.instant):
            for participant in self._attendance.participants_at(instance, request.instant):
                if participant.id == request.key:
                    self._visible(request, ADMIN_PARTICIPANTS, host_only=True, instance=instance)
                    return Response(participant_row(instance, participant, request.instant))
        raise not_found("There is no such participant.")

    def _participants(self, request: Request) -> tuple[Instance, Sequence[Participant]]:
        require(request.scopes, "meeting:participants_read", *ADMIN_PARTICIPANTS)
        key = request.query.get("meetingId")
        if not key:
            raise bad_request("'meetingId' is required.")
        instance = self._visible(request, ADMIN_PARTICIPANTS, host_only=True, key=key)
        found = self._attendance.participants_at(instance, request.instant)
        room = request.query.get("breakoutSessionId")
        if room is not None and instance.meeting.end <= request.instant:
            found = [p for p in found if any(r.id == room for r in p.rooms)]
        times = _join_times(request)
        if times is not None:
            found = [p for p in found if times.first <= p.devices[0].join < times.last]
        return instance, found

    def _visible(
        self, request: Request, admin_scopes: Iterable[str], *, host_only: bool, key: str = "",
        instance: Instance | None = None,
    ) -> Instance:  # fmt: skip
        """Return a meeting that the caller may see.

        An administrator may see all of them; others those they hosted and, unless `host_only`, those they
        attended. `hostEmail` is for administrators and must name the host.
        """
        if instance is None:
            key = key or request.key
            instance = self._account.find(key, request.instant) or self._account.last_of(key, request.instant)
        if instance is None:
            raise not_found("There is no such meeting.")
        host, email = instance.meeting.host, request.query.get("hostEmail")
        if request.admin and request.may(*admin_scopes):
            if email is not None and email.lower() != host.email:
                raise not_found("The user of 'hostEmail' has no such meeting.")
            return instance
        if email is not None:
            raise forbidden("'hostEmail' is for administrators.")
        if host == self.caller or (
            not host_only and instance.id in self._account.attended_by(self.caller.index)
        ):
            return instance
        raise forbidden("The user is not the host of the meeting.")

    def qualities(self, request: Request) -> Response:
        """Return a page of qualities.

        The call counts against the limit before anything is looked up. Too early after the start it returns,
        in turn, 404, 204 or an empty list.
        """
        key = request.query.get("meetingId")
        if not key:
            raise bad_request("'meetingId' is required.")
        self._counters.admit_quality(key)
        instance = self._account.find(key, request.instant)
        if instance is None or request.instant - instance.meeting.start > KEPT:
            raise not_found(_NO_QUALITY)
        meeting = instance.meeting
        if request.instant - meeting.start < READY - _SOON:
            turn = meeting.seed % 3
            if turn == 0:
                raise not_found(_NO_QUALITY)
            return Response({"items": []}, status=204 if turn == 1 else 200)
        rows = self._attendance.measured(instance) if meeting.end <= request.instant else []
        size = page_size(request.query, default=100, maximum=self._options.max_qualities)
        offset = count(request.query, "offset")
        shown = [self._qualities.row(instance, row) for row in rows[offset : offset + size]]
        headers = {}
        if offset + size < len(rows):
            query = urlencode({**request.query, "max": size, "offset": offset + size})
            headers["Link"] = f'<{request.path}?{query}>; rel="next"'
        return Response({"items": b"[" + b",".join(shown) + b"]"}, headers)

    def licensed(self, request: Request) -> None:
        """Raise ErrorResponse unless the caller may read qualities from this host."""
        require(request.scopes, "analytics:read_all")
        if not request.admin or not self._options.pro_pack:
            raise forbidden("The user is not an administrator of an organization with the Pro Pack.")
        if self._options.elsewhere is not None and "-eu/" not in request.path:
            message = f"This server cannot serve the data for this organization. Please use {RIGHT_REGION}"
            raise ErrorResponse(self._options.elsewhere, message, errorCode=self._options.elsewhere)

    def me(self, request: Request) -> Response:
        require(request.scopes, "spark:people_read", "spark-admin:people_read")
        return Response(self._person(self.caller))

    def people(self, request: Request) -> Response:
        """An administrator may list everyone; others must name a person."""
        require(request.scopes, "spark:people_read", "spark-admin:people_read")
        email = request.query.get("email")
        if email is None and not (request.admin and request.may("spark-admin:people_read")):
            raise bad_request("Email, displayName, or id list should be specified.")
        known = [p for p in self._account.organisation.people if p.status != "departed"]
        found = [p for p in known if email is None or p.email == email.lower()]
        shown, headers = self._pages.page(request, found, default=100, maximum=100)
        return Response({"items": [self._person(person) for person in shown]}, headers)

    def sites(self, request: Request) -> Response:
        require(request.scopes, "meeting:preferences_read", "meeting:admin_preferences_read")
        if "userEmail" in request.query and not (
            request.admin and request.may("meeting:admin_preferences_read")
        ):
            raise forbidden("Not permitted to view or change other user's preferences.")
        return Response({"sites": [{"siteUrl": SITE, "default": True}]})

    def _person(self, person: Person) -> dict[str, Any]:
        admin = person == self.caller and self._options.admin
        return {
            "id": person_id(person),
            "emails": [person.email],
            "displayName": person.name,
            "nickName": person.name.split()[0],
            "orgId": "Y2lzY29zcGFyazovL3VzL09SR0FOSVpBVElPTi8xZWI2NWZkZg",
            # The base64 of ciscospark://us/ROLE/id_full_admin
            "roles": ["Y2lzY29zcGFyazovL3VzL1JPTEUvaWRfZnVsbF9hZG1pbg"] if admin else [],
            "licenses": [],
            "department": person.department,
            "created": "2021-03-04T05:06:07.000Z",
            "siteUrls": [SITE],
            "status": "active" if person.status == "active" else "unknown",
            "invitePending": "true" if person.status == "pending" else "false",
            "loginEnabled": "true" if person.status == "active" else "false",
            "type": "person",
        }

    def is_large(self, key: str, instant: int) -> bool:
        """Return whether the answer for this instance may be long."""
        instance = self._account.find(key, instant)
        return instance is not None and instance.meeting.attendance > _CROWD


def _join_times(request: Request) -> Range | None:
    query = {**request.query, **_json(request.form)}
    times_query = {
        short: query[long]
        for short, long in (("from", "joinTimeFrom"), ("to", "joinTimeTo"))
        if long in query
    }
    if not times_query:
        return None
    times = time_range(times_query, request.instant, instances=True)
    if times.last - times.first > _MAX_DAYS * DAY:
        raise bad_request(
            f"The interval between 'joinTimeFrom' and 'joinTimeTo' must be within {_MAX_DAYS} days."
        )
    return times


def _json(form: bytes) -> dict[str, Any]:
    if not form:
        return {}
    try:
        body = orjson.loads(form)
    except orjson.JSONDecodeError:
        raise bad_request("The body is not JSON.") from None
    if not isinstance(body, dict):
        raise bad_request("The body is not an object.")
    return body
