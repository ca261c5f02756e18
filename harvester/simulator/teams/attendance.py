"""Who took part in each call, as Microsoft knows it: the only source of its answers and of the expected documents.

A leg is what Microsoft calls a session: the connection of one participant to a service, or of two participants to each
other. Waiting rooms are in no call record, and a breakout room is a call of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from harvester.simulator.organisation import Device, Organisation, Person, Session, seeded_random
from harvester.simulator.teams import identities
from harvester.simulator.teams.account import Account, CallRecord, Quirk
from harvester.simulator.teams.formats import TICKS, TICKS_PER_MILLISECOND, uuid
from harvester.simulator.teams.identities import Identity
from harvester.simulator.teams.media import Segment, poor_segment, segments

Modality = Literal["audio", "video", "videoBasedScreenSharing", "screenSharing", "data", "unknownFutureValue"]
FailureStage = Literal["unknown", "callSetup", "midcall"]
PAGE = 60
_P2P_SECONDS = 17
_P2P_LATER = 7 * TICKS_PER_MILLISECOND
_PLATFORMS = {
    "windows": "windows",
    "mac": "macOS",
    "linux": "web",
    "ios": "iOS",
    "android": "android",
    "web": "web",
    "phone": "unknown",
    "room": "roomSystem",
    "sip": "surfaceHub",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """The program of a participant. `platform` and `family` may be `unknown`."""

    platform: str
    family: str
    version: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Participant:
    """One side of a leg that is a participant, or a bot."""

    identity: Identity
    agent: Agent | None
    device: Device
    bits: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    stage: FailureStage
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One session of a call record.

    caller: None if a service called.
    callee: None if a service was called, as in every leg of a group call.
    start, end: ticks.
    since, measured_since: the position of the first version of the record that has the leg, and its media.
    twice: it is returned twice, for two services.
    """

    id: str
    caller: Participant | None
    callee: Participant | None
    start: int
    end: int
    modalities: tuple[Modality, ...]
    failure: Failure | None
    segments: tuple[Segment, ...]
    since: int = 0
    measured_since: int = 0
    twice: bool = False


