"""`harvester login` as a process: its messages, exit codes, the token that it keeps, and the secrets that it hides."""

from __future__ import annotations

import re
import signal
import socket
import stat
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

import connectors
from connectors.webex.login import DEVICE_CALLBACKS, SCOPES
from harvester.cli.login import PORT
from harvester.state.layout import account_folder
from harvester.state.quotas_and_tokens import AccountState
from tests.contract.small_webex import ACCESS, MARK, NOW, REFRESH, USER_CODE, SmallWebex, serving
from tests.e2e.harness import HANGS_SECONDS, ROOT, Harvester, clean_environment, command

WEBEX_PAGE = (ROOT / "docs" / "webex.md").read_text(encoding="utf-8")
LOGGING_IN = WEBEX_PAGE.partition("## Logging in\n")[2].partition("\n## ")[0]


@pytest.fixture
def webex() -> Iterator[SmallWebex]:
    with serving(SmallWebex()) as served:
        yield served


@pytest.fixture
def harvester(tmp_path: Path, webex: SmallWebex) -> Harvester:
    return Harvester(tmp_path, {**webex.settings, "HARVESTER_NOW": NOW.isoformat(), "HARVESTER_SPEED": "20"})


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        found: int = probe.getsockname()[1]
        return found


class Waiting:
    """A login that has printed the address to open."""

    def __init__(self, harvester: Harvester, *words: str) -> None:
        self.process = subprocess.Popen(
            command("login", "webex", "--no-browser", *words),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=harvester.environment(),
            cwd=harvester.folder,
            text=True,
        )
        assert self.process.stderr is not None
        self.message = ""
        while "Ctrl-C" not in self.message:
            line = self.process.stderr.readline()
            assert line, self.message
            self.message += line

    @property
    def address(self) -> str:
        found = re.search(r"http://127\.0\.0\.1:\d+/v1/authorize\S+", self.message)
        assert found
        return found[0]

    def end(self) -> tuple[int, str]:
        """The exit code, and everything that was printed."""
        out, err = self.process.communicate(timeout=HANGS_SECONDS)
        assert out == "", "stdout is for documents"
        return self.process.returncode, self.message + err


def open_in_browser(address: str) -> str:
    with urllib.request.urlopen(address, timeout=HANGS_SECONDS) as page:  # noqa: S310  # loopback
        text: str = page.read().decode()
        return text


def kept(harvester: Harvester, webex: SmallWebex) -> AccountState:
    folder = account_folder(harvester.folder / "state", "webex", "main", webex.settings["WEBEX_API_URL"])
    return AccountState(folder, lambda: datetime(2026, 11, 20, 12, tzinfo=UTC))


