"""Logging in to a simulated Google through its consent page, and the messages about wrong credentials files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harvester.simulator.google_meet.login import CLIENT_SECRET
from harvester.simulator.google_meet.options import GoogleOptions
from tests.e2e.harness import HANGS_SECONDS, Harvester, differences, lines
from tests.e2e.simulator_in_process import RunningSimulator, Vendors
from tests.e2e.test_google_meet import OPTIONS, WHOLE
from tests.e2e.test_webex_login import free_port, opened, started


@pytest.fixture
def served(tmp_path: Path) -> Iterator[RunningSimulator]:
    with Vendors(tmp_path, OPTIONS).at(google=GoogleOptions(client=True)) as there:
        yield there


def log_in(harvester: Harvester) -> str:
    """Sign in on the page that the login names, and say yes."""
    words = ("login", "google-meet", "--scope", "user", "--no-browser", "--port", str(free_port()))
    with started(harvester, *words) as process:
        assert process.stderr is not None
        message: list[str] = []
        while not message or "Ctrl-C" not in message[-1]:
            message.append(process.stderr.readline())
            assert message[-1], "".join(message)
        found = re.search(r"http://127\.0\.0\.1:\d+/google/auth\S+", "".join(message))
        assert found is not None, message
        assert "Sign in as" in opened(found[0])
        assert "close this window" in opened(found[0], decision="allow")
        message.append(process.communicate(timeout=HANGS_SECONDS)[1])
        assert process.returncode == 0, "".join(message)
    return "".join(message)


def test_a_login_is_enough_for_a_check_and_a_harvest_of_ones_own_conferences(
    served: RunningSimulator, tmp_path: Path
) -> None:
    harvester = Harvester(tmp_path, served.settings)
    words = ("google-meet", *WHOLE, "--destination", "stdout")
    before = harvester(*words)
    assert (before.returncode, before.stdout) == (77, b"")
    assert "run `harvester login google-meet`" in before.stderr.decode()
    message = log_in(harvester)
    checked = harvester("check", "google-meet")
    assert "delegation" not in checked.stdout.decode()
    ended = harvester(*words)
    assert ended.returncode == 0, ended.stderr.decode()
    assert differences(lines(ended.stdout), served.truth) == []
    answer = message + "".join(map(bytes.decode, (checked.stdout, checked.stderr, ended.stderr)))
    assert CLIENT_SECRET not in answer
    assert "ya29." not in answer


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"type": "service_account", "client_email": "a@b"}, "lacks private_key"),
        ({"type": "external_account"}, "external_account"),
        ({"api_key": "marked-secret-51c4"}, "is an API key"),
        ({"access_token": "marked-secret-51c4"}, "without a refresh_token"),
        (["marked-secret-51c4"], "not a JSON object"),
    ],
)
def test_a_wrong_file_is_named_and_never_shown(
    served: RunningSimulator, tmp_path: Path, content: Any, message: str
) -> None:
    file = tmp_path / "wrong.json"
    file.write_text(json.dumps(content))
    harvester = Harvester(tmp_path, {**served.settings, "GOOGLE_CREDENTIALS": str(file)})
    ended = harvester("google-meet", *WHOLE, "--destination", "stdout")
    answer = " ".join(ended.stderr.decode().split())
    assert (ended.returncode, ended.stdout) == (78, b""), answer
    assert message in answer
    assert "Traceback" not in answer
    assert "marked-secret-51c4" not in answer
