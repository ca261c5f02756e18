"""Simulated rooms and a simulated datatracker, through the command line, into a real Elasticsearch, compared with the
truth: with credentials of Meetecho and without."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from harvester.simulator.meetecho.options import MeetechoOptions
from harvester.simulator.meetecho.tokens import CLIENT_SECRET
from tests.e2e.harness import Harvester, differences, lines
from tests.e2e.index_sandbox import IndexSandbox
from tests.e2e.simulator_in_process import RunningSimulator, Vendors
from tests.e2e.test_zoom import hits, stored

pytestmark = pytest.mark.with_templates

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
OPTIONS: dict[str, Any] = {
    "seed": 11,
    "size": 60,
    "days": 8,
    "now": NOW,
    "speed": 200.0,
    "vendors": ("meetecho",),
}
WHOLE = ("--from", "2026-11-12", "--to", "2026-11-20")


@pytest.fixture
def groups(tmp_path: Path) -> Vendors:
    return Vendors(tmp_path, OPTIONS)


def run(harvester: Harvester, *words: str, status: int = 0) -> dict[str, Any]:
    """Run once. Returns the summary, with stderr as `message`."""
    file = harvester.folder / "summary.json"
    ended = harvester("meetecho", *words, "--summary-json", str(file))
    message = ended.stderr.decode()
    assert ended.returncode == status, message
    assert "Traceback" not in message
    (summary,) = json.loads(file.read_text())["vendors"]
    return {**summary, "message": message}


def only_read(served: RunningSimulator) -> None:
    """Check that every request is one that the datatracker's client makes, and that none changes data."""
    traffic = served.traffic("meetecho")
    assert (traffic["unlike"], traffic["writes"], traffic["hurried"], traffic["personal"]) == ({}, 0, 0, 0)


def nothing_is_wrong(harvester: Harvester) -> None:
    ended = harvester("verify", "meetecho", "--json")
    assert ended.returncode == 0, (ended.stdout + ended.stderr).decode()
    assert json.loads(ended.stdout)["vendors"][0]["findings"] == []


def test_rooms_and_who_was_there_arrive_as_the_truth_has_them_and_plans_are_completed(
    newest: IndexSandbox, groups: Vendors
) -> None:
    with groups.at() as served:
        harvester = served.pointed(newest)
        first = run(harvester, *WHOLE)
        assert differences(stored(newest), served.truth) == []
        ahead = [d for d in served.truth.values() if d.get("state") == "scheduled"]
        assert first["pending_by_reason"] == {"planned": len(ahead)}
        assert ahead
        only_read(served)
        nothing_is_wrong(harvester)
        before = {hit["_id"]: hit["_version"] for hit in hits(newest)}
        assert run(harvester, *WHOLE)["fetched"] == 0
    with groups.at(11 * HOUR) as served:
        harvester = served.pointed(newest)
        run(harvester, *WHOLE, "--force")
        assert differences(stored(newest), served.truth) == []
        after = {hit["_id"]: hit["_version"] for hit in hits(newest)}
        assert all(after[name] >= version for name, version in before.items())
        assert not [d for d in stored(newest).values() if d.get("state") == "scheduled"]
        nothing_is_wrong(harvester)


def test_without_credentials_the_datatracker_makes_the_meetings_and_credentials_keep_their_names(
    newest: IndexSandbox, groups: Vendors
) -> None:
    with groups.at(meetecho=MeetechoOptions(credentials=False)) as served:
        message = run(served.pointed(newest), *WHOLE)["message"]
        assert "only the datatracker" in message
        assert differences(stored(newest), served.truth) == []
        alone = set(stored(newest))
    with groups.at(HOUR / 2) as served:
        run(served.pointed(newest), *WHOLE, "--force")
        assert differences(stored(newest), served.truth) == []
        assert alone <= set(stored(newest))


def test_a_group_that_is_refused_stops_no_other(newest: IndexSandbox, groups: Vendors) -> None:
    with groups.at() as served:
        whole = served.truth
        settings = dict(served.settings)
    refused, *others = settings["MEETECHO_GROUPS"].split(",")
    with groups.at(meetecho=MeetechoOptions(refused=(refused,))) as served:
        answer = run(served.pointed(newest), *WHOLE, status=75)
        assert answer["failed_partitions"]
        expected = {
            name: d
            for name, d in whole.items()
            if whole[f"meetecho:main:{d.get('meeting') or d['uuid']}"]["meeting_series_id"] != refused
        }
        assert others
        assert differences(stored(newest), expected) == []
    with groups.at(HOUR / 2) as served:
        run(served.pointed(newest), *WHOLE, "--force")
        assert differences(stored(newest), served.truth) == []


def test_some_groups_and_their_planned_sessions(groups: Vendors, tmp_path: Path) -> None:
    with groups.at() as served:
        harvester = Harvester(tmp_path, served.settings)
        one = served.settings["MEETECHO_GROUPS"].split(",")[1]
        ended = harvester("meetecho", *WHOLE, "--groups", one, "--raw")
        assert ended.returncode == 0, ended.stderr.decode()
        series = {d["meeting_series_id"] for d in lines(ended.stdout).values() if d["kind"] == "meeting"}
        assert series == {one}
        for secret in (CLIENT_SECRET, "deletion_token", "bearer"):
            assert secret not in ended.stdout.decode() + ended.stderr.decode()
        planned = lines(harvester("meetecho", "--upcoming", "60").stdout)
        assert planned
        assert {d["state"] for d in planned.values()} == {"scheduled"}
        assert all(d["scheduled_start_time"] > "2026-11-20T12:00" for d in planned.values())
        only_read(served)


def test_faults_change_nothing_in_the_end(newest: IndexSandbox, groups: Vendors) -> None:
    with groups.at(faults=0.05) as served:
        harvester = served.pointed(newest)
        for _ in range(5):
            ended = harvester("meetecho", *WHOLE)
            if ended.returncode == 0:
                break
            assert ended.returncode in {69, 75}, ended.stderr.decode()
        assert ended.returncode == 0, ended.stderr.decode()
        assert differences(stored(newest), served.truth) == []
        assert served.traffic("meetecho")["faults"]
