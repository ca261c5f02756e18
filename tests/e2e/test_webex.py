"""A simulated Webex, through the command line, into a real Elasticsearch, compared with the truth.

The organisation's now is shortly after midnight: the meetings that began some minutes before are the nightly run's.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from harvester.simulator.organisation import Organisation
from harvester.simulator.webex import meeting_rows
from harvester.simulator.webex.account import Account, Quirk
from harvester.simulator.webex.options import WebexOptions
from harvester.simulator.webex.tokens import CLIENT_SECRET
from tests.e2e.elasticsearch_nodes import Node
from tests.e2e.harness import Documents, Harvester, Simulator, differences, lines
from tests.e2e.index_sandbox import IndexSandbox
from tests.e2e.simulator_in_process import RunningSimulator, Vendors
from tests.e2e.test_zoom import hits, pointed, stored

pytestmark = pytest.mark.with_templates

NOW = datetime(2026, 11, 20, 0, 3, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
OPTIONS: dict[str, Any] = {
    "seed": 11,
    "size": 40,
    "days": 1,
    "now": NOW,
    "speed": 200.0,
    "vendors": ("webex",),
}
WHOLE = ("--from", "2026-11-19", "--to", "2026-11-20")
LISTING = {"GET /meetings": 1}
NO_QUALITY = "quality not ready"


@pytest.fixture
def webex(tmp_path: Path) -> Vendors:
    return Vendors(tmp_path, OPTIONS)


def run(harvester: Harvester, *words: str) -> dict[str, Any]:
    """Run once. Returns the summary, with stderr as `message`."""
    file = harvester.folder / "summary.json"
    ended = harvester("webex", *words, "--summary-json", str(file))
    message = ended.stderr.decode()
    assert ended.returncode == 0, message
    assert "Traceback" not in message
    (summary,) = json.loads(file.read_text())["vendors"]
    return {**summary, "message": message}


def versions(sandbox: IndexSandbox) -> dict[str, int]:
    return {hit["_id"]: hit["_version"] for hit in hits(sandbox)}


def details(documents: Documents) -> Counter[str]:
    """How many meetings have each `detail`."""
    return Counter(d["detail"] for d in documents.values() if d["kind"] == "meeting")


def nothing_is_wrong(harvester: Harvester) -> None:
    ended = harvester("verify", "webex", "--json")
    assert ended.returncode == 0, (ended.stdout + ended.stderr).decode()
    assert json.loads(ended.stdout)["vendors"][0]["findings"] == []


def asked_in(served: RunningSimulator, harvester: Harvester, *words: str) -> dict[str, int]:
    """Run once. Returns how often it made each call."""
    before = Counter(served.calls())
    run(harvester, *words)
    return dict(Counter(served.calls()) - before)


def test_young_meetings_are_stored_at_once_and_completed_once_their_quality_is_there(
    newest: IndexSandbox, webex: Vendors
) -> None:
    with webex.at() as served:
        harvester = served.pointed(newest)
        first = run(harvester)
        assert differences(stored(newest), served.truth) == []
        young = first["pending_by_reason"][NO_QUALITY]
        assert young == details(served.truth)["basic"] > 0
        assert first["pending_by_reason"] == {NO_QUALITY: young, "live": details(served.truth)["live"]}
        assert f"{young} without quality yet" in first["message"]
        nothing_is_wrong(harvester)
    with webex.at(10 * MINUTE) as served:
        harvester = served.pointed(newest)
        second = run(harvester)
        assert differences(stored(newest), served.truth) == []
        assert details(stored(newest))["basic"] == 0
        # Webex may complete a meeting until a quarter of an hour after its end.
        assert second["pending_by_reason"] == {"just ended": young}
        assert served.traffic()["qualities"] == {"requests": young, "refused": 0, "smallest_gap": None}
        assert asked_in(served, harvester) == LISTING
        before = versions(newest)
    with webex.at(17 * MINUTE) as served:
        harvester = served.pointed(newest)
        assert run(harvester)["done"] == young
        assert asked_in(served, harvester) == LISTING
        assert differences(stored(newest), served.truth) == []
        after = versions(newest)
        assert before.keys() == after.keys()
        assert all(after[name] >= version for name, version in before.items())
        nothing_is_wrong(harvester)
        answer = harvester("status", "-v").stdout.decode()
        assert f"pending   {first['pending_by_reason']['live']} (live" in answer


def test_a_meeting_read_again_within_five_minutes_waits_and_keeps_its_detail(
    newest: IndexSandbox, webex: Vendors
) -> None:
    with webex.at() as served:
        harvester = served.pointed(newest)
        run(harvester)
        before = versions(newest)
        again = run(harvester, *WHOLE, "--force")
        assert again["kept_richer"] == 0
        assert again["pending_by_reason"][NO_QUALITY] == again["listed"] - again["pending_by_reason"]["live"]
        assert served.traffic()["qualities"]["smallest_gap"] is None
        assert differences(stored(newest), served.truth) == []
        after = versions(newest)
        assert all(after[name] >= version for name, version in before.items())


def test_eight_days_later_a_forced_reading_makes_nothing_poorer(newest: IndexSandbox, webex: Vendors) -> None:
    with webex.at(10 * MINUTE) as served:
        run(served.pointed(newest))
        complete = details(served.truth)["full"]
    before, answer = stored(newest), versions(newest)
    full = {name: answer[name] for name, document in before.items() if document["detail"] == "full"}
    with webex.at(8 * DAY) as served:
        harvester = served.pointed(newest)
        forced = run(harvester, *WHOLE, "--force")
        assert (forced["kept_richer"], forced["pending"]) == (complete, 0)
        assert forced["message"].count("Webex no longer keeps it") == 1
        found, answer = stored(newest), versions(newest)
        assert {name: answer[name] for name in full} == full
        assert {name: found[name] for name in full} == {name: before[name] for name in full}
        late = {name: d for name, d in served.truth.items() if name in found.keys() - full.keys()}
        assert details(late) == {"basic": forced["done"]}, "they were live"
        assert differences({name: found[name] for name in late}, late) == []
        assert found.keys() == full.keys() | late.keys()
        assert served.traffic()["qualities"]["requests"] == 0
        nothing_is_wrong(harvester)


def test_the_oldest_supported_server_gets_the_same_documents(es8: Node, tmp_path: Path) -> None:
    more = ["--later", "10", "--webex-no-pro-pack", "--webex-strict-tokens"]
    simulator = Simulator(tmp_path, NOW, size=40, days=1, speed=200.0, vendors=("webex",), more=more)
    with IndexSandbox.on(es8, tmp_path) as sandbox, simulator:
        harvester = pointed(sandbox, simulator)
        run(harvester)
        assert details(simulator.truth)["full"] == 0
        assert differences(stored(sandbox), simulator.truth) == []
    with Vendors(tmp_path, OPTIONS).at(10 * MINUTE) as served, IndexSandbox.on(es8, tmp_path) as sandbox:
        run(served.pointed(sandbox))
        assert details(served.truth)["full"] > 0
        assert differences(stored(sandbox), served.truth) == []


def test_faults_cost_another_run_and_nothing_else(newest: IndexSandbox, webex: Vendors) -> None:
    """A quality call that failed may be made again after five minutes, by the next run."""
    for later in range(0, 60, 10):
        with webex.at(later * MINUTE, faults=0.05) as served:
            ended = served.pointed(newest)("webex", *WHOLE)
            assert ended.returncode in {0, 75}, ended.stderr.decode()
            assert served.traffic()["qualities"]["smallest_gap"] is None
            if later and ended.returncode == 0 and not differences(stored(newest), served.truth):
                return
    assert differences(stored(newest), served.truth) == []


def test_stdout_piped_into_load_is_the_same_index(newest: IndexSandbox, webex: Vendors) -> None:
    with webex.at(10 * MINUTE) as served:
        harvester = served.pointed(newest)
        printed = harvester("webex", *WHOLE, "--destination", "stdout")
        loaded = harvester("load", stdin=printed.stdout)
        assert loaded.returncode == 0, loaded.stderr.decode()
        assert differences(stored(newest), served.truth) == []
        # The same instant in the index itself, without a second call for any meeting's quality.
        run(harvester, *WHOLE)
        assert served.traffic()["qualities"]["smallest_gap"] is None
        assert differences(stored(newest), served.truth) == []


# What an account may have


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        (
            WebexOptions(admin=False),
            ["reading only the meetings of the logged-in user", "Pro Pack"],
        ),
        (WebexOptions(pro_pack=False), ["meetings are stored without quality", "Pro Pack"]),
        (WebexOptions(elsewhere=451), ["another region (451)", "https://analytics-eu.webexapis.com/v1"]),
        (WebexOptions(elsewhere=403), ["another region (403)", "https://analytics-eu.webexapis.com/v1"]),
    ],
    ids=["no admin", "no Pro Pack", "elsewhere, 451", "elsewhere, 403"],
)
def test_an_account_with_fewer_permissions_reads_a_part(
    newest: IndexSandbox, webex: Vendors, terms: WebexOptions, message: list[str]
) -> None:
    with webex.at(10 * MINUTE, webex=terms) as served:
        harvester = served.pointed(newest)
        ended = run(harvester, *WHOLE)
        assert all(words in ended["message"] for words in message), ended["message"]
        assert differences(stored(newest), served.truth) == []
        assert details(served.truth)["full"] == 0
        assert NO_QUALITY not in ended["pending_by_reason"]
        # Each thread may have sent its request before the first refusal.
        assert served.calls()["GET /meeting/qualities"] <= 8
        assert run(harvester)["exit_code"] == 0
        nothing_is_wrong(harvester)


def test_with_the_right_region_set_the_next_forced_reading_has_the_quality(
    newest: IndexSandbox, webex: Vendors
) -> None:
    with webex.at(10 * MINUTE, webex=WebexOptions(elsewhere=451)) as served:
        run(served.pointed(newest), *WHOLE)
        assert details(stored(newest))["full"] == 0
    with webex.at(16 * MINUTE, webex=WebexOptions(elsewhere=451)) as served:
        url = served.settings["WEBEX_ANALYTICS_URL"].replace("-analytics/", "-analytics-eu/")
        run(served.pointed(newest, WEBEX_ANALYTICS_URL=url), *WHOLE, "--force")
    with webex.at(16 * MINUTE) as served:
        assert differences(stored(newest), served.truth) == []


# Secrets, and fields that must not be searched


def secrets(later: timedelta) -> set[str]:
    """Every passcode, key and meeting link in the payloads."""
    account = Account(Organisation(seed=11, size=40, days=1, now=NOW))
    answer: set[str] = set()
    for instance in account.instances:
        instant = account.organisation.now + later // timedelta(milliseconds=1)
        answer.add(meeting_rows.listing_row(instance, instant)["webLink"])
        if Quirk.padded in instance.quirks:
            answer.update(leaves(meeting_rows.secrets(instance)))
    return {word for word in answer if len(word) > 7} - HARMLESS


HARMLESS = {"US Toll", "globalCallinNumbers"}


def leaves(value: Any) -> Iterator[str]:
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from leaves(inner)
    else:
        yield str(value)


def test_no_secret_is_stored_with_raw_and_series_and_no_series_is_searched(
    newest: IndexSandbox, webex: Vendors
) -> None:
    hidden = secrets(10 * MINUTE)
    assert sum(word.startswith(("Pw-", "Pp-", "rtmps:", "/api/")) for word in hidden) >= 8
    with webex.at(10 * MINUTE) as served:
        harvester = served.pointed(newest)
        message = run(harvester, *WHOLE, "--raw", "--series")["message"]
        found = hits(newest)
        kept = b"".join(path.read_bytes() for path in (newest.folder / "state").rglob("*") if path.is_file())
        assert [word for word in hidden if word.encode() in kept] == []
        hidden |= {CLIENT_SECRET, served.settings["WEBEX_REFRESH_TOKEN"]}
        answer = json.dumps(found, ensure_ascii=False) + message
        assert [word for word in hidden if word in answer] == []
        assert all("vendor_data" in hit["_source"] for hit in found)
        series = [hit["_source"] for hit in found if "series" in json.dumps(hit["_source"].get("quality"))]
        assert {document["kind"] for document in series} == {"session"}
        in_one = next(d["quality"]["audio_in"] for d in series if "series" in d["quality"]["audio_in"])
        assert {"start", "step_s", "latency_ms"} <= in_one["series"].keys()
        assert newest.hits({"exists": {"field": "quality.audio_in.series.step_s"}}) == []
        assert newest.hits({"exists": {"field": "quality.audio_in.latency_ms.mean"}})
        assert differences(plain(stored(newest)), served.truth) == []


def plain(documents: Documents) -> Documents:
    """The documents without the fields that only --raw and --series add."""
    for document in documents.values():
        document.pop("vendor_data")
        for stream in document.get("quality", {}).values():
            stream.pop("series", None)
    return documents


# Side by side


def test_two_vendors_and_two_accounts_share_an_index(newest: IndexSandbox, tmp_path: Path) -> None:
    """Two organisations at the same addresses; only the label of the account differs."""
    both = Vendors(tmp_path, {**OPTIONS, "vendors": ("zoom", "webex"), "speed": 200.0})
    at = partial(both.at, 10 * MINUTE)
    expected: Documents = {}
    for account, seed in (("a", 11), ("b", 12)):
        with at(seed=seed) as served:
            expected |= relabelled(served.truth, account)
            everything(served.pointed(newest, HARVESTER_ACCOUNT=account), *WHOLE)
    assert Counter((d["vendor"], d["account"]) for d in expected.values()).keys() == {
        (vendor, account) for vendor in ("zoom", "webex") for account in "ab"
    }
    assert differences(stored(newest), expected) == []
    others = {name: version for name, version in versions(newest).items() if ":a:" not in name}
    with at(seed=11) as served:
        harvester = served.pointed(newest, HARVESTER_ACCOUNT="a")
        everything(harvester, *WHOLE, "--force")
        ended = harvester("verify", "--json")
        assert ended.returncode == 0, (ended.stdout + ended.stderr).decode()
    assert differences(stored(newest), expected) == []
    after = versions(newest)
    assert {name: after[name] for name in others} == others


def everything(harvester: Harvester, *words: str) -> None:
    ended = harvester("all", *words)
    assert ended.returncode == 0, ended.stderr.decode()


def relabelled(documents: Documents, account: str) -> Documents:
    """The truth for an account with another label than the default."""
    return {
        name.replace(":main:", f":{account}:", 1): {
            **document,
            "account": account,
            "document_id": name.replace(":main:", f":{account}:", 1),
        }
        for name, document in documents.items()
    }


def test_each_vendors_documents_are_printed_once(tmp_path: Path) -> None:
    both = Vendors(tmp_path, {**OPTIONS, "vendors": ("zoom", "webex"), "speed": 200.0})
    with both.at(10 * MINUTE) as served:
        printed = Harvester(tmp_path, served.settings)("all", *WHOLE)
        assert printed.returncode == 0, printed.stderr.decode()
        assert differences(lines(printed.stdout), served.truth) == []
