"""The whole company by Reports, whose rows tell of quality, devices and addresses; under `auto` each conference with what
Meet's record adds: what goes on now, the exact start and end, the space, whether it was recorded.

Reports' rows are stamped when an endpoint leaves. So that no conference is cut in two, a window is read a day wider on
both sides; of what may run on even so (an endpoint that stayed for more than a day; a conference over the window's end,
where the day after is not the end of what was read) every row is asked for by the conference's id.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain

from connectors.attendance import to_record
from connectors.concurrency import ordered_map
from connectors.errors import Gone, VendorError
from connectors.google_meet.conferences import (
    LONG_STAY,
    Conference,
    LateRow,
    best_record,
    group_by_conference,
    is_live,
    is_long_stay,
    record_id,
)
from connectors.google_meet.endpoints import SETTLING_TIME, VENDOR, WINDOW_PADDING
from connectors.google_meet.errors import ApiNotAllowed
from connectors.google_meet.id_conflicts import IdConflicts, OtherSourceDays
from connectors.google_meet.mapping import ConferenceFacts, to_host, to_meeting, to_session
from connectors.google_meet.meet_api import VisibleRecord, space_of
from connectors.google_meet.meet_source import Apis, GoogleSourceName, MeetSource, day_hint
from connectors.google_meet.reports_rows import Row, code_spellings, join_time
from connectors.models import MeetingRecord, MeetingRef, Reason, Session, SkippedPartition, Window, row_digest
from connectors.parsing import parse_instant, truncate_to_milliseconds
from connectors.pending import until_settled

LOOKUPS_AT_ONCE = 8
MAX_IDS_PROBED = 3
WINDOW_MARGIN = timedelta(hours=1)
_CONFERENCE_PARTITION = "conference "

ListedConference = tuple[Conference, bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class _LookedUp:
    """A conference of Reports and the record that Meet has of it, if any; `failed`: it could not be looked up."""

    item: ListedConference
    record: VisibleRecord | None = None
    failed: bool = False


"""A conference, and whether these are all its rows."""


class ReportsSource:
    """Source `reports`, and with `meet` source `auto`."""

    def __init__(self, apis: Apis, meet: MeetSource, *, with_meet: bool) -> None:
        self.name: GoogleSourceName = "auto" if with_meet else "reports"
        self._apis = apis
        self._meet = meet
        self._with_meet = with_meet
        self._id_conflicts = IdConflicts(apis.context, own_ids="conference")

    def meetings(
        self, window: Window, partitions: Collection[str] = ()
    ) -> Iterator[MeetingRef | SkippedPartition]:
        days = self._id_conflicts.find(window, lambda uuids: self._knows(uuids, window))
        yield from days.skipped_partitions()
        late = [
            name.removeprefix(_CONFERENCE_PARTITION)
            for name in partitions
            if name.startswith(_CONFERENCE_PARTITION)
        ]
        users = [name for name in partitions if not name.startswith(_CONFERENCE_PARTITION)]
        if partitions and not users:
            yield from self._to_refs(self._list_again(late, window), {}, window, days)
            return
        seen: dict[str, VisibleRecord] = {}
        yield from self._collect_records(window, seen, users)
        items = chain(self._list_conferences(window), self._list_again(late, window))
        yield from self._to_refs(items, seen, window, days)
        for left in seen.values():
            ref = self._meet.to_ref(left, source=self.name, days=days)
            if ref is not None and ref.start_time is not None and ref.start_time in window:
                yield ref

    def _collect_records(
        self, window: Window, into: dict[str, VisibleRecord], partitions: Collection[str]
    ) -> Iterator[SkippedPartition]:
        within = self._meet.retained_window(window) if self._with_meet else None
        if within is None:
            return
        try:
            yield from self._meet.collect_records(within, into, partitions)
        except ApiNotAllowed as error:
            self._disable_meet(error)

    def _list_conferences(self, window: Window) -> Iterator[ListedConference | LateRow]:
        """The conferences that have rows in the wider window, newest first."""
        now, start, end = self._apis.context.now(), window.start - WINDOW_PADDING, window.end + WINDOW_PADDING
        to_now, some_only = end >= now, bool(self._apis.users)
        pages = chain.from_iterable(
            self._apis.reports.row_pages(start, None if to_now else end, **narrow)
            for narrow in self._filters()
        )
        for found in group_by_conference(pages):
            if isinstance(found, LateRow):
                yield found
            else:
                over = found.end is None or found.end >= window.end or any(map(is_long_stay, found.rows))
                yield found, not some_only and (to_now or not over)
        if not to_now:
            yield from self._list_long_stays(window, end)

    def _filters(self) -> Iterator[dict[str, str]]:
        """The filters of a run for some only; one without any for all."""
        code = self._apis.code
        filters = (
            [{"where": f"meeting_code=={spelling}"} for spelling in code_spellings(code)] if code else [{}]
        )
        users = [{"user": user} for user in self._apis.users] or [{}]
        yield from ({**narrow, **user} for narrow in filters for user in users)

    def _list_long_stays(self, window: Window, since: datetime) -> Iterator[ListedConference]:
        """Of those that an endpoint left after the wider window, having stayed for more than a day."""
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
                    yield Conference.from_rows(str(row["conference_id"]), [row]), False

    def _list_again(self, conferences: Iterable[str], window: Window) -> Iterator[ListedConference]:
        """Those of which a listing before had passed some rows by."""
        for conference in conferences:
            yield (
                Conference.from_rows(
                    conference, self._apis.reports.conference_rows(conference, window.start)
                ),
                True,
            )

    def _to_refs(
        self,
        items: Iterator[ListedConference | LateRow] | Iterator[ListedConference],
        seen: dict[str, VisibleRecord],
        window: Window,
        days: OtherSourceDays,
    ) -> Iterator[MeetingRef | SkippedPartition]:
        """Each conference with its record, looked for several at once; what has one is taken out of `seen`."""
        wanted = self._near_window(items, seen, window)
        for found in ordered_map(self._look_up, wanted, workers=LOOKUPS_AT_ONCE, name="google-records"):
            if isinstance(found, LateRow):
                yield SkippedPartition(
                    partition=_CONFERENCE_PARTITION + found.conference, reason=Reason.error, permanent=False
                )
            else:
                yield from self._to_ref(found, seen, window, days)

    def _near_window(
        self, items: Iterable[ListedConference | LateRow], seen: dict[str, VisibleRecord], window: Window
    ) -> Iterator[tuple[ListedConference, VisibleRecord | None] | LateRow]:
        """The conferences that may belong to the window, each with its record if the listing of records had it."""
        for item in items:
            if isinstance(item, LateRow):
                yield item
                continue
            claimed = seen.pop(item[0].id, None)
            if claimed is not None or _is_near(item[0], window):
                yield item, claimed

    def _look_up(
        self, wanted: tuple[ListedConference, VisibleRecord | None] | LateRow
    ) -> _LookedUp | LateRow:
        if isinstance(wanted, LateRow):
            return wanted
        item, record = wanted
        if record is not None:
            return _LookedUp(item=item, record=record)
        try:
            return _LookedUp(item=item, record=self._find_record(item[0]))
        except VendorError:
            return _LookedUp(item=item, failed=True)  # its fetch looks once more, and fails alone

    def _find_record(self, conference: Conference) -> VisibleRecord | None:
        if not self._with_meet:
            return None
        try:
            return self._apis.meet.find(conference)
        except ApiNotAllowed as error:
            self._disable_meet(error)
            return None

    def _to_ref(
        self, found: _LookedUp, seen: dict[str, VisibleRecord], window: Window, days: OtherSourceDays
    ) -> Iterator[MeetingRef]:
        (conference, whole), record = found.item, found.record
        if record is not None:
            seen.pop(record_id(record.record), None)
        told = record.record if record is not None else None
        # Of what goes on there are the rows of those who left already, and they may have come long after its start.
        start = (parse_instant(told.get("startTime")) if told is not None else None) or conference.start
        if start is None or start not in window or days.contains(start):
            return
        subjects = record.users if record is not None else []
        row = {"rows": list(conference.rows), "record": told}
        yield MeetingRef(
            uuid=conference.id,
            start_time=start,
            digest=row_digest({"source": self.name, **row}),
            hint={
                "source": self.name,
                "ids": "conference",
                **day_hint(start),
                **self._meet.user_hint(subjects),
            },
            row=None if found.failed else {**row, "subjects": subjects, "whole": whole},
        )

    def fetch(self, ref: MeetingRef) -> MeetingRecord:
        harvested_at = truncate_to_milliseconds(self._apis.context.now())
        raw = self._apis.wants_raw(ref)
        if ref.hint.get("ids") == "record":
            return self._fetch_record(ref, harvested_at, raw=raw)
        conference = self._read_conference(ref)
        seen = self._visible_record(ref, conference)
        if seen is not None and is_live(seen.record):
            return self._meet.to_record(seen, conference.id, harvested_at, conference=conference, raw=raw)
        return self._to_record(conference, seen, harvested_at, raw=raw)

    def _read_conference(self, ref: MeetingRef) -> Conference:
        rows: Sequence[Row] = ref.row["rows"] if ref.row is not None else ()
        if ref.row is None or not ref.row["whole"]:
            rows = [*rows, *self._apis.reports.conference_rows(ref.uuid, ref.start_time)]
        if not rows:
            raise VendorError(
                f"{VENDOR}: activities.list: a conference that was listed is not told of any more"
            )
        return Conference.from_rows(ref.uuid, rows)

    def _visible_record(self, ref: MeetingRef, conference: Conference) -> VisibleRecord | None:
        if ref.row is None:
            return self._find_record(conference)
        record = ref.row["record"]
        return None if record is None else VisibleRecord(record=record, users=list(ref.row["subjects"]))

    def _to_record(
        self, conference: Conference, seen: VisibleRecord | None, harvested_at: datetime, *, raw: bool
    ) -> MeetingRecord:
        apis, organizer = self._apis, conference.organizer
        person = apis.directory.by_address(organizer)
        record = seen.record if seen is not None else None
        recordings = apis.meet.recordings(seen, apis.organizer_user(conference)) if seen is not None else None
        code = None
        if conference.code is None and record is not None and seen is not None:
            code = apis.meet.meeting_code(space_of(record), seen.users)
        known = ConferenceFacts(
            conference=conference,
            record=record,
            event=apis.event(conference),
            recordings=recordings,
            code=code,
            host=to_host(organizer, person.id, person.name) if person else to_host(organizer),
        )
        meeting = to_meeting(
            known, account=apis.account, uuid=conference.id, harvested_at=harvested_at, raw=raw
        )
        number = record_id(record) if record is not None else conference.id
        return to_record(
            meeting,
            (self._to_session(row, raw=raw) for row in conference.rows),
            pending=until_settled(known.end, SETTLING_TIME, apis.context.now()),
            replaces=() if number == conference.id else (number,),
        )

    def _to_session(self, row: Row, *, raw: bool) -> Session:
        directory = self._apis.directory
        person = None
        if not row.get("display_name"):
            person = directory.by_id(row.get("@profile")) or directory.by_address(row.get("identifier"))
        return to_session(row, name=person.name if person is not None else None, raw=raw)

    def _fetch_record(self, ref: MeetingRef, harvested_at: datetime, *, raw: bool) -> MeetingRecord:
        """A conference that only Meet knew when it was listed. By now Reports may: then it is that one's, by its id."""
        unsure = ref.row is None or bool(
            self._apis.users
        )  # who organizes a conference need not have been there
        if unsure or not self._with_meet:
            rows = self._apis.reports.conference_rows(ref.uuid, ref.start_time)
            if rows:
                conference = Conference.from_rows(ref.uuid, rows)
                seen = self._find_record(conference)
                if seen is not None and is_live(seen.record):
                    return self._meet.to_record(seen, ref.uuid, harvested_at, conference=conference, raw=raw)
                return self._to_record(conference, seen, harvested_at, raw=raw)
        if not self._with_meet:
            raise Gone(f"{VENDOR}: a record, which this source does not read", reason=Reason.replaced)
        seen = self._meet.visible_record(ref)
        if unsure and self._is_known_to_reports(seen):
            raise Gone(f"{VENDOR}: a record that Reports knows by another id", reason=Reason.replaced)
        return self._meet.to_record(seen, ref.uuid, harvested_at, raw=raw)

    def _is_known_to_reports(self, seen: VisibleRecord) -> bool:
        """Whether Reports knows this record's conference by another id: by code and time."""
        start = parse_instant(seen.record.get("startTime"))
        code = self._apis.meet.meeting_code(space_of(seen.record), seen.users)
        if start is None or code is None:
            return False
        for spelling in code_spellings(code):
            pages = self._apis.reports.row_pages(start - WINDOW_MARGIN, where=f"meeting_code=={spelling}")
            for found in group_by_conference(pages):
                if isinstance(found, Conference) and best_record(found, [seen.record]) is not None:
                    # Unless that one has a record of its own: a space may hold one conference right after the other.
                    return self._apis.meet.record(found.id, seen.users) is None
        return False

    def _knows(self, uuids: list[str], window: Window) -> bool:
        """Whether Reports knows a conference by one of these ids."""
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
        return 1 + (ref.row["record"] is not None) + (not ref.row["whole"])


def _is_near(conference: Conference, window: Window) -> bool:
    """Whether it is one of the window, or its record may seem to be."""
    start = conference.start
    return start is not None and window.start - WINDOW_MARGIN <= start < window.end + WINDOW_MARGIN
