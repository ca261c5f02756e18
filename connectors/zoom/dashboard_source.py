"""The Dashboard source: one list for the whole account, and everything that Zoom knows of a session. Business and above.

https://developers.zoom.us/docs/api/accounts/ (Dashboards, as of 2026-02). Every call sends `type`: its default is `live`,
and the participants of a finished meeting are a 404 under `live`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import ClassVar

from connectors.attendance import to_record
from connectors.base import Context
from connectors.errors import VendorError
from connectors.models import Detail, Meeting, MeetingRecord, MeetingRef, Pending, Reason, Session, Window
from connectors.parsing import as_text, truncate_to_milliseconds
from connectors.zoom import endpoints
from connectors.zoom.endpoints import ZoomEndpoint, date_range
from connectors.zoom.errors import NOT_FOUND, TOO_OLD
from connectors.zoom.http_client import Row, ZoomClient
from connectors.zoom.listing_rows import (
    InstanceKind,
    ZoomSourceName,
    expected_joins,
    kind_of,
    page_count,
    to_refs,
    with_uuid,
)
from connectors.zoom.mapping import to_meeting, to_session
from connectors.zoom.pending import (
    MAX_DETAILS_DELAY,
    REFETCH_INTERVAL,
    finish_record,
    latest_end,
    not_ready_error,
    record_without_details,
)
from connectors.zoom.quality import with_quality

LISTS: Mapping[InstanceKind, ZoomEndpoint] = {"meeting": endpoints.MEETINGS, "webinar": endpoints.WEBINARS}
HEADS: Mapping[InstanceKind, ZoomEndpoint] = {"meeting": endpoints.MEETING, "webinar": endpoints.WEBINAR}
PARTICIPANTS: Mapping[InstanceKind, ZoomEndpoint] = {
    "meeting": endpoints.PARTICIPANTS,
    "webinar": endpoints.WEBINAR_PARTICIPANTS,
}

TYPES: Mapping[InstanceKind, tuple[str, ...]] = {"meeting": ("past", "pastOne"), "webinar": ("past",)}
"""`past` omits meetings with one participant; `pastOne` lists those. Webinars have no `pastOne`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    client: ZoomClient
    context: Context
    account: str
    host_id: Callable[[str], str | None]
    """Finds a user's id by e-mail address."""
    qos: bool = False
    series: bool = False
    webinars: bool = False
    raw: bool = False

    name: ClassVar[ZoomSourceName] = "dashboard"

    def meetings(self, window: Window, _partitions: Collection[str] = ()) -> Iterator[MeetingRef]:
        """Lists live meetings first, so that one that ends in between is listed twice rather than not at all."""
        kinds: tuple[InstanceKind, ...] = ("meeting", "webinar") if self.webinars else ("meeting",)
        live = ("live",) if self.context.now() < window.end else ()
        for kind in kinds:
            for which in (*live, *TYPES[kind]):
                yield from self._list(window, kind, which)

    def _list(self, window: Window, kind: InstanceKind, which: str) -> Iterator[MeetingRef]:
        now = self.context.now()
        dates = date_range(window, now)
        if dates is None:
            return
        hint = {"source": self.name, "kind": kind, "type": which}
        for page in self.client.pages(LISTS[kind], **{"type": which, "from": dates[0], "to": dates[1]}):
            yield from to_refs(window, page, LISTS[kind], now, hint)

    def estimate_requests(self, ref: MeetingRef) -> int:
        joins = expected_joins(ref)
        head = 1 if ref.row is None else 0
        with_qos = ref.wants("qos", in_run=self.qos) and kind_of(ref) != "webinar"
        qos = page_count(joins, endpoints.QOS) if with_qos else 0
        return head + page_count(joins, PARTICIPANTS[kind_of(ref)]) + qos

    def fetch(self, ref: MeetingRef) -> MeetingRecord:
        harvested_at = truncate_to_milliseconds(self.context.now())
        row, which = self.head(ref)
        try:
            sessions = self.participants(ref, which)
        except VendorError as error:
            meeting = self._to_meeting(ref, row, which, harvested_at, Detail.basic)
            record = record_without_details(ref, error, row, meeting, self.context.now())
        else:
            sessions, detail, pending = self._with_quality(ref, row, which, sessions)
            record = to_record(
                self._to_meeting(ref, row, which, harvested_at, detail), sessions, pending=pending
            )
        if which == "live":
            until = self.context.now() + REFETCH_INTERVAL
            record = replace(record, pending=Pending(until=until, reason=Reason.live), listed_only=False)
        return finish_record(record, ref, row, self.context.now())

    def _to_meeting(
        self, ref: MeetingRef, row: Row, which: str, harvested_at: datetime, detail: Detail
    ) -> Meeting:
        live = which == "live"
        email = as_text(row.get("email"))
        return to_meeting(
            row,
            account=self.account,
            detail=Detail.live if live else detail,
            state="live" if live else "ended",
            harvested_at=harvested_at,
            host_id=self.host_id(email) if email is not None else None,
            raw=ref.wants("raw", in_run=self.raw),
        )

    def head(self, ref: MeetingRef) -> tuple[Row, str]:
        """The meeting's row and its `type`: from the listing, or requested again for a ref from the journal.

        A meeting that was live may have ended since, with one participant or with more.
        """
        kind, which = kind_of(ref), str(ref.hint.get("type", "past"))
        if ref.row is not None:
            return ref.row, which
        for candidate in (*TYPES[kind], "live") if which == "live" else (which,):
            try:
                row = self.client.get(HEADS[kind], ref.uuid, type=candidate)
            except VendorError as error:
                not_found = error
                if error.code != NOT_FOUND:
                    break
            else:
                return with_uuid(row, ref.uuid), candidate
        raise not_ready_error(ref, not_found, self.context.now())

    def participants(self, ref: MeetingRef, which: str) -> list[Session]:
        rows = self.client.all_rows(PARTICIPANTS[kind_of(ref)], ref.uuid, type=which)
        raw = ref.wants("raw", in_run=self.raw)
        return [to_session(row, raw=raw) for row in rows]

    def quality_rows(self, ref: MeetingRef, which: str) -> list[Row]:
        """The quality rows. Zoom has them under `past` and `live` only, and may have none for a meeting of one participant."""
        return self.client.all_rows(endpoints.QOS, ref.uuid, type="live" if which == "live" else "past")

    def _with_quality(
        self, ref: MeetingRef, row: Row, which: str, sessions: list[Session]
    ) -> tuple[list[Session], Detail, Pending | None]:
        if kind_of(ref) == "webinar":
            return sessions, Detail.basic, None
        if not ref.wants("qos", in_run=self.qos):
            self.context.notify_once(
                f"{endpoints.VENDOR}: sessions have no quality; `harvester zoom --qos` adds it, with one more request for every ten sessions"
            )
            return sessions, Detail.basic, None
        try:
            rows = self.quality_rows(ref, which)
        except VendorError as error:
            has_none = error.code in {NOT_FOUND, TOO_OLD}
            if not has_none and not (which == "pastOne" and error.status == 404):
                raise
            return sessions, Detail.basic, self._quality_pending(ref, row, which, error)
        series = ref.wants("series", in_run=self.series)
        return with_quality(sessions, rows, series=series), Detail.full, None

    def _quality_pending(self, ref: MeetingRef, row: Row, which: str, error: VendorError) -> Pending | None:
        ended, now = latest_end(ref, row), self.context.now()
        if which == "pastOne" or error.code != NOT_FOUND or ended is None or now >= ended + MAX_DETAILS_DELAY:
            return None
        return Pending(until=min(now + REFETCH_INTERVAL, ended + timedelta(days=1)), reason=Reason.quality)
