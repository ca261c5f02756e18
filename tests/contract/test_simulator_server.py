"""Tests the simulator as a server: HTTP requests, broken connections, start and stop of the process."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
import requests
from google.auth.transport.requests import AuthorizedSession
from google.oauth2.service_account import Credentials

from connectors.errors import ConfigurationError
from connectors.parsing import response_date
from harvester.simulator import VENDORS
from harvester.simulator.expected import documents
from harvester.simulator.server import Options, Simulator, serving

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DIRECTORY = "https://www.googleapis.com/auth/admin.directory.user.readonly"
LISTING = {"from": "2026-11-17", "to": "2026-11-20", "type": "past", "page_size": "300"}


@pytest.fixture(scope="module")
def settings() -> Iterator[dict[str, str]]:
    with serving(Options(size=40, days=3, now=NOW)) as answer:
        yield answer


def token(settings: Mapping[str, str]) -> dict[str, str]:
    answer = requests.post(
        settings["ZOOM_TOKEN_URL"],
        data={"grant_type": "account_credentials", "account_id": settings["ZOOM_ACCOUNT_ID"]},
        auth=(settings["ZOOM_CLIENT_ID"], settings["ZOOM_CLIENT_SECRET"]),
        timeout=60,
    )
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def traffic(settings: Mapping[str, str], vendor: str = "zoom") -> dict[str, Any]:
    base = settings["ZOOM_API_URL"].removesuffix("/zoom/v2")
    answer = requests.get(f"{base}/_simulator/traffic", timeout=60).json()
    return {**answer["vendors"][vendor], "faults": answer["faults"]}


def test_a_listing_over_http(settings: dict[str, str]) -> None:
    before = traffic(settings)["calls"].get("GET /metrics/meetings", 0)
    url = settings["ZOOM_API_URL"] + "/metrics/meetings"
    answer = requests.get(url, params=LISTING, headers=token(settings), timeout=60)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json;charset=UTF-8"
    assert answer.headers["Date"].startswith("Fri, 20 Nov 2026 12:0")
    assert answer.json()["meetings"]
    after = traffic(settings)
    assert after["calls"]["GET /metrics/meetings"] == before + 1
    assert after["classes"]["resource_intensive"]["requests"] >= 1
    assert {"limit", "period", "requests", "refused", "peak", "first", "last"} <= after["classes"][
        "heavy"
    ].keys()


def test_the_api_url_in_a_token_response_is_the_simulators(settings: dict[str, str]) -> None:
    answer = requests.post(
        settings["ZOOM_TOKEN_URL"],
        params={"grant_type": "account_credentials", "account_id": settings["ZOOM_ACCOUNT_ID"]},
        auth=(settings["ZOOM_CLIENT_ID"], settings["ZOOM_CLIENT_SECRET"]),
        timeout=60,
    )
    assert answer.json()["api_url"] + "/v2" == settings["ZOOM_API_URL"]


def test_webex_is_created_at_its_first_request(settings: dict[str, str]) -> None:
    refreshed = requests.post(
        f"{settings['WEBEX_API_URL']}/access_token",
        data={
            "grant_type": "refresh_token",
            "client_id": settings["WEBEX_CLIENT_ID"],
            "client_secret": settings["WEBEX_CLIENT_SECRET"],
            "refresh_token": settings["WEBEX_REFRESH_TOKEN"],
        },
        timeout=60,
    )
    bearer = {"Authorization": f"Bearer {refreshed.json()['access_token']}"}
    url = f"{settings['WEBEX_API_URL']}/meetings"
    parameters = {"meetingType": "meeting", "from": "2026-11-17T00:00:00Z", "to": "2026-11-21T00:00:00Z"}
    page = requests.get(url, params=parameters, headers=bearer, timeout=60)
    assert len(page.json()["items"]) == 10
    assert page.headers["Date"].startswith("Fri, 20 Nov 2026 12:0")
    assert page.links["next"]["url"].startswith(url)
    again = requests.get(page.links["next"]["url"], headers=bearer, timeout=60)
    assert again.json()["items"]
    assert traffic(settings, "webex")["calls"]["GET /meetings"] == 2
    other = f"{settings['WEBEX_ANALYTICS_URL']}/meeting/qualities"
    ended = next(row["id"] for row in again.json()["items"] if row["state"] == "ended")
    asked_for = {"meetingId": ended}
    assert [
        requests.get(other, params=asked_for, headers=bearer, timeout=60).status_code for _ in range(2)
    ] == [
        200,
        429,
    ]


def test_teams_is_served_with_links_to_itself_and_a_state_of_its_own(settings: dict[str, str]) -> None:
    granted = requests.post(
        f"{settings['TEAMS_LOGIN_URL']}/{settings['TEAMS_TENANT_ID']}/oauth2/v2.0/token",
        data={
            "client_id": settings["TEAMS_CLIENT_ID"],
            "client_secret": settings["TEAMS_CLIENT_SECRET"],
            "scope": f"{settings['TEAMS_API_URL']}/.default",
            "grant_type": "client_credentials",
        },
        timeout=60,
    )
    bearer = {"Authorization": f"Bearer {granted.json()['access_token']}", "Prefer": "odata.maxpagesize=5"}
    url = f"{settings['TEAMS_API_URL']}/v1.0/communications/callRecords"
    page = requests.get(
        url, params={"$filter": "startDateTime ge 2026-11-18T00:00:00Z"}, headers=bearer, timeout=60
    )
    assert len(page.json()["value"]) == 5
    assert page.headers["Date"].startswith("Fri, 20 Nov 2026 12:0")
    link = page.json()["@odata.nextLink"]
    assert link.startswith(url)
    ids = {row["id"] for row in page.json()["value"]}
    assert ids.isdisjoint(row["id"] for row in requests.get(link, headers=bearer, timeout=60).json()["value"])
    control = settings["TEAMS_API_URL"].removesuffix("/teams/graph") + "/_simulator/teams"
    state = requests.get(control, timeout=60).json()
    assert ids < {row["id"] for row in state["records"]}
    assert traffic(settings, "teams")["classes"]["list"]["requests"] == 2


def test_only_the_requested_vendors_are_served_and_in_the_settings() -> None:
    with serving(Options(size=20, days=2, now=NOW, vendors=("webex",))) as served:
        assert not [name for name in served if name.startswith("ZOOM")]
        base = served["WEBEX_API_URL"].removesuffix("/webex/v1")
        assert requests.get(f"{base}/zoom/v2/users", timeout=60).status_code == 404
        assert requests.get(f"{served['WEBEX_API_URL']}/people/me", timeout=60).status_code == 401
        answer = requests.get(f"{base}/_simulator/traffic", timeout=60).json()
        assert answer["vendors"].keys() == {"webex"}


def test_googles_credentials_file_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    options = Options(size=20, days=2, now=NOW, vendors=("google-meet",), env=tmp_path / "sim.env")
    with serving(options) as served:
        path = Path(served["GOOGLE_CREDENTIALS"])
        assert (path.parent, path.stat().st_mode & 0o777) == (tmp_path, 0o600)
        key = Credentials.from_service_account_file(str(path), scopes=[DIRECTORY])
        session = AuthorizedSession(key.with_subject(served["GOOGLE_ADMIN"]))
        url = f"{served['GOOGLE_ADMIN_API_URL']}/admin/directory/v1/users"
        answer = session.get(url, params={"customer": "my_customer"})
        assert served["GOOGLE_ADMIN"] in {user["primaryEmail"] for user in answer.json()["users"]}
        assert answer.headers["Date"].startswith("Fri, 20 Nov 2026 12:0")
        lost = session.get(f"{served['GOOGLE_CALENDAR_API_URL']}/calendars/primary/events")
        assert lost.json()["error"]["errors"][0]["reason"] == "insufficientPermissions"
        assert requests.get(f"{served['GOOGLE_MEET_API_URL']}/v1/nothing", timeout=60).status_code == 404


@pytest.mark.slow
def test_without_env_googles_credentials_are_in_a_temporary_folder() -> None:
    simulator = Simulator(Options(size=20, days=2, now=NOW, vendors=("google-meet",)))
    path = Path(simulator.environment("http://127.0.0.1:1")["GOOGLE_CREDENTIALS"])
    assert path.stat().st_mode & 0o777 == 0o600
    del simulator
    gc.collect()
    assert not path.parent.exists()


def test_the_temporary_folder_is_removed_when_the_simulator_stops() -> None:
    with serving(Options(size=20, days=2, now=NOW, vendors=("google-meet",))) as served:
        path = Path(served["GOOGLE_CREDENTIALS"])
        assert path.exists()
    assert not path.parent.exists()


def test_harvests_of_the_simulator_keep_their_state_next_to_the_settings(tmp_path: Path) -> None:
    options = Options(size=20, days=2, now=NOW, vendors=("webex",), env=tmp_path / "sim.env")
    with serving(options):
        lines = (tmp_path / "sim.env").read_text().splitlines()
    assert f"HARVESTER_STATE_DIR={tmp_path / 'sim.env.state'}" in lines
    assert "HARVESTER_ACCOUNT=main" in lines
    assert (tmp_path / "sim.env").stat().st_mode & 0o777 == 0o600


def test_a_vendor_without_requests_is_not_created() -> None:
    simulator = Simulator(Options(size=20, days=2, now=NOW))
    assert simulator.traffic()["vendors"] == {
        name: {"classes": {}, "refused": 0, "calls": {}} for name in VENDORS
    }
    assert simulator.vendors["webex"].vendor() is simulator.vendors["webex"].vendor()
    assert "qualities" in simulator.traffic()["vendors"]["webex"]


def test_later_keeps_the_organisation_and_moves_the_clock(tmp_path: Path) -> None:
    def settings_later(**more: Any) -> dict[str, Any]:
        options = Options(size=20, days=2, now=NOW, vendors=("webex",), truth=tmp_path / "truth", **more)
        simulator = Simulator(options)
        simulator.write_expected()
        shown = simulator.environment("http://127.0.0.1:1")["HARVESTER_NOW"].partition("@")[0]
        assert shown == f"{NOW + options.later:%Y-%m-%dT%H:%M:%SZ}"
        lines = [orjson.loads(line) for line in (tmp_path / "truth").read_bytes().splitlines()]
        return {line["document_id"]: line["detail"] for line in lines if line["kind"] == "meeting"}

    before, after = settings_later(), settings_later(later=timedelta(minutes=10))
    assert before.keys() == after.keys()
    changed = [(before[name], after[name]) for name in before if before[name] != after[name]]
    assert changed == [("basic", "full")] * 2


def test_the_settings_have_one_clock_for_all_vendors(settings: dict[str, str]) -> None:
    shown, _, real = settings["HARVESTER_NOW"].partition("@")
    assert shown == "2026-11-20T12:00:00Z"
    assert real.endswith("Z")
    assert datetime.fromisoformat(real).tzinfo is not None
    assert settings["HARVESTER_SPEED"] == "1"


def test_every_vendor_sends_the_simulated_time_with_each_response(settings: dict[str, str]) -> None:
    """Without credentials, and without counting as a call."""
    before = {vendor: traffic(settings, vendor)["calls"] for vendor in VENDORS}
    for name in (
        "ZOOM_API_URL",
        "WEBEX_API_URL",
        "GOOGLE_ADMIN_API_URL",
        "GOOGLE_MEET_API_URL",
        "DATATRACKER_URL",
        "TEAMS_API_URL",
        "TEAMS_LOGIN_URL",
    ):
        response = requests.head(settings[name], timeout=30)
        date = response_date(response.headers)
        assert date is not None, name
        shown = datetime.fromisoformat(settings["HARVESTER_NOW"].partition("@")[0])
        assert timedelta(0) <= date - shown < timedelta(minutes=30)
    assert {vendor: traffic(settings, vendor)["calls"] for vendor in VENDORS} == before


def test_broken_connections_recover() -> None:
    seen: Counter[str] = Counter()
    with serving(Options(size=20, days=3, now=NOW, faults=0.5, speed=100_000, seed=3)) as settings:
        url = settings["ZOOM_API_URL"] + "/nothing"
        for number in range(150):
            try:
                answer = requests.get(f"{url}/{number}", timeout=60)
            except requests.exceptions.ChunkedEncodingError:
                seen["half"] += 1
            except requests.ConnectionError as error:
                seen[
                    "reset"
                    if "reset" in str(error)
                    else "half"
                    if "IncompleteRead" in str(error)
                    else "closed"
                ] += 1
            else:
                seen[str(answer.status_code)] += 1
        injected = traffic(settings)["faults"]
    assert seen["reset"] > 0
    assert seen["half"] > 0
    assert seen["404"] > 50  # the body without faults
    assert {"reset", "reset after the headers", "half a body"} <= injected.keys()
    broken = sum(count for name, count in injected.items() if name.startswith(("reset", "half")))
    assert seen["reset"] + seen["half"] + seen["closed"] == broken


@pytest.mark.slow
def test_the_process_writes_its_files_announces_itself_and_stops_on_a_signal(tmp_path: Path) -> None:
    options = f"Options(size=20, days=3, now=datetime(2026, 11, 20, 12, tzinfo=UTC), env=Path({str(tmp_path / 'env')!r}), truth=Path({str(tmp_path / 'truth')!r}))"
    code = f"from datetime import UTC, datetime; from pathlib import Path; from harvester.simulator.server import *; import sys; run({options}, lambda line: print(line, file=sys.stderr, flush=True))"
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stderr=subprocess.PIPE,
        env=dict(os.environ),
        cwd=Path(__file__).parents[2],
    ) as process:
        assert process.stderr is not None
        first = process.stderr.readline().decode()
        assert first.startswith("computing the documents of a perfect harvest"), (
            "what takes long is announced"
        )
        ready = process.stderr.readline().decode()
        settings = dict(line.split("=", 1) for line in (tmp_path / "env").read_text().splitlines())
        assert ready == f"ready: {settings['ZOOM_API_URL'].removesuffix('/zoom/v2')}\n"
        assert token(settings)
        lines_printed = [process.stderr.readline().decode().rstrip() for _ in range(3)]
        assert lines_printed[0].startswith(f"wrote {tmp_path / 'truth'}: ")
        assert lines_printed[1].startswith(f"wrote {tmp_path / 'env'}: ")
        assert lines_printed[2].startswith(
            f"  harvester all --env-file {tmp_path / 'env'} --from 2026-11-17 "
        )
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) in {0, -signal.SIGTERM}
        assert process.stderr.read() == b""
    simulator = Simulator(Options(size=20, days=3, now=NOW))
    lines = [orjson.loads(line) for line in (tmp_path / "truth").read_bytes().splitlines()]
    assert [line["document_id"] for line in lines] == [
        d["document_id"] for d in documents(simulator.organisation)
    ]


def test_a_port_in_use_is_an_error(settings: dict[str, str]) -> None:
    port = int(settings["ZOOM_API_URL"].split(":")[2].split("/")[0])
    with (
        pytest.raises(ConfigurationError, match=f"port {port} is in use"),
        serving(Options(port=port, size=1)),
    ):
        pass
