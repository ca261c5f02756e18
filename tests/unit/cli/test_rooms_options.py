"""Exit codes of `harvester rooms`."""

from __future__ import annotations

import pytest

from connectors.errors import CredentialsError, HarvestError, Unreachable
from harvester.cli.rooms_options import report_errors


@pytest.mark.parametrize(
    ("errors", "code"),
    [
        ([], 0),
        ([None, None], 0),
        ([None, CredentialsError("refused")], 75),
        ([CredentialsError("refused"), CredentialsError("refused")], 77),
        ([CredentialsError("refused"), Unreachable("down")], 75),
    ],
)
def test_an_error_that_all_rooms_share_decides_the_exit_code(
    errors: list[HarvestError | None], code: int, caplog: pytest.LogCaptureFixture
) -> None:
    assert report_errors((f"room {number}", error) for number, error in enumerate(errors)) == code
    assert len(caplog.messages) == sum(error is not None for error in errors)
