"""The command line against a simulated vendor, without Elasticsearch: streams, exit codes, bad input, signals."""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.e2e.environment import clean_environment
from tests.e2e.harness import HANGS_SECONDS, Harvester, Simulator, command, differences, lines
from tests.e2e.index_sandbox import IndexSandbox

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
MARK = "marked-secret-8f2c"


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with Simulator(tmp_path_factory.mktemp("simulator"), NOW, size=150, days=3) as running:
        yield running


@pytest.fixture
def harvester(simulator: Simulator, tmp_path: Path) -> Harvester:
    return Harvester(tmp_path, simulator.settings)


def in_bash(harvester: Harvester, script: str, *words: str) -> subprocess.CompletedProcess[bytes]:
    """Run a script of bash, in which the command line is `"$@"`."""
    return subprocess.run(
        ["bash", "-c", script, "-", *words],
        capture_output=True,
        env=harvester.environment(),
        cwd=harvester.folder,
        check=False,
    )


def words(ended: subprocess.CompletedProcess[bytes]) -> str:
    return ended.stderr.decode()


def test_stdout_contains_the_documents_of_the_truth_and_nothing_else(
    harvester: Harvester, simulator: Simulator
) -> None:
    ended = harvester("zoom", *simulator.dates, "--destination", "stdout")
    assert ended.returncode == 0, words(ended)
    assert differences(lines(ended.stdout), simulator.truth) == []
    assert "0 failed" in words(ended)


@pytest.mark.skipif(
    shutil.which("jq") is None, reason="jq, which the README's line pipes into, is not installed"
)
def test_the_line_of_the_readme_prints_addresses(harvester: Harvester) -> None:
    ended = harvester("zoom", "--date", "2026-11-19", "--destination", "stdout")
    piped = subprocess.run(
        ["jq", "-r", 'select(.kind=="session" and .email) | .email'],
        input=ended.stdout,
        capture_output=True,
        check=True,
    )
    printed = piped.stdout.decode().splitlines()
    assert any(line.endswith((".example", "example.org")) for line in printed)
    assert "null" not in printed
    assert len(printed) == sum(
        b'"email"' in line for line in ended.stdout.splitlines() if b'"session"' in line
    )


def test_without_dates_a_run_reads_yesterday(harvester: Harvester) -> None:
    ended = harvester("zoom")
    assert ended.returncode == 0, words(ended)
    starts = {d["start_time"][:10] for d in map(json.loads, ended.stdout.splitlines()) if "start_time" in d}
    assert starts == {"2026-11-19"}
    assert "documents go to stdout, since ES_HOST is not set" in words(ended)


def test_quiet_prints_nothing_unless_something_fails(harvester: Harvester) -> None:
    assert words(harvester("zoom", "--date", "2026-11-19", "-q")) == ""
    ended = harvester("zoom", "--date", "2026-11-19", "-q", ZOOM_CLIENT_SECRET=MARK)
    assert ended.returncode == 77
    first, *rest = words(ended).splitlines()
    assert "ZOOM_CLIENT_SECRET" in first
    assert not [line for line in rest if " 0 " in line]


def test_a_dry_run_counts_and_fetches_nothing(harvester: Harvester, simulator: Simulator) -> None:
    before = simulator.traffic()
    ended = harvester("zoom", *simulator.dates, "--dry-run", "--destination", "stdout")
    assert ended.returncode == 0
    assert ended.stdout == b""
    meetings = sum(document["kind"] == "meeting" for document in simulator.truth.values())
    answer = int(words(ended).partition(" meetings listed; --dry-run")[0].rpartition(" ")[2])
    assert answer >= meetings
    after = simulator.traffic()
    assert not [
        call
        for call in after["calls"]
        if "participants" in call and after["calls"][call] != before["calls"].get(call)
    ]


def test_all_prints_one_summary(harvester: Harvester) -> None:
    ended = harvester("all", "--date", "2026-11-19", "--dry-run", "-q", "--summary-json", "-")
    assert ended.returncode == 0, words(ended)
    summary = json.loads(ended.stderr)
    assert [vendor["vendor"] for vendor in summary["vendors"]] == ["zoom"]


