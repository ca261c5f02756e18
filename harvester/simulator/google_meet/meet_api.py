"""The Meet REST API, version 2: conference records, participants, spaces and recordings.

Google's guide says both that owners and participants may list conferences and that only organizers may; here
an option decides. Participants can always get the record; only owners see recordings.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from harvester.simulator.google_meet import filters, formats
from harvester.simulator.google_meet.access import require
from harvester.simulator.google_meet.account import RECORD_KEPT, Account, Conference, has_meet
from harvester.simulator.google_meet.attendance import Attendance, Endpoint, Participant, known_end
from harvester.simulator.google_meet.error_responses import ErrorResponse
from harvester.simulator.google_meet.field_mask import parse_mask
from harvester.simulator.google_meet.options import GoogleOptions
from harvester.simulator.google_meet.paging import Pages
from harvester.simulator.google_meet.request import Request
from harvester.simulator.organisation import Person, seeded_random

_MADE_BY_THE_APP = "meetings.space.created"


class MeetApi:
    def __init__(self, account: Account, attendance: Attendance, options: GoogleOptions) -> None:
        self._account = account
        self._attendance = attendance
        self._options = options
        self._pages = Pages(account.organisation.seed)

    def answer(self, call: str, request: Request) -> dict[str, Any]:
        """Answer a call; `call` is the path with `{id}` in place of ids."""
        person = self._caller(request, call)
        answers = {
            "conferenceRecords": self._records,
            "conferenceRecords/{id}": self._record,
            "conferenceRecords/{id}/participants": self._participants,
            "conferenceRecords/{id}/participants/{id}": self._participant,
            "conferenceRecords/{id}/participants/{id}/participantSessions": self._sessions,
            "conferenceRecords/{id}/participants/{id}/participantSessions/{id}": self._session,
            "conferenceRecords/{id}/recordings": self._recordings,
            "conferenceRecords/{id}/recordings/{id}": self._recording,
            "conferenceRecords/{id}/transcripts": self._empty_list,
            "conferenceRecords/{id}/smartNotes": self._empty_list,
            "spaces/{id}": self._space,
        }
        if call not in answers:
            raise _unknown()
        return answers[call](request, person)

    def _caller(self, request: Request, call: str) -> Person | None:
        more = ("meetings.space.settings",) if call.startswith("spaces") else ()
        require(request, "meet", self._options, _MADE_BY_THE_APP, *more)
        if self._options.refuses and request.person is not None and not has_meet(request.person):
            raise ErrorResponse(403, "The caller does not have permission")
        return request.person

    def _records(self, request: Request, person: Person | None) -> dict[str, Any]:
        test = filters.parse_meet_filter(
            request.get("filter"), "space.meeting_code", "space.name", "start_time", "end_time"
        )
        readable = request.scopes - {f"https://www.googleapis.com/auth/{_MADE_BY_THE_APP}"}
        seen: list[Conference] = []
        if person is not None and readable:
            seen = self._attendance.listed_to(person, request.instant, attended=self._options.attended)
        found = [c for c in seen if test(partial(_fact, c, request.instant))]
        size = request.count("pageSize", default=25, maximum=100)
        shown, token = self._pages.page(request, found, size, short=True)
        return _list_body("conferenceRecords", [_record_row(c, request.instant) for c in shown], token)

    def _record(self, request: Request, person: Person | None) -> dict[str, Any]:
        return _record_row(self._readable_conference(request, person), request.instant)

    def _readable_conference(self, request: Request, person: Person | None) -> Conference:
        conference = self._account.find_record(request.path[1], request.instant)
        if conference is None:
            raise _unknown()
        if person is None or not self._attendance.may_read(person, conference, request.instant):
            raise _denied("ConferenceRecord")
        return conference

    def _participants(self, request: Request, person: Person | None) -> dict[str, Any]:
        conference = self._readable_conference(request, person)
        test = filters.parse_meet_filter(request.get("filter"), "earliest_start_time", "latest_end_time")
        everybody = self._attendance.participants(conference, request.instant)
        found = [p for p in everybody if test({"earliest_start_time": p.start, "latest_end_time": p.end}.get)]
        size = request.count("pageSize", default=100, maximum=250)
        shown, token = self._pages.page(request, found, size)
        body = _list_body("participants", [_participant_row(p) for p in shown], token)
        # Only if it is requested.
        if "totalSize" in parse_mask(request.get("fields") or "") and found:
            body["totalSize"] = len(found)
        return body

    def _find_participant(self, request: Request, person: Person | None) -> Participant:
        conference = self._readable_conference(request, person)
        name = "/".join(request.path[:4])
        everybody = self._attendance.present(conference, request.instant)
        found = self._attendance.group_participants(
            [e for e in everybody if e.participant_name == name], request.instant
        )
        if not found:
            raise _unknown()
        return found[0]

    def _participant(self, request: Request, person: Person | None) -> dict[str, Any]:
        return _participant_row(self._find_participant(request, person))

    def _sessions(self, request: Request, person: Person | None) -> dict[str, Any]:
        test = filters.parse_meet_filter(request.get("filter"), "start_time", "end_time")
        endpoints = reversed(self._find_participant(request, person).endpoints)
        facts = [(e, {"start_time": e.start, "end_time": known_end(e, request.instant)}) for e in endpoints]
        size = request.count("pageSize", default=100, maximum=250)
        shown, token = self._pages.page(request, [e for e, times in facts if test(times.get)], size)
        return _list_body("participantSessions", [_session_row(e, request.instant) for e in shown], token)

    def _session(self, request: Request, person: Person | None) -> dict[str, Any]:
        for endpoint in self._find_participant(request, person).endpoints:
            if endpoint.session_name == "/".join(request.path):
                return _session_row(endpoint, request.instant)
        raise _unknown()

    def _recordings(self, request: Request, person: Person | None) -> dict[str, Any]:
        conference = self._owned_conference(request, person)
        size = request.count("pageSize", default=10, maximum=100)
        shown, token = self._pages.page(request, recordings(conference, request.instant), size)
        return _list_body("recordings", list(shown), token)

    def _recording(self, request: Request, person: Person | None) -> dict[str, Any]:
        for recording in recordings(self._owned_conference(request, person), request.instant):
            if recording["name"] == "/".join(request.path):
                return recording
        raise _unknown()

    def _empty_list(self, request: Request, person: Person | None) -> dict[str, Any]:
        self._owned_conference(request, person)
        return {}

    def _owned_conference(self, request: Request, person: Person | None) -> Conference:
        conference = self._readable_conference(request, person)
        if conference.owner != person:
            raise _denied("Recording")
        return conference

    def _space(self, request: Request, person: Person | None) -> dict[str, Any]:
        """Return a space by id or by meeting code."""
        conferences = [
            c for c in self._account.in_space(request.path[1]) if c.meeting.start <= request.instant
        ]
        if not conferences:
            raise _unknown()
        readable = person is not None and any(
            self._attendance.may_read(person, conference, request.instant) for conference in conferences
        )
        if not readable:
            raise _denied("Space")
        return _space_row(conferences, request.instant)


def _fact(conference: Conference, instant: int, name: str) -> str | int | None:
    if name == "start_time":
        return conference.start
    if name == "end_time":
        return conference.end if conference.ended(instant) else None
    return conference.code if name == "space.meeting_code" else f"spaces/{conference.space}"


def _list_body(name: str, rows: list[dict[str, Any]], token: str | None) -> dict[str, Any]:
    """Return a list; an empty one is left out."""
    return ({name: rows} if rows else {}) | ({"nextPageToken": token} if token else {})


def _record_row(conference: Conference, instant: int) -> dict[str, Any]:
    row = {
        "name": f"conferenceRecords/{conference.record_id}",
        "startTime": formats.stamp(conference.start),
        "space": f"spaces/{conference.space}",
    }
    if conference.ended(instant):
        row["endTime"] = formats.stamp(conference.end)
        row["expireTime"] = formats.stamp(conference.end + RECORD_KEPT * formats.MILLISECOND)
    return row


def _participant_row(participant: Participant) -> dict[str, Any]:
    first = participant.endpoints[0]
    name = {} if first.name is None else {"displayName": first.name}
    row: dict[str, Any] = {"name": participant.name, "earliestStartTime": formats.stamp(participant.start)}
    if participant.end is not None:
        row["latestEndTime"] = formats.stamp(participant.end)
    if first.user is not None:
        row["signedinUser"] = {"user": f"users/{first.user}", **name}
    else:
        row["phoneUser" if first.joined_by == "phone" else "anonymousUser"] = name
    return row


def _session_row(endpoint: Endpoint, instant: int) -> dict[str, Any]:
    row = {"name": endpoint.session_name, "startTime": formats.stamp(endpoint.start)}
    end = known_end(endpoint, instant)
    return row if end is None else row | {"endTime": formats.stamp(end)}


def recordings(conference: Conference, instant: int) -> list[dict[str, Any]]:
    """Return the recording of a recorded conference: a file, or that it is running."""
    if not conference.meeting.recorded:
        return []
    name = f"conferenceRecords/{conference.record_id}/recordings/{formats.digits('recording', conference.record_id)}"
    row: dict[str, Any] = {"name": name, "startTime": formats.stamp(conference.start + formats.SECOND)}
    if not conference.ended(instant):
        return [row | {"state": "STARTED"}]
    file = formats.event("file", conference.record_id)
    exported = {"file": file, "exportUri": f"https://drive.example/file/d/{file}/view"}
    return [
        row
        | {"endTime": formats.stamp(conference.end), "state": "FILE_GENERATED", "driveDestination": exported}
    ]


def _space_row(conferences: Sequence[Conference], instant: int) -> dict[str, Any]:
    """Return a space with its dial-in secrets, which must not reach any index."""
    conference = conferences[-1]
    pin = str(seeded_random.number("pin", conference.space) % 10**9)
    row: dict[str, Any] = {
        "name": f"spaces/{conference.space}",
        "meetingUri": f"https://meet.google.com/{conference.code}",
        "meetingCode": conference.code,
        "config": {"accessType": "TRUSTED", "entryPointAccess": "ALL", "moderation": "OFF"},
        "phoneAccess": [
            {"phoneNumber": "+1 555-0100", "pin": pin, "regionCode": "US", "languageCode": "en-US"}
        ],
        "gatewaySipAccess": [{"uri": f"{pin}@sip.example.org", "sipAccessCode": pin[::-1]}],
    }
    live = next((c for c in conferences if not c.ended(instant)), None)
    if live is not None:
        row["activeConference"] = {"conferenceRecord": f"conferenceRecords/{live.record_id}"}
    return row


def _unknown() -> ErrorResponse:
    return ErrorResponse(404, "Requested entity was not found.")


def _denied(what: str) -> ErrorResponse:
    return ErrorResponse(403, f"Permission denied on resource {what} (or it might not exist).")
