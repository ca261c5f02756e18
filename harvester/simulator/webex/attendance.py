"""Who attended each meeting, as Webex knows it: the only source of its answers and of the expected documents.

Webex lists participants, each with the devices they joined on. Whether someone who rejoins is the same
participant with another device or another participant is documented nowhere; here both occur.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from harvester.simulator.organisation import (
    LIVE,
    MINUTE,
    Case,
    Device,
    Organisation,
    Person,
    Session,
    seeded_random,
)
from harvester.simulator.webex.account import Account, Instance, Quirk
from harvester.simulator.webex.formats import uuid

# Free text; the one published example is `webex_meeting_center_mac`.
_DEVICES = {
    "windows": "webex_meeting_center_windows", "mac": "webex_meeting_center_mac", "linux": "webex_meeting_center_linux",
    "ios": "webex_meeting_center_ios", "android": "webex_meeting_center_android", "web": "webex_web_app",
    "phone": "phone", "room": "room_device", "sip": "sip_device",
}  # fmt: skip
_LONG = 20 * MINUTE


@dataclass(slots=True)
class JoinedDevice:
    """One join on one device.

    join_known, leave_known: while a meeting runs, Webex often knows neither; for telephones it sometimes does
    not know them even afterwards.
    """

    correlation: str
    type: str
    audio: str
    call: str | None
    join: int
    leave: int
    join_known: bool
    leave_known: bool
    session: Session


@dataclass(slots=True)
class Room:
    """A breakout session that a participant was in."""

    id: str
    name: str
    join: int
    leave: int


@dataclass(slots=True)
class Participant:
    """One element of the list of participants.

    without_devices: listed without devices, with join and leave time of its own.
    in_lobby: never admitted, according to Webex.
    co_host: None if the field is missing.
    """

    id: str
    name: str | None
    email: str | None
    person: Person | None
    host: bool
    co_host: bool | None
    bits: int
    without_devices: bool
    in_lobby: bool
    devices: list[JoinedDevice]
    rooms: list[Room] = field(default_factory=list)


@dataclass(slots=True)
class MediaSession:
    """One row of the qualities: the media of one participant from `join` to `leave`, in milliseconds.

    `minutes` are indexes into the organisation's pool.
    """

    participant: str
    session_id: str
    name: str | None
    email: str | None
    join: int
    leave: int
    minutes: Sequence[int]
    device: Device
    bits: int


class Attendance:
    def __init__(self, account: Account) -> None:
        self._organisation: Organisation = account.organisation
        self._participants = lru_cache(maxsize=2048)(self._list_participants)
        self.ended = lru_cache(maxsize=2048)(self._ended)

    def participants_at(self, instance: Instance, instant: int) -> Sequence[Participant]:
        """Return the participants listed at this instant: those present in a running meeting, everyone in an
        ended one."""
        if instance.meeting.end <= instant:
            return self.ended(instance)
        return list(self._present(instance, instant))

    def _ended(self, instance: Instance) -> Sequence[Participant]:
        participants, unlisted = self._participants(instance)
        return [p for p in participants if p is not unlisted]

    def _present(self, instance: Instance, instant: int) -> Iterator[Participant]:
        participants, unlisted = self._participants(instance)
        for position, participant in enumerate(participants):
            begun = [d for d in participant.devices if d.join <= instant]
            if participant is unlisted or not any(instant < d.leave for d in begun):
                continue
            kept_out = position % 5 == 3 and not participant.host
            yield replace(
                participant,
                devices=[_as_running(device, instant) for device in begun],
                rooms=[r for r in participant.rooms if r.join <= instant < r.leave],
                in_lobby=kept_out or Quirk.waits in instance.quirks,
            )

    def measured(self, instance: Instance) -> list[MediaSession]:
        """Return every row of the qualities of an ended meeting in the order of joining."""
        participants, _ = self._participants(instance)
        ambiguous = _ambiguous_names(participants)
        rows: list[MediaSession] = []
        for participant in {id(p): p for p in participants}.values():
            if participant.in_lobby or (participant.email is None and participant.name in ambiguous):
                continue
            for device in participant.devices:
                if device.session.device.platform != "phone":
                    rows += self._media(instance, participant, device)
        rows.sort(key=lambda row: (row.join, row.session_id))
        return rows

    def _media(
        self, instance: Instance, participant: Participant, device: JoinedDevice
    ) -> Iterator[MediaSession]:
        """Yield one row, sometimes two consecutive ones."""
        session = device.session
        minutes = self._organisation.quality_minutes(session)
        whole = MediaSession(
            f"{instance.id}_{session.connection}",
            uuid(seeded_random.digest("webex media", instance.id, session.connection)).upper(),
            participant.name,
            _shown_email(participant),
            device.join,
            device.leave,
            minutes,
            session.device,
            session.bits,
        )
        half = len(minutes) // 2
        if device.leave - device.join < _LONG or session.bits >> 4 & 7:
            yield whole
        else:
            middle = device.join + half * MINUTE
            yield replace(whole, leave=middle, minutes=minutes[:half])
            yield replace(whole, join=middle, minutes=minutes[half:])

    def _list_participants(self, instance: Instance) -> tuple[list[Participant], Participant | None]:
        """Return everyone with every device, and the one participant whom only the qualities contain."""
        sessions = self._organisation.sessions(instance.meeting)
        participants: list[Participant] = []
        for group in _group_by_participant(sessions):
            participants.append(self._participant(instance, group))
        by_connection = {
            device.session.connection: participant
            for participant in participants
            for device in participant.devices
        }
        for session in sessions:
            if session.kind == "breakout":
                by_connection[session.connection].rooms.append(_room(instance, session))
            elif session.kind == "waiting_room" and session.bits & 2:
                participants.append(_lobby_participant(instance, by_connection[session.connection], session))
        unlisted = _find_unlisted(participants) if instance.meeting.case is Case.mixed else None
        if Quirk.duplicates in instance.quirks:
            participants += [p for p in participants[:5:2] if p is not unlisted]
        return participants, unlisted

    def _participant(self, instance: Instance, sessions: Sequence[Session]) -> Participant:
        first, live = sessions[0], instance.meeting.case in LIVE
        visitor, bits = first.visitor, first.bits
        devices = [_device(instance, session) for session in sessions]
        if Quirk.shared_join in instance.quirks:
            for device in devices:
                device.correlation = devices[0].correlation
        return Participant(
            f"{instance.hexadecimal}_{uuid(seeded_random.digest('webex participant', instance.id, first.connection))}",
            visitor.name,
            visitor.email,
            visitor if isinstance(visitor, Person) else None,
            first.role == "host",
            None if bits >> 11 & 15 == 3 else first.role != "host" and bits >> 15 & 15 == 3,
            bits,
            not live and len(devices) == 1 and bits >> 19 & 7 == 1,
            False,
            devices,
        )


def _group_by_participant(sessions: Sequence[Session]) -> list[list[Session]]:
    """Group the sessions in the meeting itself by participant."""
    groups: dict[tuple[object, ...], list[Session]] = {}
    for session in sessions:
        if session.kind == "meeting":
            visitor = (type(session.visitor), session.visitor.index)
            first = groups.setdefault((visitor, "first"), [])
            # Every second visitor keeps their identity when they rejoin.
            if not first or first[0].bits & 1:
                first.append(session)
            else:
                groups[visitor, session.connection] = [session]
    return list(groups.values())


def _device(instance: Instance, session: Session) -> JoinedDevice:
    bits, phone = session.bits, session.device.platform == "phone"
    pstn = phone or bits >> 17 & 15 == 1
    late = instance.meeting.end > session.leave and phone and bits & 7 == 0
    shift = (bits % 997, bits % 991) if Quirk.fractions in instance.quirks else (0, 0)
    join, leave = session.join + shift[0], session.leave + shift[1]
    return JoinedDevice(
        uuid(seeded_random.digest("webex join", instance.id, session.connection)),
        _DEVICES[session.device.platform],
        "pstn" if pstn else "inactive" if bits >> 21 & 31 == 1 else "voip",
        ("callBack" if bits & 16 else "callIn") if pstn else None,
        join,
        max(leave, join),
        True,
        not late,
        session,
    )


def _as_running(device: JoinedDevice, instant: int) -> JoinedDevice:
    """Return a device as listed while the meeting runs: without a future leave time, and not always with the
    join time."""
    there = device.leave > instant
    return replace(
        device, join_known=device.session.bits >> 8 & 3 != 0, leave_known=not there and device.leave_known
    )


def _room(instance: Instance, session: Session) -> Room:
    name = f"Breakout session {session.room}"
    return Room(
        uuid(seeded_random.digest("webex room", instance.id, session.room)), name, session.join, session.leave
    )


def _lobby_participant(instance: Instance, admitted: Participant, session: Session) -> Participant:
    """Return a participant in the lobby.

    What becomes of those admitted later is documented nowhere; here they are listed as another participant.
    """
    return replace(
        admitted,
        id=f"{instance.hexadecimal}_{uuid(seeded_random.digest('webex lobby', instance.id, session.connection))}",
        co_host=None,
        without_devices=True,
        in_lobby=True,
        devices=[_device(instance, session)],
        rooms=[],
    )


def _find_unlisted(participants: Sequence[Participant]) -> Participant | None:
    """Return one participant with a unique identity who will appear in the qualities only."""
    names, emails = Counter(p.name for p in participants), Counter(p.email for p in participants)
    for p in participants:
        alone = names[p.name] == 1 and (p.email is None or emails[p.email] == 1)
        media = [d for d in p.devices if d.session.device.platform != "phone"]
        if p.name and alone and len(p.devices) == len(media) == 1 and not (p.host or p.rooms or p.in_lobby):
            return p
    return None


def _ambiguous_names(participants: Sequence[Participant]) -> set[str | None]:
    """Return names shared by participants with and without an address: their media cannot be assigned."""
    emails: dict[str | None, set[str | None]] = {}
    for participant in participants:
        emails.setdefault(participant.name, set()).add(participant.email)
    return {name for name, shared in emails.items() if len(shared) > 1}


def _shown_email(participant: Participant) -> str | None:
    """Return the address as the qualities show it: one in seven people typed it with capitals."""
    person = participant.person
    return person.email.title() if person and person.index % 7 == 3 else participant.email
