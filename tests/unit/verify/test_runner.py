"""Which time `harvester verify` compares."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connectors.models import Window
from harvester.pipeline.account import AccountConfig, open_account
from harvester.pipeline.request import days_window
from harvester.pipeline.run_clock import Clock
from harvester.pipeline.runner import open_journal
from harvester.pipeline.stop_signal import StopSignal
from harvester.privacy.settings import to_privacy
from harvester.sinks.elastic.config import ElasticConfig
from harvester.state.journal import Journal
from harvester.state.reader import KnownState
from harvester.state.secrets_and_forgotten_people import PrivacyState
from harvester.verify.result import VerifyResult
from harvester.verify.runner import _known_state, choose_windows
from tests.unit.state.shared.machine import HOST, PREFIX, Machine
from tests.unit.state.shared.memory_store import Documents

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 26, tzinfo=UTC)
DAY = timedelta(days=1)
ZONE = ZoneInfo("UTC")
NOTHING: frozenset[str] = frozenset()


def days(first: int, last: int) -> Window:
    """From so many days before the last midnight to so many."""
    return Window(start=MIDNIGHT - first * DAY, end=MIDNIGHT - last * DAY)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with closing(Journal(tmp_path / "scope")) as opened:
        yield opened


def chosen(
    tmp_path: Path,
    kept: timedelta = 30 * DAY,
    first: date | None = None,
    last: date | None = None,
    here: datetime = NOW,
) -> VerifyResult:
    """`here`: by this machine's clock."""
    account: Any = SimpleNamespace(
        vendor="zoom", context=SimpleNamespace(now=lambda: NOW), connector=SimpleNamespace(retention=kept)
    )
    result = VerifyResult(vendor="zoom", account="main", zone=ZONE)
    window = days_window(None, first, last, zone=ZONE, now=here)
    with closing(KnownState(tmp_path / "scope", tmp_path / "rejects", "zoom:main:")) as state:
        choose_windows(result, account, window, state, has_dates=first is not None)
    return result


def test_only_the_targets_of_runs_are_compared(tmp_path: Path, journal: Journal) -> None:
    journal.set_first_nightly(MIDNIGHT - DAY)
    journal.add_target(days(10, 7))  # a backfill that was killed before any listing had come to its end
    journal.add_listing(days(6, 4), NOTHING, NOW)  # from before the journal recorded requested days
    journal.flush()
    result = chosen(tmp_path)
    assert result.windows == [days(10, 7), days(6, 4), days(1, 0)]
    assert result.gaps == [days(7, 6), days(4, 1)]


def test_targets_of_failed_nightly_runs_are_compared_up_to_yesterday(
    tmp_path: Path, journal: Journal
) -> None:
    journal.set_first_nightly(MIDNIGHT - 5 * DAY)
    assert chosen(tmp_path).windows == [days(5, 0)]
    assert chosen(tmp_path).gaps == []


@pytest.mark.parametrize("ahead", [timedelta(minutes=13 * 60), 6 * DAY, 371 * DAY])
def test_days_that_only_a_clock_that_is_ahead_has_reached_are_not_compared(
    tmp_path: Path, journal: Journal, ahead: timedelta
) -> None:
    """The meetings of the vendor's today would be missing: no run had to read them yet."""
    journal.set_first_nightly(MIDNIGHT - 5 * DAY)
    result = chosen(tmp_path, here=NOW + ahead)
    assert (result.windows, result.gaps) == ([days(5, 0)], [])


def test_the_comparison_ends_with_the_backfill(tmp_path: Path, journal: Journal) -> None:
    journal.add_target(days(9, 7))
    result = chosen(tmp_path)
    assert (result.windows, result.gaps) == ([days(9, 7)], [days(7, 0)])


def test_time_beyond_the_retention_is_not_compared(tmp_path: Path, journal: Journal) -> None:
    journal.add_target(days(20, 12))
    journal.add_target(days(9, 8))
    journal.set_first_nightly(MIDNIGHT - 2 * DAY)
    result = chosen(tmp_path, kept=9.5 * DAY)
    assert result.windows == [days(9, 8), days(2, 0)]
    assert result.gaps == [days(8, 2)]
    assert chosen(tmp_path, kept=timedelta(hours=1)).windows == ()


def test_given_days_are_compared_with_any_journal(tmp_path: Path, journal: Journal) -> None:
    journal.add_target(days(9, 8))
    result = chosen(tmp_path, first=(MIDNIGHT - 7 * DAY).date(), last=(MIDNIGHT - 5 * DAY).date())
    assert (result.windows, result.gaps) == ([days(7, 4)], [days(7, 4)]), "no run was asked to read them"
    journal.add_target(days(6, 5))
    result = chosen(tmp_path, first=(MIDNIGHT - 7 * DAY).date(), last=(MIDNIGHT - 5 * DAY).date())
    assert (result.windows, result.gaps) == ([days(7, 4)], [days(7, 6), days(5, 4)])


def test_without_a_journal_the_whole_retention_is_compared(tmp_path: Path) -> None:
    (window,) = chosen(tmp_path, kept=9 * DAY).windows
    assert window == Window(start=NOW - 9 * DAY, end=MIDNIGHT)


def test_an_unfinished_day_is_not_compared(tmp_path: Path, journal: Journal) -> None:
    journal.set_first_nightly(MIDNIGHT)
    assert list(chosen(tmp_path).windows) == []


def test_what_another_machine_has_harvested_is_compared(tmp_path: Path) -> None:
    documents = Documents()
    elastic = ElasticConfig(host=HOST, prefix=PREFIX)

    def shared_account(name: str) -> AccountConfig:
        folder = tmp_path / name
        return AccountConfig(
            vendor="zoom",
            label="main",
            values={"ZOOM_ACCOUNT_ID": "x", "ZOOM_CLIENT_ID": "x", "ZOOM_CLIENT_SECRET": "x"},
            state_folder=folder,
            clock=Clock(wall=NOW.timestamp, monotonic=lambda: 0.0),
            privacy=to_privacy({}, PrivacyState(folder)),
            shared=Machine(documents, folder).shared,
        )

    with (
        open_account(shared_account("one"), StopSignal()) as account,
        open_journal(account, elastic) as journal,
    ):
        journal.add_target(days(9, 7))
    with (
        open_account(shared_account("other"), StopSignal()) as account,
        closing(_known_state(account, elastic)) as state,
    ):
        assert state.targets(MIDNIGHT) == [days(9, 7)]
