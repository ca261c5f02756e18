"""What a perfect harvest of the simulated Workspace holds: from Reports, from Meet, or from both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Literal

from harvester.simulator.expected import google_meet_quality
from harvester.simulator.expected.document_fields import (
    Fields,
    distinct,
    figures,
    key,
    period,
    seconds,
    told,
    whole,
)
from harvester.simulator.expected.document_fields import moment as millisecond
from harvester.simulator.google_meet.access import Terms
from harvester.simulator.google_meet.account import (
    RECORD_KEPT,
    ROWS_KEPT,
    Account,
    Conference,
    can_be_acted_for,
    has_meet,
)
from harvester.simulator.google_meet.attendance import Endpoint, Presences, gone
from harvester.simulator.google_meet.calendar_events import has_calendar
from harvester.simulator.google_meet.call_ended_rows import Calls
from harvester.simulator.organisation import Organisation, Person

GoogleSource = Literal["auto", "reports", "meet"]
Named = tuple[str, Fields]
Measured = dict[str, dict[google_meet_quality.Place, google_meet_quality.Told]]


def moment(instant: int) -> datetime:
    """Nanoseconds since 1970, cut to the microsecond."""
    return millisecond(0) + timedelta(microseconds=instant // 1000)


class GoogleTruth:
    """`terms`: what is agreed with the Workspace. `later`: how long after the organisation's now the harvest begins."""

    def __init__(
        self, organisation: Organisation, *, terms: Terms, source: GoogleSource, account: str,
        later: timedelta = timedelta(),
    ) -> None:  # fmt: skip
        self._account = Account(organisation, terms.ids)
        self._presences = Presences(self._account)
        self._calls = Calls(organisation)
        self._first = organisation.first
        self._now = organisation.now + later // timedelta(milliseconds=1)
        self._terms = terms
        self._label = account
        reports = source != "meet" and terms.has("reports") and not terms.personal
        self._reports = reports
        self._meet = terms.has("meet") and (source != "reports")
        self._directory = terms.has("directory") and not terms.personal

    def documents(self) -> Iterator[Fields]:
        """Of every conference that began since the first day, or since what the source still keeps."""
        kept = ROWS_KEPT if self._reports else RECORD_KEPT
        first = millisecond(max(self._first, self._now - kept))
        for conference in self._account.begun(self._now):
            reported = self._reported(conference)
            recorded = self._meet and conference.kept(self._now) and self._seen(conference)
            if reported or recorded:
                documents = list(self._of(conference, reported, recorded=recorded))
                if documents[0]["@timestamp"] >= first:
                    yield from documents

    def _reported(self, conference: Conference) -> list[Endpoint]:
        """Whose rows there are by now."""
        if not self._reports:
            return []
        oldest = self._now - ROWS_KEPT
        return [e for e in self._presences.rows(conference) if e.reported(self._now) and e.left_at >= oldest]

    @cached_property
    def _seers(self) -> set[int]:
        """By index everybody for whom Meet can be asked: all, where it is known who they are."""
        if self._terms.personal:
            return {self._account.busiest_host.index}
        if not self._directory:
            return {self._account.administrator.index}
        return {p.index for p in self._account.by_email.values() if can_be_acted_for(p) and has_meet(p)}

    def _seen(self, conference: Conference) -> bool:
        """Whether the record is listed to anybody who can be asked for."""
        if self._owner_seen(conference):
            return True
        present = self._presences.present(conference, self._now)
        return self._terms.attended and any(
            e.person is not None and e.person.index in self._seers for e in present
        )

    def _owner_seen(self, conference: Conference) -> bool:
        owner = conference.owner
        if owner is None:
            return False
        # Without the Directory, Reports tells who the organizer is, and so for whom to ask.
        told = not self._directory and bool(self._reported(conference))
        return owner.index in self._seers or (told and can_be_acted_for(owner) and has_meet(owner))

    def _of(
        self, conference: Conference, reported: Sequence[Endpoint], *, recorded: bool
    ) -> Iterator[Fields]:
        live = recorded and not conference.ended(self._now)
        parameters = {endpoint.id: self._calls.parameters(conference, endpoint) for endpoint in reported}
        by_rows = bool(reported) and not live
        measured: Measured = {}
        if by_rows:
            named = [self._row(conference, e, parameters[e.id]) for e in reported]
            measured = {
                key(e.id): found for e in reported if (found := google_meet_quality.of_row(parameters[e.id]))
            }
        else:
            named = [self._session(endpoint) for endpoint in self._presences.present(conference, self._now)]
        stays = distinct(named)
        head = self._head(conference, stays, reported, recorded=recorded, live=live)
        head |= _media(list(parameters.values()))
        detail = "live" if live else "full" if recorded and reported else "basic"
        uuid = conference.reported if reported else conference.record
        quality = (
            google_meet_quality.document(google_meet_quality.of_meeting(measured.values()))
            if measured
            else None
        )
        yield self._meeting_document(uuid, detail, head | figures([f for _, f in stays]), quality)
        yield from self._session_documents(uuid, detail, head, stays, measured)

    def _head(
        self, conference: Conference, stays: Sequence[Named], reported: Sequence[Endpoint], *, recorded: bool, live: bool
    ) -> Fields:  # fmt: skip
        if recorded:
            start, end = moment(conference.start), None if live else moment(conference.end)
        else:
            start = min(fields["join_time"] for _, fields in stays)
            end = max(fields["leave_time"] for _, fields in stays)
        recording = recorded and self._owner_seen(conference)
        return told(
            {
                "start_time": start,
                "end_time": end,
                "duration": seconds(start, end),
                "period": period(start, end),
                "state": "live" if live else "ended",
                "meeting_code": conference.code,
                "meeting_series_id": conference.space if recorded else None,
                "topic": whole(self._topic(conference)) if reported else None,
                "host": self._host(conference) if reported else None,
                "recording": conference.meeting.recorded if recording else None,
            }
        )

    def _topic(self, conference: Conference) -> str | None:
        """As the owner's own calendar shows it, but for private events: what somebody keeps from their colleagues is
        not for an index."""
        event = conference.event
        if event is None or event.gone or event.private or not self._terms.has("calendar"):
            return None
        return event.summary if can_be_acted_for(event.owner) and has_calendar(event.owner) else None

    def _host(self, conference: Conference) -> Fields | None:
        owner = conference.owner
        if owner is None:
            return None
        known = self._known(owner)
        return told(
            {
                "host_id": self._account.user_id(owner) if known else None,
                "name": whole(owner.name) if known else None,
                "email": owner.email,
            }
        )

    def _known(self, person: Person | None) -> bool:
        """Whether the Directory tells of them."""
        return self._directory and person is not None and person.standing != "departed"

    def _row(self, conference: Conference, endpoint: Endpoint, parameters: dict[str, Any]) -> Named:
        person = endpoint.person
        identifier, kind = parameters.get("identifier"), parameters.get("identifier_type")
        leave = millisecond(endpoint.left_at)
        start = parameters.get("start_timestamp_seconds")
        lasted = timedelta(seconds=parameters["duration_seconds"])
        join = leave - lasted if start is None else millisecond(start * 1000)
        known = person.name if person is not None and self._known(person) else None
        shown = kind == "email_address" and identifier is not None and "*" not in identifier
        hosts = conference.owner is not None and identifier == conference.owner.email
        fields = {
            "stay": "meeting",
            "id": None if person is None else self._account.user_id(person),
            "user_name": whole(parameters.get("display_name", known)),
            "email": identifier if shown else None,
            "user_type": _user_type(kind, endpoint.device),
            "role": "host" if hosts else None,
            "device": endpoint.device,
            "ip_address": parameters.get("ip_address"),
            "country": parameters.get("location_country"),
            "location": parameters.get("location_region"),
            "leave_reason": parameters.get("end_call_reason"),
            "join_time": join,
            "leave_time": leave,
            "duration": seconds(join, leave),
            "period": period(join, leave),
        }
        return key(endpoint.id), told(fields)

    def _session(self, endpoint: Endpoint) -> Named:
        person = endpoint.person
        end = gone(endpoint, self._now)
        join, leave = moment(endpoint.start), None if end is None else moment(end)
        kinds = {"account": "signed_in", "room": "signed_in", "phone": "phone", "anonymous": "guest"}
        fields = {
            "stay": "meeting",
            "id": endpoint.user,
            "user_id": endpoint.session.partition("/participantSessions/")[0],
            "user_name": whole(endpoint.name),
            "email": person.email if person is not None and self._known(person) else None,
            "user_type": kinds[endpoint.means],
            "join_time": join,
            "leave_time": leave,
            "duration": seconds(join, leave),
            "period": period(join, leave),
        }
        return key(endpoint.session), told(fields)

    def _meeting_document(self, uuid: str, detail: str, head: Fields, quality: Fields | None) -> Fields:
        return told(
            {
                "document_id": f"google-meet:{self._label}:{uuid}",
                "@timestamp": head["start_time"],
                "kind": "meeting",
                "vendor": "google-meet",
                "account": self._label,
                "uuid": uuid,
                "detail": detail,
                "quality": quality,
                **head,
            }
        )

    def _session_documents(
        self, uuid: str, detail: str, head: Fields, stays: Sequence[Named], measured: Measured
    ) -> Iterator[Fields]:
        for name, fields in stays:
            yield told(
                {
                    "document_id": f"google-meet:{self._label}:{uuid}:{name}",
                    "@timestamp": fields["join_time"],
                    "kind": "session",
                    "vendor": "google-meet",
                    "account": self._label,
                    "meeting": uuid,
                    "topic": head.get("topic"),
                    "host_email": head.get("host", {}).get("email"),
                    "meeting_timestamp": head["start_time"],
                    "detail": detail,
                    "quality": google_meet_quality.document(measured.get(name, {})),
                    **fields,
                }
            )


def _media(reported: Sequence[dict[str, Any]]) -> Fields:
    """What device types and seconds tell; what they do not is not known."""

    def ran(prefix: str) -> bool | None:
        return (
            any(row.get(f"{prefix}_{way}_seconds", 0) > 0 for row in reported for way in ("send", "recv"))
            or None
        )

    return told(
        {
            "has_pstn": any(row["device_type"].startswith("pstn_") for row in reported) or None,
            "has_video": ran("video"),
            "has_screen_share": ran("screencast"),
        }
    )


def _user_type(kind: str | None, device: str) -> str:
    if kind == "device_id":
        return "room"
    if kind == "phone_number" or device.startswith("pstn_"):
        return "phone"
    return "signed_in" if kind == "email_address" else "guest"
