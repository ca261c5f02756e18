"""Runs a command on a terminal, and types answers to its prompts."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.e2e.harness import HANGS_SECONDS

ROWS, COLUMNS = 50, 100


def run_on_terminal(
    command: Sequence[str],
    answers: Sequence[tuple[str, str]],
    *,
    env: Mapping[str, str],
    cwd: Path,
) -> tuple[int, str]:
    """The exit code, and everything on the screen. `answers`: what to type once the screen ends with a prompt, in order.

    Fails if a prompt does not come.
    """
    screen, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    process = subprocess.Popen(
        command, stdin=terminal, stdout=terminal, stderr=terminal, env=env, cwd=cwd, start_new_session=True
    )
    os.close(terminal)
    try:
        shown = _converse(screen, list(answers))
        return process.wait(HANGS_SECONDS), shown
    finally:
        process.kill()
        process.wait()
        os.close(screen)


def _converse(screen: int, answers: list[tuple[str, str]]) -> str:
    shown = b""
    deadline = time.monotonic() + HANGS_SECONDS
    while time.monotonic() < deadline:
        if not select.select([screen], [], [], 0.2)[0]:
            continue
        try:
            read = os.read(screen, 65536)
        except OSError:  # how Linux says that the other end is closed
            break
        if not read:
            break
        shown += read
        if answers and shown.endswith(answers[0][0].encode()):
            os.write(screen, f"{answers.pop(0)[1]}\n".encode())
    text = shown.decode(errors="replace").replace("\r\n", "\n")
    assert not answers, f"no prompt {answers[0][0]!r}:\n{text}"
    return text
