"""A signal during the imports."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

PROGRAM = """
import os, signal, sys

class SignalDuringImport:
    def find_spec(self, name, path=None, target=None):
        if name == "click":
            os.kill(os.getpid(), {number})

{before}
sys.meta_path.insert(0, SignalDuringImport())
sys.argv = ["harvester", "--version"]
from harvester.__main__ import main
main()
"""


@pytest.mark.parametrize(
    ("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)]
)
def test_a_signal_during_the_imports_ends_the_process_in_silence(sent: signal.Signals, code: int) -> None:
    program = PROGRAM.format(number=int(sent), before="")
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (code, b"", b"")


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGHUP])
def test_an_ignored_signal_stays_ignored(sent: signal.Signals) -> None:
    """As `nohup` and shells start programs in the background."""
    program = PROGRAM.format(number=int(sent), before=f"signal.signal({int(sent)}, signal.SIG_IGN)")
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, b"")
