"""The report of a run as text, and the summary as JSON. The summary is written after any end of the run."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.errors import (
    ConfigurationError,
    CredentialsError,
    Interrupted,
    NotReady,
    OutputError,
    QuotaExhausted,
    TimeIsUp,
)
from connectors.models import Pending, Reason, SkippedPartition
from harvester.cli.render.summary import Summary, summarized, summary_lines, verdict_lines
from harvester.pipeline.report import Report
from harvester.sinks.base import Ack, PipeClosed

FULL = Path("/dev/full")
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def written(path: Path) -> dict[str, Any]:
    summary_file: dict[str, Any] = json.loads(path.read_text())
    return summary_file


def report(name: str, error: Exception | None = None) -> Report:
    made = Report(vendor=name, account="main")
    if error is not None:
        made.record_stop(error)  # type: ignore[arg-type]  # every error here is a HarvestError
    return made


def test_the_whole_has_the_worst_exit_code_and_every_reason(tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    with summarized(path, ("one", "two"), "main") as summary:
        summary.reports += [report("one", CredentialsError("refused")), report("two")]
    summary_file = written(path)
    assert (summary.exit_code, summary_file["exit_code"], summary_file["reason"]) == (77, 77, "one: refused")
    assert [vendor["exit_code"] for vendor in summary_file["vendors"]] == [77, 0]
    with summarized(path, ("one", "two"), "main") as summary:
        summary.reports += [report("one", CredentialsError("refused")), report("two", Interrupted())]
    assert written(path)["exit_code"] == summary.exit_code == 130


def test_a_failure_before_the_first_vendor_is_that_of_every_vendor(tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    with pytest.raises(ConfigurationError), summarized(path, ("one", "two"), "main"):
        raise ConfigurationError("ES_HOST is no URL")
    summary_file = written(path)
    assert (summary_file["exit_code"], summary_file["reason"]) == (78, "ES_HOST is no URL")
    assert [(vendor["exit_code"], vendor["reason"]) for vendor in summary_file["vendors"]] == [
        (78, "ES_HOST is no URL")
    ] * 2


@pytest.mark.parametrize("names", [(), ("one", "two")])
def test_a_command_whose_time_is_up_before_the_first_vendor_may_resume_at_once(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    path = tmp_path / "summary.json"
    with pytest.raises(TimeIsUp), summarized(path, names, "main", now=lambda: NOW):
        raise TimeIsUp("stopped")
    summary_file = written(path)
    assert summary_file["resume_at"] == "2026-11-20T12:00:00Z"
    assert [vendor["resume_at"] for vendor in summary_file["vendors"]] == ["2026-11-20T12:00:00Z"] * len(
        names
    )


def test_another_failure_before_the_first_vendor_says_not_when_to_resume(tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    with pytest.raises(ConfigurationError), summarized(path, ("one",), "main", now=lambda: NOW):
        raise ConfigurationError("ES_HOST is no URL")
    assert written(path)["resume_at"] is None


def test_a_bug_is_reported_as_a_bug(tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    with pytest.raises(ZeroDivisionError), summarized(path, ("one",), "main") as summary:
        summary.reports.append(report("one"))
        raise ZeroDivisionError
    summary_file = written(path)
    assert (summary_file["exit_code"], summary_file["vendors"][0]["exit_code"]) == (70, 70)
    assert "traceback" in summary_file["vendors"][0]["reason"]


def test_a_summary_that_cannot_be_written_is_an_output_error(tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "summary.json"
    with pytest.raises(OutputError, match=r"summary\.json cannot be written"), summarized(path, (), "main"):
        pytest.fail("the run has begun")


def test_a_summary_goes_into_a_fifo_that_stays_one(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    with ThreadPoolExecutor() as pool:
        received = pool.submit(path.read_text)
        with summarized(path, (), "main"):
            pass
    assert json.loads(received.result())["exit_code"] == 0
    assert path.is_fifo()


def test_a_full_device_is_an_output_error() -> None:
    with pytest.raises(OutputError, match="/dev/full cannot be written"), summarized(FULL, (), "main"):
        pass


def started(**values: object) -> Report:
    return Report(**{"vendor": "zoom", "account": "main", "started": True, **values})  # type: ignore[arg-type]  # the values are those of a keyword


def test_a_run_that_listed_nothing_prints_why_and_no_zeros() -> None:
    run = started()
    run.record_stop(CredentialsError("Zoom: POST /oauth/token: no token (400)"))
    assert summary_lines(run) == ["zoom: POST /oauth/token: no token (400)"]


def test_what_stopped_a_run_is_printed_once_with_what_to_do() -> None:
    run = started()
    run.record_stop(QuotaExhausted("today's calls are spent", until=NOW))
    run.record_stop(OutputError("the disk is full"))
    assert summary_lines(run) == [
        "zoom: today's calls are spent",
        "zoom: continue at 2026-11-20 12:00 UTC with the same command",
    ]


def test_failures_that_are_not_printed_are_counted_whatever_failed() -> None:
    run = started()
    run.indices_lost([f"harvester-meetings-{year}" for year in range(2015, 2026)], meetings=3)
    assert [line for line in summary_lines(run) if "more" in line] == [
        "zoom: … and 1 more; --summary-json has the first 50"
    ]


def test_an_interrupted_run_says_that_the_same_command_resumes() -> None:
    run = started(listed=3, failed=1, causes={75})
    run.record_stop(Interrupted(exit_code=143))
    lines = summary_lines(run)
    assert lines[0] == "zoom: interrupted; the same command resumes"
    assert "2 not read" in lines[1]


def test_meetings_that_were_not_acknowledged_are_explained() -> None:
    run = started(listed=30, fetched=21)
    run.meeting_loaded(Ack(uuid="a", ok=4), pending=None)
    for uuid in ("b", "c"):
        run.meeting_cleanup_pending(Ack(uuid=uuid, ok=3, rejected=1, complete=False))
    run.unacknowledged = 18
    lines = summary_lines(run)
    assert lines[0] == "zoom: 2 documents rejected"
    assert (
        lines[1] == "zoom: 30 meetings listed: 1 done, 0 pending, 20 not acknowledged, 9 not read, 0 failed"
    )
    assert lines[2].startswith("zoom: 10 documents stored, 2 rejected (see `harvester rejects list`); ")
    assert "2 meetings stored, but stale documents could not be checked" in lines[3]
    assert "18 meetings fetched, but not known to be stored" in lines[4]


def test_every_outcome_has_its_number() -> None:
    run = started(listed=66, done=39, out_of_range=1)
    for _ in range(3):
        run.meeting_ended("m", NotReady("no time yet", reason=Reason.no_time, until=NOW))
    run.pending += 23
    assert summary_lines(run)[0] == (
        "zoom: 66 meetings listed: 39 done, 26 pending (3 with nothing to store yet), 1 out of range, 0 failed"
    )


def test_one_is_singular() -> None:
    run = started(listed=1, done=1, documents=1, requests=1, collisions=1, replaced=1)
    assert summary_lines(run) == [
        "zoom: 1 meeting listed: 1 done, 0 pending, 0 failed",
        "zoom: 1 document stored; 1 request, 0.0 s in all",
        "zoom: 1 stale document deleted",
        "zoom: 1 session had a duplicate key and was numbered",
    ]


def test_meetings_stored_from_the_listing_have_a_line_of_their_own() -> None:
    run = started(listed=3, fetched=3, done=3, listed_only=2)
    assert (
        "zoom: 2 meetings stored from the listing only: the vendor no longer gives their participants"
        in summary_lines(run)
    )
    assert run.exit_code == 0


def test_documents_are_printed_to_stdout_until_the_pipe_closes() -> None:
    run = started(destination="stdout", listed=1, done=1, documents=3, requests=2)
    assert summary_lines(run)[1] == "zoom: 3 documents printed; 2 requests, 0.0 s in all"
    run.record_stop(PipeClosed("the output was closed"))
    assert summary_lines(run)[-1] == "zoom: output closed by the reader; stopped without fetching the rest"


def test_a_run_with_nothing_to_do_says_so() -> None:
    assert summary_lines(started()) == ["zoom: nothing to do: no meeting is new, failed or due"]


def test_missing_partitions_are_normal_and_failed_ones_are_retried() -> None:
    run = started(listed=1, done=1)
    for number in range(11):
        run.skip(SkippedPartition(partition=f"user {number}", reason=Reason.unknown_user, permanent=True))
    last = summary_lines(run)[-1]
    assert "11 parts of listings skipped that the vendor does not have or give" in last
    assert last.endswith("(this is normal): 11 unknown users")
    run.skip(SkippedPartition(partition="user 2", reason=Reason.error, permanent=False))
    lines = summary_lines(run)
    assert lines[0] == "zoom: 1 part of listings could not be read"
    assert lines[-1] == "zoom: 1 part of listings could not be read; the next run will retry: 1 error"


def test_a_name_that_the_vendor_does_not_know_is_not_retried() -> None:
    run = started(listed=1, done=1)
    run.skip(SkippedPartition(partition="group typo", reason=Reason.unknown_group, permanent=False))
    assert summary_lines(run)[-1] == (
        "zoom: names that the vendor does not know: correct or remove them in the settings: 1 unknown group"
    )


def test_pending_meetings_are_explained_with_their_reason_and_time() -> None:
    run = started(listed=1, fetched=1)
    run.meeting_kept(Pending(until=NOW, reason=Reason.quality))
    assert summary_lines(run)[-1] == (
        "zoom: pending: 1 without quality yet; a run after 2026-11-20 12:00 UTC reads the first again"
    )


def test_every_reason_reads_well_after_a_number() -> None:
    made = Report(vendor="zoom", account="main", listed=2, gone=1)
    made.gone_by_reason.update(dict.fromkeys(Reason, 2))
    (gone,) = [line for line in summary_lines(made) if ": gone: " in line]
    found = {part.strip() for part in gone.removeprefix("zoom: gone: ").split(",")}
    assert {"2 with sessions missing", "2 with values missing", "2 without a start time"} <= found
    assert {"2 errors", "2 unknown users", "2 unknown groups", "2 planned", "2 deleted"} <= found


def test_documents_of_the_future_are_named_with_the_remedy() -> None:
    run = Report(vendor="zoom", account="main", listed=1, future_documents=2)
    (line,) = [line for line in summary_lines(run) if "future" in line and "repair" in line]
    assert "`harvester verify zoom --repair`" in line


def test_all_ends_with_a_line_for_each_account_and_one_for_the_whole() -> None:
    good = Report(vendor="zoom", account="main", listed=12, done=12)
    bad = Report(vendor="webex", account="main")
    bad.record_stop(CredentialsError("Webex: the login has ended"))
    assert list(verdict_lines([good, bad])) == [
        (0, "zoom, account main: complete: 12 meetings stored"),
        (77, "webex, account main: refused (77): the login has ended"),
        (77, "all: refused (77): 1 of 2 accounts needs attention"),
    ]
    assert list(verdict_lines([good]))[-1] == (0, "all: complete")
    assert list(verdict_lines([bad, bad]))[-1] == (77, "all: refused (77): 2 of 2 accounts need attention")


def test_an_interruption_is_named_once() -> None:
    stopped = report("teams", Interrupted())
    assert next(iter(verdict_lines([stopped]))) == (130, "teams, account main: interrupted (130)")


def test_far_fewer_sessions_have_lines_and_keys_of_their_own() -> None:
    made = Report(vendor="zoom", account="main", listed=2)
    until = datetime(2026, 11, 21, 8, tzinfo=UTC)
    made.meeting_kept(Pending(until=until, reason=Reason.few_sessions), is_doubted=True)
    made.meeting_loaded(Ack(uuid="b", ok=2), pending=Pending(until=until, reason=Reason.few_sessions))
    made.confirmed_fewer += 1
    made.fewer_values += 3
    text = "\n".join(summary_lines(made))
    assert "sessions or values missing that are stored or listed: 2 meetings; what is stored stays" in text
    assert "fewer or other sessions, or fewer values, confirmed by a second reading: 1 meeting" in text
    assert "some values missing that were stored before: 3 meetings stored" in text
    summary = made.summary()
    assert (summary["doubted"], summary["confirmed_fewer"], summary["pending"]) == (2, 1, 2)
    assert made.exit_code == 0


def test_an_account_of_the_settings_file_is_called_by_its_name() -> None:
    named = Report(vendor="zoom", account="berlin", name="zoom/berlin", listed=1, done=1, requests=2)
    named.record_stop(CredentialsError("zoom: GET /users: refused"))
    assert next(iter(summary_lines(named))) == "zoom/berlin: GET /users: refused"
    assert Summary(reports=[named], finished=True).reason == "zoom/berlin: GET /users: refused"
    assert "name" not in named.summary()


def test_a_bug_of_one_account_is_in_its_report() -> None:
    crashed = Report(vendor="zoom", account="main")
    crashed.crashed(ZeroDivisionError("never mind"))
    assert crashed.exit_code == 70
    assert crashed.reason == "a bug: ZeroDivisionError; its traceback is on stderr"


def test_the_verdict_of_a_dry_run_counts_what_was_listed() -> None:
    surveyed = Report(vendor="zoom", account="main", listed=4, only_lists=True)
    assert next(iter(verdict_lines([surveyed]))) == (0, "zoom, account main: complete: 4 meetings listed")
