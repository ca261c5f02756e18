"""The command line with a part of its work left out, to see what that part costs: `hashing`, `mapping` or `journal`.

What comes out is worthless; run by `benchmarks.harvest`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from typing import Any

from connectors.models import MeetingRecord, MeetingRef, Session
from connectors.zoom import dashboard_source, mapping
from harvester.cli import run
from harvester.pipeline import runner
from harvester.pipeline.account import ConnectedAccount
from harvester.pipeline.index_generation import IndexGeneration
from harvester.pipeline.planner import RunPlan
from harvester.pipeline.report import Report
from harvester.pipeline.request import HarvestRequest
from harvester.pipeline.tracker import NullTracker, OutOfRange
from harvester.sinks.base import Load
from harvester.state.journal import Journal

_numbers = count()


def _numbered(*_parts: object) -> str:
    return str(next(_numbers))


def _unmapped(row: Mapping[str, Any], *, raw: bool = False) -> Session:
    del raw
    return Session(key=str(next(_numbers)), vendor_data=row)


class _Unwritten(NullTracker):
    """Keeps nothing, and takes every meeting for a new one."""

    def decide(self, ref: MeetingRef, record: MeetingRecord) -> Load | OutOfRange:
        decision = super().decide(ref, record)
        return replace(decision, is_new=True) if isinstance(decision, Load) else decision


@contextmanager
def _unrecorded(
    account: ConnectedAccount,
    _journal: Journal,
    _has_indices: Callable[[], bool],
    request: HarvestRequest,
    _report: Report,
    *,
    generation: IndexGeneration | None = None,
) -> Iterator[tuple[RunPlan, _Unwritten]]:
    del generation  # what the journal would compare with the index
    plan = runner.plan_without_journal(account, request.window)
    yield plan, _Unwritten(plan)


def main() -> None:
    left_out = sys.argv.pop(1)
    if left_out == "hashing":
        mapping.session_key = _numbered
    elif left_out == "mapping":
        dashboard_source.to_session = _unmapped
    else:
        runner.recorded_run = _unrecorded  # type: ignore[assignment]  # yields a recorder with fewer methods: those that a harvest calls
    run()


if __name__ == "__main__":
    main()
