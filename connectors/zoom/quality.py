"""Quality of service: Zoom's strings with units, a set of them a minute, as the one shape that all vendors share.

`GET /metrics/meetings/{uuid}/participants/qos`, schema of https://developers.zoom.us/docs/api/ (Accounts, as of 2026-02).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Any

from connectors.models import Session
from connectors.parsing import as_text, parse_instant, unique_rows
from connectors.quality import SERIES_MEASURES, Measure, Point, Quality, Series, Stream, summarize, to_series

Row = Mapping[str, Any]

STREAMS = {
    "audio_input": "audio_in",
    "audio_output": "audio_out",
    "video_input": "video_in",
    "video_output": "video_out",
    "as_input": "share_in",
    "as_output": "share_out",
}

STEP_SECONDS = 60.0

_MEASURES = (
    # ours, Zoom's, its unit, and the peak that Zoom tells beside it
    ("latency_ms", "latency", "ms", None),
    ("jitter_ms", "jitter", "ms", None),
    ("packet_loss_pct", "avg_loss", "%", "max_loss"),
    ("bitrate_kbps", "bitrate", "kbps", None),
    ("fps", "frame_rate", "fps", None),
)


def to_quality(row: Row, *, series: bool = False) -> Quality | None:
    """Out of one row: every minute of `user_qos` is a sample. `None` where nothing was measured. `series`: with the
    samples themselves."""
    minutes = [minute for minute in row.get("user_qos") or () if isinstance(minute, dict)]
    streams = {ours: _to_stream(_parts(minutes, zoom)) for zoom, ours in STREAMS.items()}
    if series:
        for zoom, ours in STREAMS.items():
            stream = streams[ours]
            if stream is not None:
                streams[ours] = replace(stream, series=_to_series(minutes, zoom))
    cpu = _to_measure(
        "cpu_pct", _parts(minutes, "cpu_usage"), "zoom_avg_cpu_usage", "%", "zoom_max_cpu_usage"
    )
    if cpu is None and not any(streams.values()):
        return None
    return Quality(**streams, cpu_pct=cpu)


def parse_number(value: Any, unit: str) -> float | None:
    """`"126 ms"`, `"27.15kbps"`, `"0.03%"`: the number before the unit, or without one; `None` for `""` and `"-"`."""
    if isinstance(value, str):
        try:
            value = float(value.strip().removesuffix(unit))
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if isfinite(value) else None


def parse_height(resolution: Any) -> float | None:
    """720 of `"1280*720"`."""
    return parse_number(resolution.partition("*")[2], "") if isinstance(resolution, str) else None


def with_quality(sessions: Sequence[Session], rows: Iterable[Row], *, series: bool = False) -> list[Session]:
    """The sessions with the quality that belongs to them.

    A row belongs to the stay with the same `user_id` and join, one in the meeting itself first; else to the stay with
    the same `user_id` that it overlaps longest. A row that comes twice counts once.
    """
    stays: dict[str, list[int]] = {}
    for place, session in enumerate(sessions):
        if session.user_id is not None:
            stays.setdefault(session.user_id, []).append(place)
    found: dict[int, list[Quality]] = {}
    for row in unique_rows(rows, _session_of):
        place_of = _matching_session(row, sessions, stays.get(as_text(row.get("user_id")) or "", []))
        quality = to_quality(row, series=series)
        if place_of is not None and quality is not None:
            found.setdefault(place_of, []).append(quality)
    return [
        replace(session, quality=Quality.merge(found[place], same_session=True))
        if place in found
        else session
        for place, session in enumerate(sessions)
    ]


def _session_of(row: Row) -> tuple[str, str]:
    return str(row.get("user_id")), str(row.get("join_time"))


def _matching_session(row: Row, sessions: Sequence[Session], places: Sequence[int]) -> int | None:
    join, leave = parse_instant(row.get("join_time")), parse_instant(row.get("leave_time"))
    exact = [place for place in places if join is not None and sessions[place].join_time == join]
    if exact:
        return min(exact, key=lambda place: sessions[place].stay != "meeting")
    return max(places, key=lambda place: _overlap(sessions[place], join, leave), default=None)


def _overlap(session: Session, join: datetime | None, leave: datetime | None) -> timedelta:
    latest = datetime.max.replace(tzinfo=UTC)
    if join is None or session.join_time is None:
        return timedelta.min
    return min(leave or latest, session.leave_time or latest) - max(join, session.join_time)


def _parts(minutes: Iterable[Row], name: str) -> list[Row]:
    return [part for minute in minutes if isinstance(part := minute.get(name), dict)]


def _to_stream(parts: Sequence[Row]) -> Stream | None:
    if not parts:
        return None
    told = {ours: _to_measure(ours, parts, zoom, unit, peak) for ours, zoom, unit, peak in _MEASURES}
    told["height_px"] = summarize("height_px", [parse_height(part.get("resolution")) for part in parts])
    return Stream.from_measures(told)


def _to_series(minutes: Iterable[Row], name: str) -> Series | None:
    """`date_time` is the minute's own; minutes without one have no place in time."""
    points: list[Point] = []
    for minute in minutes:
        when, part = parse_instant(minute.get("date_time")), minute.get(name)
        if when is not None and isinstance(part, dict):
            named = {
                ours: parse_number(part.get(key), unit)
                for ours, key, unit, _ in _MEASURES
                if ours in SERIES_MEASURES
            }
            points.append((when, named))
    return to_series(points, STEP_SECONDS)


def _to_measure(name: str, parts: Sequence[Row], key: str, unit: str, peak: str | None) -> Measure | None:
    samples = [parse_number(part.get(key), unit) for part in parts]
    extremes = [parse_number(part.get(peak), unit) for part in parts] if peak is not None else []
    return summarize(name, samples, extremes)
