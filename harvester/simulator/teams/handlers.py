"""Microsoft Graph's answers to each call as plain dicts: the organisation's data under Graph's rules."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from harvester.simulator.teams.account import KEPT, Account, CallRecord
from harvester.simulator.teams.attendance import PAGE, Attendance, Leg, Participant
from harvester.simulator.teams.error_responses import bad_request, not_found
from harvester.simulator.teams.formats import TICKS_PER_MILLISECOND
from harvester.simulator.teams.online_meetings import OnlineMeetings
from harvester.simulator.teams.options import TeamsOptions
from harvester.simulator.teams.paging import Pages, collection
from harvester.simulator.teams.record_rows import participant_row, record_row
from harvester.simulator.teams.request import Request, join_url_filter, record_filter
from harvester.simulator.teams.session_rows import session_row

PARTICIPANTS_PAGE = 130
_CONTEXT = "https://graph.microsoft.com/v1.0/$metadata#"
_RECORDS = f"{_CONTEXT}communications/callRecords"
_WITH_SESSIONS = "sessions($expand=segments)"
_CROWD = 100
Row = tuple[Leg, int]
"""A leg, and which of its rows it is."""


class Handlers:
    """One method per endpoint; each may raise ErrorResponse.

    listed: the records that some listing has contained.
    missing: the records that are listed but not found.
    """

    def __init__(self, account: Account, options: TeamsOptions) -> None:
        self.listed: set[str] = set()
        self.missing: set[str] = set()
        self._account = account
        self._options = options
        self._attendance = Attendance(account)
        self._online_meetings = OnlineMeetings(account)
        self._pages = Pages(account.organisation.seed)

    def list_records(self, request: Request) -> dict[str, Any]:
        """Answer `/communications/callRecords`: by the start, in an order that is not documented."""
        wanted = record_filter(request.query.get("$filter"))
        oldest = (request.instant - KEPT) * TICKS_PER_MILLISECOND
        if self._options.refuse_old_filters and wanted.first < oldest:
            raise bad_request("The filter must begin within the last 30 days.")
        if "$expand" in request.query:
            raise bad_request("$expand is not supported.")
        found = [
            record
            for record in self._account.started_between(max(wanted.first, oldest), wanted.last)
            if self.version(record, request.instant) is not None
            and (wanted.participant is None or self._has_participant(record, wanted.participant))
        ]
        found.sort(key=lambda record: record.id)
        records, link = self._pages.page(request, found, PAGE)
        rows = [self._select(request, self._row(record, request.instant)) for record in records]
        self.listed.update(record.id for record in records)
        return collection(_RECORDS, rows, link)

    def record(self, request: Request, record_id: str) -> dict[str, Any]:
        """Answer `/communications/callRecords/{id}`, with sessions or participants if they are expanded."""
        record, version = self._readable(request, record_id)
        body = {"@odata.context": f"{_RECORDS}/$entity", **self._row(record, request.instant)}
        expanded = request.query.get("$expand")
        if expanded == _WITH_SESSIONS:
            url, query = f"{request.url}/sessions", {"$expand": "segments"}
            rows, link = self._pages.nested(request, url, query, self._session_rows(record, version), PAGE)
            body["sessions"] = [session_row(*row, with_segments=True) for row in rows]
            body |= {} if link is None else {"sessions@odata.nextLink": link}
        elif expanded == "participants_v2":
            url = f"{request.url}/participants_v2"
            people, link = self._pages.nested(
                request, url, {}, self._people(record, version), PARTICIPANTS_PAGE
            )
            body["participants_v2"] = [participant_row(person) for person in people]
            body |= {} if link is None else {"participants_v2@odata.nextLink": link}
        elif expanded is not None:
            raise bad_request(f"$expand={expanded} is not simulated.")
        return body

    def sessions(self, request: Request, record_id: str) -> dict[str, Any]:
        record, version = self._readable(request, record_id)
        expanded = request.query.get("$expand")
        if expanded not in {None, "segments"}:
            raise bad_request(f"$expand={expanded} is not supported.")
        rows, link = self._pages.page(request, self._session_rows(record, version), PAGE)
        context = f"{_RECORDS}('{record_id}')/sessions"
        shown = [session_row(*row, with_segments=expanded is not None) for row in rows]
        return collection(context, shown, link)

    def participants(self, request: Request, record_id: str) -> dict[str, Any]:
        record, version = self._readable(request, record_id)
        people, link = self._pages.page(request, self._people(record, version), PARTICIPANTS_PAGE)
        context = f"{_RECORDS}('{record_id}')/participants_v2"
        return collection(context, [participant_row(person) for person in people], link)

    def online_meetings(self, request: Request, organizer: str) -> dict[str, Any]:
        link = join_url_filter(request.query.get("$filter"))
        context = f"{_CONTEXT}users('{organizer}')/onlineMeetings"
        return collection(context, self._online_meetings.find(organizer, link), None)

    def is_large(self, record_id: str) -> bool:
        """Return whether the answer for this record may be long."""
        record = self._account.find(record_id)
        return record is not None and record.meeting.attendance > _CROWD

    def version(self, record: CallRecord, instant: int) -> int | None:
        """Return the position of the version of a record that is published, None before the first."""
        return record.version(instant, was_listed=record.id in self.listed)

    def _readable(self, request: Request, record_id: str) -> tuple[CallRecord, int]:
        """Return a record and its version; 404 if it is unknown, too young or too old, which answers do not tell apart."""
        record = self._account.find(record_id)
        if record is None or record_id in self.missing or request.instant < record.readable:
            raise not_found()
        version = self.version(record, request.instant)
        if version is None or record.start < (request.instant - KEPT) * TICKS_PER_MILLISECOND:
            raise not_found()
        return record, version

    def _row(self, record: CallRecord, instant: int) -> dict[str, Any]:
        version = self.version(record, instant) or 0
        return record_row(
            record,
            version,
            end=self._attendance.end(record, version),
            modalities=self._attendance.modalities(record, version),
            instant=instant,
        )

    @staticmethod
    def _select(request: Request, row: dict[str, Any]) -> dict[str, Any]:
        selected = request.query.get("$select")
        if selected is None:
            return row
        names = {"id", "organizer_v2", *selected.split(",")}
        return {name: value for name, value in row.items() if name in names}

    def _session_rows(self, record: CallRecord, version: int) -> Sequence[Row]:
        legs = self._attendance.known(record, version)
        return [(leg, service) for leg in legs for service in range(1 + leg.twice)]

    def _people(self, record: CallRecord, version: int) -> list[Participant]:
        """Return the distinct participants; each without an id is one of its own."""
        found: dict[object, Participant] = {}
        for participant in _participants(self._attendance.known(record, version)):
            found.setdefault(participant.identity.id or len(found), participant)
        return list(found.values())

    def _has_participant(self, record: CallRecord, identity_id: str) -> bool:
        return any(p.identity.id == identity_id for p in _participants(self._attendance.legs(record)))


def _participants(legs: Sequence[Leg]) -> Iterator[Participant]:
    for leg in legs:
        for side in (leg.caller, leg.callee):
            if side is not None:
                yield side
