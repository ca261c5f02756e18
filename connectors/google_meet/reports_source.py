"""The Reports source: the conferences of the whole company, with quality, devices and addresses. Under `auto`, each is
completed with its record in Meet: exact start and end, space, recordings, and live conferences.

Rows of Reports have the time at which an endpoint left. To get all rows of a conference, a window is read a day wider on
both sides. If a conference may still have rows outside (an endpoint stayed for more than a day, or the conference runs
over the end of the window, and the day after it is not the end of what was read), all its rows are requested by its id.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain

from connectors.attendance import to_record
from connectors.concurrency import ordered_map
from connectors.errors import Gone, VendorError
from connectors.google_meet.apis import Apis
from connectors.google_meet.conference_grouping import (
    LONG_STAY,
    Conference,
    LateRow,
    best_record,
    group_by_conference,
    is_live,
    is_long_stay,
    record_id,
)
from connectors.google_meet.emptied_report_days import missing_days
from connectors.google_meet.endpoints import SETTLING_TIME, VENDOR, WINDOW_PADDING
from connectors.google_meet.errors import ApiNotAllowed
from connectors.google_meet.id_conflicts import IdConflicts, OtherSourceDays
from connectors.google_meet.mapping import ConferenceFacts, to_meeting, to_session
from connectors.google_meet.meet_api import VisibleRecord, is_meet_code, space_of
from connectors.google_meet.meet_source import MeetSource
from connectors.google_meet.record_listing import GoogleSourceName, RecordListing
from connectors.google_meet.reports_rows import Row, code_spellings, join_time
from connectors.models import MeetingRecord, MeetingRef, Reason, Session, SkippedPartition, Window
from connectors.parsing import as_text, parse_instant, truncate_to_milliseconds
from connectors.pending import until_settled

LOOKUPS_AT_ONCE = 8
MAX_IDS_PROBED = 3
WINDOW_MARGIN = timedelta(hours=1)
"""How far a record's start may be from the first join in Reports."""

