"""Map Webex's media sessions, which are lists of samples, to `Quality`, and find the session that each belongs to.

`GET /meeting/qualities`, schema `MediaSessionQuality` of https://github.com/webex/webex-openapi-specs (2026-05). An
older page of Cisco's and programs of 2022 have other names for the participant's fields; both are read. `-1` means "not
measured". The units of `mediaBitRate` and `jitter` are not documented; kbit/s and ms are assumed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from connectors.models import Session, session_key
from connectors.parsing import (
    as_dicts,
    as_list,
    as_number,
    as_text,
    seconds_between,
    unique_rows,
)
from connectors.quality import (
    MAX_SERIES_LENGTH,
    SERIES_MEASURES,
    Point,
    Quality,
    Series,
    Stream,
    join_series,
    to_measure,
    to_series,
)
from connectors.webex.mapping import known_instant
from connectors.webex.redaction_rules import redact_row

Row = Mapping[str, Any]


class _AudioSamples(msgspec.Struct):
    """The samples of one part of a stream: -1 for those that were not measured."""

    latency_ms: list[float] = msgspec.field(name="latency", default_factory=list)
    jitter_ms: list[float] = msgspec.field(name="jitter", default_factory=list)
    packet_loss_pct: list[float] = msgspec.field(name="packetLoss", default_factory=list)
    bitrate_kbps: list[float] = msgspec.field(name="mediaBitRate", default_factory=list)


class _VideoSamples(_AudioSamples):
    height_px: list[float] = msgspec.field(name="resolutionHeight", default_factory=list)
    fps: list[float] = msgspec.field(name="frameRate", default_factory=list)


class _CpuSamples(msgspec.Struct):
    average: list[float] = msgspec.field(name="systemAverageCPU", default_factory=list)
    highest: list[float] = msgspec.field(name="systemMaxCPU", default_factory=list)


STREAMS: Mapping[str, tuple[str, type[_AudioSamples]]] = {
    "audioIn": ("audio_in", _AudioSamples),
    "audioOut": ("audio_out", _AudioSamples),
    "videoIn": ("video_in", _VideoSamples),
    "videoOut": ("video_out", _VideoSamples),
    "shareIn": ("share_in", _VideoSamples),
    "shareOut": ("share_out", _VideoSamples),
}
_Samples = TypeVar("_Samples", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaSession:
    """One row, a media session of one participant, and what is needed to find the participant's session."""

    row: Row
    email: str | None
    name: str | None
    join: datetime | None
    leave: datetime | None

    @classmethod
    def of(cls, row: Row) -> MediaSession:
        return cls(
            row=row,
            email=_either(row, "webexUserEmail", "email"),
            name=_either(row, "webexUserName", "displayName"),
            join=known_instant(row.get("joinTime")) or known_instant(row.get("joined")),
            leave=known_instant(row.get("leaveTime")) or known_instant(row.get("left")),
        )


def _either(row: Row, new: str, old: str) -> str | None:
    return as_text(row.get(new)) or as_text(row.get(old))


def with_quality(
    sessions: Sequence[Session], rows: Iterable[Row], *, series: bool = False, raw: bool = False
) -> list[Session]:
    """The sessions, each with its quality, and after them a session for each media session that matches none.

    A row that occurs twice counts once.
    """
    distinct = unique_rows(rows, _ids)
    matched: dict[int, list[MediaSession]] = {}
    unmatched: dict[str, list[MediaSession]] = {}
    people = _SessionsByPerson(sessions)
    for media in map(MediaSession.of, distinct):
        place = people.place_of(media)
        if place is None:
            unmatched.setdefault(_key(media.row), []).append(media)
        else:
            matched.setdefault(place, []).append(media)
    with_own = [
        _with_media(session, matched[place], series=series, raw=raw) if place in matched else session
        for place, session in enumerate(sessions)
    ]
    added = [
        _with_media(to_session(media), media, series=series, raw=raw)
        for _, media in sorted(unmatched.items())
    ]
    return with_own + added


class _SessionsByPerson:
    """The indexes of each person's sessions, by e-mail address and by name."""

    def __init__(self, sessions: Sequence[Session]) -> None:
        self._sessions = sessions
        self._by_email: dict[str, list[int]] = {}
        self._by_name: dict[str, list[int]] = {}
        for place, session in enumerate(sessions):
            if session.stay != "meeting":
                continue
            if session.email is not None:
                self._by_email.setdefault(session.email.casefold(), []).append(place)
            if session.user_name is not None:
                self._by_name.setdefault(session.user_name, []).append(place)

    def place_of(self, media: MediaSession) -> int | None:
        """The index of the same person's session that overlaps longest; of equal overlaps, the earliest session."""
        overlaps = [
            (overlap, place)
            for place in self._of(media)
            if (overlap := _overlap(self._sessions[place], media)) >= timedelta(0)
        ]
        if not overlaps:
            return None
        latest = datetime.max.replace(tzinfo=UTC)
        return min(overlaps, key=lambda it: (-it[0], self._sessions[it[1]].join_time or latest, it[1]))[1]

    def _of(self, media: MediaSession) -> list[int]:
        """The person's sessions by address, or by name if either side has no address."""
        places = self._by_email.get(media.email.casefold(), []) if media.email is not None else []
        if places or media.name is None:
            return places
        named = self._by_name.get(media.name, [])
        return [place for place in named if media.email is None or self._sessions[place].email is None]


