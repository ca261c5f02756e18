"""A simulated Microsoft Teams, through the command line, into a real Elasticsearch, compared with the truth.

Some calls ended minutes ago, and some records get higher versions for days.
"""

from __future__ import annotations

import json
import signal
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import cache
from math import ceil
from pathlib import Path
from random import Random
from typing import Any

import pytest

from harvester.simulator.organisation import Organisation
from harvester.simulator.teams.account import Account, Quirk
from harvester.simulator.teams.options import CALL_RECORDS, TeamsOptions
from harvester.simulator.teams.tokens import CLIENT_SECRET
from tests.e2e.harness import Documents, Harvester, differences, lines
from tests.e2e.index_sandbox import IndexSandbox
from tests.e2e.simulator_in_process import RunningSimulator, Vendors
from tests.e2e.test_zoom import hits, stored
from tests.e2e.wakeup_delay import WakeupDelay

pytestmark = pytest.mark.with_templates

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
OPTIONS: dict[str, Any] = {
    "seed": 11,
    "size": 60,
    "days": 5,
    "now": NOW,
    "speed": 200.0,
    "vendors": ("teams",),
}
NIGHT: dict[str, Any] = {"now": datetime(2026, 11, 20, 0, 3, tzinfo=UTC), "size": 30, "days": 1}
"""Shortly after midnight: the calls that ended minutes ago are the nightly run's."""
WHOLE = ("--from", "2026-11-15", "--to", "2026-11-20")
DAY = ("--date", "2026-11-19")
LISTING = "GET /communications/callRecords"
SESSIONS = f"{LISTING}/{{id}}/sessions"
PER_SECOND, LISTS_PER_TEN_SECONDS = 4, 7
KILLS = 6


@pytest.fixture
def teams(tmp_path: Path) -> Vendors:
    return Vendors(tmp_path, OPTIONS)


def account(**changed: Any) -> Account:
    options = {**OPTIONS, **changed}
    return Account(Organisation(**{name: options[name] for name in ("seed", "size", "days", "now")}))


@cache
def night() -> Account:
    return account(**NIGHT)


def run(harvester: Harvester, *words: str) -> dict[str, Any]:
    """Run once. Returns the summary, with stderr as `message`."""
    file = harvester.folder / "summary.json"
    ended = harvester("teams", *words, "--summary-json", str(file))
    message = ended.stderr.decode()
    assert ended.returncode == 0, message
    assert "Traceback" not in message
    (summary,) = json.loads(file.read_text())["vendors"]
    return {**summary, "message": message}


def versions(sandbox: IndexSandbox) -> dict[str, int]:
    return {hit["_id"]: hit["_version"] for hit in hits(sandbox)}


def meetings(documents: Documents) -> Documents:
    return {name: document for name, document in documents.items() if document["kind"] == "meeting"}


def test_thirty_days_with_faults_arrive_as_the_truth_has_them_and_stay(
    newest: IndexSandbox, teams: Vendors
) -> None:
    """Meetings of the last forty days; Graph refuses a filter that goes back more than thirty."""
    options = {"size": 150, "days": 40, "teams": TeamsOptions(refuse_old_filters=True)}
    dates = ("--from", "2026-10-11", "--to", "2026-11-20")
    with teams.at(**options, faults=0.05) as served:
        harvester = served.pointed(newest)
        for _ in range(4):
            ended = harvester("teams", *dates)
            assert ended.returncode in {0, 75}, ended.stderr.decode()
            if ended.returncode == 0:
                break
        assert ended.returncode == 0, ended.stderr.decode()
        assert sum(served.traffic("teams")["faults"].values()) > 1
        assert differences(stored(newest), served.truth) == []
        assert len(meetings(served.truth)) > 80
        before = versions(newest)
    with teams.at(**options) as served:
        harvester = served.pointed(newest)
        run(harvester, *dates)
        after = versions(newest)
        assert after.keys() == before.keys()
        assert all(after[name] >= version for name, version in before.items())
        assert differences(stored(newest), served.truth) == []
        verified = harvester("verify", "teams", "--json")
        assert json.loads(verified.stdout)["vendors"][0]["findings"] == []


