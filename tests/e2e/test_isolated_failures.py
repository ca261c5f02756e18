"""A document that cannot be stored, or a meeting that cannot be fetched, does not affect any other."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from harvester.sinks.elastic import templates
from tests.e2e.harness import Harvester, Simulator, differences, lines
from tests.e2e.index_sandbox import IndexSandbox
from tests.e2e.small_zoom import Answer, page, small_zoom
from tests.e2e.test_zoom import pointed, stored

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def spoiled(**changes: Any) -> Callable[[dict[str, Any]], bytes]:
    return lambda document: json.dumps({**document, **changes}).encode()


POISON: Mapping[str, Callable[[dict[str, Any]], bytes]] = {
    "an object where a scalar is": spoiled(uuid={"a": 1}, user_name={"a": 1}),
    "an id over 512 bytes": spoiled(document_id="zoom:main:" + "i" * 600),
    "a NaN literal": lambda document: json.dumps({**document, "duration": float("nan")}).encode(),
    "a torn line": lambda document: json.dumps(document).encode()[:80],
    "no date at all": spoiled(**{"@timestamp": "yesterday", "meeting_timestamp": "yesterday"}),
}


def rejected(harvester: Harvester) -> list[bytes]:
    return harvester("rejects", "export").stdout.splitlines()


def test_one_in_a_hundred_documents_that_cannot_be_stored_costs_those_alone(
    newest: IndexSandbox, tmp_path: Path
) -> None:
    with Simulator(tmp_path / "simulator", NOW, size=120, days=4) as simulator:
        harvester = pointed(newest, simulator)
        printed = harvester("zoom", *simulator.dates, "--destination", "stdout").stdout.splitlines()
    sound: list[bytes] = []
    poison: list[bytes] = []
    ways = list(POISON.values())
    for number, line in enumerate(printed):
        if number % 100 == 50:
            poison.append(ways[len(poison) % len(ways)](json.loads(line)))
            sound.append(poison[-1])
        else:
            sound.append(line)
    assert len(poison) >= len(ways)
    ended = harvester("load", stdin=b"\n".join(sound))
    assert ended.returncode == 65, ended.stderr.decode()
    assert sorted(rejected(harvester)) == sorted(poison)
    whole = lines(b"\n".join(printed))
    assert len(stored(newest)) == len(whole) - len(poison)
    listed = harvester("rejects", "list").stdout.decode()
    assert listed.count("\n") >= len(poison)
    # The same documents, corrected: those with an id leave the rejects, lines without one stay until they are dropped.
    assert harvester("load", stdin=b"\n".join(printed)).returncode == 0
    assert differences(stored(newest), whole) == []
    assert harvester("rejects", "drop", "--yes").returncode == 0
    assert rejected(harvester) == []


def test_after_the_mapping_is_mended_a_replay_fills_the_index_and_empties_the_rejects(
    newest: IndexSandbox, tmp_path: Path
) -> None:
    cluster = newest.cluster()
    narrow = templates.index_definition(cluster, "meeting")
    body = json.loads(json.dumps(narrow))
    body["mappings"]["properties"]["uuid"] = {"type": "ip"}
    newest.ask("PUT", f"/{newest.prefix}meetings-2026", body)
    with Simulator(tmp_path / "simulator", NOW, size=40, days=2) as simulator:
        harvester = pointed(newest, simulator)
        ended = harvester("zoom", *simulator.dates)
        assert ended.returncode == 65, ended.stderr.decode()
        meetings = [name for name, document in simulator.truth.items() if document["kind"] == "meeting"]
        assert len(rejected(harvester)) == len(meetings)
        newest.ask("DELETE", f"/{newest.prefix}meetings-2026")
        assert harvester("rejects", "replay").returncode == 0
        assert rejected(harvester) == []
        assert differences(stored(newest), simulator.truth) == []


def test_a_meeting_that_always_fails_delays_no_other_and_is_given_up_in_the_end(
    newest: IndexSandbox,
) -> None:
    asked: list[str] = []

    def answers(path: str, query: Mapping[str, str]) -> Answer:
        if path.endswith("/participants"):
            asked.append(path.split("/")[-2])
            if asked[-1] == "always":
                return 403, "<html>no</html>"
            return page(
                "participants", {"user_id": "1", "user_name": "Guest", "join_time": "2026-11-19T09:00:00Z"}
            )
        if path.endswith("/metrics/meetings"):
            uuids = ("first", "always", "last") if query["type"] == "past" else ()
            times = {"start_time": "2026-11-19T09:00:00Z", "end_time": "2026-11-19T10:00:00Z"}
            return page("meetings", *({"uuid": uuid, "id": 1, "participants": 1, **times} for uuid in uuids))
        return page("users")

    night = datetime(2026, 11, 20, 12, tzinfo=UTC)
    with small_zoom(answers, secret="invented", now=lambda: night) as settings:
        where = {"ES_HOST": newest.node.url, "ES_INDEX_PREFIX": newest.prefix}
        harvester = Harvester(newest.folder, {**settings, **where})
        assert harvester("zoom", HARVESTER_NOW=night.isoformat()).returncode == 75
        assert {name.split(":")[2] for name in stored(newest)} == {"first", "last"}
        asked.clear()
        night += timedelta(days=1)
        assert harvester("zoom", HARVESTER_NOW=night.isoformat()).returncode == 75
        assert set(asked) == {"always"}
        asked.clear()
        night += timedelta(days=185)
        ended = harvester("zoom", HARVESTER_NOW=night.isoformat())
        assert ended.returncode == 0, ended.stderr.decode()
        assert b"no longer retained by the vendor" in ended.stderr, ended.stderr.decode()
        assert asked == []
