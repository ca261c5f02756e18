"""What Webex answers to each call: the organisation's facts under Webex's rules."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlencode

import orjson

from harvester.simulator.organisation import DAY, Person
from harvester.simulator.webex import meeting_rows
from harvester.simulator.webex.access import (
    ADMIN_PARTICIPANTS,
    ADMIN_SCHEDULE,
    RIGHT_REGION,
    Counters,
    Terms,
    require,
)
from harvester.simulator.webex.account import KEPT, READY, SITE, Account, Instance, person_id
from harvester.simulator.webex.attendance import Participant, Presences
from harvester.simulator.webex.error_responses import Refusal, bad, forbidden, not_found
from harvester.simulator.webex.listing import Listing
from harvester.simulator.webex.paging import Pages
from harvester.simulator.webex.participant_rows import participant_row
from harvester.simulator.webex.quality_rows import QualityRows
from harvester.simulator.webex.request import WEEK, Question, Range, Reply, count, page_size, time_range

_MOST_DAYS = 90
_CROWD = 100
_SOON = 1000  # ms by which two clocks of one machine may differ
_NO_QUALITY = "Meeting quality data is not available for this meeting."


class Answers:
    """One method for each kind of call; each may raise Refusal."""

    def __init__(self, account: Account, counters: Counters, terms: Terms) -> None:
        organisation = account.organisation
        self._account = account
        self._counters = counters
        self._terms = terms
        self._presences = Presences(account)
        self._qualities = QualityRows(organisation)
        self._pages = Pages(organisation.seed)
        self.caller = account.administrator if terms.admin else account.busiest_host
        self._listing = Listing(account, self._pages, self.caller, terms.most_listed)
        self.meetings = self._listing.meetings
        self.admin_meetings = self._listing.admin_meetings

    def meeting(self, asked: Question) -> Reply:
        require(asked.scopes, "meeting:schedules_read", *ADMIN_SCHEDULE)
        instance = self._visible(asked, ADMIN_SCHEDULE, host_only=False)
        if instance.id == asked.key:
            return Reply(meeting_rows.detail_row(instance, asked.instant))
        return Reply(self._planned(instance, asked))

    def admin_meeting(self, asked: Question) -> Reply:
        require(asked.scopes, *ADMIN_SCHEDULE)
        if not asked.admin:
            raise forbidden("The user is not an administrator.")
        instance = self._visible(asked, ADMIN_SCHEDULE, host_only=False)
        return Reply(meeting_rows.admin_row(instance, asked.instant))

    def _planned(self, instance: Instance, asked: Question) -> dict[str, Any]:
        series = "_" not in asked.key
        first = instance.meeting.planned_start
        return next(meeting_rows.planned_rows(instance, first, first + WEEK, series=series))

    def participants(self, asked: Question) -> Reply:
        instance, found = self._participants(asked)
        shown, headers = self._pages.page(asked, found, default=10, most=100)
        return Reply({"items": [participant_row(instance, p, asked.instant) for p in shown]}, headers)

    def queried_participants(self, asked: Question) -> Reply:
        """By e-mail addresses in a body; neither `max` nor pages are documented of it."""
        instance, found = self._participants(asked)
        emails = {email.lower() for email in _json(asked.form).get("emails", ())}
        shown = [p for p in found if not emails or (p.email or "").lower() in emails]
        return Reply({"items": [participant_row(instance, p, asked.instant) for p in shown]})

    def participant(self, asked: Question) -> Reply:
        for instance in self._account.of_participant(asked.key, asked.instant):
            for participant in self._presences.at(instance, asked.instant):
                if participant.id == asked.key:
                    self._visible(asked, ADMIN_PARTICIPANTS, host_only=True, instance=instance)
                    return Reply(participant_row(instance, participant, asked.instant))
        raise not_found("There is no such participant.")

    def _participants(self, asked: Question) -> tuple[Instance, Sequence[Participant]]:
        require(asked.scopes, "meeting:participants_read", *ADMIN_PARTICIPANTS)
        key = asked.query.get("meetingId")
        if not key:
            raise bad("'meetingId' is required.")
        instance = self._visible(asked, ADMIN_PARTICIPANTS, host_only=True, key=key)
        found = self._presences.at(instance, asked.instant)
        room = asked.query.get("breakoutSessionId")
        if room is not None and instance.meeting.end <= asked.instant:
            found = [p for p in found if any(r.id == room for r in p.rooms)]
        times = _join_times(asked)
        if times is not None:
            found = [p for p in found if times.first <= p.devices[0].join < times.last]
        return instance, found

    def _visible(
        self, asked: Question, admin_scopes: Iterable[str], *, host_only: bool, key: str = "",
        instance: Instance | None = None,
    ) -> Instance:  # fmt: skip
        """A meeting that the caller may see: an admin every one; others those that they called or, where that is
        enough, came to. `hostEmail` is for admins, and names who called it."""
        if instance is None:
            key = key or asked.key
            instance = self._account.found(key, asked.instant) or self._account.last_of(key, asked.instant)
        if instance is None:
            raise not_found("There is no such meeting.")
        host, email = instance.meeting.host, asked.query.get("hostEmail")
        if asked.admin and asked.may(*admin_scopes):
            if email is not None and email.lower() != host.email:
                raise not_found("The user of 'hostEmail' has no such meeting.")
            return instance
        if email is not None:
            raise forbidden("'hostEmail' is for administrators.")
        if host == self.caller or (
            not host_only and instance.id in self._account.joined_by(self.caller.index)
        ):
            return instance
        raise forbidden("The user is not the host of the meeting.")

    def qualities(self, asked: Question) -> Reply:
        """Counted before anything is looked up; too early there is, by turns, nothing found, nothing said, nothing in it."""
        key = asked.query.get("meetingId")
        if not key:
            raise bad("'meetingId' is required.")
        self._counters.admit_quality(key)
        instance = self._account.found(key, asked.instant)
        if instance is None or asked.instant - instance.meeting.start > KEPT:
            raise not_found(_NO_QUALITY)
        meeting = instance.meeting
        if asked.instant - meeting.start < READY - _SOON:
            turn = meeting.seed % 3
            if turn == 0:
                raise not_found(_NO_QUALITY)
            return Reply({"items": []}, status=204 if turn == 1 else 200)
        rows = self._presences.measured(instance) if meeting.end <= asked.instant else []
        size = page_size(asked.query, default=100, most=self._terms.most_qualities)
        offset = count(asked.query, "offset")
        shown = [self._qualities.row(instance, row) for row in rows[offset : offset + size]]
        headers = {}
        if offset + size < len(rows):
            query = urlencode({**asked.query, "max": size, "offset": offset + size})
            headers["Link"] = f'<{asked.path}?{query}>; rel="next"'
        return Reply({"items": b"[" + b",".join(shown) + b"]"}, headers)

    def licensed(self, asked: Question) -> None:
        """Whether qualities are told to this caller, here."""
        require(asked.scopes, "analytics:read_all")
        if not asked.admin or not self._terms.pro_pack:
            raise forbidden("The user is not an administrator of an organization with the Pro Pack.")
        if self._terms.elsewhere is not None and "-eu/" not in asked.path:
            message = f"This server cannot serve the data for this organization. Please use {RIGHT_REGION}"
            raise Refusal(self._terms.elsewhere, message, errorCode=self._terms.elsewhere)

    def me(self, asked: Question) -> Reply:
        require(asked.scopes, "spark:people_read", "spark-admin:people_read")
        return Reply(self._person(self.caller))

    def people(self, asked: Question) -> Reply:
        """An admin may list everybody, others have to say whom they mean."""
        require(asked.scopes, "spark:people_read", "spark-admin:people_read")
        email = asked.query.get("email")
        if email is None and not (asked.admin and asked.may("spark-admin:people_read")):
            raise bad("Email, displayName, or id list should be specified.")
        known = [p for p in self._account.organisation.people if p.standing != "departed"]
        found = [p for p in known if email is None or p.email == email.lower()]
        shown, headers = self._pages.page(asked, found, default=100, most=100)
        return Reply({"items": [self._person(person) for person in shown]}, headers)

    def sites(self, asked: Question) -> Reply:
        require(asked.scopes, "meeting:preferences_read", "meeting:admin_preferences_read")
        if "userEmail" in asked.query and not (asked.admin and asked.may("meeting:admin_preferences_read")):
            raise forbidden("Not permitted to view or change other user's preferences.")
        return Reply({"sites": [{"siteUrl": SITE, "default": True}]})

    def _person(self, person: Person) -> dict[str, Any]:
        admin = person == self.caller and self._terms.admin
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
            "status": "active" if person.standing == "active" else "unknown",
            "invitePending": "true" if person.standing == "pending" else "false",
            "loginEnabled": "true" if person.standing == "active" else "false",
            "type": "person",
        }

    def crowded(self, key: str, instant: int) -> bool:
        """Whether an answer about this instance may be long."""
        instance = self._account.found(key, instant)
        return instance is not None and instance.meeting.attendance > _CROWD


def _join_times(asked: Question) -> Range | None:
    query = {**asked.query, **_json(asked.form)}
    told = {
        short: query[long]
        for short, long in (("from", "joinTimeFrom"), ("to", "joinTimeTo"))
        if long in query
    }
    if not told:
        return None
    times = time_range(told, asked.instant, instances=True)
    if times.last - times.first > _MOST_DAYS * DAY:
        raise bad(f"The interval between 'joinTimeFrom' and 'joinTimeTo' must be within {_MOST_DAYS} days.")
    return times


def _json(form: bytes) -> dict[str, Any]:
    if not form:
        return {}
    try:
        told = orjson.loads(form)
    except orjson.JSONDecodeError:
        raise bad("The body is not JSON.") from None
    if not isinstance(told, dict):
        raise bad("The body is not an object.")
    return told
