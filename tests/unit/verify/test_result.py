"""What `harvester verify` looks at, and how it tells what it found: never a clean bill for what was not compared."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from click import UsageError
from click.testing import CliRunner

from connectors.models import MeetingRef, Window
from harvester.cli import cli
from harvester.cli.verify import _choose
from harvester.pipeline.request import HarvestRequest
from harvester.state.journal import Journal
from harvester.state.reader import KnownState
from harvester.state.rejects import Reject, Rejects
from harvester.verify.comparison import Tally
from harvester.verify.findings import KINDS, Finding
from harvester.verify.result import Verdict, exit_code, tell

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 26, tzinfo=UTC)
DAY = timedelta(days=1)
ZONE = ZoneInfo("UTC")
NOTHING: frozenset[str] = frozenset()


def days(first: int, last: int) -> Window:
    """From so many days before the last midnight to so many."""
    return Window(start=MIDNIGHT - first * DAY, end=MIDNIGHT - last * DAY)


def whole(**more: Any) -> Verdict:
    verdict = Verdict(vendor="zoom", account="main", zone=ZONE, windows=[days(6, 0)], complete=True)
    verdict.tally = Tally(listed=7, compared=8)
    for name, value in more.items():
        setattr(verdict, name, value)
    return verdict


def text(capsys: pytest.CaptureFixture[str], *verdicts: Verdict, quiet: bool = False) -> str:
    tell(verdicts, as_json=False, quiet=quiet)
    return capsys.readouterr().out


def told(capsys: pytest.CaptureFixture[str], verdict: Verdict) -> dict[str, Any]:
    tell([verdict], as_json=True, quiet=False)
    (one,) = json.loads(capsys.readouterr().out)["vendors"]
    found: dict[str, Any] = one
    return found


def missing(uuid: str, **more: Any) -> Finding:
    ref = MeetingRef(uuid=uuid, start_time=MIDNIGHT - DAY, digest="")
    return Finding(**{"kind": "missing", "uuid": uuid, "repair": "harvest", "ref": ref, **more})


# Telling


def test_a_clean_bill_is_a_table_of_noughts_and_quiet_it_is_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = text(capsys, whole())
    assert all(f"  {kind:<11} {0:>6}  " in said for kind in KINDS)
    assert "--repair" not in said
    assert exit_code([whole()]) == 0
    assert text(capsys, whole(), quiet=True) == ""


@pytest.mark.parametrize("code", [69, 75, 77, 78])
@pytest.mark.parametrize("quiet", [False, True])
def test_what_could_not_be_compared_shows_no_table(
    capsys: pytest.CaptureFixture[str], code: int, quiet: bool
) -> None:
    verdict = whole(complete=False, error="Zoom: refused", codes={code})
    said = text(capsys, verdict, quiet=quiet)
    assert said == "zoom: not compared: Zoom: refused\n"
    assert exit_code([verdict]) == code
    document = told(capsys, verdict)
    assert (document["counts"], document["left"], document["complete"]) == (None, None, False)


def test_a_listing_that_failed_in_part_shows_what_was_found_and_no_noughts(
    capsys: pytest.CaptureFixture[str],
) -> None:
    verdict = whole(complete=False, failures=["listing 2026-11-20: no"], codes={75})
    assert text(capsys, verdict) == "zoom: not compared: listing 2026-11-20: no\n"
    verdict.findings = [missing("a")]
    said = text(capsys, verdict)
    assert "; not all of it was compared: listing 2026-11-20: no\n" in said
    assert "  missing          1  meetings without" in said
    assert "orphans" not in said
    assert exit_code([verdict]) == 75


def test_findings_are_told_with_their_day_and_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    said = text(capsys, whole(findings=[missing("a")]))
    assert "missing: 2026-11-25 00:00 UTC, a, not in the journal (--repair reads it again)\n" in said
    assert said.endswith("zoom: run it again with --repair to put this right\n")
    assert told(capsys, whole(findings=[missing("a")]))["findings"][0]["start"] == "2026-11-25T00:00:00Z"
    orphan = missing("a", kind="orphans", repair="delete-orphans")
    said = text(capsys, whole(findings=[orphan]))
    assert "run it again" not in said
    assert "--repair --delete-orphans" in said


def test_after_a_repair_the_table_has_what_was_found_repaired_and_left(
    capsys: pytest.CaptureFixture[str],
) -> None:
    findings = [
        missing("a", repaired=True),
        missing("b", repaired=True),
        missing("c", repaired=False, why="no"),
    ]
    verdict = whole(findings=findings, repaired=True)
    said = text(capsys, verdict)
    assert "\n               found repaired   left\n" in said
    assert "  missing          3        2      1  meetings without their document\n" in said
    assert "run it again" not in said
    document = told(capsys, verdict)
    assert (document["counts"]["missing"], document["left"]["missing"], document["exit_code"]) == (3, 1, 65)


def test_a_repair_that_was_stopped_is_no_comparison_that_was(capsys: pytest.CaptureFixture[str]) -> None:
    verdict = whole(findings=[missing("a")], error="Zoom: spent", codes={75})
    said = text(capsys, verdict)
    assert "  missing          1  meetings" in said
    assert "the repair has not come to its end: Zoom: spent" in said


@pytest.mark.parametrize("quiet", [False, True])
def test_rejects_are_no_clean_bill(capsys: pytest.CaptureFixture[str], quiet: bool) -> None:
    verdict = whole(tally=Tally(rejected={"a", "b"}))
    assert exit_code([verdict]) == 65
    said = text(capsys, verdict, quiet=quiet)
    assert "  rejected         2  documents that Elasticsearch refused\n" in said
    assert "2 documents are among the rejects instead of in the index: `harvester rejects list`" in said
    assert "`harvester rejects replay`" in said
    verdict.repaired = True
    assert "  rejected                         2  documents" in text(capsys, verdict)


def test_days_that_nobody_read_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    verdict = whole(windows=[days(6, 5), days(4, 0)], gaps=[days(5, 4)])
    assert "  2026-11-21 was never read by any run, and is not compared\n" in text(capsys, verdict)
    verdict.gaps = [days(5, 3), days(2, 1)]
    said = "2026-11-21 to 2026-11-22, 2026-11-24 were never read by any run, and are not compared"
    assert said in text(capsys, verdict)
    assert told(capsys, verdict)["never_read"][1] == {
        "start": "2026-11-24T00:00:00Z",
        "end": "2026-11-25T00:00:00Z",
    }
    half = Window(start=MIDNIGHT - 2 * DAY, end=MIDNIGHT - 1.5 * DAY)
    assert "2026-11-24 00:00 to 2026-11-24 12:00 UTC was never" in text(capsys, replace(verdict, gaps=[half]))


def test_deleting_orphans_goes_with_repair() -> None:
    ended = CliRunner().invoke(cli, ["verify", "zoom", "--delete-orphans"], standalone_mode=False)
    assert isinstance(ended.exception, UsageError)
    assert "--repair" in str(ended.exception)


# Which time


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with closing(Journal(tmp_path / "scope")) as opened:
        yield opened


def chosen(tmp_path: Path, kept: timedelta = 30 * DAY, **request: Any) -> Verdict:
    vendor: Any = SimpleNamespace(
        name="zoom", context=SimpleNamespace(now=lambda: NOW), connector=SimpleNamespace(retention=kept)
    )
    verdict = Verdict(vendor="zoom", account="main", zone=ZONE)
    with closing(KnownState(tmp_path / "scope", tmp_path / "rejects", "zoom:main:")) as memory:
        _choose(verdict, vendor, HarvestRequest(**request), memory)
    return verdict


def test_all_that_any_run_was_to_read_is_compared_and_what_none_was_is_not(
    tmp_path: Path, journal: Journal
) -> None:
    journal.set_first_nightly(MIDNIGHT - DAY)
    journal.add_target(days(10, 7))  # a backfill that was killed before any listing had come to its end
    journal.add_listing(days(6, 4), NOTHING, NOW)  # one of before wishes were written down
    journal.flush()
    verdict = chosen(tmp_path)
    assert verdict.windows == [days(10, 7), days(6, 4), days(1, 0)]
    assert verdict.gaps == [days(7, 6), days(4, 1)]


def test_what_nightly_runs_wanted_is_compared_to_yesterday_though_they_failed(
    tmp_path: Path, journal: Journal
) -> None:
    journal.set_first_nightly(MIDNIGHT - 5 * DAY)
    assert chosen(tmp_path).windows == [days(5, 0)]
    assert chosen(tmp_path).gaps == []


def test_the_end_of_what_a_backfill_read_is_the_end_of_what_is_compared(
    tmp_path: Path, journal: Journal
) -> None:
    journal.add_target(days(9, 7))
    verdict = chosen(tmp_path)
    assert (verdict.windows, verdict.gaps) == ([days(9, 7)], [days(7, 0)])


def test_what_the_vendor_no_longer_keeps_is_left_out(tmp_path: Path, journal: Journal) -> None:
    journal.add_target(days(20, 12))
    journal.add_target(days(9, 8))
    journal.set_first_nightly(MIDNIGHT - 2 * DAY)
    verdict = chosen(tmp_path, kept=9.5 * DAY)
    assert verdict.windows == [days(9, 8), days(2, 0)]
    assert verdict.gaps == [days(8, 2)]
    assert chosen(tmp_path, kept=timedelta(hours=1)).windows == []


def test_days_that_are_given_are_compared_whoever_read_them(tmp_path: Path, journal: Journal) -> None:
    journal.add_target(days(9, 8))
    verdict = chosen(tmp_path, first=(MIDNIGHT - 7 * DAY).date(), last=(MIDNIGHT - 5 * DAY).date())
    assert (verdict.windows, verdict.gaps) == ([days(7, 4)], [])


def test_without_a_journal_all_that_the_vendor_keeps_is_compared(tmp_path: Path) -> None:
    (window,) = chosen(tmp_path, kept=9 * DAY).windows
    assert window == Window(start=NOW - 9 * DAY, end=MIDNIGHT)


def test_a_day_that_is_not_over_waits(tmp_path: Path, journal: Journal) -> None:
    journal.set_first_nightly(MIDNIGHT)
    assert list(chosen(tmp_path).windows) == []


# Rejects of the time and account


def test_rejects_are_those_of_the_account_and_the_time_or_of_none(tmp_path: Path) -> None:
    def reject(name: str, **document: Any) -> Reject:
        return Reject(
            document_id=name, index="i", version=1, reason="bad", document=json.dumps(document).encode()
        )

    inside, outside = "2026-11-25T09:00:00Z", "2026-11-01T09:00:00Z"
    with closing(Rejects(tmp_path / "rejects", lambda: NOW)) as rejects:
        rejects.add(
            [
                reject("zoom:main:in", **{"@timestamp": inside}),
                reject("zoom:main:in:1", **{"@timestamp": outside, "meeting_timestamp": inside}),
                reject("zoom:main:out", **{"@timestamp": outside}),
                reject("zoom:main:odd", **{"@timestamp": "yesterday"}),
                replace(reject("zoom:main:torn"), document=b'{"document'),
                reject("zoom:mainly:in", **{"@timestamp": inside}),
                reject("webex:main:in", **{"@timestamp": inside}),
                reject("sha256:0"),
            ]
        )
    with closing(KnownState(tmp_path / "scope", tmp_path / "rejects", "zoom:main:")) as memory:
        names = {"in", "in:1", "odd", "torn"}
        assert memory.rejected_in(days(2, 0)) == {f"zoom:main:{name}" for name in names}
