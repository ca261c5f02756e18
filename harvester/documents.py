"""Meeting records as documents: ids, the order of keys, and the version that Elasticsearch compares.

Every document starts with its id and with the fields that its index and its version are computed from, always in the
same order. `HEADER` matches that start, so that `harvester load` need not decode the documents that the harvester wrote.
Document ids, versions and the order of keys never change.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import msgspec
import orjson

from connectors.errors import BrokenResponse
from connectors.json_body import MAX_DEPTH, contains_too_deep
from connectors.models import Detail, Host, Meeting, MeetingRecord, Session
from connectors.parsing import format_milliseconds
from connectors.quality import Quality

Document = dict[str, Any]

FIRST_MEETING_YEAR = 2000
YEARS_AHEAD = 6
"""Documents of meetings outside these years are rejected."""

_RANK = 10**13
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

_STRING = rb'"[^"\\\x00-\x1f]+"'  # a JSON string without escapes, so that its end is certain
HEADER = re.compile(
    rb'\{"document_id":(' + _STRING + rb"),"
    rb'("kind":"(?:session","detail":' + _STRING + rb',"harvested_at":' + _STRING + rb',"meeting_timestamp"'
    rb'|meeting","detail":'
    + _STRING
    + rb',"harvested_at":'
    + _STRING
    + rb',"@timestamp"):'
    + _STRING
    + rb")[,}]"
)
"""The start of an encoded document. Group 1 is its id as JSON; group 2 holds the members that its index and its version
are computed from."""


def version(detail: Detail, harvested_at: datetime) -> int:
    """The external version in Elasticsearch: rank × 10¹³ + `harvested_at` in ms since 1970.

    A newer harvest replaces an older one of the same detail; a richer one replaces every poorer one.
    """
    return detail * _RANK + (harvested_at - _EPOCH) // _MILLISECOND


def rank_of(version: int) -> int:
    """The rank of the detail in a version: the inverse of `version`, whose instants reach to the year 2286."""
    return version // _RANK


def record_version(record: MeetingRecord) -> int:
    """The version of every document of a record."""
    return version(record.meeting.detail, record.meeting.harvested_at)


def has_index(timestamp: datetime, now: datetime) -> bool:
    """Whether the meeting's `@timestamp` is from 2000 to six years from now.

    Every year has indices of its own, and a cluster holds a limited number of shards: a file or a vendor with odd dates
    must not use them up.
    """
    return FIRST_MEETING_YEAR <= timestamp.year <= last_meeting_year(now)


def last_meeting_year(now: datetime) -> int:
    return now.year + YEARS_AHEAD


def to_documents(record: MeetingRecord) -> Iterator[Document]:
    """The meeting document, then the session documents. Raises ValueError for a record without a timestamp."""
    timestamp, meeting = _timestamp(record), record.meeting
    harvested_at = format_milliseconds(meeting.harvested_at)
    yield {"document_id": meeting.document_id, **_meeting_fields(meeting, timestamp, harvested_at)}
    shared = _shared_fields(meeting, timestamp, harvested_at)
    prefix = meeting.document_id + ":"
    for session in record.sessions:
        yield {
            "document_id": prefix + session.key,
            **shared,
            **_session_body(session, timestamp).to_document(),
        }


_DOCUMENT_START = b'{"document_id":'
_COMMA = ord(",")
GROUP_SESSIONS = 1_000

Kind = Literal["meeting", "session"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentGroup:
    """Documents of one meeting and one kind, which are encoded when they are written."""

    kind: Kind
    quoted_ids: Sequence[bytes]
    """Their ids as JSON."""
    shared: bytes
    """What all of them have in common after their id, encoded; begins with a comma if there is anything."""
    bodies: Sequence[Document | _SessionBody]
    """The rest of each."""

    def append_to(self, lines: bytearray, action: tuple[bytes, bytes] | None = None) -> list[int]:
        """Append each document as a line of JSON, and return where each of them ends.

        `action`: the parts of another line that comes before each document, before and after the document's id.
        """
        ends = []
        between = b"" if action is None else action[1] + _DOCUMENT_START
        for quoted_id, body in zip(self.quoted_ids, self.bodies, strict=True):
            lines += b"".join(
                (_DOCUMENT_START, quoted_id, self.shared)
                if action is None
                else (action[0], quoted_id, between, quoted_id, self.shared)
            )
            place = len(lines)
            _append_json(body, lines)
            lines[place] = _COMMA  # instead of the opening brace: the id and what is shared come before
            lines += b"\n"
            ends.append(len(lines))
        return ends

    def without(self, places: Collection[int]) -> DocumentGroup:
        return self._only([place for place in range(len(self.bodies)) if place not in places])

    def document(self, place: int) -> bytes:
        """One document, as `encode` writes it."""
        line = bytearray()
        self._only([place]).append_to(line)
        return bytes(line[:-1])

    def _only(self, places: Sequence[int]) -> DocumentGroup:
        return replace(
            self,
            quoted_ids=[self.quoted_ids[place] for place in places],
            bodies=[self.bodies[place] for place in places],
        )


def group_documents(record: MeetingRecord) -> Iterator[DocumentGroup]:
    """The documents of `to_documents`: that of the meeting, then those of the sessions, at most a thousand at once.

    What all sessions of the meeting have in common is encoded once.
    """
    timestamp, meeting = _timestamp(record), record.meeting
    harvested_at = format_milliseconds(meeting.harvested_at)
    yield DocumentGroup(
        kind="meeting",
        quoted_ids=[_quote(meeting.document_id)],
        shared=b"",
        bodies=[_meeting_fields(meeting, timestamp, harvested_at)],
    )
    shared = b"," + encode(_shared_fields(meeting, timestamp, harvested_at))[1:-1]
    prefix = meeting.document_id + ":"
    for first in range(0, len(record.sessions), GROUP_SESSIONS):
        sessions = record.sessions[first : first + GROUP_SESSIONS]
        yield DocumentGroup(
            kind="session",
            quoted_ids=[_quote(prefix + session.key) for session in sessions],
            shared=shared,
            bodies=[_session_body(session, timestamp) for session in sessions],
        )


def check_depth(record: MeetingRecord) -> None:
    """Raises BrokenResponse if the vendor's own rows in the record are nested too deeply to be stored."""
    rows = [record.meeting.vendor_data, *(session.vendor_data for session in record.sessions)]
    if contains_too_deep(rows):
        raise BrokenResponse(
            f"{record.meeting.vendor}: a row is nested more than {MAX_DEPTH} levels deep, so --raw cannot store it"
        )