@pytest.mark.slow
def test_a_login_in_the_browser_is_kept_for_the_runs_to_come(
    harvester: Harvester, webex: SmallWebex, port: int
) -> None:
    login = Waiting(harvester, "--port", str(port))
    page = open_in_browser(login.address)
    code, message = login.end()
    assert code == 0, message
    assert "close this window" in page
    assert webex.requested["redirect_uri"] == f"http://127.0.0.1:{port}/callback"
    assert webex.requested["scope"].split() == list(SCOPES["admin"])
    assert "valid until 2027-02-18 (89 days)" in message
    assert MARK not in message + page
    state = kept(harvester, webex)
    token = state.read("webex")
    state.close()
    assert token is not None
    assert (token.access, token.refresh) == (f"{ACCESS}-1", REFRESH)
    assert token.expires_at.date() == datetime(2026, 12, 4, tzinfo=UTC).date()
    files = [path for path in (harvester.folder / "state").rglob("*") if not path.is_dir()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


@pytest.mark.slow
def test_a_login_on_another_device_is_kept_as_well(harvester: Harvester, webex: SmallWebex) -> None:
    webex.pending = 2
    ended = harvester("login", "webex", "--device", "--scope", "user")
    message = ended.stderr.decode()
    assert ended.returncode == 0, message
    assert USER_CODE in message
    assert "is valid for 5 minutes" in message
    assert MARK not in message
    assert webex.pending == -1
    state = kept(harvester, webex)
    assert state.read("webex") is not None
    state.close()


@pytest.mark.slow
def test_the_next_run_uses_the_token_of_the_login(harvester: Harvester, webex: SmallWebex) -> None:
    older = {"WEBEX_REFRESH_TOKEN": "older"}
    assert harvester("login", "webex", "--device", **older).returncode == 0
    ended = harvester("webex", "--date", "2026-11-19", "--destination", "stdout", **older)
    assert ended.returncode == 0, ended.stderr.decode()
    assert webex.bearers == {f"Bearer {ACCESS}-1"}
    assert webex.tokens == 1


@pytest.mark.slow
def test_two_logins_at_once_leave_one_whole_token(harvester: Harvester, webex: SmallWebex) -> None:
    webex.pending = 4
    both = [
        subprocess.Popen(
            command("login", "webex", "--device", "-q"),
            stderr=subprocess.PIPE,
            env=harvester.environment(),
            cwd=harvester.folder,
        )
        for _ in range(2)
    ]
    assert [process.communicate(timeout=HANGS_SECONDS) and process.returncode for process in both] == [0, 0]
    state = kept(harvester, webex)
    token = state.read("webex")
    state.close()
    assert token is not None
    assert token.access in {f"{ACCESS}-1", f"{ACCESS}-2"}


@pytest.mark.slow
def test_a_denied_login_ends_with_77_and_what_to_do(
    harvester: Harvester, webex: SmallWebex, port: int
) -> None:
    webex.redirect_error = "access_denied"
    login = Waiting(harvester, "--port", str(port))
    assert "Not logged in" in open_in_browser(login.address)
    code, message = login.end()
    assert code == 77
    assert "access was denied" in message
    state = kept(harvester, webex)
    assert state.read("webex") is None
    state.close()


@pytest.mark.slow
def test_a_refused_code_ends_with_77_and_shows_no_answer(
    harvester: Harvester, webex: SmallWebex, port: int
) -> None:
    webex.refuses = True
    login = Waiting(harvester, "--port", str(port))
    open_in_browser(login.address)
    code, message = login.end()
    assert code == 77
    assert "has expired: run `harvester login webex` again" in message
    assert MARK not in message


@pytest.mark.slow
def test_a_second_login_on_the_same_port_is_refused(harvester: Harvester, port: int) -> None:
    login = Waiting(harvester, "--port", str(port))
    second = harvester("login", "webex", "--no-browser", "--port", str(port))
    assert second.returncode == 78
    assert f"port {port} is in use" in second.stderr.decode()
    login.process.send_signal(signal.SIGINT)
    assert login.end()[0] == 130


@pytest.mark.slow
@pytest.mark.parametrize(
    ("word", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)]
)
def test_a_login_that_is_interrupted_ends_at_once(
    harvester: Harvester, port: int, word: signal.Signals, code: int
) -> None:
    login = Waiting(harvester, "--port", str(port))
    login.process.send_signal(word)
    assert login.end()[0] == code


@pytest.mark.slow
def test_a_login_is_interrupted_even_while_webex_does_not_answer(
    harvester: Harvester, webex: SmallWebex, port: int
) -> None:
    webex.stalled = threading.Event()
    login = Waiting(harvester, "--port", str(port))
    open_in_browser(login.address)
    assert webex.token_requested.wait(HANGS_SECONDS)
    login.process.send_signal(signal.SIGINT)
    assert login.end()[0] == 130
    assert not webex.stalled.is_set()
    webex.stalled.set()


@pytest.mark.slow
def test_a_wait_for_another_device_is_interrupted_as_well(harvester: Harvester, webex: SmallWebex) -> None:
    webex.pending = 10_000
    login = Waiting(harvester, "--device")
    login.process.send_signal(signal.SIGINT)
    assert login.end()[0] == 130


@pytest.mark.slow
def test_without_a_client_it_says_where_to_get_one(harvester: Harvester) -> None:
    ended = harvester("login", "webex", WEBEX_CLIENT_SECRET="")
    assert ended.returncode == 78
    assert "WEBEX_CLIENT_SECRET not set: make an integration" in ended.stderr.decode()


@pytest.mark.slow
def test_a_vendor_without_a_login_is_a_question_of_usage(harvester: Harvester) -> None:
    ended = harvester("login", "zoom")
    assert ended.returncode == 64
    assert "webex" in ended.stderr.decode()


def test_every_login_is_a_vendors_and_its_help_imports_none() -> None:
    assert set(connectors.LOGINS) <= set(connectors.CONNECTORS)
    code = (
        "import sys; from harvester.cli import cli\n"
        "try: cli.main(['login', '--help'], prog_name='harvester')\n"
        "finally: print([m for m in sys.modules if m in ('requests', 'rich') or m.startswith("
        f"{tuple('connectors.' + name.replace('-', '_') for name in connectors.CONNECTORS)!r})], file=sys.stderr)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=clean_environment(),
    )
    assert ended.stderr.strip() == "[]"
    assert "--device" in ended.stdout


def test_the_docs_name_the_redirects_and_scopes_to_register() -> None:
    assert f"http://127.0.0.1:{PORT}/callback" in LOGGING_IN
    for letter in "arkd":
        assert re.sub(r"\{.*\}", letter, DEVICE_CALLBACKS) in LOGGING_IN
    for reach in SCOPES.values():
        for scope in reach:
            assert f"`{scope}`" in LOGGING_IN
