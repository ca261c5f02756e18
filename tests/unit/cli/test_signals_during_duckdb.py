"""Signals during a command that works in DuckDB. Each test starts a process."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

WAITING = """
import sys, time
from harvester.cli.signals_during_duckdb import interruptible
from connectors.errors import Interrupted
try:
    with interruptible():
        print("ready", flush=True)
        time.sleep(60)
except Interrupted as error:
    print("interrupted", flush=True)
    sys.exit(error.exit_code)
"""

STUCK = """
import sys
from pathlib import Path
from harvester.cli import signals_during_duckdb
signals_during_duckdb.SECONDS_TO_END = 0.2
folder = Path(sys.argv[1])
with signals_during_duckdb.interruptible() as interruption:
    interruption.folder = folder
    while True:  # as a library does that swallows the exception
        try:
            print("ready", flush=True)
            __import__("time").sleep(60)
        except BaseException:
            pass
"""


def run_until_ready(code: str, *words: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", code, *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize(
    ("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)]
)
def test_a_signal_ends_the_command_with_its_exit_code(sent: signal.Signals, code: int) -> None:
    process = run_until_ready(
        f"import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n{WAITING}"
    )
    process.send_signal(sent)
    output, errors = process.communicate(timeout=60)
    assert (output, process.returncode) == ("interrupted\n", code), errors


def test_an_ignored_signal_stays_ignored() -> None:
    """The second signal ends the command: the first one, which came before, did not."""
    process = run_until_ready(f"import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n{WAITING}")
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert (output, process.returncode) == ("interrupted\n", 130), errors


def test_a_command_that_does_not_end_loses_its_temporary_files_and_its_process(tmp_path: Path) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    (folder / "documents.duckdb").write_text("personal data")
    process = run_until_ready(STUCK, str(folder))
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 143
    assert not folder.exists()
