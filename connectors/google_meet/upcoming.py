"""The source of `--upcoming`: planned meetings from the calendars, each once, with the state `scheduled`.

An event is on the calendar of every invited user. It is identified by its iCalUID and the time for which it was first
planned. If the organizer's calendar is read, the organizer's copy counts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import UTC, date, datetime, time

from connectors.concurrency import ordered_map
from connectors.errors import BrokenResponse, Gone, VendorError
from connectors.google_meet.apis import Apis
from connectors.google_meet.auth import LOGGED_IN
from connectors.google_meet.calendar_api import title
from connectors.google_meet.endpoints import VENDOR
from connectors.google_meet.meet_api import USERS_AT_ONCE
from connectors.google_meet.record_listing import require_known, settle_refusals
from connectors.google_meet.redaction_rules import redact_row
from connectors.google_meet.refused_users import RefusedUsers, accepts_admin, skip_user
from connectors.google_meet.reports_rows import Row, normalize_code
from connectors.models import (
    Detail,
    Meeting,
    MeetingRecord,
    MeetingRef,
    Pending,
    Reason,
    SkippedPartition,
    Window,
    row_digest,
    session_key,
    user_partition,
)
from connectors.parsing import as_dict, as_text, parse_instant, truncate_to_milliseconds

_REFUSED = (
    "Calendar refuses these users (403), who perhaps have no licence, or for whom it is turned off (Admin console > "
    "Apps > Google Workspace > Calendar > Service status), so what only they have planned is skipped"
)
MEET_CONFERENCE = "hangoutsMeet"
CANCELED = "cancelled"
PLANNED_IDS = "plan"
"""The kind of ids that these meetings have, in the hint."""


class UpcomingSource:
    def __init__(self, apis: Apis) -> None:
        self._apis = apis
        self._refused_users = RefusedUsers(apis.context, _REFUSED)

    def meetings(
        self, window: Window, partitions: Collection[str] = ()
    ) -> Iterator[MeetingRef | SkippedPartition]:
        users = [user.lower() for user in self._apis.meet.users_to_impersonate(self._apis.users)]
        if partitions:
            users = [user for user in users if user_partition(user) in partitions]
        all_users, seen = frozenset(users), set[str]()
        listed = require_known(self._list_users(window, users), self._apis.users)
        # All of a few users may be refused although Calendar works.
        is_sample = bool(partitions or self._apis.users)
        require_access = self._apis.calendar.require_access
        for result in settle_refusals(
            listed, is_accepted=lambda: is_sample and accepts_admin(require_access)
        ):
            if isinstance(result, SkippedPartition):
                yield result
                continue
            user, events = result
            for event in events:
                ref = self._to_ref(event, user, all_users, window)
                if ref is not None and ref.uuid not in seen:
                    seen.add(ref.uuid)
                    yield ref

    def _list_users(
        self, window: Window, users: list[str]
    ) -> Iterator[tuple[str, list[Row]] | SkippedPartition]:
        yield from ordered_map(
            lambda user: self._list_user(user, window), users, workers=USERS_AT_ONCE, name="google-calendars"
        )
        self._refused_users.notify()

    def _list_user(self, user: str, window: Window) -> tuple[str, list[Row]] | SkippedPartition:
        try:
            events = self._apis.calendar.list_events(user, window.start, window.end)
            planned = [event for event in events if event_code(event) and event.get("status") != CANCELED]
            if not all(event_time(event) and as_text(event.get("id")) for event in planned):
                raise BrokenResponse(f"{VENDOR}: events.list: an event without `id` or `start`")
            return user, planned
        except VendorError as error:
            skipped = skip_user(user, error)
            self._refused_users.add(user, skipped.reason)
            return skipped

    def _to_ref(self, event: Row, user: str, all_users: frozenset[str], window: Window) -> MeetingRef | None:
        start, number = event_time(event), as_text(event.get("id"))
        if start is None or start not in window or number is None:
            return None
        if self._apis.code is not None and event_code(event) != self._apis.code:
            return None
        organizer = as_text(as_dict(event.get("organizer")).get("email"))
        if user != LOGGED_IN and organizer and organizer.lower() != user and organizer.lower() in all_users:
            return None  # listed with the organizer's calendar
        person = self._apis.directory.by_address(user)
        return MeetingRef(
            uuid=planned_id(event),
            start_time=start,
            digest=row_digest(event),
            hint={"ids": PLANNED_IDS, "event": number, **({"user": person.id} if person is not None else {})},
            row={"event": event},
        )

    def fetch(self, ref: MeetingRef) -> MeetingRecord:
        harvested_at = truncate_to_milliseconds(self._apis.context.now())
        event = ref.row["event"] if ref.row is not None else self._read_again(ref)
        ends = event_time(event, "end")
        meeting = Meeting(
            vendor="google-meet",
            account=self._apis.account,
            uuid=ref.uuid,
            detail=Detail.scheduled,
            harvested_at=harvested_at,
            meeting_code=event_code(event),
            topic=title(event),
            host=self._apis.host(as_text(as_dict(event.get("organizer")).get("email"))),
            scheduled_start_time=event_time(event),
            scheduled_end_time=ends,
            state="scheduled",
            vendor_data={"event": redact_row(event)} if ref.wants("raw", in_run=self._apis.raw) else None,
        )
        is_over = ends is None or ends <= self._apis.context.now()
        return MeetingRecord(
            meeting=meeting,
            pending=None if is_over or ends is None else Pending(until=ends, reason=Reason.planned),
        )

    def _read_again(self, ref: MeetingRef) -> Row:
        person = self._apis.directory.by_id(ref.hint.get("user"))
        owner = person.email if person is not None else self._apis.tokens.admin or "primary"
        event = self._apis.calendar.event(owner, ref.hint.get("event"), refresh=True)
        if not event or event.get("status") == CANCELED or event_time(event) is None:
            raise Gone(f"{VENDOR}: a planned meeting that was canceled", reason=Reason.deleted)
        return event


def planned_id(event: Row) -> str:
    """An id that is the same on every calendar, and does not change if the meeting is moved."""
    when = as_dict(event.get("originalStartTime")) or (
        as_dict(event.get("start")) if event.get("recurringEventId") else {}
    )
    uid = as_text(event.get("iCalUID")) or as_text(event.get("id"))
    return "plan-" + session_key("plan", uid, _parse_event_time(when))


def event_code(event: Row) -> str | None:
    """The meeting code of an event, if its conference is in Meet."""
    conference = as_dict(event.get("conference"))
    return normalize_code(conference.get("id")) if conference.get("type") == MEET_CONFERENCE else None


def event_time(event: Row, which: str = "start") -> datetime | None:
    """The `start` or `end` of an event. An all-day event starts and ends at midnight UTC."""
    return _parse_event_time(as_dict(event.get(which)))


def _parse_event_time(time_or_date: Row) -> datetime | None:
    when = parse_instant(time_or_date.get("dateTime"))
    if when is not None:
        return when
    try:
        return datetime.combine(date.fromisoformat(str(time_or_date.get("date"))), time(), UTC)
    except ValueError:
        return None