class Attendance:
    """The legs of every record, in the order of their starts."""

    def __init__(self, account: Account) -> None:
        self._organisation: Organisation = account.organisation
        self._seed = account.organisation.seed
        self._people = tuple(p for p in account.organisation.people if p.status == "active")
        self.legs = lru_cache(maxsize=2048)(self._legs)

    def known(self, record: CallRecord, version: int) -> list[Leg]:
        """Return the legs that this version of the record has, without media that it does not have yet."""
        return [
            leg if leg.measured_since <= version else replace(leg, segments=_without_media(leg.segments))
            for leg in self.legs(record)
            if leg.since <= version
        ]

    def end(self, record: CallRecord, version: int) -> int:
        """Return when the last participant left according to this version, in ticks."""
        if record.quirk is not Quirk.late_legs:
            return record.end
        return max((leg.end for leg in self.legs(record) if leg.since <= version), default=record.end)

    def modalities(self, record: CallRecord, version: int) -> tuple[Modality, ...]:
        """Return what the participants used according to this version."""
        meeting = record.meeting
        found: list[Modality] = ["audio"]
        if meeting.video and not (record.quirk is Quirk.late_legs and version == 0):
            found.append("video")
        if meeting.shared:
            found.append("screenSharing" if meeting.seed % 6 == 0 else "videoBasedScreenSharing")
        if meeting.seed % 9 == 0:
            found.append("unknownFutureValue")
        return tuple(found)

    def _legs(self, record: CallRecord) -> Sequence[Leg]:
        sessions = [s for s in self._organisation.sessions(record.meeting) if s.kind == "meeting"]
        if record.quirk in {Quirk.peer_to_peer, Quirk.phone_call}:
            return [self._call_of_two(record, sessions)]
        legs = [self._leg(record, position, session) for position, session in enumerate(sessions)]
        if record.quirk in {Quirk.sixty, Quirk.sixty_one}:
            rows = PAGE + (record.quirk is Quirk.sixty_one)
            return [replace(leg, twice=False) for leg in legs[:rows]]
        if record.quirk in {Quirk.escalated, Quirk.escalated_left}:
            legs.append(self._leg_before_escalation(record, sessions, legs))
        legs += self._bots(record)
        return sorted(legs, key=lambda leg: (leg.start, leg.id))

    def _leg(self, record: CallRecord, position: int, session: Session) -> Leg:
        meeting, bits = record.meeting, session.bits
        start, end = self._ticks(record, session.join), self._ticks(record, session.leave)
        late = record.quirk is Quirk.late_legs and position % 2 == 0
        later_quality = record.quirk in {Quirk.late_quality, Quirk.arriving} and position % 2 == 0
        return Leg(
            id=uuid(seeded_random.digest("teams leg", meeting.seed, position)),
            caller=self._participant(session),
            callee=None,
            start=start,
            end=end,
            modalities=_session_modalities(bits, video=meeting.video, shared=meeting.shared),
            failure=_failure(session),
            segments=tuple(
                segments(
                    session,
                    self._organisation.minutes,
                    start,
                    end,
                    video=meeting.video,
                    shared=meeting.shared,
                )
            ),
            since=1 if late else 0,
            measured_since=2 if late else 1 if later_quality else 0,
            twice=bits % 9 == 4,
        )

    @staticmethod
    def _ticks(record: CallRecord, instant: int) -> int:
        return instant * TICKS_PER_MILLISECOND + record.ticks

    def _participant(self, session: Session) -> Participant:
        identity = identities.of_session(self._seed, session, self._people)
        return Participant(
            identity=identity,
            agent=_agent(session, identity),
            device=session.device,
            bits=session.bits,
        )

    def _call_of_two(self, record: CallRecord, sessions: Sequence[Session]) -> Leg:
        """Return the only leg of a call between two people, or from a telephone to a person."""
        host = self._participant(sessions[0])
        other = self._colleague(record, sessions[-1], ())
        caller = host
        if record.quirk is Quirk.phone_call:
            phone = replace(sessions[0].device, platform="phone", ip=None, network="unknown")
            caller = Participant(identity=record.organizer, agent=None, device=phone, bits=sessions[0].bits)
            other = host
        leg = self._leg(record, 0, sessions[0])
        return replace(leg, id=record.id, caller=caller, callee=other, end=record.end, twice=False)

    def _colleague(self, record: CallRecord, session: Session, excluded: Sequence[str | None]) -> Participant:
        """Return a person of the tenant other than the host, on the device of a session."""
        host = record.meeting.host.index
        colleagues = (self._people[(host + n) % len(self._people)] for n in range(5, 5 + len(self._people)))
        person = next(p for p in colleagues if p.index != host and self._id(p) not in excluded)
        identity = identities.of_session(self._seed, replace(session, visitor=person), self._people)
        return Participant(
            identity=identity, agent=_agent(session, identity), device=session.device, bits=session.bits
        )

    def _id(self, person: Person) -> str:
        return identities.user_id(self._seed, person)

    def _leg_before_escalation(
        self, record: CallRecord, sessions: Sequence[Session], legs: Sequence[Leg]
    ) -> Leg:
        """Return the call of two from which the group call came; few milliseconds later than its first leg."""
        host = self._participant(sessions[0])
        callers = [leg.caller for leg in legs if leg.caller is not None]
        inside = [c for c in callers if c.identity.kind == "user" and c.identity.id != host.identity.id]
        if record.quirk is Quirk.escalated_left or not inside:
            other = self._colleague(record, sessions[-1], [c.identity.id for c in callers])
        else:
            other = inside[0]
        start = record.start + _P2P_LATER
        end = start + _P2P_SECONDS * TICKS
        return Leg(
            id=record.id,
            caller=host,
            callee=other,
            start=start,
            end=end,
            modalities=("audio",),
            failure=None,
            segments=(poor_segment(start, end, host.bits),),
        )

    def _bots(self, record: CallRecord) -> Iterator[Leg]:
        """Yield the legs of a recorder, which is a participant or a service; one call has no other leg."""
        meeting = record.meeting
        if not meeting.recorded and meeting.attendance:
            return
        identity = identities.bot(self._seed, meeting.seed)
        device = self._organisation.sessions(meeting)[0].device if meeting.attendance else None
        participant = None
        if device is not None and meeting.seed % 3:
            participant = Participant(
                identity=identity, agent=None, device=device, bits=meeting.seed & 0xFFFF
            )
        yield Leg(
            id=uuid(seeded_random.digest("teams leg", meeting.seed, "bot")),
            caller=participant,
            callee=None,
            start=record.start,
            end=record.end,
            modalities=("audio",),
            failure=None,
            segments=(),
        )


def _without_media(parts: Sequence[Segment]) -> tuple[Segment, ...]:
    return tuple(replace(segment, media=()) for segment in parts)


def _agent(session: Session, identity: Identity) -> Agent | None:
    device, bits = session.device, session.bits
    if bits % 23 == 1 or identity.kind == "phone":
        return None
    platform = _PLATFORMS[device.platform]
    if isinstance(session.visitor, Person):
        platform = {3: "ipPhone", 4: "holoLens", 5: "unknownFutureValue"}.get(device.index % 29, platform)
    family = "unknown" if identity.kind == "acsUser" and platform != "web" else "teams"
    version = None if bits % 19 == 3 else f"1.{5 + device.index % 3}.00.{20_000 + device.index % 9999}"
    return Agent(platform=platform, family=family, version=version)


def _session_modalities(bits: int, *, video: bool, shared: bool) -> tuple[Modality, ...]:
    if bits % 33 == 7:
        return ("data",)
    found: list[Modality] = ["audio"]
    if video and bits & 1:
        found.append("video")
    if shared and bits & 2:
        found.append("videoBasedScreenSharing")
    return tuple(found)


def _failure(session: Session) -> Failure | None:
    bits = session.bits
    if session.leave_reason == "dropped":
        return Failure(stage="midcall", reason="" if bits % 5 == 2 else "The connection was lost.")
    if bits % 41 == 2:
        return Failure(stage="unknown", reason="An unexpected error occurred.")
    if bits % 41 == 3:
        return Failure(stage="callSetup", reason="Call setup timed out.")
    return None
