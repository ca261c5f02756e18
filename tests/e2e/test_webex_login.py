"""Logging in to a simulated Webex through its own login pages, and what becomes of the tokens: two processes at once,
a machine that dies, a refresh that is refused."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from connectors.webex.auth import STORED_NAME
from harvester.simulator.webex.options import WebexOptions
from harvester.simulator.webex.tokens import GRACE_SECONDS
from harvester.state.layout import account_folder
from harvester.state.quotas_and_tokens import AccountState
from tests.e2e.harness import HANGS_SECONDS, Harvester, command, differences, lines
from tests.e2e.simulator_in_process import RunningSimulator, Vendors
from tests.e2e.test_webex import DAY, MINUTE, NOW, OPTIONS, WHOLE

MARK = "marked-secret-51c4"
REFUSED = "the refresh token is refused"
AGAIN = "run `harvester login webex`"


@pytest.fixture
def webex(tmp_path: Path) -> Vendors:
    return Vendors(tmp_path, OPTIONS)


@pytest.fixture
def served(webex: Vendors) -> Iterator[RunningSimulator]:
    with webex.at(10 * MINUTE) as there:
        yield there


def beginner(served: RunningSimulator, folder: Path) -> Harvester:
    """A harvester with the settings of an integration, and without a token."""
    settings = {name: value for name, value in served.settings.items() if name != "WEBEX_REFRESH_TOKEN"}
    return Harvester(folder, settings)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def opened(address: str, **form: str) -> str:
    """Open a page as a browser does, following redirects. A form is posted."""
    body = urllib.parse.urlencode(form).encode() if form else None
    with urllib.request.urlopen(address, body, timeout=HANGS_SECONDS) as page:  # noqa: S310  # loopback
        return str(page.read().decode())


@contextmanager
def logging_in(harvester: Harvester, *words: str) -> Iterator[list[str]]:
    """Start a login, and yield its instructions. At the end it must have succeeded."""
    with started(harvester, "login", "webex", *words) as process:
        assert process.stderr is not None
        message: list[str] = []
        while not message or "Ctrl-C" not in message[-1]:
            message.append(process.stderr.readline())
            assert message[-1], "".join(message)
        yield message
        message.append(process.communicate(timeout=HANGS_SECONDS)[1])
        assert process.returncode == 0, "".join(message)


def log_in(harvester: Harvester, *words: str) -> str:
    """Sign in on the page that the login names, and allow the access."""
    with logging_in(harvester, "--no-browser", "--port", str(free_port()), *words) as message:
        found = re.search(r"http://127\.0\.0\.1:\d+/webex/v1/authorize\S+", "".join(message))
        assert found is not None, message
        assert "Sign in as" in opened(found[0])
        assert "close this window" in opened(found[0], decision="allow")
    return "".join(message)


def harvested(served: RunningSimulator, harvester: Harvester) -> None:
    """Check that a harvest with the stored token is complete."""
    ended = harvester("webex", *WHOLE, "--destination", "stdout")
    assert ended.returncode == 0, ended.stderr.decode()
    assert differences(lines(ended.stdout), served.truth) == []


def test_a_login_in_the_browser_is_enough_for_a_check_and_a_harvest(
    served: RunningSimulator, tmp_path: Path
) -> None:
    harvester = beginner(served, tmp_path)
    before = harvester("webex", "--date", "2026-11-19")
    assert before.returncode == 77
    assert AGAIN in before.stderr.decode()
    assert "(89 days)" in log_in(harvester)
    harvested(served, harvester)
    checked = harvester("check", "webex").stdout.decode()
    assert "for the whole organisation" in checked
    assert "FAILED" not in checked.upper()
    # The harvest uses the token of the login; `check` proves the client secret with a new one.
    assert served.traffic()["tokens"]["refreshes"] == 1


def test_a_login_on_another_device_is_enough_as_well(served: RunningSimulator, tmp_path: Path) -> None:
    harvester = beginner(served, tmp_path)
    with logging_in(harvester, "--device") as message:
        found = re.search(r"open (http://\S+/device/verify) and enter (\d{6})", "".join(message))
        assert found is not None, message
        opened(found[1], userCode=found[2], decision="allow")
    harvested(served, harvester)


def test_a_user_login_reads_the_meetings_of_that_user(webex: Vendors, tmp_path: Path) -> None:
    scopes = ("meeting:schedules_read", "meeting:participants_read")
    with webex.at(10 * MINUTE, webex=WebexOptions(admin=False, scopes=scopes)) as served:
        harvester = beginner(served, tmp_path)
        log_in(harvester, "--scope", "user")
        harvested(served, harvester)
        assert "GET /admin/meetings/{id}" not in served.calls()
        assert "GET /meeting/qualities" not in served.calls()


def test_two_processes_that_need_a_token_at_once_make_one_refresh(
    served: RunningSimulator, tmp_path: Path
) -> None:
    harvester = Harvester(tmp_path, served.settings)
    words = ["webex", "--date", "2026-11-19", "--dry-run", "--destination", "stdout"]
    with closing(state(harvester)) as kept, ExitStack() as stack:
        with kept.locked(STORED_NAME):  # both wait here before either sends its request
            both = [stack.enter_context(started(harvester, *words)) for _ in range(2)]
            for process in both:
                assert process.stderr is not None
                assert "reading" in process.stderr.readline()
            time.sleep(0.5)
            assert served.traffic()["tokens"]["refreshes"] == 0
        ended = [process.communicate(timeout=HANGS_SECONDS)[1] for process in both]
        assert [process.returncode for process in both] == [0, 0], ended
    assert served.traffic()["tokens"] == {"refreshes": 1, "active": 1}
    assert harvester(*words).returncode == 0
    assert served.traffic()["tokens"]["refreshes"] == 1, "the next run needs none"


@pytest.mark.parametrize("strict", [False, True])
def test_a_machine_that_dies_before_it_keeps_a_token_goes_on_or_says_how(
    webex: Vendors, tmp_path: Path, strict: bool
) -> None:
    """`strict`: a refresh invalidates the token before it."""
    with webex.at(10 * MINUTE) as served:
        harvester = beginner(served, tmp_path)
        log_in(harvester)
    with webex.at(15 * DAY, webex=WebexOptions(strict_tokens=strict)) as served:
        harvester = beginner(served, tmp_path)
        killed(harvester, "before a token is kept")
        assert served.traffic()["tokens"]["refreshes"] == 1
        if strict:
            time.sleep(GRACE_SECONDS / OPTIONS["speed"])
            is_refused(harvester)
            log_in(harvester)
        harvested(served, harvester)


def test_a_token_that_is_kept_when_the_machine_dies_goes_on(webex: Vendors, tmp_path: Path) -> None:
    """Even if it dies before it has written down that the settings' token was made use of, which is worth nothing now."""
    with webex.at(10 * MINUTE, webex=WebexOptions(strict_tokens=True)) as served:
        harvester = Harvester(tmp_path, served.settings)
        killed(harvester, "after a token is kept")
        time.sleep(GRACE_SECONDS / OPTIONS["speed"])
        harvested(served, harvester)


