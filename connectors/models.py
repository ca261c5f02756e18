"""The values that flow from a vendor to a sink: windows of time, references to meetings, meetings with their sessions.

All of them are frozen. Every instant is aware. A value that the vendor does not provide is `None`.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import IntEnum, StrEnum
from operator import attrgetter
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

import msgspec
import orjson

from connectors.parsing import format_milliseconds
from connectors.quality import Quality


class Detail(IntEnum):
    """How complete a record is. The document version begins with this rank, so a richer record wins over a newer one."""

    scheduled = 0
    live = 1
    basic = 2  # ended; a part was not requested, or is no longer available
    full = 3


class Reason(StrEnum):
    """Why a meeting is pending or gone, or a partition skipped. The values are stored in journals."""

    live = "live"
    planned = "planned"
    not_ended = "not ended"
    no_time = "no start time"
    quality = "quality not ready"
    settling = "just ended"
    few_sessions = "sessions missing"
    few_values = "values missing"
    deleted = "deleted"
    expired = "expired"
    not_ours = "not ours"
    replaced = "known by another id"
    unknown_user = "unknown user"
    unknown_group = "unknown group"
    refused = "refused"
    error = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A half-open interval [start, end) in UTC. Raises ValueError if it is empty or an end is naive."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError("a window needs aware instants")
        # Convert first: Python compares instants of the same zone by wall clock, which repeats an hour each autumn.
        object.__setattr__(self, "start", self.start.astimezone(UTC))
        object.__setattr__(self, "end", self.end.astimezone(UTC))
        if self.start >= self.end:
            raise ValueError("a window needs a start before its end")

    @classmethod
    def day(cls, day: date, zone: ZoneInfo) -> Window:
        """One day in the given zone, midnight to midnight: 23 or 25 hours when the clocks change."""
        return cls.days(day, day, zone)

    @classmethod
    def days(cls, first: date, last: date, zone: ZoneInfo) -> Window:
        """From midnight of the first day to the midnight after the last day, in the given zone."""
        return cls(
            start=datetime.combine(first, time(), zone),
            end=datetime.combine(last + timedelta(days=1), time(), zone),
        )

    def split(self, step: timedelta) -> Iterator[Window]:
        """Consecutive windows of at most `step`, oldest first."""
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
    """What a listing knows of one instance; enough to fetch the rest."""

    uuid: str
    start_time: datetime | None
    digest: str
    """Hash of the listing row; it changes if the row does."""
    hint: Mapping[str, Any] = field(default_factory=dict)
    """What a later run needs to request the meeting again. Stored in the journal, so it holds no secret and no person."""
    row: Mapping[str, Any] | None = None
    """The listing row. Never stored: it is `None` in a ref from the journal, and `fetch` then requests the meeting."""
    extras: frozenset[str] = frozenset()
    """The extras that earlier runs fetched for this meeting (`qos`, `raw`, `series`); a fetch repeats them."""

    def wants(self, extra: str, *, in_run: bool) -> bool:
        """Whether to fetch this extra: the run asks for it, or an earlier run fetched it."""
        return in_run or extra in self.extras


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedPartition:
    """A part of a listing that could not be read."""

    partition: str
    """One user, one group or one conference, by a name that is the same in every run and identifies no person."""
    reason: Reason
    permanent: bool
    """Whether a later run cannot read it either."""


REFUSALS: Final = frozenset({Reason.refused, Reason.unknown_user, Reason.not_ours})
"""Reasons of a permanent skip: the vendor has no such user or group, or gives no access to it."""

MISTAKES: Final = frozenset({Reason.unknown_group})
"""Reasons of a skip that only another setting mends: a later run would meet them again."""

ONCE_A_DAY: Final = timedelta(hours=20)
"""The least time between two tries of what is tried once a day: the next nightly run may begin a little earlier in the day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedPartition:
    """A partition that the vendor refused for good, as the last run that asked for it recorded."""

    partition: str
    reason: Reason
    refused_at: datetime
    """When it was refused first."""
    asked_at: datetime
    """When it was asked for last."""

    def is_recent(self, now: datetime) -> bool:
        """Whether it was asked for so recently that it need not be asked for again; a time in the future is not believed."""
        return now - ONCE_A_DAY < self.asked_at <= now


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """The meeting is stored, but must be read again at `until`."""

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
    """One meeting instance. The fields are described in docs/documents.md; durations are whole seconds."""

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


class Session(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """One stay of one participant, from join to leave. The fields are described in docs/documents.md.

    Two sessions are equal if all fields but the quality and the raw row are equal. A struct, since there are sessions by the
    million, and a frozen dataclass takes ten times as long to build. Copy one with `msgspec.structs.replace`.
    """

    key: str
    """From `session_key`."""
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
    quality: Quality | None = None
    vendor_data: Mapping[str, Any] | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Session) and _compared(self) == _compared(other)

    def __hash__(self) -> int:
        return hash(_compared(self))


NOT_COMPARED: Final = frozenset({"quality", "vendor_data"})
"""Fields of a session in which equal sessions may differ."""

_compared: Callable[[Session], tuple[Any, ...]] = attrgetter(
    *(name for name in Session.__struct_fields__ if name not in NOT_COMPARED)
)


def session_key(*parts: str | datetime | None) -> str:
    """A key of 22 base64url characters (128 bits), hashed from the ids that the vendor made for this stay, in a fixed order."""
    text = "\x1f".join(
        [
            "" if part is None else part if isinstance(part, str) else format_milliseconds(part)
            for part in parts
        ]
    )
    digest = hashlib.sha256(text.encode("utf-8")).digest()[:16]
    return base64.urlsafe_b64encode(digest)[:22].decode("ascii")


def user_partition(user: str) -> str:
    """The name of a user's partition: the same in every run, without the user's id or address."""
    return f"user {session_key(user)[:12]}"


def row_digest(row: Mapping[str, Any]) -> str:
    """A hash of a listing row. It depends on every value (but `connectors.json_body.TOO_DEEP` stands for several), and
    not on the order of the keys."""
    content = orjson.dumps(row, default=repr, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(content).hexdigest()[:32]


@dataclass(frozen=True, slots=True, kw_only=True)
class MeetingRecord:
    """One meeting instance with all its sessions, or without any if the vendor reports none."""

    meeting: Meeting
    sessions: Sequence[Session] = ()
    pending: Pending | None = None
    replaces: Sequence[str] = ()
    """Uuids that an earlier harvest used for this meeting; documents under them are stale."""
    collisions: int = 0
    """How many sessions shared a key with a different session, and got `-2`, `-3` … appended to it."""
    expected_sessions: int | None = None
    """How many sessions the vendor counts in the listing; `None` if it does not count them."""
    listed_only: bool = False
    """The vendor lists the meeting but refuses its details for good: this is the listing row, without sessions."""

    @property
    def timestamp(self) -> datetime | None:
        """The meeting's `@timestamp`: its start, else its planned start, else the first join or leave. `None` if all are
        unknown."""
        meeting = self.meeting
        return (
            meeting.start_time
            or meeting.scheduled_start_time
            or min((at for s in self.sessions if (at := s.join_time or s.leave_time)), default=None)
        )
