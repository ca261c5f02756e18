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


@pytest.mark.parametrize("text", ["WKTIMXIVUK", "wktimxivuk", "wkt-imxi-vuk", " WKT-IMXI-VUK "])
def test_codes_are_normalized(text: str) -> None:
    assert normalize_code(text) == "wkt-imxi-vuk"
    assert code_spellings("wkt-imxi-vuk") == ("WKTIMXIVUK", "wkt-imxi-vuk", "wktimxivuk")


@pytest.mark.parametrize(("text", "code"), [("", None), (None, None), (7, None), ("Nick-Name", "nick-name")])
def test_other_texts_are_only_lower_cased(text: object, code: str | None) -> None:
    assert normalize_code(text) == code


def test_missing_start_is_the_end_minus_the_duration() -> None:
    text = row(start_timestamp_seconds=None, stayed=90)
    assert leave_time(text) is not None
    assert (leave_time(text) - join_time(text)).total_seconds() == 90  # type: ignore[operator]  # the fixture has both times
    assert join_time(row(start_timestamp_seconds=10**13, stayed=60)) == join_time(
        row(stayed=60, start_timestamp_seconds=None)
    )
