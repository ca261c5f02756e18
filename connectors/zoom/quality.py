"""Map Zoom's quality of service, strings with units for each minute, to `Quality`.

`GET /metrics/meetings/{uuid}/participants/qos`, schema of https://developers.zoom.us/docs/api/ (Accounts, as of 2026-02).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec.structs import replace

from connectors.models import Session
from connectors.parsing import as_dicts, as_number, as_text, parse_instant, unique_rows
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
    # measure, Zoom's key, its unit, and the key of the peak that Zoom adds
    ("latency_ms", "latency", "ms", None),
    ("jitter_ms", "jitter", "ms", None),
    ("packet_loss_pct", "avg_loss", "%", "max_loss"),
    ("bitrate_kbps", "bitrate", "kbps", None),
    ("fps", "frame_rate", "fps", None),
)


def to_quality(row: Row, *, series: bool = False) -> Quality | None:
    """The quality of one row; `None` if nothing was measured. Every minute of `user_qos` is a sample.

    `series` keeps the samples.
    """
    minutes = as_dicts(row.get("user_qos"))
    streams = {name: _to_stream(_parts(minutes, key)) for key, name in STREAMS.items()}
    if series:
        for key, name in STREAMS.items():
            stream = streams[name]
            if stream is not None:
                streams[name] = replace(stream, series=_to_series(minutes, key))
    cpu = _to_measure(
        "cpu_pct", _parts(minutes, "cpu_usage"), "zoom_avg_cpu_usage", "%", "zoom_max_cpu_usage"
    )
    if cpu is None and not any(streams.values()):
        return None
    return Quality(**streams, cpu_pct=cpu)


def parse_number(value: Any, unit: str) -> float | None:
    """The number in `"126 ms"`, `"27.15kbps"` or `"0.03%"`, with or without the unit; `None` for `""` and `"-"`."""
    if isinstance(value, str):
        try:
            value = float(value.strip().removesuffix(unit))
        except ValueError:
            return None
    return as_number(value)


def parse_height(resolution: Any) -> float | None:
    """720 of `"1280*720"`."""
    return parse_number(resolution.partition("*")[2], "") if isinstance(resolution, str) else None


def with_quality(sessions: Sequence[Session], rows: Iterable[Row], *, series: bool = False) -> list[Session]:
    """The sessions, each with the quality of the rows that belong to it.

    A row belongs to the session with the same `user_id` and join time, preferably one in the meeting itself; else to the
    session with the same `user_id` that it overlaps longest. A row that occurs twice counts once.
    """
    by_user: dict[str, list[int]] = {}
    for index, session in enumerate(sessions):
        if session.user_id is not None:
            by_user.setdefault(session.user_id, []).append(index)
    qualities: dict[int, list[Quality]] = {}
    for row in unique_rows(rows, _session_of):
        match = _matching_session(row, sessions, by_user.get(as_text(row.get("user_id")) or "", []))
        quality = to_quality(row, series=series)
        if match is not None and quality is not None:
            qualities.setdefault(match, []).append(quality)
    return [
        replace(session, quality=Quality.merge(qualities[index], same_session=True))
        if index in qualities
        else session
        for index, session in enumerate(sessions)
    ]


def _session_of(row: Row) -> tuple[str, str]:
    return str(row.get("user_id")), str(row.get("join_time"))


def _matching_session(row: Row, sessions: Sequence[Session], indexes: Sequence[int]) -> int | None:
    join, leave = parse_instant(row.get("join_time")), parse_instant(row.get("leave_time"))
    exact = [index for index in indexes if join is not None and sessions[index].join_time == join]
    if exact:
        return min(exact, key=lambda index: sessions[index].stay != "meeting")
    return max(indexes, key=lambda index: _overlap(sessions[index], join, leave), default=None)


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
    measures = {name: _to_measure(name, parts, key, unit, peak) for name, key, unit, peak in _MEASURES}
    measures["height_px"] = summarize("height_px", [parse_height(part.get("resolution")) for part in parts])
    return Stream.from_measures(measures)


def _to_series(minutes: Iterable[Row], name: str) -> Series | None:
    """The samples at the `date_time` of their minute. Minutes without one are dropped."""
    points: list[Point] = []
    for minute in minutes:
        when, part = parse_instant(minute.get("date_time")), minute.get(name)
        if when is not None and isinstance(part, dict):
            samples = {
                measure: parse_number(part.get(key), unit)
                for measure, key, unit, _ in _MEASURES
                if measure in SERIES_MEASURES
            }
            points.append((when, samples))
    return to_series(points, STEP_SECONDS)


def _to_measure(name: str, parts: Sequence[Row], key: str, unit: str, peak: str | None) -> Measure | None:
    samples = [parse_number(part.get(key), unit) for part in parts]
    extremes = [parse_number(part.get(peak), unit) for part in parts] if peak is not None else []
    return summarize(name, samples, extremes)