def test_calls_and_titles_are_options(newest: IndexSandbox, teams: Vendors) -> None:
    with teams.at(teams_calls=True, teams_titles=True) as served:
        run(served.pointed(newest), *WHOLE, "--calls", "--titles")
        found = meetings(stored(newest))
        assert differences(stored(newest), served.truth) == []
    titled = [document for document in found.values() if "topic" in document]
    # The other calls of a series have the times of one of them.
    assert 0 < sum("scheduled_start_time" in document for document in titled) < len(titled)
    uuids = {document["uuid"] for document in found.values()}
    quirks = {record.quirk for record in account().records if record.id in uuids}
    assert {Quirk.peer_to_peer, Quirk.phone_call} <= quirks


def test_a_throttled_tenant_gets_the_same_documents_on_stdout(teams: Vendors, tmp_path: Path) -> None:
    slow = TeamsOptions(requests_per_20_seconds=4)
    with teams.at(**{**NIGHT, "teams": slow, "speed": 50.0}) as served:
        ended = Harvester(tmp_path, served.settings)("teams", *DAY, "--destination", "stdout")
        assert ended.returncode == 0, ended.stderr.decode()
        assert differences(lines(ended.stdout), served.truth) == []
        traffic = served.traffic("teams")
    assert traffic["refused"] > 0


