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
from connectors.google_meet.auth import LOGGED_IN, GoogleTokens
from connectors.google_meet.calendar_api import CalendarApi
from connectors.google_meet.conferences import Conference, is_live, record_id
from connectors.google_meet.directory_api import DirectoryApi
from connectors.google_meet.endpoints import RECORD_RETENTION, REFETCH_INTERVAL, SETTLING_TIME, VENDOR
from connectors.google_meet.id_conflicts import IdConflicts, OtherSourceDays
from connectors.google_meet.mapping import ConferenceFacts, to_host, to_meeting, to_record_session, user_id
from connectors.google_meet.meet_api import MeetApi, VisibleRecord, space_of
from connectors.google_meet.reports_api import ReportsApi
from connectors.google_meet.reports_rows import Row, normalize_code
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

GoogleSourceName = Literal["reports", "meet", "auto"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Apis:
    """What every source asks, and how the run was asked for."""

    context: Context
    tokens: GoogleTokens
    directory: DirectoryApi
    reports: ReportsApi
    meet: MeetApi
    calendar: CalendarApi
    account: str
    raw: bool
    option_values: Mapping[str, tuple[str, ...]]

    @property
    def users(self) -> tuple[str, ...]:
        return self.option_values.get("user", ())

    @property
    def code(self) -> str | None:
        return next((normalize_code(code) for code in self.option_values.get("meeting-code", ())), None)

    def event(self, conference: Conference | None) -> Row:
        """What Calendar has of it."""
        return (
            {}
            if conference is None
            else self.calendar.event(self.organizer_user(conference), conference.event_id)
        )

    def organizer_user(self, conference: Conference | None) -> str | None:
        """As whom to ask for what is the organizer's: who is in the company, by the primary address; for nobody else can
        be asked. Without the Directory, by the address that Reports tells."""
        organizer = conference.organizer if conference is not None else None
        if not self.tokens.impersonates or not self.directory.is_readable:
            return None if organizer is None or "*" in organizer else organizer
        person = self.directory.by_address(organizer)
        return person.email if person is not None and person.active else None

    def wants_raw(self, ref: MeetingRef) -> bool:
        return self.raw or "raw" in ref.extras


class MeetSource:
    name: ClassVar[GoogleSourceName] = "meet"

    def __init__(self, apis: Apis) -> None:
        self._apis = apis
        self._id_conflicts = IdConflicts(apis.context, own_ids="record")

    def meetings(
        self, window: Window, partitions: Collection[str] = ()
    ) -> Iterator[MeetingRef | SkippedPartition]:
        """The records are gathered before any is passed on: whether earlier days were read from elsewhere shows by them,
        and they are small."""
        seen: dict[str, VisibleRecord] = {}
        within = self.retained_window(window)
        if within is None:
            return
        yield from self.collect_records(within, seen, partitions)
        days = self._id_conflicts.find(window, lambda uuids: any(uuid in seen for uuid in uuids))
        yield from days.skipped_partitions()
        for one in seen.values():
            ref = self.to_ref(one, days=days, source=self.name)
            if ref is not None and ref.start_time is not None and ref.start_time in window:
                yield ref

    def retained_window(self, window: Window) -> Window | None:
        """The part of which records may be kept still: one that began earlier may have ended later."""
        reach = self._apis.context.now() - RECORD_RETENTION - timedelta(days=1)
        if window.end <= reach:
            return None
        return Window(start=max(window.start, reach), end=window.end)

    def collect_records(
        self, window: Window, into: dict[str, VisibleRecord], partitions: Collection[str] = ()
    ) -> Iterator[SkippedPartition]:
        """Every record once, with some of those who may read it. `subjects`: as earlier `Skipped` named them."""
        records = self._apis.meet
        users = records.users_to_impersonate(self._apis.users)
        if partitions:
            users = (user for user in users if user_partition(user.lower()) in partitions)
        for found in records.list_records(window, users, self._apis.code):
            if isinstance(found, SkippedPartition):
                yield found
                continue
            user, rows = found
            for row in rows:
                one = into.setdefault(record_id(row), VisibleRecord(record=row, users=[]))
                if len(one.users) < 3:
                    one.users.append(user)

    def to_ref(
        self, seen: VisibleRecord, *, source: GoogleSourceName, days: OtherSourceDays | None = None
    ) -> MeetingRef | None:
        start = parse_instant(seen.record.get("startTime"))
        if days is not None and start is not None and days.contains(start):
            return None
        return MeetingRef(
            uuid=record_id(seen.record),
            start_time=start,
            digest=row_digest({"source": source, "record": seen.record}),
            hint={"source": source, "ids": "record", **day_hint(start), **self.user_hint(seen.users)},
            row={"record": seen.record, "subjects": seen.users},
        )

    def user_hint(self, users: Sequence[str]) -> dict[str, str]:
        """Whom to ask again, by number: an address is no thing to write down."""
        person = self._apis.directory.by_address(users[0]) if users and users[0] != LOGGED_IN else None
        return {} if person is None else {"user": person.id}

    def visible_record(self, ref: MeetingRef) -> VisibleRecord:
        """The record that was listed, or what it is by now. Gone where it is past keeping."""
        if ref.row is not None:
            return VisibleRecord(record=ref.row["record"], users=list(ref.row["subjects"]))
        person = self._apis.directory.by_id(ref.hint.get("user"))
        subjects = [person.email if person is not None else self._apis.tokens.admin]
        record = self._apis.meet.record(ref.uuid, subjects)
        if record is not None:
            return VisibleRecord(record=record, users=subjects)
        if ref.hint.get("ids") != "record":
            raise Gone(f"{VENDOR}: a conference that this source does not know", reason=Reason.replaced)
        if self._apis.meet.is_expired(ref.start_time):
            raise Gone(f"{VENDOR}: a record that is no longer kept", reason=Reason.expired)
        raise VendorError(
            f"{VENDOR}: conferenceRecords.get: a record that was listed cannot be read any more: refused or not found",
            status=404,
        )

    def fetch(self, ref: MeetingRef) -> MeetingRecord:
        harvested_at = truncate_to_milliseconds(self._apis.context.now())
        return self.to_record(self.visible_record(ref), ref.uuid, harvested_at, raw=self._apis.wants_raw(ref))

    def to_record(
        self,
        seen: VisibleRecord,
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
            recordings=apis.meet.recordings(seen, apis.organizer_user(conference)),
            code=None if told else apis.meet.meeting_code(space_of(record), seen.users),
            host=to_host(organizer, person.id, person.name) if person else to_host(organizer),
        )
        meeting = to_meeting(known, account=apis.account, uuid=uuid, harvested_at=harvested_at, raw=raw)
        live = is_live(record)
        pending = self._still_live() if live else until_settled(known.end, SETTLING_TIME, apis.context.now())
        replaces = () if record_id(record) == uuid else (record_id(record),)
        return to_record(meeting, self._sessions(seen, raw=raw), pending=pending, replaces=replaces)

    def _sessions(self, seen: VisibleRecord, *, raw: bool) -> Iterator[Session]:
        records = self._apis.meet
        participants = records.participants(str(seen.record["name"]), seen.users)
        if participants is None:
            raise _refused_error("participants")
        for participant in participants:
            stays = records.participant_sessions(str(participant.get("name")), seen.users)
            if stays is None:
                raise _refused_error("participantSessions")
            person = self._apis.directory.by_id(user_id(participant))
            for stay in stays or [_whole_stay(participant)]:
                yield to_record_session(
                    participant,
                    stay,
                    email=person.email if person is not None else None,
                    name=person.name if person is not None else None,
                    raw=raw,
                )

    def _still_live(self) -> Pending:
        return Pending(until=self._apis.context.now() + REFETCH_INTERVAL, reason=Reason.live)

    def estimate_requests(self, ref: MeetingRef) -> int:
        """Participants, recordings, the space, and the stays of each: of how many is not known before."""
        return 5 if ref.row is not None else 6


def _whole_stay(participant: Row) -> Row:
    """The stay of somebody of whom no stays are told."""
    return {
        "name": participant.get("name"),
        "startTime": participant.get("earliestStartTime"),
        "endTime": participant.get("latestEndTime"),
    }


def _refused_error(what: str) -> VendorError:
    return VendorError(
        f"{VENDOR}: conferenceRecords.{what}: refused to everybody who was seen with this conference",
        status=403,
    )


def day_hint(start: datetime | None) -> dict[str, str]:
    """For the hint: by it a later run sees which days were read from which source."""
    return {} if start is None else {"day": start.astimezone(UTC).date().isoformat()}
