"""Findings: what counts as wrong, and how many meetings have which."""

from __future__ import annotations

from typing import Any

from harvester.verify.findings import EXPLAINED, KINDS, Finding, Kind, count_by_kind, unrepaired, wrong
from tests.unit.journal_builders import FIRST, ref


def finding(kind: Kind, uuid: str = "a", **values: Any) -> Finding:
    return Finding(kind=kind, uuid=uuid, repair="harvest", **values)


def test_meetings_are_counted_once_for_each_kind() -> None:
    found = [finding("doubled"), finding("doubled"), finding("doubled", "b"), finding("surplus")]
    assert count_by_kind(found) == {"doubled": 2, "surplus": 1}


def test_what_explains_an_absent_meeting_is_not_wrong() -> None:
    found = [finding(kind) for kind in (*KINDS, *EXPLAINED)]
    assert [each.kind for each in wrong(found)] == list(KINDS)


def test_findings_that_were_not_repaired_or_not_tried_remain() -> None:
    found = [
        finding("missing", "a"),
        finding("missing", "b", repaired=False),
        finding("missing", "c", repaired=True),
        finding("pending", "d"),
    ]
    assert [each.uuid for each in unrepaired(found)] == ["a", "b"]


def test_the_start_is_known_only_with_a_ref() -> None:
    assert finding("orphans").start is None
    assert finding("missing", ref=ref("a", start=FIRST)).start == FIRST
