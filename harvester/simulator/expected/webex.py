"""What a perfect harvest of the simulated Webex account holds: with the qualities that may be had, or without any."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from harvester.simulator.expected import quality
from harvester.simulator.expected.document_fields import (
    Fields,
    distinct,
    figures,
    hashed_instant,
    key,
    moment,
    period,
    seconds,
    told,
    whole,
)
from harvester.simulator.organisation import Organisation, Person
from harvester.simulator.webex import meeting_rows, quality_samples
from harvester.simulator.webex.access import ADMIN_PARTICIPANTS, ADMIN_SCHEDULE, Terms
from harvester.simulator.webex.account import KEPT, READY, Account, Instance, Quirk, person_id
from harvester.simulator.webex.attendance import Device, MediaSession, Participant, Presences
from harvester.simulator.webex.quality_rows import station

_LOAD = ("cpu_pct", "")
Named = tuple[str, Fields]
_Span = tuple[datetime | None, datetime | None, int]
_NEVER = datetime.max.replace(tzinfo=UTC)


class WebexTruth:
    """`terms`: what the account may have. `later`: how long after the organisation's now the harvest begins."""

    def __init__(
        self, organisation: Organisation, *, terms: Terms, account: str, later: timedelta = timedelta()
    ) -> None:
        self._organisation = organisation
        self._account = Account(organisation)
        self._presences = Presences(self._account)
        self._terms = terms
        self._label = account
        self._now = organisation.now + later // timedelta(milliseconds=1)

    def documents(self) -> Iterator[Fields]:
        """Of every meeting since the first day; webinars are meetings here."""
        own = self._own_alone()
        for instance in self._account.instances:
            meeting = instance.meeting
            if not self._organisation.first <= meeting.start <= self._now:
                continue
            if own is None or meeting.host == own:
                yield from self._of(instance)

    def _own_alone(self) -> Person | None:
        """The one whose meetings are all that may be had, where the caller is no admin. Those that they only came to
        are listed, but who was there is told to hosts alone."""
        granted = set(self._terms.granted)
        everything = granted.intersection(ADMIN_SCHEDULE) and granted.intersection(ADMIN_PARTICIPANTS)
        if self._terms.admin:
            return None if everything else self._account.administrator
        return self._account.busiest_host

    def _of(self, instance: Instance) -> Iterator[Fields]:
        ended = instance.meeting.end <= self._now
        stays = distinct(
            stay
            for participant in self._presences.at(instance, self._now)
            for stay in self._stays(participant, ended=ended)
        )
        measured = ended and self._measurable(instance)
        if measured:
            stays = self._with_quality(stays, self._presences.measured(instance))
        detail = "full" if measured else "basic" if ended else "live"
        head = self._head(instance, ended=ended) | self._audio(instance)
        head |= figures([fields for _, fields in stays])
        yield self._meeting_document(instance, detail, head, stays)
        yield from self._session_documents(instance, detail, stays)

    def _measurable(self, instance: Instance) -> bool:
        return self._terms.analytics and READY <= self._now - instance.meeting.start <= KEPT

    def _head(self, instance: Instance, *, ended: bool) -> Fields:
        meeting, host = instance.meeting, instance.meeting.host
        start = moment(meeting.start)
        end = moment(meeting.end) if ended else None
        numbered = Quirk.numbered in instance.quirks or not ended
        return told(
            {
                "meeting_code": instance.number if numbered else None,
                "host": {"host_id": person_id(host), "name": host.name, "email": host.email},
                "start_time": start,
                "end_time": end,
                "duration": seconds(start, end),
                "period": period(start, end),
                "state": "ended" if ended else "live",
                "recording": meeting_rows.flags(instance)["hasRecording"] if ended else None,
            }
        )

    def _audio(self, instance: Instance) -> Fields:
        """How anybody heard the others, as far as devices are told at all."""
        kinds = {
            device.audio
            for participant in self._presences.at(instance, self._now)
            if not (participant.bare or participant.in_lobby)
            for device in participant.devices
        }
        return {"has_pstn": "pstn" in kinds, "has_voip": "voip" in kinds} if kinds else {}

    def _stays(self, participant: Participant, *, ended: bool) -> Iterator[Named]:
        """One for every device, or where none is told one for the participant; and one for every breakout session."""
        person = {
            "user_id": participant.id,
            "user_name": whole(participant.name),
            "email": participant.email,
            "role": _role(participant),
        }
        if participant.bare or participant.in_lobby:
            stay = "waiting_room" if participant.in_lobby else "meeting"
            times = _times(participant.devices[0], max(participant.devices, key=lambda d: d.leave))
            yield key(participant.id, None), told({"stay": stay, **person, **times})
        else:
            for device in participant.devices:
                called = device.stay.kit.platform == "phone" and participant.email is None
                fields = {"stay": "meeting", **person, "device": device.type, **_times(device, device)}
                fields["user_type"] = "phone" if called else None
                yield key(participant.id, device.correlation), told(fields)
        if ended and not participant.in_lobby:
            for room in participant.rooms:
                join, leave = moment(room.join), moment(room.leave)
                fields = {"stay": "breakout", "breakout_id": room.id, **person, **_between(join, leave)}
                yield key(participant.id, None, room.id, hashed_instant(room.join)), told(fields)

    def _with_quality(self, stays: list[Named], rows: Sequence[MediaSession]) -> list[Named]:
        """Each row to the stay of the same person that it shares the most time with; what fits none is one more stay."""
        rows_of: dict[int, list[MediaSession]] = {}
        strays: dict[str, list[MediaSession]] = {}
        owners = _Owners(stays)
        for row in rows:
            place = owners.of(row)
            if place is None:
                strays.setdefault(key(row.participant, row.session), []).append(row)
            else:
                rows_of.setdefault(place, []).append(row)
        found = [
            (
                name,
                fields
                | self._measured(rows_of[place])
                | ({"device": d} if (d := fields.get("device")) else {}),
            )
            if place in rows_of
            else (name, fields)
            for place, (name, fields) in enumerate(stays)
        ]
        return found + [(name, _stray(of_one) | self._measured(of_one)) for name, of_one in strays.items()]

    def _measured(self, rows: Sequence[MediaSession]) -> Fields:
        """The quality of a stay, and what its first row tells of the device."""
        minutes = [place for row in rows for place in row.minutes]
        shown = station(rows[0])
        network = shown["networkType"]
        return told(
            {
                "device": shown["hardwareType"],
                "os": shown["osType"],
                "app": shown["clientType"],
                "app_version": shown["clientVersion"],
                "ip_address": shown["publicIP"],
                "network_type": None if network == "unknown" else network,
                "data_center": shown["serverRegion"],
                "quality": quality.of_columns(self._columns, minutes, self._peaks) or None,
            }
        )

    @cached_property
    def _columns(self) -> dict[quality.Place, list[float | None]]:
        """For every measure of every stream what each minute of the pool had."""
        columns: dict[quality.Place, list[float | None]] = {}
        for place, minute in enumerate(self._organisation.minutes):
            for stream, measure, value in quality_samples.samples(place, minute):
                columns.setdefault((stream, measure), []).append(value)
            columns.setdefault(_LOAD, []).append(quality_samples.loads(minute)[2])
        return columns

    @cached_property
    def _peaks(self) -> dict[quality.Place, list[float | None]]:
        """Of the processor's load the most is told beside the mean."""
        return {_LOAD: [quality_samples.loads(minute)[3] for minute in self._organisation.minutes]}

    def _meeting_document(
        self, instance: Instance, detail: str, head: Fields, stays: Sequence[Named]
    ) -> Fields:
        measured = [f["quality"] for _, f in stays if "quality" in f]
        return told(
            {
                "document_id": f"webex:{self._label}:{instance.id}",
                "@timestamp": head["start_time"],
                "kind": "meeting",
                "vendor": "webex",
                "account": self._label,
                "uuid": instance.id,
                "meeting_series_id": instance.series,
                "topic": whole(instance.title),
                "detail": detail,
                "quality": quality.document(quality.of_meeting(measured)) if measured else None,
                **head,
            }
        )

    def _session_documents(self, instance: Instance, detail: str, stays: Sequence[Named]) -> Iterator[Fields]:
        timestamp = moment(instance.meeting.start)
        for name, fields in stays:
            document: dict[str, Any] = {
                "document_id": f"webex:{self._label}:{instance.id}:{name}",
                "@timestamp": fields.get("join_time", timestamp),
                "kind": "session",
                "vendor": "webex",
                "account": self._label,
                "meeting": instance.id,
                "topic": whole(instance.title),
                "host_email": instance.meeting.host.email,
                "meeting_timestamp": timestamp,
                "detail": detail,
                **fields,
            }
            if "quality" in fields:
                document["quality"] = quality.document(fields["quality"])
            yield told(document)


