"""The Meet source: the records of every user, or of the user who logged in, with all stays. It needs no admin's report.

Meet has no organizer, device, address or quality, and nothing older than 30 days; it has conferences that are going on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import ClassVar

from connectors.attendance import to_record
from connectors.errors import Gone, VendorError
from connectors.google_meet.apis import Apis
from connectors.google_meet.conference_grouping import Conference, is_live, record_id
from connectors.google_meet.endpoints import REFETCH_INTERVAL, SETTLING_TIME, VENDOR
from connectors.google_meet.id_conflicts import IdConflicts
from connectors.google_meet.mapping import ConferenceFacts, to_meeting, to_record_session, user_id
from connectors.google_meet.meet_api import VisibleRecord, space_of
from connectors.google_meet.record_listing import GoogleSourceName, RecordListing
from connectors.google_meet.reports_rows import Row
from connectors.models import MeetingRecord, MeetingRef, Pending, Reason, Session, SkippedPartition, Window
from connectors.parsing import truncate_to_milliseconds
from connectors.pending import until_settled


class MeetSource:
    name: ClassVar[GoogleSourceName] = "meet"

    def __init__(self, apis: Apis) -> None:
        self._apis = apis
        self._listing = RecordListing(apis, self.name)
        self._id_conflicts = IdConflicts(apis.context, own_ids="record")

    def meetings(
        self, window: Window, partitions: Collection[str] = ()
    ) -> Iterator[MeetingRef | SkippedPartition]:
        """Collects all records before it yields any: they show whether earlier days were read from the other source.

        Records are small.
        """
        retained = self._listing.retained_window(window)
        if retained is None:
            return
        records: dict[str, VisibleRecord] = {}
        yield from self._listing.collect(retained, records, partitions)
        days = self._id_conflicts.find(window, lambda uuids: any(uuid in records for uuid in uuids))
        yield from days.skipped_partitions()
        yield from self._listing.record_refs(records, window, days)

    def visible_record(self, ref: MeetingRef) -> VisibleRecord:
        """The record as listed, or as it is now for a ref from the journal. Raises Gone after its retention."""
        if ref.row is not None:
            return VisibleRecord(record=ref.row["record"], users=list(ref.row["users"]))
        person = self._apis.directory.by_id(ref.hint.get("user"))
        users = [person.email if person is not None else self._apis.tokens.admin]
        record = self._apis.meet.record(ref.uuid, users)
        if record is not None:
            return VisibleRecord(record=record, users=users)
        if ref.hint.get("ids") != "record":
            raise Gone(f"{VENDOR}: a conference of another source", reason=Reason.replaced)
        if self._apis.meet.is_expired(ref.start_time):
            raise Gone(f"{VENDOR}: Meet no longer keeps this record", reason=Reason.expired)
        raise VendorError(
            f"{VENDOR}: conferenceRecords.get: a listed record can no longer be read: refused or not found",
            status=404,
        )

    def fetch(self, ref: MeetingRef) -> MeetingRecord:
        harvested_at = truncate_to_milliseconds(self._apis.context.now())
        raw = ref.wants("raw", in_run=self._apis.raw)
        return self.build_record(self.visible_record(ref), ref.uuid, harvested_at, raw=raw)

    def build_record(
        self,
        visible: VisibleRecord,
        uuid: str,
        harvested_at: datetime,
        *,
        conference: Conference | None = None,
        raw: bool = False,
    ) -> MeetingRecord:
        """The record with its sessions, and with what Reports has of the conference so far."""
        apis, record = self._apis, visible.record
        organizer = conference.organizer if conference is not None else None
        has_code = conference is not None and conference.code is not None
        host = apis.host(organizer)
        facts = ConferenceFacts(
            conference=conference,
            record=record,
            event=apis.event(conference),
            recordings=apis.meet.recordings(visible, apis.organizer_user(conference)),
            code=None if has_code else apis.meet.meeting_code(space_of(record), visible.users),
            host=host,
        )
        meeting = to_meeting(facts, account=apis.account, uuid=uuid, harvested_at=harvested_at, raw=raw)
        live = is_live(record)
        pending = self._still_live() if live else until_settled(facts.end, SETTLING_TIME, apis.context.now())
        replaces = () if record_id(record) == uuid else (record_id(record),)
        return to_record(meeting, self._sessions(visible, raw=raw), pending=pending, replaces=replaces)

    def _sessions(self, visible: VisibleRecord, *, raw: bool) -> Iterator[Session]:
        meet = self._apis.meet
        participants = meet.participants(str(visible.record["name"]), visible.users)
        if participants is None:
            raise _refused_error("participants")
        for participant in participants:
            sessions = meet.participant_sessions(str(participant.get("name")), visible.users)
            if sessions is None:
                raise _refused_error("participantSessions")
            person = self._apis.directory.by_id(user_id(participant))
            for session in sessions or [_whole_stay(participant)]:
                yield to_record_session(
                    participant,
                    session,
                    email=person.email if person is not None else None,
                    name=person.name if person is not None else None,
                    raw=raw,
                )

    def _still_live(self) -> Pending:
        return Pending(until=self._apis.context.now() + REFETCH_INTERVAL, reason=Reason.live)

    def estimate_requests(self, ref: MeetingRef) -> int:
        """Participants, recordings, the space, and the sessions of each participant, whose number is not known before."""
        return 5 if ref.row is not None else 6


def _whole_stay(participant: Row) -> Row:
    """One session for a participant without sessions."""
    return {
        "name": participant.get("name"),
        "startTime": participant.get("earliestStartTime"),
        "endTime": participant.get("latestEndTime"),
    }


def _refused_error(resource: str) -> VendorError:
    return VendorError(
        f"{VENDOR}: conferenceRecords.{resource}: refused to every user who could list this conference",
        status=403,
    )
