"""The documents of a perfect harvest of the simulated Teams tenant, of meetings only or of every call."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from harvester.simulator.expected import teams_quality
from harvester.simulator.expected.document_fields import (
    Fields,
    attendance_fields,
    number_duplicates,
    period,
    replace_surrogates,
    seconds,
    session_key,
    without_none,
)
from harvester.simulator.organisation import DAY, HOUR, Organisation
from harvester.simulator.teams.account import Account, CallRecord
from harvester.simulator.teams.attendance import Agent, Attendance, Failure, Leg, Participant
from harvester.simulator.teams.identities import EXTERNAL_USER, Identity
from harvester.simulator.teams.media import MASKED, network
from harvester.simulator.teams.online_meetings import OnlineMeetings
from harvester.simulator.teams.options import CALL_RECORDS, ONLINE_MEETINGS, TeamsOptions
from harvester.simulator.teams.tokens import TENANT_ID

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_READ = 30 * DAY - HOUR
"""How far back a harvest reads: an hour less than records are kept."""
_ROOMS = frozenset({"roomSystem", "surfaceHub"})
_DEVICES = _ROOMS | {"ipPhone"}
_SYSTEMS = frozenset({"windows", "macOS", "iOS", "android"})
KeyedFields = tuple[str, Fields]


class ExpectedTeams:
    """`later`: how long after the organisation's now the harvest starts; calls have later versions by then.

    calls: calls between two people and telephone calls are harvested, too.
    titles: online meetings are read.
    """

    def __init__(
        self, organisation: Organisation, *, options: TeamsOptions, account: str, later: timedelta = timedelta(),
        calls: bool = False, titles: bool = False,
    ) -> None:  # fmt: skip
        self._organisation = organisation
        self._account = Account(organisation)
        self._attendance = Attendance(self._account)
        self._online_meetings = OnlineMeetings(self._account)
        self._options = options
        self._label = account
        self._now = organisation.now + later // timedelta(milliseconds=1)
        self._calls = calls
        self._titles = titles and ONLINE_MEETINGS in options.permissions

    def documents(self) -> Iterator[Fields]:
        if CALL_RECORDS not in self._options.permissions:
            return
        first = max(self._organisation.first, self._now - _READ)
        for record in self._account.records:
            version = record.version(self._now, was_listed=True)
            if version is None or record.meeting.start < first:
                continue
            if self._calls or record.type == "groupCall":
                yield from self._documents_of(record, version)

    def _documents_of(self, record: CallRecord, version: int) -> Iterator[Fields]:
        readable = record.readable <= self._now
        legs = self._attendance.known(record, version) if readable else []
        sessions = number_duplicates(self._sessions(record, legs))
        head = self._head(record, version)
        head |= self._title(record, head)
        if readable:
            head |= _audio(legs) | attendance_fields([fields for _, fields in sessions])
        detail = "full" if readable else "basic"
        measured = [f["quality"] for _, f in sessions if "quality" in f]
        quality = teams_quality.document(teams_quality.of_meeting(measured))
        common = {"vendor": "teams", "account": self._label, "detail": detail}
        yield without_none(
            {
                "document_id": f"teams:{self._label}:{record.id}",
                "@timestamp": head["start_time"],
                "kind": "meeting",
                "uuid": record.id,
                **common,
                **head,
                "quality": quality,
            }
        )
        for key, fields in sessions:
            yield self._session_document(record, key, fields, head, common)

    def _session_document(
        self, record: CallRecord, key: str, fields: Fields, head: Fields, common: Fields
    ) -> Fields:
        document = {
            "document_id": f"teams:{self._label}:{record.id}:{key}",
            "@timestamp": fields["join_time"],
            "kind": "session",
            "meeting": record.id,
            "meeting_series_id": head.get("meeting_series_id"),
            "meeting_code": head.get("meeting_code"),
            "topic": head.get("topic"),
            "host_email": head.get("host", {}).get("email"),
            "meeting_timestamp": head["start_time"],
            **common,
            **fields,
        }
        if "quality" in fields:
            document["quality"] = teams_quality.document(fields["quality"])
        return without_none(document)

    def _head(self, record: CallRecord, version: int) -> Fields:
        start = _instant(record.start)
        end = _instant(self._attendance.end(record, version))
        modalities = self._attendance.modalities(record, version)
        return without_none(
            {
                "meeting_series_id": _series(record.link),
                "host": _host(record.organizer),
                "start_time": start,
                "end_time": end,
                "duration": seconds(start, end),
                "period": period(start, end),
                "state": "ended",
                "has_video": "video" in modalities,
                "has_screen_share": not {"videoBasedScreenSharing", "screenSharing"}.isdisjoint(modalities),
            }
        )

    def _title(self, record: CallRecord, head: Fields) -> Fields:
        """Return what the online meeting has of a call. Its times are those of the call only if they overlap: all calls of a
        series have the same online meeting.
        """
        found = self._online_meetings.of_record(record) if self._titles else None
        if found is None:
            return {}
        start, end = (_EPOCH + timedelta(milliseconds=planned) for planned in (found.start, found.end))
        is_planned = start < head["end_time"] and head["start_time"] < end
        return without_none(
            {
                "topic": replace_surrogates(found.subject) or None,
                "meeting_code": found.code,
                "scheduled_start_time": start if is_planned else None,
                "scheduled_end_time": end if is_planned else None,
            }
        )

    def _sessions(self, record: CallRecord, legs: Sequence[Leg]) -> Iterator[KeyedFields]:
        """Yield a session for each leg of a group call, and one for each side of a call between two.

        Of a call between two that became a group call, a person who is in the group call has no session.
        """
        grouped = [leg.caller for leg in legs if leg.id != record.id and leg.caller is not None]
        in_group = {_person(participant.identity).id for participant in grouped} - {None}
        for leg in legs:
            if leg.id != record.id:
                if leg.caller is not None and not leg.caller.identity.is_bot:
                    yield session_key(leg.id), self._session(record, leg, leg.caller)
                continue
            for side, participant in (("caller", leg.caller), ("callee", leg.callee)):
                if participant is not None and _person(participant.identity).id not in in_group:
                    yield session_key(leg.id, side), self._session(record, leg, participant)

    def _session(self, record: CallRecord, leg: Leg, participant: Participant) -> Fields:
        identity, agent = participant.identity, participant.agent
        person = _person(identity)
        join, leave = _instant(leg.start), _instant(leg.end)
        is_host = record.organizer.kind == "user" and person.id == record.organizer.id
        reverse = participant is leg.callee
        return without_none(
            {
                "stay": "meeting",
                "id": person.id,
                "user_name": _name(person),
                "email": _email(person) if identity.associated or identity.kind != "user" else None,
                "user_type": _user_type(identity, agent),
                "role": "host" if is_host else None,
                "join_time": join,
                "leave_time": leave,
                "duration": seconds(join, leave),
                "period": period(join, leave),
                "leave_reason": _reason(leg.failure),
                "quality": teams_quality.of_leg(leg, reverse=reverse) or None,
                **_program(agent),
                **_network(leg, participant),
            }
        )


def _instant(ticks: int) -> datetime:
    """Return the instant without its last tenth of a microsecond."""
    return _EPOCH + timedelta(microseconds=ticks // 10)


def _series(link: str | None) -> str | None:
    if link is None:
        return None
    return sha256(link.partition("?")[0].encode()).digest()[:16].hex()


def _host(organizer: Identity) -> Fields | None:
    if organizer.kind != "user":
        return None
    return without_none({"host_id": organizer.id, "name": _name(organizer), "email": _email(organizer)})


def _person(identity: Identity) -> Identity:
    """Return the identity that stands for the person: the associated one if there is one."""
    return identity.associated or identity


def _name(identity: Identity) -> str | None:
    name = replace_surrogates(identity.name)
    return None if name in {None, "", EXTERNAL_USER} else name


def _email(identity: Identity) -> str | None:
    """Return the address in small letters."""
    return None if identity.email is None else identity.email.lower()


def _user_type(identity: Identity, agent: Agent | None) -> str:
    if identity.kind == "phone":
        return "phone"
    if agent is not None and agent.platform in _ROOMS:
        return "room"
    return "signed_in" if identity.kind == "user" and identity.tenant == TENANT_ID else "guest"


def _program(agent: Agent | None) -> Fields:
    """Return the device, the system and the program."""
    if agent is None:
        return {}
    family = None if agent.family == "unknown" else agent.family
    web = "web" if agent.platform == "web" else None
    return {
        "device": agent.platform if agent.platform in _DEVICES else None,
        "os": agent.platform if agent.platform in _SYSTEMS else None,
        "app": " ".join(part for part in (family, web) if part) or None,
        "app_version": agent.version,
    }


def _network(leg: Leg, participant: Participant) -> Fields:
    """Return the network of the first audio."""
    positions = [s.position for s in leg.segments if any(m.label == "main-audio" for m in s.media)]
    if not positions:
        return {}
    found = network(participant.device, participant.bits, positions[0])
    masked = found.public is None or found.public in MASKED
    return {
        "ip_address": found.local if masked else found.public,
        "network_type": None if found.connection == "unknown" else found.connection,
    }


def _reason(failure: Failure | None) -> str | None:
    if failure is None:
        return None
    stage = None if failure.stage == "unknown" else failure.stage
    return ": ".join(part for part in (stage, failure.reason) if part) or None


def _audio(legs: Sequence[Leg]) -> Fields:
    """Return how participants heard each other."""
    phones = voices = False
    for leg in legs:
        for side in (leg.caller, leg.callee):
            if side is None or side.identity.is_bot:
                continue
            if side.identity.kind == "phone":
                phones = True
            elif "audio" in leg.modalities:
                voices = True
    return {"has_pstn": phones, "has_voip": voices}
