"""Meet's REST API, version 2: conference records, who was there, spaces and recordings.

Google's guide says both that owners and participants may list conferences and that only organizers do; here the terms
say which. Whoever was there may get the record in either case; recordings are shown to owners alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from harvester.simulator.google_meet import filters, formats
from harvester.simulator.google_meet.access import Terms, require
from harvester.simulator.google_meet.account import RECORD_KEPT, Account, Conference, has_meet
from harvester.simulator.google_meet.attendance import Endpoint, Participant, Presences, gone
from harvester.simulator.google_meet.error_responses import Refusal
from harvester.simulator.google_meet.field_mask import mask
from harvester.simulator.google_meet.paging import Pages
from harvester.simulator.google_meet.request import Question
from harvester.simulator.organisation import Person, seeded_random

_MADE_BY_THE_APP = "meetings.space.created"


class Meet:
    def __init__(self, account: Account, presences: Presences, terms: Terms) -> None:
        self._account = account
        self._presences = presences
        self._terms = terms
        self._pages = Pages(account.organisation.seed)

    def answer(self, call: str, asked: Question) -> dict[str, Any]:
        """`call`: the path with `{id}` for what names something."""
        person = self._caller(asked, call)
        answers = {
            "conferenceRecords": self._records,
            "conferenceRecords/{id}": self._record,
            "conferenceRecords/{id}/participants": self._participants,
            "conferenceRecords/{id}/participants/{id}": self._participant,
            "conferenceRecords/{id}/participants/{id}/participantSessions": self._sessions,
            "conferenceRecords/{id}/participants/{id}/participantSessions/{id}": self._session,
            "conferenceRecords/{id}/recordings": self._recordings,
            "conferenceRecords/{id}/recordings/{id}": self._recording,
            "conferenceRecords/{id}/transcripts": self._nothing_written,
            "conferenceRecords/{id}/smartNotes": self._nothing_written,
            "spaces/{id}": self._space,
        }
        if call not in answers:
            raise _unknown()
        return answers[call](asked, person)

    def _caller(self, asked: Question, call: str) -> Person | None:
        more = ("meetings.space.settings",) if call.startswith("spaces") else ()
        require(asked, "meet", self._terms, _MADE_BY_THE_APP, *more)
        if self._terms.refuses and asked.person is not None and not has_meet(asked.person):
            raise Refusal(403, "The caller does not have permission")
        return asked.person

    def _records(self, asked: Question, person: Person | None) -> dict[str, Any]:
        test = filters.meet(asked.get("filter"), "space.meeting_code", "space.name", "start_time", "end_time")
        readable = asked.scopes - {f"https://www.googleapis.com/auth/{_MADE_BY_THE_APP}"}
        seen: list[Conference] = []
        if person is not None and readable:
            seen = self._presences.seen_by(person, asked.instant, attended=self._terms.attended)
        found = [c for c in seen if test(partial(_fact, c, asked.instant))]
        size = asked.count("pageSize", default=25, most=100)
        shown, token = self._pages.page(asked, found, size, short=True)
        return _listed("conferenceRecords", [_record_row(c, asked.instant) for c in shown], token)

    def _record(self, asked: Question, person: Person | None) -> dict[str, Any]:
        return _record_row(self._readable(asked, person), asked.instant)

    def _readable(self, asked: Question, person: Person | None) -> Conference:
        conference = self._account.record(asked.path[1], asked.instant)
        if conference is None:
            raise _unknown()
        if person is None or not self._presences.may_read(person, conference, asked.instant):
            raise _denied("ConferenceRecord")
        return conference

    def _participants(self, asked: Question, person: Person | None) -> dict[str, Any]:
        conference = self._readable(asked, person)
        test = filters.meet(asked.get("filter"), "earliest_start_time", "latest_end_time")
        everybody = self._presences.participants(conference, asked.instant)
        found = [p for p in everybody if test({"earliest_start_time": p.start, "latest_end_time": p.end}.get)]
        size = asked.count("pageSize", default=100, most=250)
        shown, token = self._pages.page(asked, found, size)
        told = _listed("participants", [_participant_row(p) for p in shown], token)
        # Only for those who ask for it.
        if "totalSize" in mask(asked.get("fields") or "") and found:
            told["totalSize"] = len(found)
        return told

    def _found(self, asked: Question, person: Person | None) -> Participant:
        conference = self._readable(asked, person)
        name = "/".join(asked.path[:4])
        everybody = self._presences.present(conference, asked.instant)
        found = self._presences.grouped([e for e in everybody if e.participant == name], asked.instant)
        if not found:
            raise _unknown()
        return found[0]

    def _participant(self, asked: Question, person: Person | None) -> dict[str, Any]:
        return _participant_row(self._found(asked, person))

    def _sessions(self, asked: Question, person: Person | None) -> dict[str, Any]:
        test = filters.meet(asked.get("filter"), "start_time", "end_time")
        endpoints = reversed(self._found(asked, person).endpoints)
        facts = [(e, {"start_time": e.start, "end_time": gone(e, asked.instant)}) for e in endpoints]
        size = asked.count("pageSize", default=100, most=250)
        shown, token = self._pages.page(asked, [e for e, told in facts if test(told.get)], size)
        return _listed("participantSessions", [_session_row(e, asked.instant) for e in shown], token)

    def _session(self, asked: Question, person: Person | None) -> dict[str, Any]:
        for endpoint in self._found(asked, person).endpoints:
            if endpoint.session == "/".join(asked.path):
                return _session_row(endpoint, asked.instant)
        raise _unknown()

    def _recordings(self, asked: Question, person: Person | None) -> dict[str, Any]:
        conference = self._owned(asked, person)
        size = asked.count("pageSize", default=10, most=100)
        shown, token = self._pages.page(asked, recordings(conference, asked.instant), size)
        return _listed("recordings", list(shown), token)

    def _recording(self, asked: Question, person: Person | None) -> dict[str, Any]:
        for recording in recordings(self._owned(asked, person), asked.instant):
            if recording["name"] == "/".join(asked.path):
                return recording
        raise _unknown()

    def _nothing_written(self, asked: Question, person: Person | None) -> dict[str, Any]:
        self._owned(asked, person)
        return {}

    def _owned(self, asked: Question, person: Person | None) -> Conference:
        conference = self._readable(asked, person)
        if conference.owner != person:
            raise _denied("Recording")
        return conference

    def _space(self, asked: Question, person: Person | None) -> dict[str, Any]:
        """By its id, or by the code as an alias of it."""
        held = [c for c in self._account.in_space(asked.path[1]) if c.meeting.start <= asked.instant]
        if not held:
            raise _unknown()
        mine = person is not None and any(
            self._presences.may_read(person, conference, asked.instant) for conference in held
        )
        if not mine:
            raise _denied("Space")
        return _space_row(held, asked.instant)


def _fact(conference: Conference, instant: int, name: str) -> str | int | None:
    if name == "start_time":
        return conference.start
    if name == "end_time":
        return conference.end if conference.ended(instant) else None
    return conference.code if name == "space.meeting_code" else f"spaces/{conference.space}"


def _listed(name: str, rows: list[dict[str, Any]], token: str | None) -> dict[str, Any]:
    """Nothing at all where there is nothing."""
    return ({name: rows} if rows else {}) | ({"nextPageToken": token} if token else {})


def _record_row(conference: Conference, instant: int) -> dict[str, Any]:
    row = {
        "name": f"conferenceRecords/{conference.record}",
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
        row["phoneUser" if first.means == "phone" else "anonymousUser"] = name
    return row


def _session_row(endpoint: Endpoint, instant: int) -> dict[str, Any]:
    row = {"name": endpoint.session, "startTime": formats.stamp(endpoint.start)}
    end = gone(endpoint, instant)
    return row if end is None else row | {"endTime": formats.stamp(end)}


def recordings(conference: Conference, instant: int) -> list[dict[str, Any]]:
    """Of one that was recorded: the file, or while it runs that it does."""
    if not conference.meeting.recorded:
        return []
    name = (
        f"conferenceRecords/{conference.record}/recordings/{formats.digits('recording', conference.record)}"
    )
    row: dict[str, Any] = {"name": name, "startTime": formats.stamp(conference.start + formats.SECOND)}
    if not conference.ended(instant):
        return [row | {"state": "STARTED"}]
    file = formats.event("file", conference.record)
    exported = {"file": file, "exportUri": f"https://drive.example/file/d/{file}/view"}
    return [
        row
        | {"endTime": formats.stamp(conference.end), "state": "FILE_GENERATED", "driveDestination": exported}
    ]


def _space_row(held: Sequence[Conference], instant: int) -> dict[str, Any]:
    """With what opens its doors: nothing of that is for anybody's index."""
    conference = held[-1]
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
    live = next((c for c in held if not c.ended(instant)), None)
    if live is not None:
        row["activeConference"] = {"conferenceRecord": f"conferenceRecords/{live.record}"}
    return row


def _unknown() -> Refusal:
    return Refusal(404, "Requested entity was not found.")


def _denied(what: str) -> Refusal:
    return Refusal(403, f"Permission denied on resource {what} (or it might not exist).")
