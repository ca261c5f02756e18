"""Zoom's answers to each call as plain dicts: the organisation's data under Zoom's rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from harvester.simulator.clock import SimulatedClock
from harvester.simulator.organisation import DAY, Case, Person
from harvester.simulator.zoom import dashboard_rows, report_rows
from harvester.simulator.zoom.account import Account, Instance, ListType, list_type
from harvester.simulator.zoom.attendance import Attendance, SessionRecord
from harvester.simulator.zoom.error_responses import NOT_ENDED, TOO_OLD, YEAR, ErrorResponse
from harvester.simulator.zoom.formats import stamp
from harvester.simulator.zoom.paging import PageTokens
from harvester.simulator.zoom.qos_rows import QosRows, measured_records
from harvester.simulator.zoom.request import Request, choice, date_range, page_size

Row = TypeVar("Row")
_FIFTEEN_MONTHS = 457 * DAY
_CROWD = 100


class Handlers:
    """One method per endpoint; each may raise ErrorResponse."""

    def __init__(self, account: Account, clock: SimulatedClock) -> None:
        self._account = account
        self._clock = clock
        self._seed = account.organisation.seed
        self._attendance = Attendance(account)
        self._rows = dashboard_rows.ParticipantRows()
        self._qos = QosRows(account.organisation, self._rows)
        self._page_tokens = PageTokens(self._seed)
        self._meetings_by_host = lru_cache(maxsize=32)(self._find_meetings_by_host)

    def dashboard_listing(self, request: Request) -> dict[str, Any]:
        """Answer `/metrics/meetings` and `/metrics/webinars`: by the UTC day of the start, even if no start
        is shown."""
        query = request.query
        kinds = ("past", "live") if request.webinar else ("past", "pastOne", "live")
        kind: ListType = choice(query, "type", "live", *kinds)  # type: ignore[assignment]  # one of them
        period = date_range(query, self._clock.now(), times=True)
        by_end = choice(query, "query_date_type", "start_time", "start_time", "end_time") == "end_time"
        epoch = self._account.epoch(request.instant)
        found = self._account.between(period.first, period.last, kind, request.webinar, by_end, epoch)
        tracking = "tracking_fields" in query.get("include_fields", "")

        def row(instance: Instance) -> dict[str, Any]:
            return dashboard_rows.listing_row(instance, request.instant, tracking=tracking)

        name = "webinars" if request.webinar else "meetings"
        return {"from": period.from_, "to": period.to, **self._page(request, found, name, row)}

    def dashboard_details(self, request: Request) -> dict[str, Any]:
        instance = self._instance(request, "past", "pastOne", "live")
        rooms = sum(
            p.session.device.platform in {"room", "sip"} for p in self._known(instance, request.instant)
        )
        return dashboard_rows.detail_row(instance, request.instant, rooms)

    def dashboard_participants(self, request: Request) -> dict[str, Any]:
        instance = self._instance(request, "past", "pastOne", "live")

        def row(record: SessionRecord) -> dict[str, Any]:
            return self._rows.row(instance, record, request.instant)

        page = self._page(request, self._known(instance, request.instant), "participants", row)
        page["meeting_number"] = str(instance.number)
        return page

    def dashboard_qos(self, request: Request) -> dict[str, Any]:
        instance = self._instance(request, "past", "live")
        known = measured_records(self._known(instance, request.instant))

        def row(record: SessionRecord) -> dict[str, Any]:
            return self._qos.row(instance, record, request.instant)

        return self._page(request, known, "participants", row, default=1, maximum=10)

    def report_hosts(self, request: Request) -> dict[str, Any]:
        """Answer `/report/users`: people who hosted something in the range, including deleted accounts."""
        active = choice(request.query, "type", "active", "active", "inactive") == "active"
        period = date_range(request.query, self._clock.now(), times=False)
        held = self._meetings_by_host(period.first, period.last, self._account.epoch(request.instant))
        found = [p for p in self._account.organisation.people if (p.index in held) is active and _known(p)]

        def row(person: Person) -> dict[str, Any]:
            meetings = (instance.meeting for instance in held.get(person.index, ()))
            return report_rows.host_row(person, meetings, self._seed)

        page = self._page(request, found, "users", row)
        totals = {"total_meetings": sum(map(len, held.values())) if active else 0, "page_number": 1}
        return {"from": period.from_, "to": period.to, **page, **totals}

    def report_host_meetings(self, request: Request) -> dict[str, Any]:
        """Answer `/report/users/{id}/meetings`, webinars included. `pastJoined` is not simulated."""
        person = self._account.user(request.key)
        if person is None or person.status in {"departed", "pending"}:
            raise ErrorResponse(404, 1001, f"User does not exist: {request.key}.")
        kind = choice(request.query, "type", "past", "past", "pastOne")
        period = date_range(request.query, self._clock.now(), times=False)
        held = self._meetings_by_host(period.first, period.last, self._account.epoch(request.instant))
        found = [i for i in held.get(person.index, ()) if (kind == "pastOne") is i.meeting.alone]

        def row(instance: Instance) -> dict[str, Any]:
            return report_rows.meeting_row(instance, self._seed)

        return {"from": period.from_, "to": period.to, **self._page(request, found, "meetings", row)}

    def report_details(self, request: Request) -> dict[str, Any]:
        return report_rows.detail_row(self._ended(request), self._seed)

    def report_participants(self, request: Request) -> dict[str, Any]:
        instance = self._ended(request)
        if instance.meeting.alone:
            raise _not_found(request)

        def row(record: SessionRecord) -> dict[str, Any]:
            return report_rows.participant_row(instance, record)

        return self._page(request, self._known(instance, request.instant), "participants", row)

    def users(self, request: Request) -> dict[str, Any]:
        status = choice(request.query, "status", "active", "active", "inactive", "pending")
        found = [p for p in self._account.organisation.people if p.status == status]
        return self._page(request, found, "users", lambda person: report_rows.user_row(person, self._seed))

    def past_meeting(self, request: Request) -> dict[str, Any]:
        return report_rows.past_row(self._ended(request), self._seed)

    def past_participants(self, request: Request) -> dict[str, Any]:
        """Answer `/past_meetings/{id}/participants`; empty for meetings of one person."""
        instance = self._ended(request)
        known = () if instance.meeting.alone else self._known(instance, request.instant)
        return self._page(request, known, "participants", report_rows.past_participant_row)

    def past_instances(self, request: Request) -> dict[str, Any]:
        oldest = request.instant - _FIFTEEN_MONTHS
        found = self._account.instances_of(int(request.key)) if request.key.isdigit() else ()
        ended = [i for i in found if i.meeting.end <= request.instant and i.meeting.start >= oldest]
        if not found:
            raise _not_found(request)
        return {"meetings": [{"uuid": i.uuid, "start_time": stamp(i.meeting.start)} for i in ended]}

    def is_large(self, key: str) -> bool:
        """Return whether the answer for this instance may be long."""
        instance = self._account.find(key, self._clock.milliseconds())
        return instance is not None and instance.meeting.attendance > _CROWD

    def _instance(self, request: Request, *kinds: str) -> Instance:
        """Return the instance that the dashboard shows under this id and `type`, which defaults to live."""
        kind = choice(request.query, "type", "live", *kinds)
        instance = self._readable(request)
        if instance.meeting.webinar and not request.webinar:
            raise ErrorResponse(400, 300, f"Can not access webinar info, {request.key}.")
        if (
            instance.meeting.webinar is not request.webinar
            or list_type(instance.meeting, request.instant) != kind
        ):
            raise ErrorResponse(404, 3001, NOT_ENDED)
        return instance

    def _ended(self, request: Request) -> Instance:
        instance = self._readable(request)
        if instance.meeting.end > request.instant:
            raise _not_found(request)
        return instance

    def _readable(self, request: Request) -> Instance:
        """Return an instance that exists, is not deleted, is less than a year old, and is running or has its
        records ready."""
        instance = self._account.find(request.key, request.instant)
        if instance is None or instance.meeting.case is Case.deleted:
            raise _not_found(request)
        meeting = instance.meeting
        if meeting.start < request.instant - YEAR:
            raise ErrorResponse(400, 12702, TOO_OLD)
        if meeting.start > request.instant or meeting.end <= request.instant < meeting.records_at:
            raise _not_found(request)
        return instance

    def _known(self, instance: Instance, instant: int) -> Sequence[SessionRecord]:
        records = self._attendance.records(instance)
        if not records or max(p.known_at for p in records) <= instant:
            return records
        if instance.meeting.end > instant:
            return [p for p in records if p.join <= instant]
        return [p for p in records if p.known_at <= instant]

    def _find_meetings_by_host(self, first: int, last: int, epoch: int) -> dict[int, list[Instance]]:
        held: dict[int, list[Instance]] = {}
        for kind, webinars in _REPORTED:
            for instance in self._account.between(first, last, kind, webinars, False, epoch):
                held.setdefault(instance.meeting.host.index, []).append(instance)
        return held

    def _page(
        self, request: Request, found: Sequence[Row], name: str, row: Callable[[Row], dict[str, Any]], *,
        default: int = 30, maximum: int = 300,
    ) -> dict[str, Any]:  # fmt: skip
        size = page_size(request.query, default=default, maximum=maximum)
        seconds = self._clock.elapsed()
        offset = self._page_tokens.offset(request.path, request.query, seconds)
        rows: Iterable[Row] = found[offset : offset + size]
        more = offset + size < len(found)
        token = self._page_tokens.issue(request.path, request.query, offset + size, seconds) if more else ""
        return {
            "page_count": -(-len(found) // size),
            "page_size": size,
            "total_records": len(found),
            "next_page_token": token,
            name: [row(element) for element in rows],
        }


_REPORTED: tuple[tuple[ListType, bool], ...] = (("past", False), ("pastOne", False), ("past", True))


def _known(person: Person) -> bool:
    return person.status != "pending"


def _not_found(request: Request) -> ErrorResponse:
    return ErrorResponse(404, 3001, f"Meeting {request.key} is not found or has expired.")