def test_a_refused_refresh_says_how_to_log_in_again_and_a_login_mends_it(
    served: RunningSimulator, tmp_path: Path
) -> None:
    harvester = Harvester(tmp_path, {**served.settings, "WEBEX_REFRESH_TOKEN": MARK})
    is_refused(harvester)
    checked = harvester("check", "webex")
    assert checked.returncode == 77
    assert MARK not in (checked.stdout + checked.stderr).decode()
    log_in(harvester)  # which goes before what the settings held by then
    harvested(served, harvester)


def test_a_login_expires_after_three_months_without_use(webex: Vendors, tmp_path: Path) -> None:
    with webex.at() as served:
        log_in(beginner(served, tmp_path))
    with webex.at(91 * DAY) as served:
        is_refused(beginner(served, tmp_path))


def is_refused(harvester: Harvester) -> None:
    ended = harvester("webex", *WHOLE, "--destination", "stdout")
    message = ended.stderr.decode()
    assert (ended.returncode, ended.stdout) == (77, b""), message
    assert REFUSED in message
    assert AGAIN in message
    assert "Traceback" not in message
    assert MARK not in message


def killed(harvester: Harvester, point: str) -> None:
    words = ["webex", *WHOLE, "--destination", "stdout"]
    ended = harvester(point, "1", "--", *words, module="tests.e2e.kill.crash_at", timeout=HANGS_SECONDS)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()


def state(harvester: Harvester) -> AccountState:
    url = harvester.settings["WEBEX_API_URL"]
    return AccountState(account_folder(harvester.folder / "state", "webex", "main", url), lambda: NOW)


@contextmanager
def started(harvester: Harvester, *words: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        command(*words),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=harvester.environment(),
        cwd=harvester.folder,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()
