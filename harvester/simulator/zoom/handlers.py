"""What Zoom answers to each call, as plain dicts: the organisation's facts under Zoom's rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from harvester.simulator.clock import Calendar
from harvester.simulator.organisation import DAY, Case, Person
from harvester.simulator.zoom import dashboard_rows, report_rows
from harvester.simulator.zoom.account import Account, Instance, ListType, list_type
from harvester.simulator.zoom.attendance import Presence, Presences
from harvester.simulator.zoom.error_responses import NOT_ENDED, TOO_OLD, YEAR, Refusal
from harvester.simulator.zoom.formats import stamp
from harvester.simulator.zoom.paging import PageTokens
from harvester.simulator.zoom.qos_rows import QosRows, listed
from harvester.simulator.zoom.request import Question, choice, date_range, page_size

Row = TypeVar("Row")
_FIFTEEN_MONTHS = 457 * DAY
_CROWD = 100


class Answers:
    """One method for each kind of call; each may raise Refusal."""

    def __init__(self, account: Account, calendar: Calendar) -> None:
        self._account = account
        self._calendar = calendar
        self._seed = account.organisation.seed
        self._presences = Presences(account)
        self._rows = dashboard_rows.ParticipantRows()
        self._qos = QosRows(account.organisation, self._rows)
        self._page_tokens = PageTokens(self._seed)
        self._held = lru_cache(maxsize=32)(self._held_by_host)

    def listing(self, asked: Question) -> dict[str, Any]:
        """`/metrics/meetings` and `/metrics/webinars`: by the UTC day of the start, also where no start is shown."""
        query = asked.query
        kinds = ("past", "live") if asked.webinar else ("past", "pastOne", "live")
        kind: ListType = choice(query, "type", "live", *kinds)  # type: ignore[assignment]  # one of them
        period = date_range(query, self._calendar.now(), times=True)
        by_end = choice(query, "query_date_type", "start_time", "start_time", "end_time") == "end_time"
        epoch = self._account.epoch(asked.instant)
        found = self._account.between(period.first, period.last, kind, asked.webinar, by_end, epoch)
        tracking = "tracking_fields" in query.get("include_fields", "")

        def row(instance: Instance) -> dict[str, Any]:
            return dashboard_rows.listing_row(instance, asked.instant, tracking=tracking)

        name = "webinars" if asked.webinar else "meetings"
        return {"from": period.from_, "to": period.to, **self._page(asked, found, name, row)}

    def details(self, asked: Question) -> dict[str, Any]:
        instance = self._instance(asked, "past", "pastOne", "live")
        rooms = sum(p.stay.kit.platform in {"room", "sip"} for p in self._known(instance, asked.instant))
        return dashboard_rows.detail_row(instance, asked.instant, rooms)

    def participants(self, asked: Question) -> dict[str, Any]:
        instance = self._instance(asked, "past", "pastOne", "live")

        def row(presence: Presence) -> dict[str, Any]:
            return self._rows.row(instance, presence, asked.instant)

        page = self._page(asked, self._known(instance, asked.instant), "participants", row)
        page["meeting_number"] = str(instance.number)
        return page

    def qos(self, asked: Question) -> dict[str, Any]:
        instance = self._instance(asked, "past", "live")
        known = listed(self._known(instance, asked.instant))

        def row(presence: Presence) -> dict[str, Any]:
            return self._qos.row(instance, presence, asked.instant)

        return self._page(asked, known, "participants", row, default=1, most=10)

    def hosts(self, asked: Question) -> dict[str, Any]:
        """`/report/users`: those who held something in the range, also of accounts that are gone."""
        active = choice(asked.query, "type", "active", "active", "inactive") == "active"
        period = date_range(asked.query, self._calendar.now(), times=False)
        held = self._held(period.first, period.last, self._account.epoch(asked.instant))
        found = [p for p in self._account.organisation.people if (p.index in held) is active and _known(p)]

        def row(person: Person) -> dict[str, Any]:
            meetings = (instance.meeting for instance in held.get(person.index, ()))
            return report_rows.host_row(person, meetings, self._seed)

        page = self._page(asked, found, "users", row)
        totals = {"total_meetings": sum(map(len, held.values())) if active else 0, "page_number": 1}
        return {"from": period.from_, "to": period.to, **page, **totals}

    def hosted(self, asked: Question) -> dict[str, Any]:
        """`/report/users/{id}/meetings`, webinars among them. `pastJoined` is not simulated."""
        person = self._account.user(asked.key)
        if person is None or person.standing in {"departed", "pending"}:
            raise Refusal(404, 1001, f"User does not exist: {asked.key}.")
        kind = choice(asked.query, "type", "past", "past", "pastOne")
        period = date_range(asked.query, self._calendar.now(), times=False)
        held = self._held(period.first, period.last, self._account.epoch(asked.instant))
        found = [i for i in held.get(person.index, ()) if (kind == "pastOne") is i.meeting.alone]

        def row(instance: Instance) -> dict[str, Any]:
            return report_rows.meeting_row(instance, self._seed)

        return {"from": period.from_, "to": period.to, **self._page(asked, found, "meetings", row)}

    def reported(self, asked: Question) -> dict[str, Any]:
        return report_rows.detail_row(self._ended(asked), self._seed)

    def reported_participants(self, asked: Question) -> dict[str, Any]:
        instance = self._ended(asked)
        if instance.meeting.alone:
            raise _not_found(asked)

        def row(presence: Presence) -> dict[str, Any]:
            return report_rows.participant_row(instance, presence)

        return self._page(asked, self._known(instance, asked.instant), "participants", row)

    def users(self, asked: Question) -> dict[str, Any]:
        status = choice(asked.query, "status", "active", "active", "inactive", "pending")
        found = [p for p in self._account.organisation.people if p.standing == status]
        return self._page(asked, found, "users", lambda person: report_rows.user_row(person, self._seed))

    def past(self, asked: Question) -> dict[str, Any]:
        return report_rows.past_row(self._ended(asked), self._seed)

    def past_participants(self, asked: Question) -> dict[str, Any]:
        """Of one-person meetings nothing."""
        instance = self._ended(asked)
        known = () if instance.meeting.alone else self._known(instance, asked.instant)
        return self._page(asked, known, "participants", report_rows.past_participant_row)

    def past_instances(self, asked: Question) -> dict[str, Any]:
        oldest = asked.instant - _FIFTEEN_MONTHS
        found = self._account.instances_of(int(asked.key)) if asked.key.isdigit() else ()
        ended = [i for i in found if i.meeting.end <= asked.instant and i.meeting.start >= oldest]
        if not found:
            raise _not_found(asked)
        return {"meetings": [{"uuid": i.uuid, "start_time": stamp(i.meeting.start)} for i in ended]}

    def crowded(self, key: str) -> bool:
        """Whether an answer about this instance may be long."""
        instance = self._account.found(key, self._calendar.milliseconds())
        return instance is not None and instance.meeting.attendance > _CROWD

    def _instance(self, asked: Question, *kinds: str) -> Instance:
        """What the dashboard shows under this id and `type`, which is live unless the query says otherwise."""
        kind = choice(asked.query, "type", "live", *kinds)
        instance = self._readable(asked)
        if instance.meeting.webinar and not asked.webinar:
            raise Refusal(400, 300, f"Can not access webinar info, {asked.key}.")
        if (
            instance.meeting.webinar is not asked.webinar
            or list_type(instance.meeting, asked.instant) != kind
        ):
            raise Refusal(404, 3001, NOT_ENDED)
        return instance

    def _ended(self, asked: Question) -> Instance:
        instance = self._readable(asked)
        if instance.meeting.end > asked.instant:
            raise _not_found(asked)
        return instance

    def _readable(self, asked: Question) -> Instance:
        """Found, not deleted, not over a year old, and either running or long enough over."""
        instance = self._account.found(asked.key, asked.instant)
        if instance is None or instance.meeting.case is Case.deleted:
            raise _not_found(asked)
        meeting = instance.meeting
        if meeting.start < asked.instant - YEAR:
            raise Refusal(400, 12702, TOO_OLD)
        if meeting.start > asked.instant or meeting.end <= asked.instant < meeting.records_at:
            raise _not_found(asked)
        return instance

    def _known(self, instance: Instance, instant: int) -> Sequence[Presence]:
        presences = self._presences.of(instance)
        if not presences or max(p.known_at for p in presences) <= instant:
            return presences
        if instance.meeting.end > instant:
            return [p for p in presences if p.join <= instant]
        return [p for p in presences if p.known_at <= instant]

    def _held_by_host(self, first: int, last: int, epoch: int) -> dict[int, list[Instance]]:
        held: dict[int, list[Instance]] = {}
        for kind, webinars in _REPORTED:
            for instance in self._account.between(first, last, kind, webinars, False, epoch):
                held.setdefault(instance.meeting.host.index, []).append(instance)
        return held

    def _page(
        self, asked: Question, found: Sequence[Row], name: str, row: Callable[[Row], dict[str, Any]], *,
        default: int = 30, most: int = 300,
    ) -> dict[str, Any]:  # fmt: skip
        size = page_size(asked.query, default=default, most=most)
        seconds = self._calendar.elapsed()
        offset = self._page_tokens.offset(asked.path, asked.query, seconds)
        rows: Iterable[Row] = found[offset : offset + size]
        more = offset + size < len(found)
        token = self._page_tokens.issue(asked.path, asked.query, offset + size, seconds) if more else ""
        return {
            "page_count": -(-len(found) // size),
            "page_size": size,
            "total_records": len(found),
            "next_page_token": token,
            name: [row(element) for element in rows],
        }


_REPORTED: tuple[tuple[ListType, bool], ...] = (("past", False), ("pastOne", False), ("past", True))


def _known(person: Person) -> bool:
    return person.standing != "pending"


def _not_found(asked: Question) -> Refusal:
    return Refusal(404, 3001, f"Meeting {asked.key} is not found or has expired.")