def test_output_goes_to_a_file_or_to_stdout(
    harvester: Harvester, simulator: Simulator, tmp_path: Path
) -> None:
    file, summary = tmp_path / "documents.ndjson", tmp_path / "summary.json"
    file.write_text("of an earlier run\n")
    words_ = ("zoom", "--date", "2026-11-19")
    ended = harvester(*words_, "--output", str(file), "--summary-json", str(summary))
    assert (ended.returncode, ended.stdout) == (0, b""), words(ended)
    assert json.loads(summary.read_text())["vendors"][0]["destination"] == "file"
    printed = harvester(*words_, "--output", "-").stdout
    assert lines(file.read_bytes()).keys() == lines(printed).keys()
    before, calls = file.read_bytes(), simulator.traffic()["calls"]
    assert harvester(*words_, "--output", str(file), "--destination", "index").returncode == 64
    ended = harvester(*words_, "--output", str(tmp_path / "nowhere" / "documents.ndjson"))
    assert ended.returncode == 74
    assert "cannot be written" in words(ended)
    assert simulator.traffic()["calls"] == calls, "nothing is requested before the file is open"
    assert harvester(*words_, "--output", str(file), "--dry-run").returncode == 0
    assert file.read_bytes() == before, "a dry run writes nothing"


def test_the_summary_file_has_the_counts(harvester: Harvester, tmp_path: Path) -> None:
    file = tmp_path / "summary.json"
    ended = harvester("zoom", "--date", "2026-11-19", "--summary-json", str(file))
    (summary,) = json.loads(file.read_text())["vendors"]
    assert (summary["exit_code"], summary["reason"], summary["destination"]) == (0, None, "stdout")
    assert summary["documents"] == len(ended.stdout.splitlines())
    assert (
        summary["listed"] == summary["done"] + summary["pending"] + summary["gone"] + summary["out_of_range"]
    )
    assert summary["requests"] > summary["listed"]
    assert summary["listing_complete"] is True


@pytest.mark.parametrize(
    ("changed", "code", "text"),
    [
        ({"ZOOM_CLIENT_SECRET": MARK}, 77, "ZOOM_CLIENT_SECRET"),
        ({"ZOOM_CLIENT_SECRET": ""}, 78, ".env"),
        ({"ES_HOST": "ftp://es.example.org:9200"}, 78, "ES_HOST"),
        ({"ZOOM_API_URL": "http://127.0.0.1:9/v2", "HARVESTER_SPEED": "10000"}, 69, "no connection"),
    ],
)
def test_the_summary_of_a_run_that_failed_has_its_exit_code_and_the_reason(
    harvester: Harvester, tmp_path: Path, changed: dict[str, str], code: int, text: str
) -> None:
    ended = harvester("zoom", "--date", "2026-11-19", "--summary-json", "summary.json", **changed)
    assert ended.returncode == code
    summary = json.loads((tmp_path / "summary.json").read_text())
    (vendor,) = summary["vendors"]
    assert (summary["exit_code"], vendor["exit_code"]) == (code, code)
    assert text in summary["reason"]
    assert text in vendor["reason"]
    assert vendor["failures"]


def test_the_summary_goes_to_stderr_for_a_dash(harvester: Harvester, tmp_path: Path) -> None:
    ended = harvester("zoom", "--date", "2026-11-19", "-q", "--summary-json", "-")
    assert json.loads(words(ended))["exit_code"] == 0
    assert not (tmp_path / "-").exists()
    assert lines(ended.stdout)


def test_the_seconds_of_the_summary_are_those_of_this_machine(harvester: Harvester, tmp_path: Path) -> None:
    """The simulator divides waits by 25, and the time of a run was multiplied by as much."""
    began = time.monotonic()
    harvester("zoom", "--date", "2026-11-19", "--summary-json", "summary.json")
    took = time.monotonic() - began
    (vendor,) = json.loads((tmp_path / "summary.json").read_text())["vendors"]
    assert 0 <= vendor["seconds"] <= took


def test_a_reader_that_stops_early_is_reported_unless_quiet(harvester: Harvester) -> None:
    ended = in_bash(
        harvester,
        '"$@" | head -1',
        *command("zoom", "--date", "2026-11-19", "--summary-json", "summary.json"),
    )
    assert "output closed by the reader" in words(ended)
    assert "documents printed" in words(ended)
    assert json.loads((harvester.folder / "summary.json").read_text())["exit_code"] == 0


