"""Map Webex's media sessions, which are lists of samples, to `Quality`, and find the session that each belongs to.

`-1` means "not measured". The units of `mediaBitRate` and `jitter` are not documented; kbit/s and ms are assumed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from msgspec.structs import replace

from connectors.models import Session, session_key
from connectors.parsing import as_number, as_text, seconds_between, unique_rows
from connectors.quality import (
    MAX_SERIES_LENGTH,
    SERIES_MEASURES,
    STREAMS,
    Point,
    Quality,
    Series,
    Stream,
    join_series,
    to_measure,
    to_series,
)
from connectors.webex.mapping import known_instant
from connectors.webex.media_rows import AudioPart, ComputerPart, MediaRow, joined, to_media_row
from connectors.webex.redaction_rules import redact_row

Row = Mapping[str, Any]


class MediaSession(msgspec.Struct, frozen=True, kw_only=True):
    """One row, a media session of one participant, and what is needed to find the participant's session."""

    row: MediaRow
    raw: Row | None
    """The row as a dict, if it was decoded into one."""
    email: str | None
    name: str | None
    join: datetime | None
    leave: datetime | None

    @classmethod
    def of(cls, found: MediaRow | Row) -> MediaSession:
        row, raw = (found, None) if isinstance(found, MediaRow) else (to_media_row(found), found)
        return cls(
            row=row,
            raw=raw,
            email=as_text(row.webex_user_email) or as_text(row.email),
            name=as_text(row.webex_user_name) or as_text(row.display_name),
            join=known_instant(row.join_time) or known_instant(row.joined),
            leave=known_instant(row.leave_time) or known_instant(row.left),
        )

    @property
    def ids(self) -> tuple[str | None, str | None]:
        return as_text(self.row.participant_id), as_text(self.row.participant_session_id)

    @property
    def key(self) -> str:
        return session_key(*self.ids)


def with_quality(
    sessions: Sequence[Session], rows: Iterable[MediaRow | Row], *, series: bool = False, raw: bool = False
) -> list[Session]:
    """The sessions, each with its quality, and after them a session for each media session that matches none.

    A row that occurs twice counts once. With `raw`, the rows must be dicts.
    """
    matched: dict[int, list[MediaSession]] = {}
    unmatched: dict[str, list[MediaSession]] = {}
    people = _SessionsByPerson(sessions)
    for media in unique_rows(map(MediaSession.of, rows), lambda media: media.ids):
        place = people.place_of(media)
        if place is None:
            unmatched.setdefault(media.key, []).append(media)
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
        key=first.key,
        user_id=as_text(first.row.participant_id),
        user_name=first.name,
        email=first.email,
        join_time=join,
        leave_time=leave,
        duration=seconds_between(join, leave),
    )


def _with_media(session: Session, media: Sequence[MediaSession], *, series: bool, raw: bool) -> Session:
    """The session with the quality of its media sessions, and with the machine of the first of them.

    Fields of several media sessions are not mixed, or the system of one would stand beside the client of another.
    """
    media = sorted(media, key=_order)
    qualities = [quality for one in media if (quality := to_quality(one.row, series=series)) is not None]
    row = media[0].row
    network = as_text(row.network_type)
    vendor_data = session.vendor_data
    if raw:
        rows = [redact_row(one.raw) for one in media if one.raw is not None]
        vendor_data = {**(vendor_data or {}), "qualities": rows}
    return replace(
        session,
        device=session.device or as_text(row.hardware_type),
        os=as_text(row.os_type),
        app=as_text(row.client_type) or as_text(row.client),
        app_version=as_text(row.client_version),
        ip_address=as_text(row.public_ip),
        data_center=as_text(row.server_region),
        network_type=None if network == "unknown" else network,
        quality=Quality.merge(qualities, same_session=True) if qualities else None,
        vendor_data=vendor_data,
    )


def _order(media: MediaSession) -> tuple[datetime, str]:
    return media.join or datetime.max.replace(tzinfo=UTC), as_text(media.row.participant_session_id) or ""


def to_quality(row: MediaRow, *, series: bool = False) -> Quality | None:
    """The quality of one media session; `None` if nothing was measured. `series` keeps the samples."""
    streams = {name: _to_stream(parts, series) for name in STREAMS if (parts := getattr(row, name))}
    computer = joined(row.resources) if row.resources else ComputerPart()
    cpu = to_measure("cpu_pct", computer.cpu_averages, computer.cpu_peaks)
    if cpu is None and not any(streams.values()):
        return None
    return Quality(**streams, cpu_pct=cpu)


def _to_stream(parts: Sequence[AudioPart], series: bool) -> Stream | None:
    samples = joined(parts)
    measures = {
        name: measure
        for name in samples.lists
        if (measure := to_measure(name, getattr(samples, name))) is not None
    }
    return Stream(measures=measures, series=_to_series(parts) if series else None) if measures else None


def _to_series(parts: Sequence[AudioPart]) -> Series | None:
    return join_series([found for part in parts if (found := to_series(*_points(part))) is not None])


def _points(part: AudioPart) -> tuple[list[Point], float]:
    start, step = known_instant(part.start_time), as_number(part.sampling_interval) or 0.0
    lists = {name: [as_number(value) for value in getattr(part, name)] for name in SERIES_MEASURES}
    size = max(map(len, lists.values()))
    if start is None or not 0 < step < 86_400 or size > MAX_SERIES_LENGTH:
        return [], step
    points: list[Point] = [
        (start + place * timedelta(seconds=step), {n: v[place] for n, v in lists.items() if place < len(v)})
        for place in range(size)
    ]
    return points, step