_CONFERENCE_PARTITION = "conference "
"""Begins the name of the partition of one conference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedConference:
    conference: Conference
    is_complete: bool
    """Whether these are all its rows."""
    record: VisibleRecord | None = None
    """Its record in Meet, if any."""
    lookup_failed: bool = False
    """The record could not be looked up."""

    def with_record(self, record: VisibleRecord | None, *, lookup_failed: bool = False) -> ListedConference:
        return ListedConference(
            conference=self.conference,
            is_complete=self.is_complete,
            record=record,
            lookup_failed=lookup_failed,
        )


class ReportsSource:
    """The source `reports`, and with `with_meet` the source `auto`."""

    def __init__(self, apis: Apis, meet: MeetSource, *, with_meet: bool) -> None:
        self.name: GoogleSourceName = "auto" if with_meet else "reports"
        self._apis = apis
        self._meet = meet
        self._listing = RecordListing(apis, self.name)
        self._with_meet = with_meet
        self._id_conflicts = IdConflicts(apis.context, own_ids="conference")

    def meetings(
        self, window: Window, partitions: Collection[str] = ()
    ) -> Iterator[MeetingRef | SkippedPartition]:
        days = self._id_conflicts.find(window, lambda uuids: self._has_any(uuids, window))
        yield from days.skipped_partitions()
        prefix = _CONFERENCE_PARTITION
        late = [name.removeprefix(prefix) for name in partitions if name.startswith(prefix)]
        users = [name for name in partitions if not name.startswith(prefix)]
        if partitions and not users:
            yield from self._to_refs(self._list_again(late, window), {}, window, days)
            return
        records: dict[str, VisibleRecord] = {}
        skipped = list(self._collect_records(window, records, users))
        listed: set[str] = set()
        conferences = chain(self._list_conferences(window), self._list_again(late, window))
        yield from self._to_refs(_noting_ids(conferences, listed), records, window, days)
        yield from self._record_refs(records, window, days, listed)
        yield from skipped  # not before Reports has accepted --user

    def _record_refs(
        self,
        records: dict[str, VisibleRecord],
        window: Window,
        days: OtherSourceDays,
        listed: Container[str],
    ) -> Iterator[MeetingRef | SkippedPartition]:
        """The refs of records that only Meet has. Days of which Reports should have conferences, and has none, are
        skipped."""
        options = self._apis.option_values  # they select conferences, so others may well be missing
        missing = OtherSourceDays() if options else missing_days(self._apis.context, window, listed)
        for ref in self._listing.record_refs(records, window, days):
            if ref.start_time is None or not missing.contains(ref.start_time):
                yield ref
        for day in sorted(missing.days - days.days):
            yield SkippedPartition(partition=f"reports {day}", reason=Reason.error, permanent=False)

    def _collect_records(
        self, window: Window, into: dict[str, VisibleRecord], partitions: Collection[str]
    ) -> Iterator[SkippedPartition]:
        retained = self._listing.retained_window(window) if self._can_list_records() else None
        if retained is None:
            return
        try:
            yield from self._listing.collect(retained, into, partitions)
        except ApiNotAllowed as error:
            self._disable_meet(error)

    def _can_list_records(self) -> bool:
        """Whether Meet can list what the options select: not a nickname, and no other user's records without delegation."""
        code, users = self._apis.code, self._apis.users
        is_listable = (code is None or is_meet_code(code)) and (not users or self._apis.tokens.impersonates)
        return self._with_meet and is_listable

    def _list_conferences(self, window: Window) -> Iterator[ListedConference | LateRow]:
        """The conferences that have rows in the wider window, newest first."""
        now, start, end = self._apis.context.now(), window.start - WINDOW_PADDING, window.end + WINDOW_PADDING
        reaches_now, some_users_only = end >= now, bool(self._apis.users)
        pages = chain.from_iterable(
            self._apis.reports.row_pages(start, None if reaches_now else end, **filters)
            for filters in self._filters()
        )
        for result in group_by_conference(pages):
            if isinstance(result, LateRow):
                yield result
            else:
                may_continue = (
                    result.end is None or result.end >= window.end or any(map(is_long_stay, result.rows))
                )
                is_complete = not some_users_only and (reaches_now or not may_continue)
                yield ListedConference(conference=result, is_complete=is_complete)
        if not reaches_now:
            yield from self._list_long_stays(window, end)

    def _filters(self) -> Iterator[dict[str, str]]:
        """The filters of the requests: one for each code spelling and user given, or one without any."""
        code = self._apis.code
        by_code = (
            [{"where": f"meeting_code=={spelling}"} for spelling in code_spellings(code)] if code else [{}]
        )
        by_user = [{"user": user} for user in self._apis.users] or [{}]
        yield from ({**code_filter, **user_filter} for code_filter in by_code for user_filter in by_user)

    def _list_long_stays(self, window: Window, since: datetime) -> Iterator[ListedConference]:
        """The conferences that an endpoint left after the wider window, after a stay of more than a day."""
        where = f"duration_seconds>{int(LONG_STAY.total_seconds())}"
        for page in self._apis.reports.row_pages(since, where=where):
            for row in page:
                start = join_time(row)
                if (
                    is_long_stay(row)
                    and start is not None
                    and start in window
                    and not self._apis.option_values
                ):
                    conference = Conference.from_rows(str(row["conference_id"]), [row])
                    yield ListedConference(conference=conference, is_complete=False)

    def _list_again(self, conferences: Iterable[str], window: Window) -> Iterator[ListedConference]:
        """The conferences for which an earlier listing met late rows."""
        for conference in conferences:
            rows = self._apis.reports.conference_rows(conference, window.start)
            yield ListedConference(conference=Conference.from_rows(conference, rows), is_complete=True)

    def _to_refs(
        self,
        conferences: Iterator[ListedConference | LateRow] | Iterator[ListedConference],
        records: dict[str, VisibleRecord],
        window: Window,
        days: OtherSourceDays,
    ) -> Iterator[MeetingRef | SkippedPartition]:
        """The ref of each conference, with its record; several are looked up at once. Removes them from `records`."""
        near = self._near_window(conferences, records, window)
        for listed in ordered_map(self._look_up, near, workers=LOOKUPS_AT_ONCE, name="google-records"):
            if isinstance(listed, LateRow):
                yield SkippedPartition(
                    partition=_CONFERENCE_PARTITION + listed.conference, reason=Reason.error, permanent=False
                )
            else:
                yield from self._to_ref(listed, records, window, days)

    def _near_window(
        self,
        conferences: Iterable[ListedConference | LateRow],
        records: dict[str, VisibleRecord],
        window: Window,
    ) -> Iterator[ListedConference | LateRow]:
        """The conferences that may belong to the window, each with its record if that was listed. One without any time or
        record is to be read again, as if rows were missing."""
        for listed in conferences:
            if isinstance(listed, LateRow):
                yield listed
                continue
            record = records.pop(listed.conference.id, None)
            if record is None and listed.conference.first_known is None:
                yield LateRow(listed.conference.id)
            elif record is not None or _is_near(listed.conference, window):
                yield listed.with_record(record)

    def _look_up(self, listed: ListedConference | LateRow) -> ListedConference | LateRow:
        if isinstance(listed, LateRow) or listed.record is not None:
            return listed
        try:
            return listed.with_record(self._find_record(listed.conference))
        except VendorError:
            return listed.with_record(None, lookup_failed=True)  # `fetch` tries again, and fails alone

    def _find_record(self, conference: Conference) -> VisibleRecord | None:
        if not self._with_meet:
            return None
        try:
            return self._apis.meet.find(conference)
        except ApiNotAllowed as error:
            self._disable_meet(error)
            return None

    def _to_ref(
        self,
        listed: ListedConference,
        records: dict[str, VisibleRecord],
        window: Window,
        days: OtherSourceDays,
    ) -> Iterator[MeetingRef]:
        conference, visible = listed.conference, listed.record
        record = visible.record if visible is not None else None
        if record is not None:
            records.pop(record_id(record), None)
        # A live conference has rows of those who already left, and they may have joined long after its start.
        start = parse_instant(record.get("startTime")) if record is not None else None
        start = start or conference.first_known
        if start is None or start not in window or days.contains(start):
            return
        yield self._listing.conference_ref(
            conference,
            visible,
            start,
            is_complete=listed.is_complete,
            lookup_failed=listed.lookup_failed,
        )

    def fetch(self, ref: MeetingRef) -> MeetingRecord:
        harvested_at = truncate_to_milliseconds(self._apis.context.now())
        raw = ref.wants("raw", in_run=self._apis.raw)
        if ref.hint.get("ids") == "record":
            return self._fetch_record(ref, harvested_at, raw=raw)
        conference = self._read_conference(ref)
        visible = self._visible_record(ref, conference)
        return self._build_any(conference, visible, conference.id, harvested_at, raw=raw)

    def _build_any(
        self,
        conference: Conference,
        visible: VisibleRecord | None,
        uuid: str,
        harvested_at: datetime,
        *,
        raw: bool,
    ) -> MeetingRecord:
        """From Meet's record while the conference is live, then from the rows of Reports."""
        if visible is not None and is_live(visible.record):
            return self._meet.build_record(visible, uuid, harvested_at, conference=conference, raw=raw)
        return self._build_record(conference, visible, harvested_at, raw=raw)

    def _read_conference(self, ref: MeetingRef) -> Conference:
        rows: Sequence[Row] = ref.row["rows"] if ref.row is not None else ()
        if ref.row is None or not ref.row["is_complete"]:
            rows = [*rows, *self._apis.reports.conference_rows(ref.uuid, ref.start_time)]
        if not rows:
            raise VendorError(f"{VENDOR}: activities.list: a listed conference no longer has any rows")
        return Conference.from_rows(ref.uuid, rows)

    def _visible_record(self, ref: MeetingRef, conference: Conference) -> VisibleRecord | None:
        if ref.row is None:
            return self._find_record(conference)
        record = ref.row["record"]
        return None if record is None else VisibleRecord(record=record, users=list(ref.row["users"]))

    def _build_record(
        self, conference: Conference, visible: VisibleRecord | None, harvested_at: datetime, *, raw: bool
    ) -> MeetingRecord:
        apis, organizer = self._apis, conference.organizer
        host = apis.host(organizer)
        record, recordings, code = None, None, None
        if visible is not None:
            record = visible.record
            recordings = apis.meet.recordings(visible, apis.organizer_user(conference))
            if conference.code is None:
                code = apis.meet.meeting_code(space_of(record), visible.users)
        facts = ConferenceFacts(
            conference=conference,
            record=record,
            event=apis.event(conference),
            recordings=recordings,
            code=code,
            host=host,
        )
        meeting = to_meeting(
            facts, account=apis.account, uuid=conference.id, harvested_at=harvested_at, raw=raw
        )
        other_id = record_id(record) if record is not None else conference.id
        return to_record(
            meeting,
            (self._to_session(row, raw=raw) for row in conference.rows),
            pending=until_settled(facts.end, SETTLING_TIME, apis.context.now()),
            replaces=() if other_id == conference.id else (other_id,),
        )

    def _to_session(self, row: Row, *, raw: bool) -> Session:
        directory = self._apis.directory
        person = None
        if not row.get("display_name"):
            person = directory.by_id(as_text(row.get("@profile"))) or directory.by_address(
                as_text(row.get("identifier"))
            )
        return to_session(row, name=person.name if person is not None else None, raw=raw)

    def _fetch_record(self, ref: MeetingRef, harvested_at: datetime, *, raw: bool) -> MeetingRecord:
        """A conference that only Meet had when it was listed. Reports may have it by now, under the same id."""
        # With --user, Reports may have it all along: the organizer of a conference need not attend it.
        unsure = ref.row is None or bool(self._apis.users)
        if unsure or not self._with_meet:
            rows = self._apis.reports.conference_rows(ref.uuid, ref.start_time)
            if rows:
                conference = Conference.from_rows(ref.uuid, rows)
                visible = self._find_record(conference)
                return self._build_any(conference, visible, ref.uuid, harvested_at, raw=raw)
        if not self._with_meet and ref.row is not None:
            raise VendorError(f"{VENDOR}: Meet listed this conference and then refused its details")
        if not self._with_meet:
            raise Gone(f"{VENDOR}: a record, which this source does not read", reason=Reason.replaced)
        visible = self._meet.visible_record(ref)
        if unsure and self._is_known_to_reports(visible):
            raise Gone(f"{VENDOR}: Reports has this record under another id", reason=Reason.replaced)
        return self._meet.build_record(visible, ref.uuid, harvested_at, raw=raw)

    def _is_known_to_reports(self, visible: VisibleRecord) -> bool:
        """Whether Reports has this record's conference under another id, by code and time."""
        start = parse_instant(visible.record.get("startTime"))
        code = self._apis.meet.meeting_code(space_of(visible.record), visible.users)
        if start is None or code is None:
            return False
        for spelling in code_spellings(code):
            pages = self._apis.reports.row_pages(start - WINDOW_MARGIN, where=f"meeting_code=={spelling}")
            for result in group_by_conference(pages):
                if isinstance(result, Conference) and best_record(result, [visible.record]) is not None:
                    # Not if that one has a record of its own: a space may have one conference right after another.
                    return self._apis.meet.record(result.id, visible.users) is None
        return False

    def _has_any(self, uuids: list[str], window: Window) -> bool:
        """Whether Reports has a conference with one of these ids."""
        return any(self._apis.reports.conference_rows(uuid, window.start) for uuid in uuids[:MAX_IDS_PROBED])

    def _disable_meet(self, error: ApiNotAllowed) -> None:
        if self._with_meet:
            self._with_meet = False
            self._apis.context.notify_once(f"{VENDOR}: reading Reports without what Meet adds to it: {error}")

    def estimate_requests(self, ref: MeetingRef) -> int:
        if ref.hint.get("ids") == "record":
            return self._meet.estimate_requests(ref)
        if ref.row is None:
            return 4 if self._with_meet else 2
        return 1 + (ref.row["record"] is not None) + (not ref.row["is_complete"])


def _noting_ids(
    conferences: Iterable[ListedConference | LateRow], into: set[str]
) -> Iterator[ListedConference | LateRow]:
    """The conferences; their ids are added to `into`."""
    for listed in conferences:
        into.add(listed.conference if isinstance(listed, LateRow) else listed.conference.id)
        yield listed


def _is_near(conference: Conference, window: Window) -> bool:
    """Whether the conference, or its record, may have started in the window."""
    start = conference.first_known
    return start is not None and window.start - WINDOW_MARGIN <= start < window.end + WINDOW_MARGIN
