"""Tests the control of the simulated rooms."""

from __future__ import annotations

import pytest

from tests.unit.simulator.clients import send_request
from tests.unit.simulator.rooms_client import rooms_client


def test_the_state_has_the_truth_at_any_instant_and_every_request() -> None:
    client = rooms_client(rooms=2)
    client.events(client.calendars[0])
    client.change(
        put=[{"room": "Birch", "start": "2026-11-21", "end": "2026-11-22", "summary": "Fair", "id": "fair12"}]
    )
    path = "/_simulator/rooms"
    state = send_request(client.google.google, path, query="at=2026-11-21T10:00:00Z").body
    assert state["truth"][1]["current"]["title"] == "Fair" or any(
        each["title"] == "Fair" for each in state["truth"][1]["running"]
    )
    assert state["requests"] == [
        {"call": "GET calendar calendars/{id}/events", "room": "Aurora", "instant": 1_795_176_000_200, "outcome": "ok"}
    ]  # fmt: skip
    assert "fair12" in [row["id"] for row in state["rooms"]["Birch"]["events"]]


@pytest.mark.parametrize(
    "changes",
    [
        {"put": [{"room": "Nowhere", "start": "2026-11-21", "end": "2026-11-22"}]},
        {"put": [{"room": "Aurora", "start": "tomorrow", "end": "2026-11-22"}]},
        {"put": [{"room": "Aurora", "color": "red"}]},
        {"cancel": [{"room": "Aurora", "id": "unknown"}]},
        {"faults": [{"sort": "x"}]},
    ],
)
def test_malformed_changes_are_refused(changes: dict[str, object]) -> None:
    client = rooms_client(rooms=2)
    before = client.calendars[0].events()
    assert client.change(**changes).status == 400
    assert client.calendars[0].events() == before
