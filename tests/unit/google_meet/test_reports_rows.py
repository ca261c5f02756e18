"""Rows of Reports: meeting codes, join and leave times."""

from __future__ import annotations

import pytest

from connectors.google_meet.reports_rows import (
    code_spellings,
    join_time,
    leave_time,
    normalize_code,
)
from tests.unit.google_meet.fake_api import row


@pytest.mark.parametrize("told", ["WKTIMXIVUK", "wktimxivuk", "wkt-imxi-vuk", " WKT-IMXI-VUK "])
def test_codes_are_normalized(told: str) -> None:
    assert normalize_code(told) == "wkt-imxi-vuk"
    assert code_spellings("wkt-imxi-vuk") == ("WKTIMXIVUK", "wkt-imxi-vuk", "wktimxivuk")


@pytest.mark.parametrize(("told", "code"), [("", None), (None, None), (7, None), ("Nick-Name", "nick-name")])
def test_other_texts_are_only_lower_cased(told: object, code: str | None) -> None:
    assert normalize_code(told) == code


def test_missing_start_is_the_end_minus_the_duration() -> None:
    told = row(start_timestamp_seconds=None, stayed=90)
    assert leave_time(told) is not None
    assert (leave_time(told) - join_time(told)).total_seconds() == 90  # type: ignore[operator]  # the fixture has both times
    assert join_time(row(start_timestamp_seconds=10**13, stayed=60)) == join_time(
        row(stayed=60, start_timestamp_seconds=None)
    )
