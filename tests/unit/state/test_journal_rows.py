"""The spelling of rows, and summaries of earlier versions."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.pipeline.report import Report
from harvester.state.journal_rows import (
    RENAMED_COUNTS,
    from_microseconds,
    join_extras,
    parse_entry,
    parse_run,
    split_extras,
    to_microseconds,
)


@given(st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001  # hypothesis takes naive limits
def test_an_instant_survives_a_round_trip(instant: datetime) -> None:
    assert from_microseconds(to_microseconds(instant)) == instant


@given(st.frozensets(st.from_regex(r"[a-z]+", fullmatch=True)))
def test_extras_survive_a_round_trip(extras: frozenset[str]) -> None:
    assert split_extras(join_extras(extras)) == extras


def test_an_unknown_outcome_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown outcome"):
        parse_entry(("m", "lost", None, "d", "{}", "", None, None, None, None, 0, 1))


def test_the_summary_of_an_earlier_version_gets_the_present_keys() -> None:
    earlier = b'{"listed": 9, "poorer": 1, "kept": 2, "waits": {"live": 3}}'
    run = parse_run((1, 0, 1_000_000, "nightly", 0, earlier))
    assert run.summary == {"listed": 9, "kept_richer": 1, "kept_pending": 2, "pending_by_reason": {"live": 3}}


def test_no_present_key_of_a_summary_is_renamed() -> None:
    present = Report(vendor="zoom", account="main").summary()
    assert set(RENAMED_COUNTS.values()) <= set(present)
    assert not set(RENAMED_COUNTS) & set(present)


def test_a_run_that_was_killed_has_no_summary() -> None:
    run = parse_run((1, 0, None, "nightly", None, None))
    assert (run.ended, run.exit_code, run.summary) == (None, None, None)