def _overlap(session: Session, media: MediaSession) -> timedelta:
    """How long both ran. An unknown join or leave time is taken from the other."""
    joins = [join for join in (session.join_time, media.join) if join is not None]
    leaves = [leave for leave in (session.leave_time, media.leave) if leave is not None]
    return min(leaves) - max(joins) if joins and leaves else timedelta(0)


def to_session(media: Sequence[MediaSession]) -> Session:
    """A session for media sessions with one id that match no participant: from the first join to the last leave."""
    first = media[0]
    join = min((one.join for one in media if one.join is not None), default=None)
    leave = max((one.leave for one in media if one.leave is not None), default=None)
    return Session(
        key=_key(first.row),
        user_id=as_text(first.row.get("participantId")),
        user_name=first.name,
        email=first.email,
        join_time=join,
        leave_time=leave,
        duration=seconds_between(join, leave),
    )


def _key(row: Row) -> str:
    return session_key(*_ids(row))


def _ids(row: Row) -> tuple[str | None, ...]:
    return as_text(row.get("participantId")), as_text(row.get("participantSessionId"))


def _with_media(session: Session, media: Sequence[MediaSession], *, series: bool, raw: bool) -> Session:
    """The session with the quality of its media sessions, and with the machine of the first of them.

    Fields of several media sessions are not mixed, or the system of one would stand beside the client of another.
    """
    media = sorted(media, key=_order)
    qualities = [quality for one in media if (quality := to_quality(one.row, series=series)) is not None]
    first = media[0]
    network = as_text(first.row.get("networkType"))
    vendor_data = session.vendor_data
    if raw:
        vendor_data = {**(vendor_data or {}), "qualities": [redact_row(one.row) for one in media]}
    return replace(
        session,
        device=session.device or as_text(first.row.get("hardwareType")),
        os=as_text(first.row.get("osType")),
        app=_either(first.row, "clientType", "client"),
        app_version=as_text(first.row.get("clientVersion")),
        ip_address=as_text(first.row.get("publicIP")),
        data_center=as_text(first.row.get("serverRegion")),
        network_type=None if network == "unknown" else network,
        quality=Quality.merge(qualities, same_session=True) if qualities else None,
        vendor_data=vendor_data,
    )


def _order(media: MediaSession) -> tuple[datetime, str]:
    return media.join or datetime.max.replace(tzinfo=UTC), as_text(
        media.row.get("participantSessionId")
    ) or ""


def to_quality(row: Row, *, series: bool = False) -> Quality | None:
    """The quality of one media session; `None` if nothing was measured. `series` keeps the samples."""
    streams = {
        name: _to_stream(parts, kind, series)
        for key, (name, kind) in STREAMS.items()
        if (parts := as_dicts(row.get(key)))
    }
    resources = _read(as_dicts(row.get("resources")), _CpuSamples)
    cpu = to_measure("cpu_pct", resources.average, resources.highest)
    if cpu is None and not any(streams.values()):
        return None
    return Quality(**streams, cpu_pct=cpu)


def _to_stream(parts: Sequence[Row], kind: type[_AudioSamples], series: bool) -> Stream | None:
    samples = _read(parts, kind)
    measures = {
        name: measure
        for name in kind.__struct_fields__
        if (measure := to_measure(name, getattr(samples, name))) is not None
    }
    return Stream(measures=measures, series=_to_series(parts) if series else None) if measures else None


def _read(parts: Sequence[Row], kind: type[_Samples]) -> _Samples:
    """The samples of all parts together."""
    if len(parts) == 1:  # nearly always
        return _read_part(parts[0], kind)
    read = [_read_part(part, kind) for part in parts]
    return kind(
        *([*chain.from_iterable(getattr(part, name) for part in read)] for name in kind.__struct_fields__)
    )


def _read_part(part: Row, kind: type[_Samples]) -> _Samples:
    try:
        # A row has a thousand samples: a loop that checks each takes several times as long.
        return msgspec.convert(part, kind)
    except msgspec.ValidationError:  # a value that is no number costs itself only
        return msgspec.convert(
            {field.encode_name: _numbers(part, field.encode_name) for field in msgspec.structs.fields(kind)},
            kind,
        )


def _numbers(part: Row, key: str) -> list[float]:
    return [number for value in as_list(part.get(key)) if (number := as_number(value)) is not None]


def _to_series(parts: Sequence[Row]) -> Series | None:
    return join_series([found for part in parts if (found := to_series(*_points(part))) is not None])


def _points(part: Row) -> tuple[list[Point], float]:
    start, step = known_instant(part.get("startTime")), as_number(part.get("samplingInterval")) or 0.0
    keys = {field.name: field.encode_name for field in msgspec.structs.fields(_AudioSamples)}
    lists = {name: [as_number(v) for v in as_list(part.get(keys[name]))] for name in SERIES_MEASURES}
    size = max(map(len, lists.values()))
    if start is None or not 0 < step < 86_400 or size > MAX_SERIES_LENGTH:
        return [], step
    points: list[Point] = [
        (start + place * timedelta(seconds=step), {n: v[place] for n, v in lists.items() if place < len(v)})
        for place in range(size)
    ]
    return points, step
