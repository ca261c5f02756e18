"""The command line, but it writes down when it sends each request to the vendor: `python -m tests.e2e.recorded_requests FILE -- zoom …`.

Each line is the time, of the system, right before a request is sent. The harvester itself is unchanged; only its batches are
smaller, so that a harvest of a few seconds makes many of them, its leases shorter, so that no test waits for half a minute, and logs count as long from a few entries on.
"""

from __future__ import annotations

import functools
import os
import sys
import time
from typing import Any

from connectors.http import Api
from harvester.state.shared import compaction
from harvester.state.shared.lease import Worker
from tests.e2e.kill.crash_at import set_defaults, small_batches

LEASE_SECONDS = 12.0
LONG_LOG = 10


def _record(path: str) -> None:
    log = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    exchange = Api._exchange

    @functools.wraps(exchange)
    def recorded(*given: Any, **named: Any) -> Any:
        os.write(log, f"{time.time_ns()}\n".encode())
        return exchange(*given, **named)

    Api._exchange = recorded  # type: ignore[method-assign]  # wrapped from outside


def main() -> None:
    path, dashes, *words = sys.argv[1:]
    assert dashes == "--"
    small_batches()
    set_defaults(Worker, lease_seconds=LEASE_SECONDS)
    compaction.LEAST_ENTRIES, compaction.ROWS_PER_ENTRY = LONG_LOG, 1_000_000
    _record(path)
    sys.argv = ["harvester", *words]

    from harvester.cli import run

    run()


if __name__ == "__main__":
    main()
