"""What flows from a vendor to a sink: windows of time, references to meetings, and the meetings with their sessions.

Everything is frozen; instants are aware; a value that the vendor does not provide is `None`.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import IntEnum, StrEnum
from typing import Any, Literal
from zoneinfo import ZoneInfo

import orjson

from connectors.parsing import format_milliseconds
from connectors.quality import Quality


class Detail(IntEnum):
    """How much of a meeting a harvest holds; the rank leads the version, so richer wins over newer."""

    scheduled = 0
    live = 1
    basic = 2  # ended; a part was not asked for, or is no longer kept
    full = 3


class Reason(StrEnum):
    """Why something is pending, gone or skipped."""

    live = "live"
    planned = "planned"
    not_ended = "not ended"
    no_time = "no start time"
    quality = "quality not ready"
    settling = "just ended"
    deleted = "deleted"
    expired = "expired"
    not_ours = "not ours"
    replaced = "known by another id"
    unknown_user = "unknown user"
    refused = "refused"
    error = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A half-open interval [start, end) of UTC time."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError("a window needs aware instants")
        # In UTC first: instants of one zone are compared by their wall clocks, which show some hours twice.
        object.__setattr__(self, "start", self.start.astimezone(UTC))
        object.__setattr__(self, "end", self.end.astimezone(UTC))
        if self.start >= self.end:
            raise ValueError("a window needs a start before its end")

    @classmethod
    def day(cls, day: date, zone: ZoneInfo) -> Window:
        """Midnight to midnight as the zone's wall clocks show it: 23 or 25 hours when they change."""
        return cls.days(day, day, zone)

    @classmethod
    def days(cls, first: date, last: date, zone: ZoneInfo) -> Window:
        """From the first day's midnight to the midnight after the last day."""
        return cls(
            start=datetime.combine(first, time(), zone),
            end=datetime.combine(last + timedelta(days=1), time(), zone),
        )

    def split(self, step: timedelta) -> Iterator[Window]:
        """Windows of at most `step` that follow each other, oldest first."""
        start = self.start
        while start < self.end:
            end = min(start + step, self.end)
            yield Window(start=start, end=end)
            start = end

    def intersection(self, other: Window) -> Window | None:
        """The part of this window that lies in the other one; `None` if there is none."""
        start, end = max(self.start, other.start), min(self.end, other.end)
        return Window(start=start, end=end) if start < end else None

    def difference(self, others: Iterable[Window]) -> list[Window]:
        """The parts of this window that lie in none of the others, oldest first."""
        gaps: list[Window] = []
        reached = self.start
        for window in sorted(others, key=lambda other: other.start):
            if window.start >= self.end:
                break
            if window.start > reached:
                gaps.append(Window(start=reached, end=window.start))
            reached = max(reached, window.end)
        if reached < self.end:
            gaps.append(Window(start=reached, end=self.end))
        return gaps

    def __contains__(self, instant: datetime) -> bool:
        return self.start <= instant < self.end


@dataclass(frozen=True, slots=True, kw_only=True)
class MeetingRef:
    """What a listing knows of one instance; enough to fetch the rest.

    `hint` is journaled: what a later run needs to ask for the head again; no secret, and no person. `row` is the
    listing row itself, never journaled: `None` in a ref out of the journal, and then `fetch` asks for the head.
    `asked`: the options that earlier readings of it had (`qos`, `raw`); a fetch asks for that as well.
    """

    uuid: str
    start_time: datetime | None
    digest: str
    hint: Mapping[str, Any] = field(default_factory=dict)
    row: Mapping[str, Any] | None = None
    extras: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedPartition:
    """A part of a listing that could not be had: one user, one group. `gone`: nor will it ever be."""

    partition: str
    reason: Reason
    permanent: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """Stored, but to be read again at `until`."""

    until: datetime
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    host_id: str | None = None
    name: str | None = None
    email: str | None = None
    user_type: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Meeting:
    """One meeting instance. Field by field the meeting document of the README; durations in whole seconds."""

    vendor: str
    account: str
    uuid: str
    detail: Detail
    harvested_at: datetime
    meeting_series_id: str | None = None
    meeting_code: str | None = None
    topic: str | None = None
    host: Host | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    scheduled_start_time: datetime | None = None
    scheduled_end_time: datetime | None = None
    duration: int | None = None
    state: Literal["ended", "live", "scheduled"] | None = None
    participant_sessions: int | None = None
    participants: int | None = None
    participant_seconds: int | None = None
    has_pstn: bool | None = None
    has_voip: bool | None = None
    has_3rd_party_audio: bool | None = None
    has_video: bool | None = None
    has_screen_share: bool | None = None
    recording: bool | None = None
    quality: Quality | None = None
    vendor_data: Mapping[str, Any] | None = None

    @property
    def document_id(self) -> str:
        return f"{self.vendor}:{self.account}:{self.uuid}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One stay, from join to leave. `key` comes from `session_key`; quality and the raw row are no part of identity."""

    key: str
    stay: Literal["meeting", "waiting_room", "breakout"] = "meeting"
    breakout_id: str | None = None
    id: str | None = None
    user_id: str | None = None
    user_name: str | None = None
    email: str | None = None
    user_type: Literal["signed_in", "guest", "phone", "room"] | None = None
    role: Literal["host", "cohost", "attendee", "panelist"] | None = None
    device: str | None = None
    os: str | None = None
    app: str | None = None
    app_version: str | None = None
    ip_address: str | None = None
    country: str | None = None
    city: str | None = None
    location: str | None = None
    data_center: str | None = None
    network_type: str | None = None
    join_time: datetime | None = None
    leave_time: datetime | None = None
    duration: int | None = None
    share_application: bool | None = None
    share_desktop: bool | None = None
    share_whiteboard: bool | None = None
    recording: bool | None = None
    leave_reason: str | None = None
    quality: Quality | None = field(default=None, compare=False)
    vendor_data: Mapping[str, Any] | None = field(default=None, compare=False)


def session_key(*parts: str | datetime | None) -> str:
    """22 base64url characters (128 bits) out of the ids that the vendor made for this very stay, in a fixed order."""
    text = "\x1f".join(
        [
            "" if part is None else part if isinstance(part, str) else format_milliseconds(part)
            for part in parts
        ]
    )
    digest = hashlib.sha256(text.encode("utf-8")).digest()[:16]
    return base64.urlsafe_b64encode(digest)[:22].decode("ascii")


def user_partition(user: str) -> str:
    """The name of a user's part of a listing: the same in every run, and without the user's id or address."""
    return f"user {session_key(user)[:12]}"


def row_digest(row: Mapping[str, Any]) -> str:
    """Changes when any value of a listing row changes, whatever the order of its keys."""
    return hashlib.sha256(orjson.dumps(row, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]


@dataclass(frozen=True, slots=True, kw_only=True)
class MeetingRecord:
    """One meeting instance with every session of it, or, where the vendor tells of no sessions, the meeting alone.

    `replaces`: uuids under which an earlier harvest knew this meeting; their documents are leftovers.
    `collisions`: stays whose keys were equal though the stays were not, told apart by `-2`, `-3`.
    """

    meeting: Meeting
    sessions: Sequence[Session] = ()
    pending: Pending | None = None
    replaces: Sequence[str] = ()
    collisions: int = 0

    @property
    def timestamp(self) -> datetime | None:
        """The meeting's `@timestamp`: start, else planned start, else the first join. `None`: nothing to file it under."""
        meeting = self.meeting
        return (
            meeting.start_time
            or meeting.scheduled_start_time
            or min((s.join_time for s in self.sessions if s.join_time), default=None)
        )
