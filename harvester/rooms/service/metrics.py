"""Figures of the service in Prometheus' text format."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from harvester.rooms.status_json import RoomReading


def metrics_text(readings: Iterable[RoomReading], requests: int) -> bytes:
    """`requests`: sent to Google so far. No title and no person is in the figures."""
    registry = CollectorRegistry()
    busy = Gauge(
        "harvester_room_busy", "1 if the room is busy, 0 if it is free.", ["room"], registry=registry
    )
    age = Gauge(
        "harvester_room_data_age_seconds",
        "Seconds since the room's calendar was read.",
        ["room"],
        registry=registry,
    )
    sent = Counter("harvester_rooms_requests", "Requests sent to Google.", registry=registry)
    for reading in readings:
        if reading.status.busy is not None:
            busy.labels(reading.room).set(reading.status.busy)
        if reading.stale_seconds is not None:
            age.labels(reading.room).set(reading.stale_seconds)
    sent.inc(requests)
    return generate_latest(registry)
