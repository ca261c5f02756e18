"""When a refused user is skipped for good."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connectors.google_meet.record_listing import settle_refusals
from connectors.models import Reason, SkippedPartition


def skipped(reason: Reason) -> SkippedPartition:
    return SkippedPartition(partition="user x", reason=reason, permanent=False)


@pytest.mark.parametrize("reason", [Reason.refused, Reason.unknown_user])
def test_a_user_who_is_refused_while_others_are_not_is_skipped_permanently(reason: Reason) -> None:
    found = list(settle_refusals([skipped(reason), ("a", []), ("b", [])]))
    assert [one.permanent for one in found if isinstance(one, SkippedPartition)] == [True]
    assert [one for one in found if not isinstance(one, SkippedPartition)] == [("a", []), ("b", [])]


def test_a_user_whose_list_failed_is_asked_again() -> None:
    found = list(settle_refusals([skipped(Reason.error), ("a", [])]))
    assert [one.permanent for one in found if isinstance(one, SkippedPartition)] == [False]


def test_if_everybody_is_refused_a_later_run_asks_again() -> None:
    found = list(settle_refusals([skipped(Reason.refused), skipped(Reason.error)]))
    assert [one.permanent for one in found if isinstance(one, SkippedPartition)] == [False, False]


def test_if_only_refused_users_are_asked_the_caller_knows_whether_others_are_accepted() -> None:
    found = list(settle_refusals([skipped(Reason.refused)], is_accepted=lambda: True))
    assert [one.permanent for one in found if isinstance(one, SkippedPartition)] == [True]


def test_a_known_refusal_stays_permanent() -> None:
    known = replace(skipped(Reason.refused), permanent=True)
    found = list(settle_refusals([known, skipped(Reason.error)]))
    assert [one.permanent for one in found if isinstance(one, SkippedPartition)] == [False, True]
