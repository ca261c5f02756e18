"""Processes that are measured: their CPU, their memory, their time, as the kernel counted them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """`cpu_seconds` of user and system together; `peak_mb` resident."""

    cpu_seconds: float
    wall_seconds: float
    peak_mb: float
    exit_code: int


def measured(
    words: Sequence[str], *, env: Mapping[str, str], folder: Path, output: Path | None = None
) -> Used:
    """Run a command to its end, its output thrown away or written to a file."""
    with (output or Path(os.devnull)).open("wb") as out, (folder / "stderr").open("wb") as errors:
        began = time.perf_counter()
        process = subprocess.Popen(words, stdout=out, stderr=errors, env=dict(env), cwd=folder)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError((folder / "stderr").read_text()[-2000:])
    return Used(
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        wall_seconds=wall,
        peak_mb=usage.ru_maxrss / 1024,
        exit_code=process.returncode,
    )


def group_cpu_seconds(group: int) -> float:
    """What the processes of a group have used so far, user and system together. Linux only."""
    ticks = 0
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = file.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        if int(fields[2]) == group:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


@contextmanager
def server(module: str, *words: str) -> Iterator[str]:
    """The URL of a module that prints its port and serves until its standard input ends."""
    command = [sys.executable, "-m", module, *words]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.communicate()
