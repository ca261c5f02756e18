"""Tests the simulated Meetecho and datatracker over HTTP with `requests`, which the datatracker's client
uses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import orjson
import pytest
import requests

from harvester.simulator.server import MeetechoOptions, Options, Simulator, serving
from tests.unit.simulator.clients import NOW


@pytest.fixture(scope="module")
def settings() -> Iterator[dict[str, str]]:
    options = MeetechoOptions(hasty=0)
    with serving(Options(size=40, days=3, now=NOW, vendors=("meetecho",), meetecho=options)) as served:
        yield served


def call(settings: dict[str, str], method: str, path: str, token: str | None = None, body: Any = None) -> Any:
    """Send a request as `MeetechoAPI._request` does."""
    headers = {"Accept": "application/json"}
    if token is not None:
        headers["Authorization"] = f"bearer {token}"
    url = urljoin(settings["MEETECHO_API_URL"] + "/", path)
    with requests.Session() as session:
        return session.request(method, url, headers=headers, json=body, timeout=60)


def traffic(settings: dict[str, str]) -> dict[str, Any]:
    counts = requests.get(f"{settings['DATATRACKER_URL']}/_simulator/traffic", timeout=60).json()
    found: dict[str, Any] = counts["vendors"]["meetecho"]
    return found


def test_requests_of_the_datatrackers_client_are_accepted(settings: dict[str, str]) -> None:
    groups = settings["MEETECHO_GROUPS"].split(",")
    credentials = {
        "client": settings["MEETECHO_CLIENT_ID"],
        "secret": settings["MEETECHO_CLIENT_SECRET"],
        "wgs": groups,
    }
    tokens = call(settings, "POST", "auth/ietfservice/tokens", body=credentials).json()["tokens"]
    assert list(tokens) == groups
    rooms = call(settings, "GET", "meeting/interim/fetchRooms", tokens["zquilt"])
    assert rooms.status_code == 200
    assert rooms.headers["Date"].startswith("Fri, 20 Nov 2026 12:0")
    room = next(iter(rooms.json()["rooms"].values()))
    assert traffic(settings)["writes"] == 0
    gone = call(settings, "POST", "meeting/interim/deleteRoom", room["deletion_token"])
    assert (gone.status_code, gone.json()) == (200, {})
    deck = {"session": "18", "id": 1}
    assert call(settings, "DELETE", "materials", tokens["zquilt"], deck).status_code == 202
    assert traffic(settings)["unlike"] == {}
    assert traffic(settings)["writes"] == 2


def test_the_next_link_is_below_the_datatrackers_url(settings: dict[str, str]) -> None:
    base = settings["DATATRACKER_URL"]
    first = requests.get(f"{base}/api/v1/meeting/session/", params={"limit": 5}, timeout=60).json()
    assert first["meta"]["next"].startswith("/api/v1/")
    second = requests.get(base + first["meta"]["next"], timeout=60).json()
    assert second["meta"]["offset"] == 5
    row = requests.get(base + second["objects"][0]["resource_uri"], timeout=60).json()
    assert row == second["objects"][0]


def test_without_credentials_neither_settings_nor_expected_documents_have_rooms(tmp_path: Path) -> None:
    def meetings(**access: Any) -> tuple[dict[str, str], set[str]]:
        options = Options(
            size=40, days=3, now=NOW, vendors=("meetecho",), truth=tmp_path / "truth", meetecho=MeetechoOptions(**access)
        )  # fmt: skip
        simulator = Simulator(options)
        simulator.write_expected()
        lines = [orjson.loads(line) for line in (tmp_path / "truth").read_bytes().splitlines()]
        traffic = {line["uuid"] for line in lines if line["kind"] == "meeting"}
        return simulator.environment("http://127.0.0.1:1"), traffic

    settings, found = meetings()
    without, fewer = meetings(credentials=False)
    assert settings.keys() - without.keys() == {"MEETECHO_CLIENT_ID", "MEETECHO_CLIENT_SECRET"}
    assert fewer < found
    assert not any("-" in uuid for uuid in fewer)


def test_faults_return_html_pages_instead_of_rooms() -> None:
    options = Options(size=20, days=3, now=NOW, vendors=("meetecho",), faults=0.5, speed=100_000, seed=3)
    seen = set()
    with serving(options) as settings:
        for position in range(200):
            try:
                answer = call(settings, "GET", f"nothing/{position}")
            except requests.RequestException:
                continue
            seen.add((answer.status_code, answer.headers["Content-Type"].partition(";")[0]))
            if answer.status_code == 200:
                with pytest.raises(json.JSONDecodeError):
                    json.loads(answer.text)
    assert (200, "text/html") in seen
    assert (429, "application/json") in seen


def test_the_connection_breaks_after_a_room_was_created() -> None:
    options = Options(size=20, days=3, now=NOW, vendors=("meetecho",))
    with serving(options) as settings:
        base = settings["DATATRACKER_URL"]
        control = f"{base}/_simulator/meetecho"
        faults = [{"call": "POST meeting/interim/createRoom", "kind": "lost_reply"}]
        assert requests.post(control, json={"faults": faults}, timeout=60).status_code == 200
        credentials = {
            "client": "invented-datatracker",
            "secret": "invented-meetecho-secret",
            "wgs": ["hushwg"],
        }
        token = call(settings, "POST", "auth/ietfservice/tokens", body=credentials).json()["tokens"]["hushwg"]
        room = {
            "room_id": 1, "description": "", "start_time": "2026-12-01 10:00:00", "duration": 1, "extrainfo": "",
        }  # fmt: skip
        with pytest.raises(requests.ConnectionError):
            call(settings, "POST", "meeting/interim/createRoom", token, room)
        state = requests.get(control, timeout=60).json()
        assert [row["room_id"] for row in state["rooms"]["hushwg"]] == [1]
        assert [row["status"] for row in state["requests"] if row["writes"]] == [None]


def test_meetecho_accepts_the_decks_that_the_datatracker_lists() -> None:
    with serving(Options(size=40, days=3, now=NOW, vendors=("meetecho",))) as settings:
        base = settings["DATATRACKER_URL"]
        rows = requests.get(f"{base}/api/v1/meeting/session/", params={"limit": 100}, timeout=60).json()[
            "objects"
        ]
        groups = {
            row["id"]: row["acronym"]
            for row in requests.get(f"{base}/api/v1/group/group/", timeout=60).json()["objects"]
        }
        accepted = 0
        for row in rows[:12]:
            group = groups[int(row["group"].rstrip("/").rpartition("/")[2])]
            credentials = {
                "client": "invented-datatracker",
                "secret": "invented-meetecho-secret",
                "wgs": [group],
            }
            token = call(settings, "POST", "auth/ietfservice/tokens", body=credentials).json()["tokens"][
                group
            ]
            listed = requests.get(f"{base}/api/meeting/session/{row['id']}/materials", timeout=60).json()
            decks = [
                {
                    "id": deck["id"],
                    "title": deck["title"],
                    "url": deck["url"],
                    "rev": deck["rev"] or "",
                    "order": order,
                }
                for order, deck in enumerate(listed["slides"]["decks"], start=1)
            ]
            dead = any(requests.get(deck["url"], timeout=60).status_code != 200 for deck in decks)
            answer = call(settings, "PUT", "materials", token, {"session": str(row["id"]), "decks": decks})
            assert answer.status_code == (400 if dead else 202)
            accepted += bool(decks) and not dead
        assert accepted > 2