def encode(document: Document) -> bytes:
    """The document as one line of JSON, without the newline; instants in UTC with `Z`.

    Values that orjson refuses (a lone surrogate, an integer over 64 bits in a vendor's row) are written with escapes: the
    sink finds out whether such a document can be stored, and the rest of the meeting is not lost because of it.
    """
    try:
        return orjson.dumps(document, None, orjson.OPT_UTC_Z)
    except orjson.JSONEncodeError:
        return json.dumps(document, default=_encode_instant, separators=(",", ":")).encode("ascii")


def _timestamp(record: MeetingRecord) -> datetime:
    if record.timestamp is None:
        raise ValueError("a meeting without any instant cannot become a document")
    return record.timestamp


def _quote(text: str) -> bytes:
    try:
        return orjson.dumps(text)
    except orjson.JSONEncodeError:  # a lone surrogate
        return json.dumps(text).encode("ascii")


def _encode_instant(value: Any) -> str:
    if isinstance(value, datetime):
        return orjson.dumps(value, option=orjson.OPT_UTC_Z).decode().strip('"')
    raise TypeError(f"{type(value).__name__} has no JSON form")


_MEETING_FIELDS = tuple(
    f.name
    for f in fields(Meeting)
    if f.name not in {"vendor", "account", "uuid", "host", "quality", "vendor_data", "detail", "harvested_at"}
)
_HOST_FIELDS = tuple(f.name for f in fields(Host))


