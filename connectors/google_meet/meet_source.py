"""Meet alone: the records of every user, or of the one who logged in, with everybody's stays. No admin's report needed.

It knows no organizer, no device, address or quality, and nothing older than 30 days; it knows what goes on right now.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Literal

from connectors.attendance import to_record
from connectors.base import Context
from connectors.errors import Gone, VendorError
from connectors.google_meet.auth import SELF, GoogleTokens
from connectors.google_meet.calendar_api import Calendar
from connectors.google_meet.conferences import Conference, is_live, record_id
from connectors.google_meet.directory_api import Directory
from connectors.google_meet.endpoints import ASK_AGAIN, RECORDS_KEPT, SETTLED, VENDOR
from connectors.google_meet.id_conflicts import Day, Families
from connectors.google_meet.mapping import ConferenceFacts, host_of, to_meeting, to_stay, user_of
from connectors.google_meet.meet_api import Records, Seen, space_of
from connectors.google_meet.reports_api import Activities
from connectors.google_meet.reports_rows import Row, code_of
from connectors.models import (
    MeetingRecord,
    MeetingRef,
    Pending,
    Reason,
    Session,
    SkippedPartition,
    Window,
    row_digest,
    user_partition,
)
from connectors.parsing import parse_instant, truncate_to_milliseconds
from connectors.pending import until_settled

SourceName = Literal["reports", "meet", "auto"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Apis:
    """What every source asks, and how the run was asked for."""

    context: Context
    tokens: GoogleTokens
    directory: Directory
    activities: Activities
    records: Records
    calendar: Calendar
    account: str
    raw: bool
    given: Mapping[str, tuple[str, ...]]

    @property
    def users(self) -> tuple[str, ...]:
        return self.given.get("user", ())

    @property
    def code(self) -> str | None:
        return next((code_of(code) for code in self.given.get("meeting-code", ())), None)

    def event(self, conference: Conference | None) -> Row:
        """What Calendar has of it."""
        return {} if conference is None else self.calendar.event(self.owner(conference), conference.event)

    def owner(self, conference: Conference | None) -> str | None:
        """As whom to ask for what is the organizer's: who is in the company, by the primary address; for nobody else can
        be asked. Without the Directory, by the address that Reports tells."""
        organizer = conference.organizer if conference is not None else None
        if not self.tokens.impersonates or not self.directory.known:
            return None if organizer is None or "*" in organizer else organizer
        person = self.directory.by_address(organizer)
        return person.email if person is not None and person.active else None

    def asked_raw(self, ref: MeetingRef) -> bool:
        return self.raw or "raw" in ref.extras


class Meet:
    name: ClassVar[SourceName] = "meet"

    def __init__(self, apis: Apis) -> None:
        self._apis = apis
        self._families = Families(apis.context, ours="record")

    def meetings(
        self, window: Window, subjects: Collection[str] = ()
    ) -> Iterator[MeetingRef | SkippedPartition]:
        """The records are gathered before any is passed on: whether earlier days were read from elsewhere shows by them,
        and they are small."""
        seen: dict[str, Seen] = {}
        within = self.within(window)
        if within is None:
            return
        yield from self.gathered(within, seen, subjects)
        days = self._families.refused(window, lambda uuids: any(uuid in seen for uuid in uuids))
        yield from days.skipped()
        for one in seen.values():
            ref = self.ref(one, days=days, source=self.name)
            if ref is not None and ref.start_time is not None and ref.start_time in window:
                yield ref

    def within(self, window: Window) -> Window | None:
        """The part of which records may be kept still: one that began earlier may have ended later."""
        reach = self._apis.context.now() - RECORDS_KEPT - timedelta(days=1)
        if window.end <= reach:
            return None
        return Window(start=max(window.start, reach), end=window.end)

    def gathered(
        self, window: Window, into: dict[str, Seen], subjects: Collection[str] = ()
    ) -> Iterator[SkippedPartition]:
        """Every record once, with some of those who may read it. `subjects`: as earlier `Skipped` named them."""
        records = self._apis.records
        users = records.subjects(self._apis.users)
        if subjects:
            users = (user for user in users if user_partition(user.lower()) in subjects)
        for found in records.listed(window, users, self._apis.code):
            if isinstance(found, SkippedPartition):
                yield found
                continue
            user, rows = found
            for row in rows:
                one = into.setdefault(record_id(row), Seen(record=row, subjects=[]))
                if len(one.subjects) < 3:
                    one.subjects.append(user)

    def ref(self, seen: Seen, *, source: SourceName, days: Day | None = None) -> MeetingRef | None:
        start = parse_instant(seen.record.get("startTime"))
        if days is not None and start is not None and days.refuses(start):
            return None
        return MeetingRef(
            uuid=record_id(seen.record),
            start_time=start,
            digest=row_digest({"source": source, "record": seen.record}),
            hint={"source": source, "ids": "record", **day_of(start), **self.who(seen.subjects)},
            row={"record": seen.record, "subjects": seen.subjects},
        )

    def who(self, subjects: Sequence[str]) -> dict[str, str]:
        """Whom to ask again, by number: an address is no thing to write down."""
        person = self._apis.directory.by_address(subjects[0]) if subjects and subjects[0] != SELF else None
        return {} if person is None else {"user": person.id}

    def seen(self, ref: MeetingRef) -> Seen:
        """The record that was listed, or what it is by now. Gone where it is past keeping."""
        if ref.row is not None:
            return Seen(record=ref.row["record"], subjects=list(ref.row["subjects"]))
        person = self._apis.directory.by_id(ref.hint.get("user"))
        subjects = [person.email if person is not None else self._apis.tokens.admin]
        record = self._apis.records.record(ref.uuid, subjects)
        if record is not None:
            return Seen(record=record, subjects=subjects)
        if ref.hint.get("ids") != "record":
            raise Gone(f"{VENDOR}: a conference that this source does not know", reason=Reason.replaced)
        if self._apis.records.is_past(ref.start_time):
            raise Gone(f"{VENDOR}: a record that is no longer kept", reason=Reason.expired)
        raise VendorError(
            f"{VENDOR}: conferenceRecords.get: a record that was listed cannot be read any more: refused or not found",
            status=404,
        )

    def fetch(self, ref: MeetingRef) -> MeetingRecord:
        harvested_at = truncate_to_milliseconds(self._apis.context.now())
        return self.harvest(self.seen(ref), ref.uuid, harvested_at, raw=self._apis.asked_raw(ref))

    def harvest(
        self,
        seen: Seen,
        uuid: str,
        harvested_at: datetime,
        *,
        conference: Conference | None = None,
        raw: bool = False,
    ) -> MeetingRecord:
        """A conference as Meet tells it, with what Reports has told of it so far."""
        apis, record = self._apis, seen.record
        organizer = conference.organizer if conference is not None else None
        told = conference is not None and conference.code is not None
        person = apis.directory.by_address(organizer)
        known = ConferenceFacts(
            conference=conference,
            record=record,
            event=apis.event(conference),
            recordings=apis.records.recordings(seen, apis.owner(conference)),
            code=None if told else apis.records.code(space_of(record), seen.subjects),
            host=host_of(organizer, person.id, person.name) if person else host_of(organizer),
        )
        meeting = to_meeting(known, account=apis.account, uuid=uuid, harvested_at=harvested_at, raw=raw)
        live = is_live(record)
        pending = self._still_live() if live else until_settled(known.end, SETTLED, apis.context.now())
        replaces = () if record_id(record) == uuid else (record_id(record),)
        return to_record(meeting, self._stays(seen, raw=raw), pending=pending, replaces=replaces)

    def _stays(self, seen: Seen, *, raw: bool) -> Iterator[Session]:
        records = self._apis.records
        participants = records.participants(str(seen.record["name"]), seen.subjects)
        if participants is None:
            raise _refused("participants")
        for participant in participants:
            stays = records.stays(str(participant.get("name")), seen.subjects)
            if stays is None:
                raise _refused("participantSessions")
            person = self._apis.directory.by_id(user_of(participant))
            for stay in stays or [_whole(participant)]:
                yield to_stay(
                    participant,
                    stay,
                    email=person.email if person is not None else None,
                    name=person.name if person is not None else None,
                    raw=raw,
                )

    def _still_live(self) -> Pending:
        return Pending(until=self._apis.context.now() + ASK_AGAIN, reason=Reason.live)

    def calls(self, ref: MeetingRef) -> int:
        """Participants, recordings, the space, and the stays of each: of how many is not known before."""
        return 5 if ref.row is not None else 6


def _whole(participant: Row) -> Row:
    """The stay of somebody of whom no stays are told."""
    return {
        "name": participant.get("name"),
        "startTime": participant.get("earliestStartTime"),
        "endTime": participant.get("latestEndTime"),
    }


def _refused(what: str) -> VendorError:
    return VendorError(
        f"{VENDOR}: conferenceRecords.{what}: refused to everybody who was seen with this conference",
        status=403,
    )


def day_of(start: datetime | None) -> dict[str, str]:
    """For the hint: by it a later run sees which days were read from which source."""
    return {} if start is None else {"day": start.astimezone(UTC).date().isoformat()}