def _role(participant: Participant) -> str:
    return "host" if participant.host else "cohost" if participant.co_host else "attendee"


def _times(first: Device, last: Device) -> Fields:
    return _between(
        moment(first.join) if first.join_told else None, moment(last.leave) if last.leave_told else None
    )


def _between(join: datetime | None, leave: datetime | None) -> Fields:
    return {
        "join_time": join,
        "leave_time": leave,
        "duration": seconds(join, leave),
        "period": period(join, leave),
    }


class _Owners:
    """Whose stays they are, to be found by address and by name: [join, leave) and the place among all stays."""

    def __init__(self, stays: Sequence[Named]) -> None:
        self._by_email: dict[str, list[_Span]] = {}
        self._by_name: dict[str, list[_Span]] = {}
        self._unaddressed: dict[str, list[_Span]] = {}
        for place, (_, stay) in enumerate(stays):
            if stay["stay"] != "meeting":
                continue
            span = stay.get("join_time"), stay.get("leave_time"), place
            name = str(stay.get("user_name", ""))
            self._by_name.setdefault(name, []).append(span)
            if "email" in stay:
                self._by_email.setdefault(str(stay["email"]).lower(), []).append(span)
            else:
                self._unaddressed.setdefault(name, []).append(span)

    def of(self, row: MediaSession) -> int | None:
        """The place of the stay that a row is about: the same address, else the same name where one of the two has no
        address; the longest time together, and of equally long ones the one that began first. What is not known of a
        stay's ends is as far off as it need be."""
        spans = self._by_email.get(row.email.lower(), []) if row.email is not None else []
        if not spans and row.name:
            named = self._by_name if row.email is None else self._unaddressed
            spans = named.get(whole(row.name) or "", [])
        first, last = moment(row.join), moment(row.leave)
        shared = [
            (min(leave or last, last) - max(join or first, first), join or _NEVER, place)
            for join, leave, place in spans
        ]
        shared = [told for told in shared if told[0] >= timedelta()]
        if not shared:
            return None
        return min(shared, key=lambda told: (-told[0], told[1]))[2]


def _stray(rows: Sequence[MediaSession]) -> Fields:
    """A stay that is known from the qualities alone."""
    first, last = rows[0], rows[-1]
    return told(
        {
            "stay": "meeting",
            "user_id": first.participant,
            "user_name": whole(first.name),
            "email": first.email,
            **_between(moment(first.join), moment(last.leave)),
        }
    )
