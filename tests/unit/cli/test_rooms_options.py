"""Instants, durations and exit codes of `harvester rooms`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import click
import pytest

from connectors.errors import CredentialsError, HarvestError, Unreachable
from harvester.cli.rooms_options import Duration, Instant, report_errors


@pytest.mark.parametrize(
    ("text", "minutes"), [("30m", 30), ("2h", 120), ("1h30m", 90), ("168h", 168 * 60), ("0h5m", 5)]
)
def test_durations_are_hours_and_minutes(text: str, minutes: int) -> None:
    assert Duration().convert(text, None, None) == timedelta(minutes=minutes)


@pytest.mark.parametrize("text", ["", "0m", "30", "m", "1.5h", "169h", "-5m", "30m1h", "1h 30m"])
def test_other_durations_are_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="like 30m, 2h or 1h30m"):
        Duration().convert(text, None, None)


def test_an_instant_needs_an_offset() -> None:
    instant = Instant().convert("2026-11-30T10:00+01:00", None, None)
    assert instant == datetime(2026, 11, 30, 9, tzinfo=UTC)
    for text in ("2026-11-30T10:00", "tomorrow", "10:00"):
        with pytest.raises(click.BadParameter, match="with its offset"):
            Instant().convert(text, None, None)


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