def _meeting_fields(meeting: Meeting, timestamp: datetime, harvested_at: str) -> Document:
    """The fields that a meeting document has beside its id."""
    document: Document = {
        "kind": "meeting",
        "detail": meeting.detail.name,
        "harvested_at": harvested_at,
        "@timestamp": timestamp,
        "vendor": meeting.vendor,
        "account": meeting.account,
        "uuid": meeting.uuid,
    }
    for name in _MEETING_FIELDS:
        if (value := getattr(meeting, name)) is not None:
            document[name] = value
    if meeting.host is not None:
        host = {name: value for name in _HOST_FIELDS if (value := getattr(meeting.host, name)) is not None}
        if meeting.host.email is not None:
            host["email"] = meeting.host.email.lower()
        if host:
            document["host"] = host
    if (period := _period(meeting.start_time, meeting.end_time)) is not None:
        document["period"] = period
    if (measures := _measures(meeting.quality)) is not None:
        document["quality"] = measures
    if meeting.vendor_data is not None:
        document["vendor_data"] = meeting.vendor_data
    return document


def _shared_fields(meeting: Meeting, timestamp: datetime, harvested_at: str) -> Document:
    """The fields that all session documents of a meeting have in common."""
    shared: Document = {
        "kind": "session",
        "detail": meeting.detail.name,
        "harvested_at": harvested_at,
        "meeting_timestamp": timestamp,
        "vendor": meeting.vendor,
        "account": meeting.account,
        "meeting": meeting.uuid,
    }
    for name in ("meeting_series_id", "meeting_code", "topic"):
        if (value := getattr(meeting, name)) is not None:
            shared[name] = value
    if meeting.host is not None and meeting.host.email is not None:
        shared["host_email"] = meeting.host.email.lower()
    return shared


class _SessionBody(
    msgspec.Struct, frozen=True, omit_defaults=True, gc=False, rename={"timestamp": "@timestamp"}
):
    """The fields that a session document has beside its id and those that it shares with the other sessions.

    A struct, since there are sessions by the million: a dict takes twice as long to build and to encode.
    """

    timestamp: datetime
    stay: str
    breakout_id: str | None = None
    id: str | None = None
    user_id: str | None = None
    user_name: str | None = None
    email: str | None = None
    user_type: str | None = None
    role: str | None = None
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
    period: dict[str, datetime] | None = None
    quality: Document | None = None
    vendor_data: Mapping[str, Any] | None = None

    def to_document(self) -> Document:
        document: Document = msgspec.to_builtins(self, builtin_types=(datetime,))
        return document


def _session_body(session: Session, timestamp: datetime) -> _SessionBody:
    start, end = session.join_time, session.leave_time
    return _SessionBody(  # by position: by name takes four times as long
        start or timestamp,
        session.stay,
        session.breakout_id,
        session.id,
        session.user_id,
        session.user_name,
        # Vendors show the address of one person as it was typed here, and in small letters there. No id contains it.
        None if session.email is None else session.email.lower(),
        session.user_type,
        session.role,
        session.device,
        session.os,
        session.app,
        session.app_version,
        session.ip_address,
        session.country,
        session.city,
        session.location,
        session.data_center,
        session.network_type,
        start,
        end,
        session.duration,
        session.share_application,
        session.share_desktop,
        session.share_whiteboard,
        session.recording,
        session.leave_reason,
        _period(start, end),
        _measures(session.quality),
        session.vendor_data,
    )


_append_encoded = msgspec.json.Encoder().encode_into


def _append_json(body: Document | _SessionBody, lines: bytearray) -> None:
    """Append the body as `encode` writes a document."""
    place = len(lines)
    try:
        _append_encoded(body, lines, place)
    except UnicodeEncodeError:  # a lone surrogate
        lines[place:] = encode(msgspec.to_builtins(body, builtin_types=(datetime,)))


def _period(start: datetime | None, end: datetime | None) -> dict[str, datetime] | None:
    # Elasticsearch refuses a whole document whose range ends before it begins.
    return {"gte": start, "lte": end} if start is not None and end is not None and start <= end else None


def _measures(quality: Quality | None) -> Document | None:
    return None if quality is None else quality.to_document() or None