def test_only_the_owner_can_read_the_state(harvester: Harvester, tmp_path: Path) -> None:
    assert harvester("zoom", "--date", "2026-11-19", "--dry-run").returncode == 0
    made = [tmp_path / "state", *(tmp_path / "state").rglob("*")]
    assert not [path for path in made if path.stat().st_mode & 0o077]


@pytest.mark.parametrize(
    "given", [["zoom", "--date", "2026-11-19"], ["plan", "zoom", "--from", "2026-11-19"]]
)
def test_no_command_prints_a_secret_or_redacts_an_ordinary_word(
    harvester: Harvester, given: list[str]
) -> None:
    ended = harvester(*given, ZOOM_CLIENT_SECRET="wrong")
    assert ended.returncode == 77
    assert "ZOOM_CLIENT_SECRET is wrong: copy them" in words(ended)
    masked = harvester(*given, ZOOM_CLIENT_SECRET="credentials")
    assert "credentials" not in words(masked).lower().replace("app credentials", "")


def test_options_reach_the_vendor(harvester: Harvester) -> None:
    raw = lines(harvester("zoom", "--date", "2026-11-19", "--raw").stdout)
    assert all("vendor_data" in document for document in raw.values())
    plain = lines(harvester("zoom", "--date", "2026-11-19").stdout)
    assert raw.keys() == plain.keys()
    with_webinars = lines(harvester("zoom", "--date", "2026-11-19", "--webinars").stdout)
    assert with_webinars.keys() >= plain.keys()


def test_all_harvests_every_configured_vendor_and_reports_the_others(
    harvester: Harvester, tmp_path: Path
) -> None:
    one = lines(harvester("zoom", "--date", "2026-11-19").stdout)
    assert lines(harvester("all", "--date", "2026-11-19").stdout).keys() == one.keys()
    nothing = Harvester(tmp_path, {})("all")
    assert nothing.returncode == 78
    assert "ZOOM_CLIENT_ID" in words(nothing)
    assert ".env" in words(nothing)


def test_a_closed_pipe_ends_quietly(harvester: Harvester) -> None:
    ended = in_bash(
        harvester,
        'set -o pipefail; "$@" 2>stderr | head -1; echo "${PIPESTATUS[0]}" >code',
        *command("zoom", "--date", "2026-11-19", "-q"),
    )
    assert len(ended.stdout.splitlines()) == 1
    assert (harvester.folder / "stderr").read_text() == ""
    assert (harvester.folder / "code").read_text().strip() == "0"


@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full"])
@pytest.mark.parametrize("more", [[], ["-v", "--log-format", "json"]])
def test_a_closed_or_full_stderr_ends_no_run(
    redirection: str, more: list[str], harvester: Harvester, simulator: Simulator
) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    ended = in_bash(harvester, f'"$@" {redirection}', *command("zoom", *simulator.dates, *more))
    assert ended.returncode == 0
    assert differences(lines(ended.stdout), simulator.truth) == []


def test_messages_can_be_json_and_go_with_quiet(harvester: Harvester) -> None:
    ended = harvester("zoom", "--date", "2026-11-19", "--log-format", "json")
    messages = [json.loads(line) for line in words(ended).splitlines()]
    assert {message["level"] for message in messages} == {"info"}
    assert any("documents go to stdout" in message["message"] for message in messages)
    failed = harvester("zoom", "--date", "2026-11-19", "-q", "--log-format", "json", ZOOM_CLIENT_SECRET=MARK)
    first, *_ = [json.loads(line) for line in words(failed).splitlines()]
    assert first["level"] == "error"
    assert MARK not in words(failed)


