"""harvester/cli/rooms_demo.py: what the demo serves. The pages are tested in tests/e2e/test_rooms_pages.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from harvester.cli import cli, rooms_demo
from harvester.cli.run_environment import RunEnvironment


def test_the_demo_serves_simulated_rooms_and_stores_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}

    def serve(env: RunEnvironment, config: Path, _titles: None, **words: Any) -> None:
        seen.update(words, values=env.environment.values, own=env.own)
        seen["rooms"] = json.loads(config.read_text())["rooms"]

    monkeypatch.setattr(rooms_demo, "run_service", serve)
    environment = {
        "ES_HOST": "http://127.0.0.1:9",
        "GOOGLE_ADMIN": "boss@example.com",
        "GOOGLE_CREDENTIALS": "real.json",
    }
    ended = CliRunner().invoke(
        cli, ["rooms", "demo", "--rooms", "3", "--port", "8123"], env=environment, standalone_mode=False
    )
    assert ended.exception is None, ended.output
    assert [room["room_name"] for room in seen["rooms"]] == ["Aurora", "Birch", "Cedar"]
    assert (seen["host"], seen["port"], seen["booking"]) == ("127.0.0.1", 8123, True)
    values = seen["values"]
    assert "ES_HOST" not in values
    assert values["GOOGLE_ADMIN"].endswith("@example.org")
    assert values["GOOGLE_CALENDAR_API_URL"].startswith("http://127.0.0.1:")
    assert values["ARDUINO_API_URL"].startswith("http://127.0.0.1:")
    assert len(seen["own"]["ROOMS_CLIENT_SECRET"]) >= 16
