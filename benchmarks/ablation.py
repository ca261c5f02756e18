"""The command line with a part of its work left out, to see what that part costs: `hashing`, `mapping` or `journal`.

What comes out is worthless; run by `benchmarks.harvest`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from typing import Any

from connectors.models import Session
from connectors.zoom import dashboard, mapping
from harvester.cli import run
from harvester.cli.environment import RunEnvironment
from harvester.pipeline import runner
from harvester.pipeline.account import Connected
from harvester.pipeline.destination import Index
from harvester.pipeline.report import Report
from harvester.pipeline.request import HarvestRequest
from harvester.pipeline.tracker import NullTracker

_numbers = count()


def _numbered(*_parts: object) -> str:
    return str(next(_numbers))


def _unmapped(row: Mapping[str, Any], *, raw: bool = False) -> Session:
    del raw
    return Session(key=str(next(_numbers)), vendor_data=row)


class _Unwritten(NullTracker):
    """A reading that is written down nowhere."""

    def is_new(self, _uuid: str) -> bool:
        return True


@contextmanager
def _unjournaled(
    vendor: Connected, _index: Index, request: HarvestRequest, env: RunEnvironment, _report: Report
) -> Iterator[_Unwritten]:
    yield _Unwritten(runner.windows(vendor, request, env))


def main() -> None:
    left_out = sys.argv.pop(1)
    if left_out == "hashing":
        mapping.session_key = _numbered
    elif left_out == "mapping":
        dashboard.to_session = _unmapped
    else:
        runner.run = _unjournaled  # type: ignore[assignment]  # as much of a reading as the harvest asks for
    run()


if __name__ == "__main__":
    main()
