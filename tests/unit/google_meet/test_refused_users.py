from __future__ import annotations

import pytest

from connectors.errors import VendorError
from connectors.google_meet.auth import UserUnavailable
from connectors.google_meet.errors import Forbidden
from connectors.google_meet.refused_users import MAX_NAMED, UNKNOWN, RefusedUsers, first_names, skip_user
from connectors.models import Reason, SkippedPartition, user_partition
from tests.unit.fake_context import FakeContext

ADA, BEN = "ada@example.org", "ben@example.org"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (UserUnavailable("no token", status=400), Reason.unknown_user),
        (Forbidden("refused", status=403), Reason.refused),
        (VendorError("broken", status=500), Reason.error),
    ],
)
def test_the_reason_comes_from_the_error(error: VendorError, reason: Reason) -> None:
    skipped = SkippedPartition(partition=user_partition(ADA), reason=reason, permanent=False)
    assert skip_user("Ada@example.org", error) == skipped


def test_each_user_is_named_once_and_failures_are_not(context: FakeContext) -> None:
    users = RefusedUsers(context, "refused")
    users.add(BEN, Reason.refused)
    users.add("broken@example.org", Reason.error)
    users.notify()
    users.add(BEN, Reason.refused)
    users.add(ADA, Reason.unknown_user)
    users.notify()
    assert context.notices == [f"Google Meet: refused: {BEN}", f"Google Meet: {UNKNOWN}: {ADA}"]


def test_only_the_first_names_are_shown() -> None:
    names = [f"u{number:04d}" for number in range(MAX_NAMED + 1_500)]
    assert first_names(names).endswith("u0019 and 1,500 more")
