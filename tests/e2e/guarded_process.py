"""A process that ends with the one that started it, however that ends: also by SIGKILL, which lets nothing clean up."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

SECONDS_TO_END = 15

# Standard input is a pipe, which the guard reads until it has no writer: a background process gets it as another descriptor
# only. The guard is in the process group of the command, and ignores the SIGTERM that it sends to the whole group. `$$` is the
# command, which takes the place of the shell.
_SCRIPT = """
folder=$1 tries=$2
shift 2
exec 3<&0 < /dev/null
(
    trap '' TERM INT HUP
    read -r _ <&3
    kill -TERM 0
    while kill -0 "$$" 2>/dev/null && [ "$tries" -gt 0 ]; do
        sleep 0.2
        tries=$((tries - 1))
    done
    rm -rf -- "$folder"
    kill -KILL 0
) &
exec 3<&- "$@"
"""


class GuardedProcess:
    """A command in a session and process group of its own. When this process ends, the group ends and its folder is removed.

    What a child of this process inherits does not keep it alive.
    """

    def __init__(
        self, words: Sequence[str], *, folder: Path, env: Mapping[str, str], output: BinaryIO
    ) -> None:
        """`folder`: where it runs."""
        reading, self._writing = os.pipe()
        tries = str(SECONDS_TO_END * 5)
        self._process = subprocess.Popen(
            ["sh", "-c", _SCRIPT, "guard", str(folder), tries, *words],
            env=dict(env),
            cwd=folder,
            stdin=reading,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        os.close(reading)

    @property
    def pid(self) -> int:
        return self._process.pid

    def poll(self) -> int | None:
        return self._process.poll()

    def kill(self) -> None:
        """Kill the group with SIGKILL, the guard too. The folder stays."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        with suppress(OSError):  # it is closed already
            os.close(self._writing)

    def end(self) -> None:
        """End the group with SIGTERM, or with SIGKILL if that takes too long. The folder stays."""
        with suppress(ProcessLookupError, subprocess.TimeoutExpired):
            os.killpg(self._process.pid, signal.SIGTERM)
            self._process.wait(SECONDS_TO_END)
        self.kill()
