"""What a report and an attendance list cost: `python -m benchmarks.report`.

Each is made by the command line from invented documents (benchmarks/invented_documents.py), in a process of its own. Printed are
seconds, CPU seconds, the most resident memory, the size of what was made, and how long Chromium takes to load the page.
`--sessions N` instead of 200,000 and 2,000,000.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.invented_documents import write

ROOT = Path(__file__).resolve().parent.parent
SIZES = (200_000, 2_000_000)


def measured(*words: str) -> tuple[float, float, float]:
    """Seconds, CPU seconds and megabytes of a command."""
    begin = time.monotonic()
    process = subprocess.Popen([sys.executable, "-m", "harvester", *words, "-q"])
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = status
    seconds = time.monotonic() - begin
    assert status == 0, f"{words[0]} failed"
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def load_seconds(page: Path) -> float:
    from tests.e2e.browser import browser

    with browser() as started:
        started.open(page)
        timing: float = started.script("return performance.getEntriesByType('navigation')[0].loadEventEnd")
    return timing / 1000


def measure(sessions: int, folder: Path) -> None:
    source, page, rows = folder / "documents.ndjson", folder / "report.html", folder / "attendance.csv"
    write(source, sessions)
    print(f"\n{sessions:,} sessions, {source.stat().st_size / 1e6:,.0f} MB")
    for name, words, made in (
        ("report", ("report", str(source), "-o", str(page)), page),
        ("attendance", ("attendance", str(source), "--format", "csv", "-o", str(rows)), rows),
    ):
        seconds, cpu, memory = measured(*words)
        size = made.stat().st_size / 1e6
        print(f"{name:12}{seconds:7.1f} s {cpu:7.1f} s CPU {memory:6,.0f} MB resident {size:8.2f} MB made")
    print(f"{'page':12}{load_seconds(page):7.2f} s to load")
    source.unlink()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, action="append", help="instead of 200,000 and 2,000,000")
    sizes = parser.parse_args().sessions or SIZES
    os.chdir(ROOT)
    for sessions in sizes:
        with tempfile.TemporaryDirectory() as folder:
            measure(sessions, Path(folder))


if __name__ == "__main__":
    main()