def test_a_meeting_takes_one_request_and_none_is_sent_above_the_rate(teams: Vendors, tmp_path: Path) -> None:
    speed = 16.0
    with teams.at(**{**NIGHT, "size": 200, "speed": speed}) as served:
        harvester = Harvester(tmp_path, served.settings)
        with WakeupDelay() as delay:
            ended = harvester("teams", *DAY, "--destination", "stdout")
        assert ended.returncode == 0, ended.stderr.decode()
        assert differences(lines(ended.stdout), served.truth) == []
        traffic = served.traffic("teams")
        found = meetings(served.truth).values()
    assert len(found) > 100
    # A page has 60 sessions, those of bots and services included.
    pages = sum(1 + document.get("participant_sessions", 0) // 50 for document in found)
    assert traffic["calls"][SESSIONS] <= pages < 1.1 * len(found)
    assert sum(traffic["calls"].values()) <= pages + ceil(200 / 60) + 1
    assert traffic["refused"] == 0
    # While the machine holds the simulator up, requests that were sent in time arrive together.
    held_up = delay.of_a_request * speed
    observed = traffic["observed"]
    assert observed["per_second"] <= ceil(PER_SECOND * (1 + held_up))
    assert observed["lists_per_ten_seconds"] <= ceil(LISTS_PER_TEN_SECONDS * (1 + held_up / 10))


# Later versions


def publications() -> list[timedelta]:
    """How long after the night the later versions of the next days are there, a minute late; once for those of an hour."""
    now = night().organisation.now
    instants = {version.published for record in night().records for version in record.versions}
    later = [timedelta(milliseconds=instant - now, minutes=1) for instant in instants if instant > now]
    return sorted({hour: each for each in sorted(later) for hour in [each // timedelta(hours=1)]}.values())


def test_after_every_late_version_the_index_is_what_one_late_harvest_would_have_made(
    newest: IndexSandbox, teams: Vendors, tmp_path: Path
) -> None:
    young = next(record for record in night().records if record.quirk is Quirk.not_readable)
    name = f"teams:main:{young.id}"
    with teams.at(**NIGHT) as served:
        first = run(served.pointed(newest))
        # Also of the version that arrived between the listing and the reading of a record.
        assert differences(stored(newest), served.truth) == []
        assert stored(newest)[name]["detail"] == "basic"
        assert first["pending"] >= 1
    steps = publications()
    assert len(steps) > 4
    fetched: Counter[str] = Counter()
    for later in steps:
        with teams.at(later, **NIGHT) as served:
            run(served.pointed(newest))
            assert differences(stored(newest), served.truth) == [], later
            fetched.update(served.calls("teams"))
    assert stored(newest)[name]["detail"] == "full"
    # Only what is due or has a higher version is read again.
    later_versions = sum(len(record.versions) - 1 for record in night().records)
    assert later_versions <= fetched[SESSIONS] <= later_versions + 10
    with teams.at(steps[-1] + timedelta(hours=1), **NIGHT) as served:
        run(served.pointed(newest))
        assert SESSIONS not in served.calls("teams")
        ended = Harvester(tmp_path, served.settings)("teams", *DAY, "--destination", "stdout")
        assert differences(lines(ended.stdout), stored(newest)) == []


# Kills


def test_killed_at_any_moment_nothing_is_lost_or_doubled(newest: IndexSandbox, teams: Vendors) -> None:
    rng = Random(7)
    with teams.at(speed=20.0) as served:
        harvester = served.pointed(newest)
        for _ in range(KILLS):
            killed_in_a_run(harvester, served, fetched=rng.randint(1, 6))
            assert stored(newest).keys() <= served.truth.keys()
        run(harvester, *WHOLE)
        assert differences(stored(newest), served.truth) == []
        # Each kill costs what was in flight, and no more.
        most = len(meetings(served.truth)) + KILLS * 20
        assert served.calls("teams")[SESSIONS] < most


def killed_in_a_run(harvester: Harvester, served: RunningSimulator, *, fetched: int) -> None:
    """Begin a run, and kill it once it has fetched so many meetings."""
    enough = served.calls("teams").get(SESSIONS, 0) + fetched
    process = harvester.start("teams", *WHOLE)
    try:
        while process.poll() is None and served.calls("teams").get(SESSIONS, 0) < enough:
            time.sleep(0.02)
        process.kill()
        assert process.wait(30) == -signal.SIGKILL
    finally:
        process.kill()
        process.wait()


# What an account may have


@pytest.mark.parametrize(
    ("options", "settings", "words"),
    [
        ({"expired_secret": True}, {}, "the client secret has expired"),
        ({"permissions": ()}, {}, CALL_RECORDS),
        ({}, {"TEAMS_TENANT_ID": "elsewhere.example"}, "TEAMS_TENANT_ID is not a tenant"),
        ({}, {"TEAMS_CLIENT_ID": "another"}, "TEAMS_CLIENT_ID is not an app"),
        ({}, {"TEAMS_CLIENT_SECRET": "marked-wrong-secret"}, "TEAMS_CLIENT_SECRET is wrong"),
    ],
)
def test_what_is_wrong_with_the_credentials_is_named(
    teams: Vendors, tmp_path: Path, options: dict[str, Any], settings: dict[str, str], words: str
) -> None:
    with teams.at(size=20, days=1, teams=TeamsOptions(**options)) as served:
        harvester = Harvester(tmp_path, {**served.settings, **settings})
        ended = harvester("teams", *DAY, "--destination", "stdout")
        assert (ended.returncode, ended.stdout) == (77, b"")
        checked = harvester("check", "teams")
        assert checked.returncode == 77
    for text in (ended.stderr.decode(), (checked.stdout + checked.stderr).decode()):
        assert words in text
        assert "marked-wrong-secret" not in text
        assert CLIENT_SECRET not in text


def test_without_the_second_permission_titles_are_absent(newest: IndexSandbox, teams: Vendors) -> None:
    with teams.at(teams=TeamsOptions(permissions=(CALL_RECORDS,)), teams_titles=True) as served:
        summary = run(served.pointed(newest), *WHOLE, "--titles")
        assert "parts of listings skipped" in summary["message"]
        assert differences(stored(newest), served.truth) == []
    assert not [document for document in stored(newest).values() if "topic" in document]


LINKS = ("meetup-join", "thread.v2")
HARDWARE = ("02-00-00-",)


def test_links_are_never_stored_and_hardware_addresses_with_raw_only(
    newest: IndexSandbox, teams: Vendors
) -> None:
    with teams.at(teams_titles=True) as served:
        harvester = served.pointed(newest)
        run(harvester, *WHOLE, "--titles")
        assert in_places(newest, *LINKS, *HARDWARE) == set()
        run(harvester, *WHOLE, "--titles", "--raw", "--force")
        assert in_places(newest, *LINKS, *HARDWARE) == {("02-00-00-", "index")}
        found = stored(newest)
        assert all("vendor_data" in document for document in found.values() if document["kind"] == "session")
        plain = {name: {k: v for k, v in d.items() if k != "vendor_data"} for name, d in found.items()}
        assert differences(plain, served.truth) == []


def in_places(sandbox: IndexSandbox, *texts: str) -> set[tuple[str, str]]:
    """Which of these texts stand in the index, in the state folder, or in the outputs of a run."""
    files = [path for path in sandbox.folder.rglob("*") if path.is_file() and path.name != "truth.ndjson"]
    places = {path.name: path.read_bytes().lower() for path in files}
    places["index"] = json.dumps(list(stored(sandbox).values())).lower().encode()
    return {(text, name) for text in texts for name, content in places.items() if text.encode() in content}
