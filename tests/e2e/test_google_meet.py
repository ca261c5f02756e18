"""A simulated Google Workspace, through the command line, into a real Elasticsearch, compared with the truth.

The organisation's now is shortly after midnight, while conferences go on that began the day before.
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from harvester.simulator.expected import GoogleSource
from harvester.simulator.google_meet.account import Account
from harvester.simulator.google_meet.options import GoogleOptions
from harvester.simulator.organisation import Organisation, seeded_random
from tests.e2e.harness import Documents, Harvester, differences
from tests.e2e.index_sandbox import IndexSandbox
from tests.e2e.simulator_in_process import RunningSimulator, Vendors
from tests.e2e.test_webex import relabelled
from tests.e2e.test_zoom import hits, stored

pytestmark = pytest.mark.with_templates

NOW = datetime(2026, 11, 20, 0, 3, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
OPTIONS: dict[str, Any] = {
    "seed": 4,
    "size": 40,
    "days": 1,
    "now": NOW,
    "speed": 200.0,
    "vendors": ("google-meet",),
}
WHOLE = ("--from", "2026-11-19", "--to", "2026-11-20")
SOURCES: tuple[GoogleSource, ...] = ("auto", "reports", "meet")


@pytest.fixture
def google(tmp_path: Path) -> Vendors:
    return Vendors(tmp_path, OPTIONS)


def run(harvester: Harvester, *words: str, codes: tuple[int, ...] = (0, 75)) -> dict[str, Any]:
    """Run once. Returns the summary, with stderr as `message`. Exit 75: Meet is turned off for some users."""
    file = harvester.folder / "summary.json"
    ended = harvester("google-meet", *words, "--summary-json", str(file))
    message = ended.stderr.decode()
    assert ended.returncode in codes, message
    assert "Traceback" not in message
    (summary,) = json.loads(file.read_text())["vendors"]
    return {**summary, "message": " ".join(message.split())}


def from_source(served: RunningSimulator, sandbox: IndexSandbox, source: GoogleSource = "auto") -> Harvester:
    return served.pointed(sandbox, GOOGLE_SOURCE=source)


def meetings(documents: Documents, **result: str) -> Documents:
    """The meetings whose fields have these values, by uuid."""
    return {
        d["uuid"]: d
        for d in documents.values()
        if d["kind"] == "meeting" and all(d.get(key) == value for key, value in result.items())
    }


def compared(source: GoogleSource, found: Documents, truth: Documents) -> list[str]:
    """The differences. With the source `meet` only the owner sees whether a conference was recorded, and the owner is unknown."""
    if source == "meet":
        found, truth = unrecorded(found), unrecorded(truth)
    return differences(found, truth)


def unrecorded(documents: Documents) -> Documents:
    return {
        name: {key: value for key, value in d.items() if key != "recording" or d["kind"] == "session"}
        for name, d in documents.items()
    }


def versions(sandbox: IndexSandbox) -> dict[str, int]:
    return {hit["_id"]: hit["_version"] for hit in hits(sandbox)}


def nothing_is_wrong(harvester: Harvester) -> None:
    ended = harvester("verify", "google-meet", "--json")
    result = json.loads(ended.stdout)["vendors"][0]
    assert (result["findings"], result["error"], result["never_read"]) == ([], None, []), result
    assert all(why.endswith(": refused") for why in result["failures"]), result
    assert ended.returncode == (75 if result["failures"] else 0)


def over_midnight(documents: Documents) -> Documents:
    return {
        uuid: d
        for uuid, d in meetings(documents).items()
        if "end_time" in d and d["start_time"][:10] != d["end_time"][:10]
    }


@pytest.mark.parametrize("source", SOURCES)
def test_nightly_runs_of_each_source_equal_the_truth(
    newest: IndexSandbox, google: Vendors, source: GoogleSource
) -> None:
    """Some rows come days late, and some conferences are live at the first harvest."""
    with google.at(google_source=source) as served:
        harvester = from_source(served, newest, source)
        first = run(harvester)
        assert compared(source, stored(newest), served.truth) == []
        live = meetings(served.truth, state="live")
        assert bool(live) is (source != "reports")
        nothing_is_wrong(harvester)
    sizes = [len(served.truth)]
    for later in (6 * HOUR, DAY, 3 * DAY + 6 * HOUR):
        with google.at(later, google_source=source) as served:
            harvester = from_source(served, newest, source)
            run(harvester)
            assert compared(source, stored(newest), served.truth) == []
            sizes.append(len(served.truth))
            nothing_is_wrong(harvester)
    assert first["listed"] > 30
    assert sizes[0] < sizes[-1], "rows came late"
    assert over_midnight(served.truth)
    assert not meetings(stored(newest), state="live")


def test_a_live_conference_is_replaced_after_its_end_under_either_of_its_ids(
    newest: IndexSandbox, google: Vendors
) -> None:
    replaced: Counter[bool] = Counter()
    with google.at() as served:
        run(from_source(served, newest))
        before = stored(newest)
        live = meetings(before, state="live")
        of_live = {name for name, d in before.items() if d.get("meeting") in live}
        assert of_live
    with google.at(DAY) as served:
        run(from_source(served, newest))
        after = stored(newest)
        assert differences(after, served.truth) == []
        replaced.update(uuid in meetings(after, state="ended") for uuid in live)
        assert of_live.isdisjoint(after)
    assert replaced.keys() == {True, False}, "ids that agree, and ids that do not"


def test_faults_cost_another_run_and_nothing_else(newest: IndexSandbox, google: Vendors) -> None:
    with google.at(faults=0.05) as served:
        harvester = from_source(served, newest)
        for _ in range(4):
            run(harvester, *WHOLE)
            if not differences(stored(newest), served.truth):
                break
        assert served.traffic("google-meet")["faults"]
        assert differences(stored(newest), served.truth) == []


# What may not be had


def test_users_refused_by_meet_are_skipped_and_no_failure(newest: IndexSandbox, google: Vendors) -> None:
    with google.at(google_source="meet") as served:
        result = run(from_source(served, newest, "meet"), codes=(0,))
        assert result["missing_partitions"]["refused"] > 0
        assert result["failed_partitions"] == {}
        assert compared("meet", stored(newest), served.truth) == []
    with google.at(DAY, google_source="meet") as served:
        again = run(from_source(served, newest, "meet"), codes=(0,))
        assert again["missing_partitions"] == result["missing_partitions"]
        assert compared("meet", stored(newest), served.truth) == []


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        (GoogleOptions(without=("calendar",)), "without titles"),
        (GoogleOptions(disabled=("directory",)), "without the names and addresses of the Directory"),
        (GoogleOptions(without=("meet",)), "without what Meet adds"),
        (GoogleOptions(disabled=("reports",)), "only Meet, since Reports is refused"),
        (GoogleOptions(without=("directory", "calendar"), disabled=("meet",)), "without what Meet adds"),
    ],
    ids=["no Calendar", "no Directory", "no Meet", "no Reports", "Reports alone"],
)
def test_the_other_sources_are_read_if_one_api_is_refused(
    newest: IndexSandbox, google: Vendors, terms: GoogleOptions, message: str
) -> None:
    with google.at(google=terms) as served:
        harvester = from_source(served, newest)
        assert message in run(harvester)["message"]
        source: GoogleSource = "meet" if terms.disabled == ("reports",) else "auto"
        assert compared(source, stored(newest), served.truth) == []
        nothing_is_wrong(harvester)


# Another source than before


def test_another_source_replaces_meetings_with_the_same_ids(newest: IndexSandbox, google: Vendors) -> None:
    with google.at(google=GoogleOptions(ids="same"), google_source="meet") as served:
        run(from_source(served, newest, "meet"))
        before = meetings(stored(newest))
    with google.at(6 * HOUR, google=GoogleOptions(ids="same")) as served:
        run(from_source(served, newest), *WHOLE, "--force")
        after = stored(newest)
        assert differences(after, served.truth) == []
        assert before.keys() <= meetings(after).keys()
        nothing_is_wrong(from_source(served, newest))


def test_another_source_is_refused_if_it_would_duplicate_meetings(
    newest: IndexSandbox, google: Vendors
) -> None:
    terms = GoogleOptions(ids="other")
    with google.at(google=terms, google_source="meet") as served:
        run(from_source(served, newest, "meet"))
        before = versions(newest)
        for source in SOURCES[:2]:
            result = run(from_source(served, newest, source), "--date", "2026-11-19", codes=(78,))
            assert "GOOGLE_SOURCE=meet" in result["message"]
            assert "ES_INDEX_PREFIX" in result["message"]
            assert versions(newest) == before
    with google.at(google=terms) as served:
        run(served.pointed(newest, HARVESTER_ACCOUNT="other"))
        found = {name: d for name, d in stored(newest).items() if name not in before}
        assert differences(found, relabelled(served.truth, "other")) == []


# Filters, planned meetings, and secrets


def test_a_filtered_run_covers_nothing(newest: IndexSandbox, google: Vendors) -> None:
    with google.at() as served:
        harvester = from_source(served, newest)
        held = meetings(served.truth)
        host = Counter(d["host"]["email"] for d in held.values() if "host" in d).most_common(1)[0][0]
        code = next(d["meeting_code"] for d in held.values() if d["state"] == "ended")
        for words in (("--user", host), ("--meeting-code", code.replace("-", "").upper())):
            run(harvester, *WHOLE, *words)
            found = meetings(stored(newest))
            assert 0 < len(found) < len(held)
            assert found.keys() <= held.keys()
        assert code in {d["meeting_code"] for d in found.values()}
        result = run(harvester)
        assert result["listed"] == len(held), "as if nothing had been read"
        # Meetings that only Meet has were read by a user who may not see their recordings, and are unchanged.
        assert compared("meet", stored(newest), served.truth) == []


def test_nothing_that_opens_a_meeting_is_stored_with_raw(newest: IndexSandbox, google: Vendors) -> None:
    account = Account(Organisation(**{key: OPTIONS[key] for key in ("seed", "size", "days", "now")}))
    pins = {str(seeded_random.number("pin", c.space) % 10**9) for c in account.conferences}
    pins |= {str(seeded_random.number("event pin", e.code) % 10**9) for e in account.events.all}
    hidden = {pin for pin in pins if len(pin) > 7}
    hidden |= {
        "sip.example.org",
        "sipAccessCode",
        "accessCode",
        "passcode",
        "hangoutLink",
        "PRIVATE KEY",
        "ya29.",
    }
    with google.at() as served:
        harvester = from_source(served, newest)
        message = run(harvester, *WHOLE, "--raw")["message"]
        message += run(harvester, "--upcoming", "3", "--raw")["message"]
        found = hits(newest)
        assert all("vendor_data" in hit["_source"] for hit in found)
        result = json.dumps(found, ensure_ascii=False) + message
        assert [word for word in hidden if word in result] == []
        journals = [p for p in (newest.folder / "state").rglob("*") if p.is_file() and "token" not in p.name]
        kept = b"".join(path.read_bytes() for path in journals)
        assert [word for word in hidden - {"ya29."} if word.encode() in kept] == []


def test_planned_and_held_meetings_show_which_were_never_held_or_never_planned(
    newest: IndexSandbox, google: Vendors
) -> None:
    """The README's query: one meeting code on one day."""
    with google.at(google=GoogleOptions(ids="same")) as served:
        planned = run(from_source(served, newest), "--upcoming", "2")
        assert planned["listed"] == len(meetings(stored(newest), state="scheduled")) > 0
        held = {d["meeting_code"] for d in meetings(served.truth).values()}
        plans = {d["meeting_code"] for d in meetings(stored(newest), state="scheduled").values()}
        assert all("scheduled_end_time" in d for d in meetings(stored(newest)).values())
        run(from_source(served, newest))
        assert by_code(newest, planned=False) == held - plans
        assert by_code(newest, planned=True) == plans - held
        assert held - plans
        assert plans - held


def by_code(sandbox: IndexSandbox, *, planned: bool) -> set[str]:
    """The codes that were planned and not held, or held and not planned."""
    counts = {
        "planned": {"filter": {"term": {"state": "scheduled"}}},
        "held": {"filter": {"terms": {"state": ["ended", "live"]}}},
    }
    asked = {
        "size": 0,
        "query": {"bool": {"filter": [{"term": {"vendor": "google-meet"}}]}},
        "aggs": {"code": {"terms": {"field": "meeting_code", "size": 10_000}, "aggs": counts}},
    }
    sandbox.ask("POST", f"/{sandbox.prefix}*/_refresh")
    answer = sandbox.ask("POST", f"/{sandbox.prefix}meetings/_search", asked).body
    # The selector that the README ends with is of a module that the nodes of the tests are without.
    one, other = ("planned", "held") if planned else ("held", "planned")
    buckets = answer["aggregations"]["code"]["buckets"]
    return {b["key"] for b in buckets if b[one]["doc_count"] and not b[other]["doc_count"]}