@pytest.mark.parametrize(
    ("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)]
)
def test_a_signal_in_the_middle_ends_with_its_code_and_whole_lines(
    harvester: Harvester, simulator: Simulator, sent: signal.Signals, code: int
) -> None:
    process = subprocess.Popen(
        command("zoom", *simulator.dates, "--rate-share", "0.02", "--summary-json", "summary.json"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,  # what one reader has buffered, the other would not see
        env=harvester.environment(),
        cwd=harvester.folder,
    )
    assert process.stdout is not None
    first = process.stdout.readline()
    process.send_signal(sent)
    rest, errors = process.communicate(timeout=HANGS_SECONDS)
    assert process.returncode == code
    assert b"remembers nothing, so the same command starts from the beginning" in errors
    summary = json.loads((harvester.folder / "summary.json").read_text())
    assert (summary["exit_code"], summary["vendors"][0]["exit_code"]) == (code, code)
    assert summary["vendors"][0]["reason"] == "interrupted"
    assert lines(first + rest)


def test_a_stopped_run_leaves_the_file_of_an_earlier_one(harvester: Harvester, simulator: Simulator) -> None:
    file, incomplete = harvester.folder / "documents.ndjson", harvester.folder / "documents.ndjson.incomplete"
    file.write_text("of an earlier run\n")
    refused = harvester("zoom", "--date", "2026-11-19", "--output", file.name, ZOOM_CLIENT_SECRET="wrong")
    assert refused.returncode == 77
    assert not incomplete.exists()
    process = subprocess.Popen(
        command("zoom", *simulator.dates, "--rate-share", "0.02", "--output", file.name),
        stderr=subprocess.PIPE,
        env=harvester.environment(),
        cwd=harvester.folder,
    )
    deadline = time.monotonic() + HANGS_SECONDS
    while not any(part.stat().st_size for part in harvester.folder.glob(".harvester-*.part")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=HANGS_SECONDS)
    assert process.returncode == 143
    assert b"its documents are in documents.ndjson.incomplete" in errors
    assert lines(incomplete.read_bytes())
    assert file.read_text() == "of an earlier run\n"
    assert not list(harvester.folder.glob(".harvester-*.part"))


@pytest.mark.parametrize("ignores", ["", "trap '' HUP; "])
def test_a_run_whose_terminal_goes_away_finishes(
    harvester: Harvester, simulator: Simulator, ignores: str
) -> None:
    """As when the connection of ssh is lost. With `nohup`, the run goes on to its end."""
    screen, terminal = pty.openpty()
    words = [*simulator.dates, "--output", "file", "--summary-json", "summary.json"]
    if not ignores:
        words += ["--rate-share", "0.02"]
    script = f'{ignores}exec "$@" < $TERMINAL > $TERMINAL 2>&1'
    process = subprocess.Popen(
        ["bash", "-c", script, "-", *command("zoom", *words)],
        env=harvester.environment(TERMINAL=os.ttyname(terminal)),
        cwd=harvester.folder,
        start_new_session=True,  # so that this terminal is the one that it opens
    )
    shown = b""
    while b"listed" not in shown:  # the progress bar
        shown += os.read(screen, 4096)
    os.close(terminal)
    os.close(screen)
    assert process.wait(HANGS_SECONDS) == (0 if ignores else 143)
    names = {each.name for each in harvester.folder.iterdir()}
    assert not any(name.endswith(".part") for name in names)
    assert json.loads((harvester.folder / "summary.json").read_text())["exit_code"] == process.returncode
    assert ("file" in names) == bool(ignores)


@pytest.mark.parametrize(
    ("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)]
)
@pytest.mark.parametrize("option", ["load", "--output", "--summary-json", "--env-file"])
def test_a_fifo_without_another_end_is_waited_for_until_a_signal(
    harvester: Harvester, option: str, sent: signal.Signals, code: int
) -> None:
    os.mkfifo(harvester.folder / "fifo")
    before = ["zoom", "--date", "2026-11-19"] if option != "load" else []
    process = subprocess.Popen(
        command(*before, option, "fifo"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=harvester.environment(ES_HOST="http://127.0.0.1:9"),
        cwd=harvester.folder,
    )
    wait_until_idle(process)
    process.send_signal(sent)
    _, errors = process.communicate(timeout=HANGS_SECONDS)
    assert process.returncode == code, errors
    assert b"Traceback" not in errors


def wait_until_idle(process: subprocess.Popen[bytes]) -> None:
    """However busy the machine is: until the process, which must not end, has used almost no processor time for a second."""
    used = -1
    while True:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        before, used = used, int(fields[11]) + int(fields[12])
        if used > 10 and used - before <= 2:
            return


def test_a_second_signal_exits_at_once(harvester: Harvester, simulator: Simulator) -> None:
    """It writes no summary, as it does after the first signal. Both signals arrive before the process can act on one, in
    either order, since each may interrupt another thread."""
    process = subprocess.Popen(
        command("zoom", *simulator.dates, "--rate-share", "0.02", "--summary-json", "summary.json"),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=harvester.environment(),
        cwd=harvester.folder,
    )
    assert process.stdout is not None
    with process.stdout as stdout:
        stdout.readline()
        for number in (signal.SIGSTOP, signal.SIGINT, signal.SIGTERM, signal.SIGCONT):
            process.send_signal(number)
        code = process.wait(HANGS_SECONDS)
    assert code in {130, 143}
    assert not (harvester.folder / "summary.json").exists()


@pytest.mark.parametrize(
    ("given", "code", "text"),
    [
        (["zoom", "--date", "2026-2-3"], 64, "write it 2026-02-03"),
        (["zoom", "--date", "2027-01-01"], 64, "is in the future"),
        (["zoom", "--from", "2026-11-03", "--to", "2026-11-01"], 64, "is after"),
        (["zoom", "--timezone", "Mars/Olympus"], 64, "is not a time zone"),
        (["plan", "zoom", "--from", "2026-11-19", "--timezone", "Mars/Olympus"], 64, "is not a time zone"),
        (["zoom", "--rate-share", "2"], 64, "rate share"),
        (["zoom", "--rate-share", "nan"], 64, "rate share"),
        (["zoom", "--date", "2026-11-19", "--lookback", "3"], 64, "--lookback is for the nightly run"),
        (["zoom", "--force"], 64, "--date always harvests its day again"),
        (["zoom", "--destination", "index"], 78, "ES_HOST is not set"),
        (["zoom", "--no-such-option"], 64, "No such option"),
        (["no-such-vendor"], 64, "No such command"),
        (["zoom", "--env-file", "nowhere.env"], 78, "nowhere.env"),
        (["load", "nowhere.ndjson", "--es-host", "http://127.0.0.1:9"], 74, "nowhere.ndjson"),
        (["check", "no-such-vendor"], 64, "is not one of"),
    ],
)
def test_unusable_settings_and_options_are_named(
    harvester: Harvester, given: list[str], code: int, text: str
) -> None:
    ended = harvester(*given)
    assert ended.returncode == code, words(ended)
    assert text in words(ended)
    assert ended.stdout == b""
    assert "Traceback" not in words(ended)


@pytest.mark.parametrize(
    "given",
    [
        ["--date", "2026-11-19", "--from", "2026-11-01"],
        ["--date", "2999-01-01"],
        ["--to", "2026-11-19"],
        ["--timezone", "Mars/Olympus"],
        ["--rate-share", "2"],
    ],
)
@pytest.mark.parametrize("name", ["zoom", "all"])
def test_usage_errors_are_reported_without_any_settings(tmp_path: Path, name: str, given: list[str]) -> None:
    assert Harvester(tmp_path, {"HARVESTER_RATE_SHARE": ""})(name, *given).returncode == 64


@pytest.mark.parametrize(
    ("changed", "code", "text"),
    [
        ({"ZOOM_CLIENT_ID": ""}, 78, "ZOOM_CLIENT_ID"),
        ({"ZOOM_CLIENT_SECRET": ""}, 78, "ZOOM_CLIENT_SECRET"),
        ({"ZOOM_ACCOUNT_ID": ""}, 78, "ZOOM_ACCOUNT_ID"),
        ({"ZOOM_CLIENT_SECRET": MARK}, 77, "ZOOM_CLIENT_SECRET"),
        ({"ZOOM_CLIENT_ID": MARK}, 77, "ZOOM_CLIENT_ID"),
        ({"ZOOM_ACCOUNT_ID": MARK}, 77, "ZOOM_ACCOUNT_ID"),
        (
            {"ZOOM_CLIENT_ID": "", "ZOOM_CLIENT_SECRET": "", "ZOOM_KEY": MARK, "ZOOM_SECRET": MARK},
            78,
            "Server-to-Server",
        ),
        ({"ZOOM_PLAN": "gold"}, 78, "ZOOM_PLAN must be one of"),
        ({"ZOOM_API_URL": "http://api.zoom.us/v2"}, 78, "https"),
        ({"ZOOM_API_URL": "https://api.zoom.us/v2"}, 78, "HARVESTER_NOW"),
        ({"ZOOM_API_URL": "http://127.0.0.1:9/v2", "HARVESTER_SPEED": "10000"}, 69, "no connection"),
        ({"HARVESTER_STATE_DIR": "/dev/null/state"}, 74, "HARVESTER_STATE_DIR"),
        ({"HARVESTER_ACCOUNT": "a:b"}, 78, "HARVESTER_ACCOUNT"),
        ({"HARVESTER_ACCOUNT": "a b/c"}, 78, "A-Z a-z 0-9 _ . -"),
        ({"HARVESTER_TIMEZONE": "Mars/Olympus"}, 78, "is not a time zone"),
        ({"HARVESTER_RATE_SHARE": "2"}, 78, "HARVESTER_RATE_SHARE must be"),
    ],
)
def test_every_wrong_setting_is_named_and_no_secret_printed(
    harvester: Harvester, changed: dict[str, str], code: int, text: str
) -> None:
    ended = harvester("zoom", "--date", "2026-11-19", **changed)
    assert ended.returncode == code, words(ended)
    assert text in words(ended)
    assert MARK not in words(ended)
    assert "Traceback" not in words(ended)


def test_a_range_beyond_the_retention_is_clamped_with_a_warning(harvester: Harvester) -> None:
    ended = harvester("zoom", "--from", "2026-01-01", "--to", "2026-05-30")
    assert ended.returncode == 0, words(ended)
    assert "retains 180 days: nothing before 2026-05-24" in words(ended)
    older = harvester("zoom", "--date", "2026-01-01")
    assert older.returncode == 0
    assert "nothing can be read: the vendor retains 180 days" in words(older)


def test_a_full_output_is_an_output_error(harvester: Harvester) -> None:
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(
            command("zoom", "--date", "2026-11-19"),
            stdout=full,
            stderr=subprocess.PIPE,
            env=harvester.environment(),
            cwd=harvester.folder,
            check=False,
        )
    assert ended.returncode == 74
    assert b"No space left" in ended.stderr
    ended_too = harvester("zoom", "--date", "2026-11-19", "--output", "/dev/full")
    assert ended_too.returncode == 74
    assert "/dev/full cannot be written (No space left" in words(ended_too)


def test_a_closed_stdout_is_an_output_error(harvester: Harvester) -> None:
    ended = in_bash(harvester, '"$@" >&-', *command("zoom", "--date", "2026-11-19"))
    assert ended.returncode == 74
    assert b"stdout is closed" in ended.stderr
    assert b"Traceback" not in ended.stderr


def test_check_says_what_works(harvester: Harvester) -> None:
    ended = harvester("check")
    assert ended.returncode == 0, words(ended)
    answer = ended.stdout.decode().splitlines()
    assert not [line for line in answer if line.startswith("FAILED")]
    assert any("ES_HOST is not set" in line for line in answer)
    assert answer[-1] == "works"  # what is not used causes no warning
    assert len(set(answer)) == len(answer)
    assert sum("reading the Dashboard" in line for line in [*answer, *words(ended).splitlines()]) == 1
    assert not [line for line in answer if "Zoom:" in line]


def test_check_ends_with_its_verdict_and_gives_an_advice_once(harvester: Harvester, tmp_path: Path) -> None:
    ended = harvester("check", ZOOM_CLIENT_SECRET=MARK)
    assert ended.returncode == 77
    answer = ended.stdout.decode()
    assert answer.splitlines()[-1].startswith("does not work yet: 1 failed")
    assert answer.count("marketplace.zoom.us") == 1
    nothing = Harvester(tmp_path, {})("check")
    assert nothing.returncode == 78
    assert nothing.stdout.decode().count("example.env") == 1
    assert words(nothing) == ""
    assert harvester("check", "-q").stdout == b""


def test_a_plan_too_low_is_named_with_what_works_instead(tmp_path: Path) -> None:
    with Simulator(tmp_path / "pro", NOW, size=40, days=2, more=["--zoom-plan", "pro"]) as pro:
        refused = Harvester(tmp_path, {**pro.settings, "ZOOM_PLAN": "business"})(
            "zoom", "--date", "2026-11-19"
        )
        assert refused.returncode == 77
        assert "ZOOM_PLAN=pro" in words(refused)
        found_out = {name: value for name, value in pro.settings.items() if name != "ZOOM_PLAN"}
        ended = Harvester(tmp_path, found_out)("zoom", *pro.dates)
        assert ended.returncode == 0, words(ended)
        assert "Reports" in words(ended)
        assert differences(lines(ended.stdout), pro.truth) == []


def test_a_spent_quota_ends_the_run_and_says_when_to_continue(tmp_path: Path) -> None:
    with Simulator(tmp_path / "limited", NOW, size=80, days=2, more=["--zoom-daily-limit", "30"]) as limited:
        harvester = Harvester(tmp_path, limited.settings)
        ended = harvester("zoom", *limited.dates)
        assert ended.returncode == 75, words(ended)
        assert "2026-11-21 00:00 UTC" in words(ended)
        assert differences(lines(ended.stdout), limited.truth)[0].startswith("missing")
        before = limited.traffic()
        again = harvester("zoom", *limited.dates)
        assert again.returncode == 75
        assert limited.traffic()["classes"]["heavy"]["requests"] == before["classes"]["heavy"]["requests"]


def test_demo_shows_a_meeting_and_what_to_try_next(tmp_path: Path) -> None:
    ended = Harvester(tmp_path, {})("demo", "--size", "40", "--output", "documents.ndjson")
    assert ended.returncode == 0, words(ended)
    assert '"kind": "meeting"' in words(ended)
    assert '"kind": "session"' in words(ended)
    assert 'select(.kind=="session" and .email)' in words(ended)
    assert lines((tmp_path / "documents.ndjson").read_bytes())


def test_a_demo_has_its_own_indices(newest: IndexSandbox) -> None:
    settings = {"ES_HOST": newest.node.url, "ES_INDEX_PREFIX": newest.prefix}
    demo = ["demo", "--size", "5", "--speed", "200", "--destination", "index"]
    ended = Harvester(newest.folder, settings)(*demo)
    assert ended.returncode == 0, words(ended)
    assert newest.indices() == []
    newest.prefix = f"demo-{newest.prefix}"
    assert {document["account"] for document in newest.stored().values()} == {"demo"}


def test_a_demo_ends_without_an_error_if_its_reader_stops_early(tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    ended = subprocess.run(
        ["bash", "-c", '"$@" | head -1; exit "${PIPESTATUS[0]}"', "-", *command("demo", "-q")],
        capture_output=True,
        env=Harvester(tmp_path, {}).environment(TMPDIR=str(temporary)),
        cwd=tmp_path,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert list(temporary.glob("harvester-demo-*")) == []


def test_the_simulator_names_its_files_and_the_next_command(simulator: Simulator, tmp_path: Path) -> None:
    answer = (simulator.folder / "simulator.log").read_text()
    assert f"wrote {simulator.folder / 'truth.ndjson'}" in answer
    assert f"harvester all --env-file {simulator.folder / 'sim.env'} --from 2026-11-17" in answer
    nowhere = tmp_path / "nowhere" / "sim.env"
    ended = Harvester(tmp_path, {})("simulate", "--port", "0", "--size", "5", "--env", str(nowhere))
    assert ended.returncode == 74
    assert str(nowhere) in words(ended)
    assert "sim.env.new" not in words(ended)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (["zoom", "--date", "2026-2-3", "--log-format", "json"], "write it 2026-02-03"),
        (["zom", "--log-format=json"], "Did you mean zoom?"),
        (["--log-format", "json", "zoom", "--env-file", "nowhere.env"], "nowhere.env"),
    ],
)
def test_usage_errors_are_json_too(tmp_path: Path, given: list[str], text: str) -> None:
    ended = Harvester(tmp_path, {})(*given)
    (line,) = ended.stderr.splitlines()
    assert text in json.loads(line)["message"]


@pytest.mark.parametrize(
    ("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)]
)
def test_a_simulator_whose_settings_no_program_reads_hears_signals(
    tmp_path: Path, sent: signal.Signals, code: int
) -> None:
    os.mkfifo(tmp_path / "fifo")
    process = subprocess.Popen(
        command("simulate", "--port", "0", "--size", "3", "--days", "1", "--env", "fifo"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=clean_environment(),
        cwd=tmp_path,
    )
    wait_until_idle(process)
    process.send_signal(sent)
    _, errors = process.communicate(timeout=HANGS_SECONDS)
    assert process.returncode == code
    assert b"Traceback" not in errors


def test_choices_that_are_missing_are_listed_without_tabs(harvester: Harvester) -> None:
    """Click sets each in with a tab, which is shown as \\x09 in text that may come from outside."""
    ended = harvester("login")
    assert ended.returncode == 64
    assert b"\n  google-meet,\n  webex\n" in ended.stderr
