"""What Webex knows of who was there, before anybody spells it: the one source of its answers and of the truth.

Webex tells participants, each with the devices that they joined on. Whether somebody who comes back is the same
participant with another device or another participant is documented nowhere: here some are the one, some the other.
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
    Kit,
    Organisation,
    Person,
    Stay,
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
class Device:
    """One join on one device. `join_told`, `leave_told`: while a meeting runs Webex often knows neither, of telephones
    sometimes not even afterwards."""

    correlation: str
    type: str
    audio: str
    call: str | None
    join: int
    leave: int
    join_told: bool
    leave_told: bool
    stay: Stay


@dataclass(slots=True)
class Room:
    """A breakout session that somebody was in."""

    id: str
    name: str
    join: int
    leave: int


@dataclass(slots=True)
class Participant:
    """One element of the list of participants. `bare`: told without its devices, with its own two instants.
    `in_lobby`: never let in, as far as Webex knows. `co_host` None: not told."""

    id: str
    name: str | None
    email: str | None
    person: Person | None
    host: bool
    co_host: bool | None
    bits: int
    bare: bool
    in_lobby: bool
    devices: list[Device]
    rooms: list[Room] = field(default_factory=list)


@dataclass(slots=True)
class MediaSession:
    """One row of the qualities: somebody's media from `join` to `leave`, in the vendor's milliseconds.

    `minutes`: places in the organisation's pool.
    """

    participant: str
    session: str
    name: str | None
    email: str | None
    join: int
    leave: int
    minutes: Sequence[int]
    kit: Kit
    bits: int


class Presences:
    def __init__(self, account: Account) -> None:
        self._organisation: Organisation = account.organisation
        self._everybody = lru_cache(maxsize=2048)(self._cast)
        self.ended = lru_cache(maxsize=2048)(self._ended)

    def at(self, instance: Instance, instant: int) -> Sequence[Participant]:
        """Who is told at this instant: of a meeting that is running who is there, else everybody who came."""
        if instance.meeting.end <= instant:
            return self.ended(instance)
        return list(self._present(instance, instant))

    def _ended(self, instance: Instance) -> Sequence[Participant]:
        told, unlisted = self._everybody(instance)
        return [p for p in told if p is not unlisted]

    def _present(self, instance: Instance, instant: int) -> Iterator[Participant]:
        told, unlisted = self._everybody(instance)
        for place, participant in enumerate(told):
            begun = [d for d in participant.devices if d.join <= instant]
            if participant is unlisted or not any(instant < d.leave for d in begun):
                continue
            kept_out = place % 5 == 3 and not participant.host
            yield replace(
                participant,
                devices=[_running(device, instant) for device in begun],
                rooms=[r for r in participant.rooms if r.join <= instant < r.leave],
                in_lobby=kept_out or Quirk.waits in instance.quirks,
            )

    def measured(self, instance: Instance) -> list[MediaSession]:
        """Every row of the qualities of a meeting that is over, in the order of joining."""
        told, _ = self._everybody(instance)
        ambiguous = _ambiguous(told)
        rows: list[MediaSession] = []
        for participant in {id(p): p for p in told}.values():
            if participant.in_lobby or (participant.email is None and participant.name in ambiguous):
                continue
            for device in participant.devices:
                if device.stay.kit.platform != "phone":
                    rows += self._media(instance, participant, device)
        rows.sort(key=lambda row: (row.join, row.session))
        return rows

    def _media(self, instance: Instance, participant: Participant, device: Device) -> Iterator[MediaSession]:
        """Mostly one row, sometimes two that follow each other."""
        stay = device.stay
        minutes = self._organisation.quality(stay)
        whole = MediaSession(
            f"{instance.id}_{stay.visit}",
            uuid(seeded_random.digest("webex media", instance.id, stay.visit)).upper(),
            participant.name,
            _written(participant),
            device.join,
            device.leave,
            minutes,
            stay.kit,
            stay.bits,
        )
        half = len(minutes) // 2
        if device.leave - device.join < _LONG or stay.bits >> 4 & 7:
            yield whole
        else:
            middle = device.join + half * MINUTE
            yield replace(whole, leave=middle, minutes=minutes[:half])
            yield replace(whole, join=middle, minutes=minutes[half:])

    def _cast(self, instance: Instance) -> tuple[list[Participant], Participant | None]:
        """Everybody with every device, and the one of them whom only the qualities know."""
        stays = self._organisation.stays(instance.meeting)
        told: list[Participant] = []
        for group in _visits(stays):
            told.append(self._participant(instance, group))
        by_visit = {device.stay.visit: participant for participant in told for device in participant.devices}
        for stay in stays:
            if stay.place == "breakout":
                by_visit[stay.visit].rooms.append(_room(instance, stay))
            elif stay.place == "waiting_room" and stay.bits & 2:
                told.append(_kept_waiting(instance, by_visit[stay.visit], stay))
        unlisted = _unlisted(told) if instance.meeting.case is Case.mixed else None
        if Quirk.duplicates in instance.quirks:
            told += [p for p in told[:5:2] if p is not unlisted]
        return told, unlisted

    def _participant(self, instance: Instance, stays: Sequence[Stay]) -> Participant:
        first, live = stays[0], instance.meeting.case in LIVE
        visitor, bits = first.visitor, first.bits
        devices = [_device(instance, stay) for stay in stays]
        if Quirk.shared_join in instance.quirks:
            for device in devices:
                device.correlation = devices[0].correlation
        return Participant(
            f"{instance.hexadecimal}_{uuid(seeded_random.digest('webex participant', instance.id, first.visit))}",
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


def _visits(stays: Sequence[Stay]) -> list[list[Stay]]:
    """The stays in the meeting itself, those of one participant together."""
    groups: dict[tuple[object, ...], list[Stay]] = {}
    for stay in stays:
        if stay.place == "meeting":
            visitor = (type(stay.visitor), stay.visitor.index)
            first = groups.setdefault((visitor, "first"), [])
            # Every second visitor keeps their identity when they come back.
            if not first or first[0].bits & 1:
                first.append(stay)
            else:
                groups[visitor, stay.visit] = [stay]
    return list(groups.values())


def _device(instance: Instance, stay: Stay) -> Device:
    bits, phone = stay.bits, stay.kit.platform == "phone"
    pstn = phone or bits >> 17 & 15 == 1
    late = instance.meeting.end > stay.leave and phone and bits & 7 == 0
    shift = (bits % 997, bits % 991) if Quirk.fractions in instance.quirks else (0, 0)
    join, leave = stay.join + shift[0], stay.leave + shift[1]
    return Device(
        uuid(seeded_random.digest("webex join", instance.id, stay.visit)),
        _DEVICES[stay.kit.platform],
        "pstn" if pstn else "inactive" if bits >> 21 & 31 == 1 else "voip",
        ("callBack" if bits & 16 else "callIn") if pstn else None,
        join,
        max(leave, join),
        True,
        not late,
        stay,
    )


def _running(device: Device, instant: int) -> Device:
    """A device of a meeting that is running: an end that has not come is not told, a beginning not always."""
    there = device.leave > instant
    return replace(
        device, join_told=device.stay.bits >> 8 & 3 != 0, leave_told=not there and device.leave_told
    )


def _room(instance: Instance, stay: Stay) -> Room:
    name = f"Breakout session {stay.room}"
    return Room(uuid(seeded_random.digest("webex room", instance.id, stay.room)), name, stay.join, stay.leave)


def _kept_waiting(instance: Instance, admitted: Participant, stay: Stay) -> Participant:
    """Somebody in the lobby: what becomes of those who were let in later is documented nowhere, here it is another participant."""
    return replace(
        admitted,
        id=f"{instance.hexadecimal}_{uuid(seeded_random.digest('webex lobby', instance.id, stay.visit))}",
        co_host=None,
        bare=True,
        in_lobby=True,
        devices=[_device(instance, stay)],
        rooms=[],
    )


def _unlisted(told: Sequence[Participant]) -> Participant | None:
    """One who can be taken for nobody else and left nothing but media."""
    names, emails = Counter(p.name for p in told), Counter(p.email for p in told)
    for p in told:
        alone = names[p.name] == 1 and (p.email is None or emails[p.email] == 1)
        media = [d for d in p.devices if d.stay.kit.platform != "phone"]
        if p.name and alone and len(p.devices) == len(media) == 1 and not (p.host or p.rooms or p.in_lobby):
            return p
    return None


def _ambiguous(told: Sequence[Participant]) -> set[str | None]:
    """Names that people share of whom some gave an address and some did not: nobody could tell whose media is whose."""
    emails: dict[str | None, set[str | None]] = {}
    for participant in told:
        emails.setdefault(participant.name, set()).add(participant.email)
    return {name for name, shared in emails.items() if len(shared) > 1}


def _written(participant: Participant) -> str | None:
    """The address as the qualities show it: of every seventh person with the capitals that they once typed."""
    person = participant.person
    return person.email.title() if person and person.index % 7 == 3 else participant.email
