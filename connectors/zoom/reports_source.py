"""The Reports source: the meetings of each user, with names and times of their participants. Pro and above.

https://developers.zoom.us/docs/api/meetings/ (Reports, as of 2025-06). The Reports have no device, address, network,
location or role, no live meetings, and no participants of a meeting with one participant.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from connectors.attendance import to_record
from connectors.base import Context, refused_today
from connectors.concurrency import ordered_map
from connectors.errors import BrokenResponse, VendorError
from connectors.models import (
    Meeting,
    MeetingRecord,
    MeetingRef,
    Reason,
    SkippedPartition,
    Window,
    user_partition,
)
from connectors.parsing import as_text, truncate_to_milliseconds
from connectors.zoom import endpoints
from connectors.zoom.endpoints import VENDOR, ZoomEndpoint, date_range
from connectors.zoom.errors import CANNOT_HOST, OTHER_ACCOUNT, UNKNOWN_USER
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
from connectors.zoom.mapping import WEBINAR_TYPES, to_reported_meeting, to_reported_session
from connectors.zoom.pending import (
    finish_record,
    not_ready_error,
    record_without_details,
    without_sessions,
)

HEADS: Mapping[InstanceKind, ZoomEndpoint] = {
    "meeting": endpoints.REPORT_MEETING,
    "webinar": endpoints.REPORT_WEBINAR,
}
PARTICIPANTS: Mapping[InstanceKind, ZoomEndpoint] = {
    "meeting": endpoints.REPORT_PARTICIPANTS,
    "webinar": endpoints.REPORT_WEBINAR_PARTICIPANTS,
}

USERS_AT_ONCE = 8
"""Each user takes two calls. One user at a time would be limited by latency; eight reach the rate of a Pro plan."""

_UNREADABLE_USER = {
    # /report/users lists hosts whom Zoom then cannot find: deleted, moved to another account, no longer licensed.
    UNKNOWN_USER: Reason.unknown_user,
    OTHER_ACCOUNT: Reason.not_ours,
    CANNOT_HOST: Reason.refused,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reports:
    client: ZoomClient
    context: Context
    account: str
    webinars: bool = False
    raw: bool = False

    name: ClassVar[ZoomSourceName] = "reports"

    def meetings(
        self, window: Window, partitions: Collection[str] = ()
    ) -> Iterator[MeetingRef | SkippedPartition]:
        dates = date_range(window, self.context.now())
        if dates is None:
            return
        between = {"from": dates[0], "to": dates[1]}
        for result in self._list_users(window, between, partitions):
            if isinstance(result, SkippedPartition):
                yield result
            else:
                yield from result

    def _list_users(
        self, window: Window, between: Mapping[str, str], partitions: Collection[str]
    ) -> Iterator[list[MeetingRef] | SkippedPartition]:
        """The refs of each user; several users at a time, in the order in which Zoom lists them."""
        users = (user for user in self.users(between) if not partitions or user_partition(user) in partitions)
        refused = refused_today(self.context)
        return ordered_map(
            lambda user: self._list_user(window, user, between, refused),
            users,
            workers=USERS_AT_ONCE,
            name="zoom-users",
        )

    def users(self, between: Mapping[str, str]) -> Iterator[str]:
        """The id of every user who hosted a meeting, each once. Deactivated users are on the second list."""
        seen: set[str] = set()
        for which in ("active", "inactive"):
            for page in self.client.pages(endpoints.REPORT_USERS, type=which, **between):
                for row in page:
                    user = as_text(row.get("id")) or as_text(row.get("email"))
                    if user is None:
                        raise BrokenResponse(
                            f"{VENDOR}: {endpoints.REPORT_USERS.call}: a user without an id or an address"
                        )
                    if user not in seen:
                        seen.add(user)
                        yield user

    def _list_user(
        self, window: Window, user: str, between: Mapping[str, str], refused: Mapping[str, Reason]
    ) -> list[MeetingRef] | SkippedPartition:
        """`refused`: partitions that are not asked for, since Zoom refused them today."""
        partition = user_partition(user)
        if partition in refused:
            return SkippedPartition(partition=partition, reason=refused[partition], permanent=True)
        try:
            return [ref for which in ("past", "pastOne") for ref in self._list(window, user, which, between)]
        except VendorError as error:
            permanent = _UNREADABLE_USER.get(error.code or 0)
            return SkippedPartition(
                partition=partition,
                reason=permanent or Reason.error,
                permanent=permanent is not None,
            )

    def _list(
        self, window: Window, user: str, which: str, between: Mapping[str, str]
    ) -> Iterator[MeetingRef]:
        endpoint = endpoints.REPORT_USER_MEETINGS
        # The id may be an address (never seen, but not excluded), and an address must not be stored.
        hint: dict[str, Any] = {"source": self.name, "type": which, **({} if "@" in user else {"user": user})}
        for page in self.client.pages(endpoint, user, type=which, **between):
            for row in page:
                webinar = as_text(row.get("type")) in WEBINAR_TYPES
                if webinar and not self.webinars:
                    continue
                kind = "webinar" if webinar else "meeting"
                yield from to_refs(window, [row], endpoint, self.context.now(), {**hint, "kind": kind})

    def estimate_requests(self, ref: MeetingRef) -> int:
        head = 1 if ref.row is None else 0
        if ref.hint.get("type") == "pastOne":
            return head
        return head + page_count(expected_joins(ref), PARTICIPANTS[kind_of(ref)])

    def fetch(self, ref: MeetingRef) -> MeetingRecord:
        harvested_at = truncate_to_milliseconds(self.context.now())
        row = ref.row if ref.row is not None else self.head(ref)
        meeting = to_reported_meeting(
            row,
            account=self.account,
            harvested_at=harvested_at,
            host_id=as_text(ref.hint.get("user")) or as_text(row.get("host_id")),
            raw=ref.wants("raw", in_run=self.raw),
        )
        return finish_record(self._with_participants(ref, row, meeting), ref, row, self.context.now())

    def _with_participants(self, ref: MeetingRef, row: Row, meeting: Meeting) -> MeetingRecord:
        if ref.hint.get("type") == "pastOne":
            # Zoom reports no participants of these meetings; `pastOne` says that there was one.
            return without_sessions(replace(meeting, participants=1), None)
        try:
            rows = self.participants(ref)
        except VendorError as error:
            return record_without_details(ref, error, row, meeting, self.context.now())
        raw = ref.wants("raw", in_run=self.raw)
        return to_record(meeting, [to_reported_session(participant, raw=raw) for participant in rows])

    def head(self, ref: MeetingRef) -> Row:
        try:
            return with_uuid(self.client.get(HEADS[kind_of(ref)], ref.uuid), ref.uuid)
        except VendorError as error:
            raise not_ready_error(ref, error, self.context.now()) from None

    def participants(self, ref: MeetingRef) -> list[Row]:
        return self.client.all_rows(PARTICIPANTS[kind_of(ref)], ref.uuid)
