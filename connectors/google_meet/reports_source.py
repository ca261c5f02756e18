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
    LONG,
    Conference,
    Straggler,
    best,
    gathered,
    is_live,
    is_long,
    record_id,
)
from connectors.google_meet.endpoints import SETTLED, VENDOR, WIDER
from connectors.google_meet.errors import ApiNotAllowed
from connectors.google_meet.id_conflicts import Day, Families
from connectors.google_meet.mapping import ConferenceFacts, host_of, to_meeting, to_session
from connectors.google_meet.meet_api import Seen, space_of
from connectors.google_meet.meet_source import Apis, Meet, SourceName, day_of
from connectors.google_meet.reports_rows import Row, codes_of, joined
from connectors.models import MeetingRecord, MeetingRef, Reason, Session, SkippedPartition, Window, row_digest
from connectors.parsing import parse_instant, truncate_to_milliseconds
from connectors.pending import until_settled

LOOKUPS_AT_ONCE = 8
PROBED = 3
NEAR = timedelta(hours=1)
_STRAGGLER = "conference "

Item = tuple[Conference, bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class _LookedUp:
    """A conference of Reports and the record that Meet has of it, if any; `failed`: it could not be looked up."""

    item: Item
    record: Seen | None = None
    failed: bool = False


"""A conference, and whether these are all its rows."""


class Company:
    """Source `reports`, and with `meet` source `auto`."""

    def __init__(self, apis: Apis, meet: Meet, *, enriched: bool) -> None:
        self.name: SourceName = "auto" if enriched else "reports"
        self._apis = apis
        self._meet = meet
        self._enriched = enriched
        self._families = Families(apis.context, ours="conference")

    def meetings(
        self, window: Window, subjects: Collection[str] = ()
    ) -> Iterator[MeetingRef | SkippedPartition]:
        days = self._families.refused(window, lambda uuids: self._knows(uuids, window))
        yield from days.skipped()
        late = [name.removeprefix(_STRAGGLER) for name in subjects if name.startswith(_STRAGGLER)]
        users = [name for name in subjects if not name.startswith(_STRAGGLER)]
        if subjects and not users:
            yield from self._refs(self._again(late, window), {}, window, days)
            return
        seen: dict[str, Seen] = {}
        yield from self._records(window, seen, users)
        items = chain(self._items(window), self._again(late, window))
        yield from self._refs(items, seen, window, days)
        for left in seen.values():
            ref = self._meet.ref(left, source=self.name, days=days)
            if ref is not None and ref.start_time is not None and ref.start_time in window:
                yield ref

    def _records(
        self, window: Window, into: dict[str, Seen], subjects: Collection[str]
    ) -> Iterator[SkippedPartition]:
        within = self._meet.within(window) if self._enriched else None
        if within is None:
            return
        try:
            yield from self._meet.gathered(within, into, subjects)
        except ApiNotAllowed as error:
            self._go_without(error)

    def _items(self, window: Window) -> Iterator[Item | Straggler]:
        """The conferences that have rows in the wider window, newest first."""
        now, start, end = self._apis.context.now(), window.start - WIDER, window.end + WIDER
        to_now, some_only = end >= now, bool(self._apis.users)
        pages = chain.from_iterable(
            self._apis.activities.rows(start, None if to_now else end, **narrow)
            for narrow in self._narrowed()
        )
        for found in gathered(pages):
            if isinstance(found, Straggler):
                yield found
            else:
                over = found.end is None or found.end >= window.end or any(map(is_long, found.rows))
                yield found, not some_only and (to_now or not over)
        if not to_now:
            yield from self._long_ones(window, end)

    def _narrowed(self) -> Iterator[dict[str, str]]:
        """The filters of a run for some only; one without any for all."""
        code = self._apis.code
        filters = [{"where": f"meeting_code=={spelling}"} for spelling in codes_of(code)] if code else [{}]
        users = [{"user": user} for user in self._apis.users] or [{}]
        yield from ({**narrow, **user} for narrow in filters for user in users)

    def _long_ones(self, window: Window, since: datetime) -> Iterator[Item]:
        """Of those that an endpoint left after the wider window, having stayed for more than a day."""
        where = f"duration_seconds>{int(LONG.total_seconds())}"
        for page in self._apis.activities.rows(since, where=where):
            for row in page:
                start = joined(row)
                if is_long(row) and start is not None and start in window and not self._apis.given:
                    yield Conference.of(str(row["conference_id"]), [row]), False

    def _again(self, conferences: Iterable[str], window: Window) -> Iterator[Item]:
        """Those of which a listing before had passed some rows by."""
        for conference in conferences:
            yield (
                Conference.of(conference, self._apis.activities.of_conference(conference, window.start)),
                True,
            )

    def _refs(
        self,
        items: Iterator[Item | Straggler] | Iterator[Item],
        seen: dict[str, Seen],
        window: Window,
        days: Day,
    ) -> Iterator[MeetingRef | SkippedPartition]:
        """Each conference with its record, looked for several at once; what has one is taken out of `seen`."""
        wanted = self._near(items, seen, window)
        for found in ordered_map(self._look_up, wanted, workers=LOOKUPS_AT_ONCE, name="google-records"):
            if isinstance(found, Straggler):
                yield SkippedPartition(
                    partition=_STRAGGLER + found.conference, reason=Reason.error, permanent=False
                )
            else:
                yield from self._ref(found, seen, window, days)

    def _near(
        self, items: Iterable[Item | Straggler], seen: dict[str, Seen], window: Window
    ) -> Iterator[tuple[Item, Seen | None] | Straggler]:
        """The conferences that may belong to the window, each with its record if the listing of records had it."""
        for item in items:
            if isinstance(item, Straggler):
                yield item
                continue
            claimed = seen.pop(item[0].id, None)
            if claimed is not None or _is_near(item[0], window):
                yield item, claimed

    def _look_up(self, wanted: tuple[Item, Seen | None] | Straggler) -> _LookedUp | Straggler:
        if isinstance(wanted, Straggler):
            return wanted
        item, record = wanted
        if record is not None:
            return _LookedUp(item=item, record=record)
        try:
            return _LookedUp(item=item, record=self._record(item[0]))
        except VendorError:
            return _LookedUp(item=item, failed=True)  # its fetch looks once more, and fails alone

    def _record(self, conference: Conference) -> Seen | None:
        if not self._enriched:
            return None
        try:
            return self._apis.records.of(conference)
        except ApiNotAllowed as error:
            self._go_without(error)
            return None

    def _ref(
        self, found: _LookedUp, seen: dict[str, Seen], window: Window, days: Day
    ) -> Iterator[MeetingRef]:
        (conference, whole), record = found.item, found.record
        if record is not None:
            seen.pop(record_id(record.record), None)
        told = record.record if record is not None else None
        # Of what goes on there are the rows of those who left already, and they may have come long after its start.
        start = (parse_instant(told.get("startTime")) if told is not None else None) or conference.start
        if start is None or start not in window or days.refuses(start):
            return
        subjects = record.subjects if record is not None else []
        row = {"rows": list(conference.rows), "record": told}
        yield MeetingRef(
            uuid=conference.id,
            start_time=start,
            digest=row_digest({"source": self.name, **row}),
            hint={"source": self.name, "ids": "conference", **day_of(start), **self._meet.who(subjects)},
            row=None if found.failed else {**row, "subjects": subjects, "whole": whole},
        )

    def fetch(self, ref: MeetingRef) -> MeetingRecord:
        harvested_at = truncate_to_milliseconds(self._apis.context.now())
        raw = self._apis.asked_raw(ref)
        if ref.hint.get("ids") == "record":
            return self._of_record(ref, harvested_at, raw=raw)
        conference = self._conference(ref)
        seen = self._seen(ref, conference)
        if seen is not None and is_live(seen.record):
            return self._meet.harvest(seen, conference.id, harvested_at, conference=conference, raw=raw)
        return self._harvest(conference, seen, harvested_at, raw=raw)

    def _conference(self, ref: MeetingRef) -> Conference:
        rows: Sequence[Row] = ref.row["rows"] if ref.row is not None else ()
        if ref.row is None or not ref.row["whole"]:
            rows = [*rows, *self._apis.activities.of_conference(ref.uuid, ref.start_time)]
        if not rows:
            raise VendorError(
                f"{VENDOR}: activities.list: a conference that was listed is not told of any more"
            )
        return Conference.of(ref.uuid, rows)

    def _seen(self, ref: MeetingRef, conference: Conference) -> Seen | None:
        if ref.row is None:
            return self._record(conference)
        record = ref.row["record"]
        return None if record is None else Seen(record=record, subjects=list(ref.row["subjects"]))

    def _harvest(
        self, conference: Conference, seen: Seen | None, harvested_at: datetime, *, raw: bool
    ) -> MeetingRecord:
        apis, organizer = self._apis, conference.organizer
        person = apis.directory.by_address(organizer)
        record = seen.record if seen is not None else None
        recordings = apis.records.recordings(seen, apis.owner(conference)) if seen is not None else None
        code = None
        if conference.code is None and record is not None and seen is not None:
            code = apis.records.code(space_of(record), seen.subjects)
        known = ConferenceFacts(
            conference=conference,
            record=record,
            event=apis.event(conference),
            recordings=recordings,
            code=code,
            host=host_of(organizer, person.id, person.name) if person else host_of(organizer),
        )
        meeting = to_meeting(
            known, account=apis.account, uuid=conference.id, harvested_at=harvested_at, raw=raw
        )
        number = record_id(record) if record is not None else conference.id
        return to_record(
            meeting,
            (self._session(row, raw=raw) for row in conference.rows),
            pending=until_settled(known.end, SETTLED, apis.context.now()),
            replaces=() if number == conference.id else (number,),
        )

    def _session(self, row: Row, *, raw: bool) -> Session:
        directory = self._apis.directory
        person = None
        if not row.get("display_name"):
            person = directory.by_id(row.get("@profile")) or directory.by_address(row.get("identifier"))
        return to_session(row, name=person.name if person is not None else None, raw=raw)

    def _of_record(self, ref: MeetingRef, harvested_at: datetime, *, raw: bool) -> MeetingRecord:
        """A conference that only Meet knew when it was listed. By now Reports may: then it is that one's, by its id."""
        unsure = ref.row is None or bool(
            self._apis.users
        )  # who organizes a conference need not have been there
        if unsure or not self._enriched:
            rows = self._apis.activities.of_conference(ref.uuid, ref.start_time)
            if rows:
                conference = Conference.of(ref.uuid, rows)
                seen = self._record(conference)
                if seen is not None and is_live(seen.record):
                    return self._meet.harvest(seen, ref.uuid, harvested_at, conference=conference, raw=raw)
                return self._harvest(conference, seen, harvested_at, raw=raw)
        if not self._enriched:
            raise Gone(f"{VENDOR}: a record, which this source does not read", reason=Reason.replaced)
        seen = self._meet.seen(ref)
        if unsure and self._is_told(seen):
            raise Gone(f"{VENDOR}: a record that Reports knows by another id", reason=Reason.replaced)
        return self._meet.harvest(seen, ref.uuid, harvested_at, raw=raw)

    def _is_told(self, seen: Seen) -> bool:
        """Whether Reports knows this record's conference by another id: by code and time."""
        start = parse_instant(seen.record.get("startTime"))
        code = self._apis.records.code(space_of(seen.record), seen.subjects)
        if start is None or code is None:
            return False
        for spelling in codes_of(code):
            pages = self._apis.activities.rows(start - NEAR, where=f"meeting_code=={spelling}")
            for found in gathered(pages):
                if isinstance(found, Conference) and best(found, [seen.record]) is not None:
                    # Unless that one has a record of its own: a space may hold one conference right after the other.
                    return self._apis.records.record(found.id, seen.subjects) is None
        return False

    def _knows(self, uuids: list[str], window: Window) -> bool:
        """Whether Reports knows a conference by one of these ids."""
        return any(self._apis.activities.of_conference(uuid, window.start) for uuid in uuids[:PROBED])

    def _go_without(self, error: ApiNotAllowed) -> None:
        if self._enriched:
            self._enriched = False
            self._apis.context.notify_once(f"{VENDOR}: reading Reports without what Meet adds to it: {error}")

    def calls(self, ref: MeetingRef) -> int:
        if ref.hint.get("ids") == "record":
            return self._meet.calls(ref)
        if ref.row is None:
            return 4 if self._enriched else 2
        return 1 + (ref.row["record"] is not None) + (not ref.row["whole"])


def _is_near(conference: Conference, window: Window) -> bool:
    """Whether it is one of the window, or its record may seem to be."""
    start = conference.start
    return start is not None and window.start - NEAR <= start < window.end + NEAR
