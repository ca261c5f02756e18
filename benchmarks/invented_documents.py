"""Invented documents in any number, for benchmarks of what reads them: `write(path, sessions=200_000)`.

One meeting of six sessions on average, four vendors, 6,600 sessions a day, quality for five of six sessions. The same
arguments give the same bytes.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

FIRST = datetime(2026, 1, 5, tzinfo=UTC)
SESSIONS_A_DAY = 6_600
VENDORS = ("zoom", "zoom", "zoom", "webex", "google-meet", "meetecho")
STREAMS = ("audio_in", "audio_out", "video_in", "video_out", "share_in", "share_out")
UNITS = ("med", "law", "it", "cs", "arts", "bio")
HOURS = (8, 9, 9, 10, 10, 10, 11, 13, 14, 14, 15, 16, 19)

Document = dict[str, Any]


def documents(sessions: int) -> Iterator[Document]:
    chance = random.Random(sessions)
    left, number = sessions, 0
    while left > 0:
        count = min(left, 1 + int(chance.expovariate(0.2)))
        day = FIRST + timedelta(days=(sessions - left) // SESSIONS_A_DAY)
        start = day + timedelta(hours=chance.choice(HOURS), seconds=chance.randrange(3600))
        yield from _meeting(chance, number, start, count)
        left, number = left - count, number + 1


def _meeting(chance: random.Random, number: int, start: datetime, count: int) -> Iterator[Document]:
    vendor = chance.choice(VENDORS)
    uuid = f"{number:012x}{chance.getrandbits(64):016x}"
    length = 600 + int(chance.expovariate(1 / 2_400))
    host = f"host{chance.randrange(4_000)}@{chance.choice(UNITS)}.example.edu"
    harvested = (start + timedelta(days=1)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    shared = {"detail": "full", "harvested_at": harvested}
    tracked = vendor != "meetecho"
    times = {"start_time": _at(start), "end_time": _at(start + timedelta(seconds=length)), "duration": length}
    yield {
        "document_id": f"{vendor}:main:{uuid}",
        "kind": "meeting",
        **shared,
        "@timestamp": _at(start),
        "vendor": vendor,
        "account": "main",
        "uuid": uuid,
        "meeting_series_id": str(number % 9_000),
        "topic": f"Meeting {number % 9_000}",
        **(times if tracked else {"scheduled_start_time": _at(start)}),
        "state": "ended",
        "participants": count,
        "participant_sessions": count,
        **({"host": {"email": host}} if tracked else {}),
    }
    for place in range(count):
        yield _session(chance, vendor, uuid, start, length, place, shared, number)


def _session(
    chance: random.Random,
    vendor: str,
    uuid: str,
    start: datetime,
    length: int,
    place: int,
    shared: Document,
    number: int,
) -> Document:
    person = chance.randrange(9_000)
    join = start + timedelta(seconds=chance.randrange(300))
    leave = join + timedelta(seconds=chance.randrange(length))
    tracked = vendor != "meetecho"
    return {
        "document_id": f"{vendor}:main:{uuid}:{place:022d}",
        "kind": "session",
        **shared,
        "meeting_timestamp": _at(start),
        "vendor": vendor,
        "account": "main",
        "meeting": uuid,
        "topic": f"Meeting {number % 9_000}",
        "@timestamp": _at(join),
        "stay": "meeting",
        "id": f"u{person}",
        "user_id": f"{place}",
        "user_name": f"Person {person}",
        **({"email": f"person{person}@{UNITS[person % len(UNITS)]}.example.edu"} if tracked else {}),
        "user_type": "signed_in",
        "role": "attendee",
        "device": "Windows",
        "os": "Windows 11",
        "app_version": f"6.{person % 5}.{person % 3}",
        "ip_address": "192.0.2.7",
        "country": chance.choice(("DE", "US", "FR", "PL", "KE", "IN")),
        "network_type": chance.choice(("Wired", "Wifi", "Wifi", "Cellular")),
        "join_time": _at(join),
        **({"leave_time": _at(leave), "duration": int((leave - join).total_seconds())} if tracked else {}),
        **({"quality": _quality(chance)} if tracked and place % 6 else {}),
    }


def _quality(chance: random.Random) -> Document:
    return {
        name: {
            "latency_ms": _measure(chance, 80),
            "jitter_ms": _measure(chance, 9),
            "packet_loss_pct": _measure(chance, 0.6),
            "bitrate_kbps": _measure(chance, 60),
        }
        for name in STREAMS
    }


def _measure(chance: random.Random, mean: float) -> Document:
    value = round(chance.expovariate(1 / mean), 2)
    return {"mean": value, "worst": round(value * 3, 2), "samples": 40}


def _at(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")


def write(path: Path, sessions: int) -> None:
    with path.open("wb") as file:
        for document in documents(sessions):
            file.write(orjson.dumps(document) + b"\n")
