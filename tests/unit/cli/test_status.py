"""`harvester status` over journals that the tests write. It must leave them as they are."""

from __future__ import annotations

import fcntl
import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click
import pytest
from click.testing import CliRunner, Result

from connectors.errors import AlreadyRunning
from connectors.models import MeetingRef, Reason, Window
from connectors.zoom import Zoom
from harvester.cli import cli
from harvester.pipeline.index_generation import EMPTY_WHEN_BEGUN
from harvester.state.journal import Journal
from harvester.state.journal_rows import FailedPartition
from harvester.state.quotas_and_tokens import AccountState
from harvester.state.rejects import Reject, Rejects
from tests.unit.cli.shared_machine import keep_shared_state_in_memory
from tests.unit.state.shared.crash import work
from tests.unit.state.shared.machine import HOST, Machine
from tests.unit.state.shared.memory_store import Documents

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 20, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
UTC_ZONE = ZoneInfo("UTC")
ACCOUNT = "zoom-main-0123456789ab"
INDEX = "elasticsearch-harvester-ba9876543210"
ABOUT = {
    "vendor": "zoom",
    "account": "main",
    "api_url": "http://127.0.0.1:9/zoom/v2",  # simulated, so that HARVESTER_NOW is its calendar
    "es_url": "http://127.0.0.1:9200",
    "prefix": "harvester-",
}
Status = Callable[..., Result]


def days(first: int, last: int) -> Window:
    """From so many days before the last midnight to so many."""
    return Window(start=MIDNIGHT - first * DAY, end=MIDNIGHT - last * DAY)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state" / ACCOUNT / INDEX


@pytest.fixture
def journal(folder: Path) -> Iterator[Journal]:
    """One that a nightly run began a month ago and has listed to the last midnight since."""
    opened = Journal(folder)
    for name, value in ABOUT.items():
        opened.set_fact(name, value)
    opened.set_first_nightly(MIDNIGHT - 30 * DAY)
    opened.add_listing(days(30, 0), frozenset(), NOW - timedelta(hours=9))
    opened.flush()
    yield opened
    with suppress(sqlite3.ProgrammingError):  # a test may have closed it
        opened.close()


@pytest.fixture
def status(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Status:
    monkeypatch.chdir(tmp_path)

    def ask(*words: str, **more: str) -> Result:
        environment = {
            "HARVESTER_STATE_DIR": str(tmp_path / "state"),
            "HARVESTER_NOW": NOW.isoformat(),
            **more,
        }
        # Text with all details, unless the arguments say otherwise.
        details = () if {"--json", "--exit-code", "--forget", "--brief"} & set(words) else ("-v",)
        words = tuple(word for word in words if word != "--brief")
        result = CliRunner().invoke(cli, ["status", *details, *words], env=environment, standalone_mode=False)
        assert result.exception is None, result.exception
        return result

    return ask


def answer(status: Status, *words: str) -> dict[str, Any]:
    printed: dict[str, Any] = json.loads(status("--json", *words).stdout)
    return printed


def only_scope(status: Status) -> dict[str, Any]:
    (scope,) = answer(status)["scopes"]
    found: dict[str, Any] = scope
    return found


def record(journal: Journal, uuid: str, start: datetime | None = NOW - DAY) -> MeetingRef:
    ref = MeetingRef(uuid=uuid, start_time=start, digest="d")
    journal.record_intent(ref, frozenset(), 1)
    return ref


def fail(journal: Journal, uuid: str, why: str, times: int = 1, start: datetime = NOW - DAY) -> None:
    ref = record(journal, uuid, start)
    for _ in range(times):
        journal.set_outcome(ref, "failed", reason=why)


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    return {
        str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
    }


def test_without_a_journal_it_says_so_and_creates_no_folder(status: Status, tmp_path: Path) -> None:
    result = status()
    assert result.return_value == 0
    assert "nothing has been harvested into an index yet" in result.stdout
    assert answer(status)["scopes"] == []
    assert not (tmp_path / "state").exists()


def test_rejects_of_loads_are_reported(status: Status, tmp_path: Path) -> None:
    with closing(Rejects(tmp_path / "state" / INDEX, lambda: NOW)) as rejects:
        rejects.add([Reject(document_id="a", index="i", version=1, reason="bad", document=b"{}")])
    message = "`harvester load`: 1 document rejected: see `harvester rejects list`"
    assert message in status().stdout
    printed = answer(status)
    assert (printed["attention"], printed["rejects_of_loads"]) == ([message], 1)
    assert message not in status("zoom").stdout


def test_rejects_of_a_harvested_index_are_reported_once(
    status: Status, journal: Journal, tmp_path: Path
) -> None:
    with closing(Rejects(tmp_path / "state" / INDEX, lambda: NOW)) as rejects:
        rejects.add([Reject(document_id="a", index="i", version=1, reason="bad", document=b"{}")])
    assert status().stdout.count("rejected") == 1
    assert answer(status)["rejects_of_loads"] == 0


def test_remaining_findings_of_a_repair_are_no_rejected_documents(status: Status, journal: Journal) -> None:
    run = journal.begin_run("verify --repair", NOW - timedelta(hours=1))
    journal.end_run(run, NOW, 65, {})
    journal.flush()
    text = status().stdout
    assert "2026-11-20 11:00  verify --repair  findings left (65)  1 h 00 min" in text
    assert "zoom main: the last run: findings left" in text


def test_a_complete_account_needs_no_attention(status: Status, journal: Journal) -> None:
    run = journal.begin_run("nightly", NOW - timedelta(hours=9))
    summary = {"listed": 1200, "fetched": 1100, "stored": 1090}
    journal.end_run(run, NOW - timedelta(hours=8), 0, summary)
    journal.flush()
    text = status().stdout
    assert text.startswith("zoom, account main, into http://127.0.0.1:9200, indices harvester-*\n")
    assert "2026-11-20 03:00  nightly  complete (0)  1 h 00 min  1,200   1,100    1,090\n" in text
    whole = "from 2026-10-21 00:00 to 2026-11-20 00:00 UTC"
    assert f"  listed    {whole}, final to 2026-11-13 03:00\n" in text
    assert f"  complete  {whole}\n" in text
    assert "needs attention" not in text
    assert "gaps" not in text
    printed = answer(status)
    assert printed["attention"] == []
    (ran,) = printed["scopes"][0]["runs"]
    assert (ran["seconds"], ran["listed"], ran["stored"], ran["outcome"]) == (3600, 1200, 1090, "complete")


def test_what_needs_attention_comes_first(status: Status, journal: Journal) -> None:
    fail(journal, "bad", "Zoom: no")
    journal.set_outcome(record(journal, "late"), "pending", due=NOW - 2 * DAY, reason="not ended")
    journal.add_failed(
        FailedPartition(
            partition="user u1", window=days(3, 2), extras=frozenset(), reason="error", tried_at=NOW
        )
    )
    journal.flush()
    result = status()
    assert result.return_value == 0
    first = result.stdout.partition("\n\n")[0].splitlines()
    assert first == [
        "needs attention",
        "  zoom main: 1 meeting failed",
        "  zoom main: 1 meeting overdue: due for more than a day",
        "  zoom main: 1 part of listings skipped",
    ]


def test_failures_are_counted_by_reason_and_the_worst_are_named(status: Status, journal: Journal) -> None:
    for number in range(20):
        fail(journal, f"bad{number:02d}", "Zoom: this" if number % 4 else "Zoom: that", times=number + 1)
    journal.flush()
    waiting = only_scope(status)["backlog"]
    assert waiting["failed"] == {"Zoom: this": 15, "Zoom: that": 5}
    assert [each["uuid"] for each in waiting["worst"]] == [f"bad{n}" for n in (19, 18, 17, 16, 15)]
    text = status().stdout
    assert "15 × Zoom: this" in text
    assert "20 attempts: bad19, 2026-11-19 12:00" in text


def test_pending_meetings_are_shown_with_reasons_and_due_time(status: Status, journal: Journal) -> None:
    for uuid, due, reason in (
        ("a", NOW - timedelta(hours=1), "live"),
        ("b", NOW + timedelta(hours=1), "live"),
        ("c", NOW + DAY, "quality not ready"),
    ):
        journal.set_outcome(record(journal, uuid), "pending", due=due, reason=reason)
    record(journal, "unread")
    journal.flush()
    text = status().stdout
    assert "3 (live 2, quality not ready 1); 1 due now, the first 2026-11-20 11:00" in text
    assert "1 meeting listed and not read yet" in text
    assert "overdue" not in text
    assert only_scope(status)["backlog"]["overdue"] == 0


def test_unread_meetings_need_attention_unless_a_run_is_under_way(
    status: Status, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = journal.begin_run("nightly", NOW)
    record(journal, "unread")
    journal.flush()
    line = "zoom main: 1 meeting listed and not read yet"
    with journal.lock():
        assert status("--exit-code").return_value == 0
    assert answer(status)["attention"] == [line, "zoom main: the last run: killed"]
    journal.end_run(run, NOW, 130, {})
    journal.flush()
    interrupted = status("--exit-code")
    assert interrupted.return_value == 75
    assert interrupted.stdout.startswith(f"ATTENTION: {line}\n")
    monkeypatch.setattr("harvester.state.reader.is_locked", lambda _path: None)
    assert answer(status)["attention"] == [line]
    journal.begin_run("nightly", NOW)
    assert answer(status)["attention"] == []


@pytest.mark.parametrize(
    ("code", "word", "bad"),
    [(0, "complete", False), (75, "partial", True), (77, "refused", True), (130, "interrupted", False)],
)
def test_the_outcome_of_a_run_is_named(
    status: Status, journal: Journal, code: int, word: str, bad: bool
) -> None:
    journal.end_run(journal.begin_run("nightly", NOW), NOW, code, {})
    journal.flush()
    text = status().stdout
    assert f"nightly  {word} ({code})  0 s" in text
    assert (f"the last run: {word}" in text) is bad


def test_a_run_without_an_end_was_killed_unless_the_lock_is_held(
    status: Status, journal: Journal, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    journal.begin_run("2026-11-01 to 2026-11-05", NOW - DAY)
    journal.begin_run("nightly", NOW)
    assert [run["outcome"] for run in only_scope(status)["runs"]] == ["killed", "killed"]
    assert "killed or crashed\n" in status().stdout
    with journal.lock():
        assert [run["outcome"] for run in only_scope(status)["runs"]] == ["under way", "killed"]
        with (folder / "run.lock").open() as other, pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    monkeypatch.setattr("harvester.state.locks.LINUX_LOCKS", folder / "nowhere")
    assert only_scope(status)["runs"][0]["outcome"] == "killed or under way"
    assert "killed, crashed or still under way\n" in status().stdout


def test_gaps_reach_to_the_last_midnight_and_an_old_one_needs_attention(status: Status, folder: Path) -> None:
    with closing(Journal(folder)) as journal:
        journal.set_fact("vendor", "zoom")
        journal.set_fact("api_url", ABOUT["api_url"])
        journal.set_first_nightly(MIDNIGHT - 10 * DAY)
        journal.add_listing(days(10, 6), frozenset(), NOW - 6 * DAY)
        journal.add_listing(days(5, 1), frozenset({"qos"}), NOW - DAY)
        journal.add_listing(days(60, 50), frozenset(), NOW)
    covered = only_scope(status)["coverage"]
    assert [(gap["start"], gap["end"]) for gap in covered["gaps"]] == [
        ("2026-10-01T00:00:00Z", "2026-11-10T00:00:00Z"),
        ("2026-11-14T00:00:00Z", "2026-11-15T00:00:00Z"),
        ("2026-11-19T00:00:00Z", "2026-11-20T00:00:00Z"),
    ]
    assert covered["until"] == "2026-10-01T00:00:00Z"
    text = status().stdout
    urgent, _, rest = text.partition("\n\n")
    assert "2026-11-14; harvester zoom --from 2026-11-14 --to 2026-11-14" in urgent
    assert "--from 2026-11-19" not in urgent  # the nightly run of today may be still to come
    assert "2026-11-19; harvester zoom --from 2026-11-19 --to 2026-11-19\n" in rest
    assert "from 2026-09-21 00:00 to 2026-10-01 00:00 UTC" in rest


def test_days_end_at_midnight_in_the_configured_time_zone(status: Status, folder: Path) -> None:
    with closing(Journal(folder)) as journal:
        journal.set_fact("api_url", ABOUT["api_url"])
        journal.add_listing(days(2, 1), frozenset(), NOW)
    (gap,) = json.loads(status("--json", HARVESTER_TIMEZONE="Europe/Berlin").stdout)["scopes"][0]["coverage"][
        "gaps"
    ]
    assert gap["end"] == "2026-11-19T23:00:00Z"


def test_expiring_and_lost_data_is_shown(status: Status, folder: Path) -> None:
    horizon = NOW - Zoom.retention
    with closing(Journal(folder)) as journal:
        journal.set_fact("api_url", ABOUT["api_url"])
        journal.set_first_nightly(horizon - 20 * DAY)
        journal.add_listing(Window(start=horizon - 10 * DAY, end=horizon + 10 * DAY), frozenset(), NOW)
        journal.add_listing(Window(start=horizon + 12 * DAY, end=MIDNIGHT), frozenset(), NOW)
        fail(journal, "soon", "no", start=horizon + DAY)
        fail(journal, "later", "no", start=horizon + 15 * DAY)
        fail(journal, "too late", "no", start=horizon - DAY)
        journal.set_outcome(record(journal, "gave up", horizon - 9 * DAY), "gone", reason=str(Reason.expired))
        journal.add_failed(
            FailedPartition(
                partition="user u1",
                window=Window(start=horizon + DAY, end=horizon + 2 * DAY),
                extras=frozenset(),
                reason="error",
                tried_at=NOW,
            )
        )
    expiring = only_scope(status)["expiring"]
    (gap,) = expiring["gaps"]
    assert gap == {"start": "2026-06-03T12:00:00Z", "end": "2026-06-05T12:00:00Z"}
    assert (expiring["meetings"], expiring["failed_partitions"], expiring["lost_meetings"]) == (1, 1, 2)
    (lost,) = expiring["lost_gaps"]
    assert lost["end"] == "2026-05-14T12:00:00Z"
    text = status().stdout
    assert "about to expire at the vendor within 14 days" in text
    assert "2 meetings, no longer kept by the vendor" in text


def test_a_lost_gap_needs_no_attention_any_more(status: Status, folder: Path) -> None:
    horizon = NOW - Zoom.retention
    with closing(Journal(folder)) as journal:
        journal.set_fact("api_url", ABOUT["api_url"])
        journal.set_first_nightly(horizon - 20 * DAY)
        journal.add_listing(Window(start=horizon - 10 * DAY, end=MIDNIGHT), frozenset(), NOW)
    printed = answer(status)
    assert printed["attention"] == []
    assert len(printed["scopes"][0]["expiring"]["lost_gaps"]) == 1


def test_after_refused_runs_no_time_is_complete_and_the_day_is_a_gap(status: Status, folder: Path) -> None:
    with closing(Journal(folder)) as journal:
        for name, value in ABOUT.items():
            journal.set_fact(name, value)
        journal.set_first_nightly(MIDNIGHT - DAY)
        run = journal.begin_run("nightly", NOW)
        journal.end_run(run, NOW, 77, {"reason": "Zoom: POST /oauth/token: no token (400): copy it again"})
    text = status().stdout
    assert "  listed    nothing to the end yet\n" in text
    assert "  complete  nothing yet\n" in text
    assert "  gaps      2026-11-19; harvester zoom --from 2026-11-19 --to 2026-11-19\n" in text
    assert "the last run: refused: Zoom: POST /oauth/token: no token (400): copy it again" in text
    assert only_scope(status)["coverage"]["until"] is None


def test_unread_days_are_not_complete_and_failed_meetings_are_named(status: Status, journal: Journal) -> None:
    record(journal, "unread", MIDNIGHT - 3 * DAY)
    fail(journal, "bad", "no", start=MIDNIGHT - 10 * DAY)
    fail(journal, "elsewhere", "no", start=MIDNIGHT - 90 * DAY)
    journal.flush()
    text = status().stdout
    assert "  complete  from 2026-10-21 00:00 to 2026-11-17 00:00 UTC\n" in text
    assert "from 2026-11-18 00:00 to 2026-11-20 00:00 UTC, except 1 failed meeting\n" in text
    assert "1 meeting listed and not read yet\n" in text
    assert only_scope(status)["coverage"]["failed"] == 1


def test_a_listing_that_is_under_way_completes_nothing(status: Status, folder: Path) -> None:
    with closing(Journal(folder)) as journal:
        journal.set_fact("api_url", ABOUT["api_url"])
        for number in range(3):
            record(journal, f"m{number}")
        journal.mark_stored(record(journal, "read"), rank=2, harvested_at=NOW, due=None, reason=None)
    lines = status().stdout.splitlines()
    assert "  complete  nothing yet" in lines
    assert "            3 meetings listed and not read yet" in lines


def test_a_day_between_a_backfill_and_the_first_nightly_run_stays_a_gap(status: Status, folder: Path) -> None:
    with closing(Journal(folder)) as journal:
        for name, value in ABOUT.items():
            journal.set_fact(name, value)
        journal.add_listing(days(10, 3), frozenset(), NOW - 2 * DAY)
        journal.set_first_nightly(MIDNIGHT - 2 * DAY)
        journal.add_listing(days(2, 0), frozenset(), NOW)
    urgent, _, rest = status().stdout.partition("\n\n")
    printed = "2026-11-17; harvester zoom --from 2026-11-17 --to 2026-11-17"
    assert f"zoom main: never listed: {printed}" in urgent
    assert f"  gaps      {printed}\n" in rest


def test_the_reason_of_a_partial_run_and_when_to_resume_it_are_shown(
    status: Status, journal: Journal
) -> None:
    run = journal.begin_run("nightly", NOW)
    summary = {"reason": "today's 100 calls (heavy) are spent", "until": "2026-11-21T00:00:00Z"}
    journal.end_run(run, NOW, 75, summary)
    journal.flush()
    text = " ".join(status().stdout.split())
    why = "partial: today's 100 calls (heavy) are spent: resume at 2026-11-21 00:00 UTC with the same command"
    assert f"the last run: {why}" in text
    (ran,) = only_scope(status)["runs"]
    assert (ran["reason"], ran["until"]) == (summary["reason"], summary["until"])


@pytest.mark.parametrize("words", [("status", "-v"), ("-v", "status")])
def test_verbose_adds_details_and_shows_no_requests(
    words: tuple[str, ...], journal: Journal, tmp_path: Path
) -> None:
    journal.flush()
    environment = {"HARVESTER_STATE_DIR": str(tmp_path / "state"), "HARVESTER_NOW": NOW.isoformat()}

    def ask(*words: str) -> Result:
        return CliRunner().invoke(cli, words, env=environment, standalone_mode=False)

    shown = ask(*words)
    assert len(shown.stdout) > len(ask("status").stdout)
    assert shown.stderr == ""
    assert "settings: the environment" in ask("status", "--log-level", "debug").stderr


def test_refused_users_are_shown_and_need_no_attention(status: Status, journal: Journal) -> None:
    journal.add_refused("user a", Reason.refused, NOW - DAY)
    journal.add_refused("user b", Reason.unknown_user, NOW - 2 * DAY)
    journal.flush()
    text = " ".join(status("-v").stdout.split())
    assert "needs attention" not in text
    assert "refused 2 parts of listings (refused 1, unknown user 1), asked for last 2026-11-19 12:00" in text
    assert [each["partition"] for each in only_scope(status)["refused_partitions"]] == ["user a", "user b"]


def test_the_newest_gone_meetings_are_named_with_the_reason(status: Status, journal: Journal) -> None:
    for number in range(8):
        start = NOW - number * DAY
        journal.set_outcome(record(journal, f"gone{number}", start), "gone", reason=str(Reason.deleted))
    journal.flush()
    text = status().stdout
    assert "  gone      gone0, 2026-11-20 12:00: deleted\n" in text
    assert [each["uuid"] for each in only_scope(status)["gone"]] == [f"gone{n}" for n in range(5)]


def test_quotas_are_those_of_the_account_and_rejects_those_of_the_index(
    status: Status, journal: Journal, folder: Path
) -> None:
    state = AccountState(folder.parent, lambda: NOW)
    for _ in range(42):
        state.consume_quota("heavy", limit=48_000)
    state.close()
    with closing(Rejects(folder.parents[1] / INDEX, lambda: NOW)) as kept:
        kept.add([Reject(document_id="x", index="i", version=1, reason="bad", document=b"{}")])
    scope = only_scope(status)
    assert scope["quotas"] == {"heavy": 42}
    assert scope["rejects"] == 1
    text = status().stdout
    assert "heavy: 42 calls counted today" in text
    assert "1 document rejected: see `harvester rejects list`" in text


def test_a_damaged_journal_is_named_and_the_others_are_shown(
    status: Status, journal: Journal, folder: Path
) -> None:
    damaged = folder.parents[1] / "zoom-other-0123456789ab" / INDEX / "journal.db"
    damaged.parent.mkdir(parents=True)
    damaged.write_bytes(b"no database at all" * 500)
    before = damaged.read_bytes()
    result = status()
    assert result.return_value == 78
    assert f"{damaged} is damaged" in result.stderr
    assert "zoom, account main" in result.stdout
    (error,) = answer(status)["errors"]
    assert "is damaged" in error
    assert damaged.read_bytes() == before


def test_a_journal_of_a_newer_version_is_refused(status: Status, journal: Journal, folder: Path) -> None:
    journal.close()
    with closing(sqlite3.connect(folder / "journal.db")) as connection:
        connection.execute("PRAGMA user_version = 99")
    result = status()
    assert result.return_value == 78
    assert "newer version" in result.stderr
    assert result.stdout == ""


def test_only_the_given_vendors_are_shown(status: Status, journal: Journal) -> None:
    assert len(answer(status, "zoom")["scopes"]) == 1
    refused = CliRunner().invoke(cli, ["status", "nobody"])
    assert refused.exit_code == 2
    assert "nobody is not one of" in refused.output


def test_it_changes_nothing_during_a_run_after_a_run_and_after_a_kill(
    status: Status, journal: Journal, tmp_path: Path, folder: Path
) -> None:
    fail(journal, "bad", "no")
    journal.flush()
    state = tmp_path / "state"
    beside = snapshot(state)
    assert only_scope(status)["meetings"] == {"failed": 1}
    assert snapshot(state).keys() == beside.keys()

    killed = tmp_path / "killed"
    shutil.copytree(state, killed)
    as_left = snapshot(killed)
    assert (killed / ACCOUNT / INDEX / "journal.db-wal").stat().st_size
    printed = json.loads(status("--json", HARVESTER_STATE_DIR=str(killed)).stdout)
    assert printed["scopes"][0]["meetings"] == {"failed": 1}
    # The -shm file is memory that all who look at the database share.
    assert {n: s for n, s in snapshot(killed).items() if "shm" not in n} == {
        n: s for n, s in as_left.items() if "shm" not in n
    }

    journal.close()
    closed = snapshot(state)
    assert set(closed) == {ACCOUNT, f"{ACCOUNT}/{INDEX}", f"{ACCOUNT}/{INDEX}/journal.db"}
    assert only_scope(status)["meetings"] == {"failed": 1}
    assert snapshot(state) == closed


def test_a_run_killed_while_creating_its_journal_leaves_an_empty_one(status: Status, folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "journal.db.unfinished").touch()
    (folder / "journal.db").touch()
    assert "nothing to the end yet" in status().stdout
    assert (folder / "journal.db").stat().st_size == 0


def test_no_line_is_longer_than_a_terminal(status: Status, journal: Journal) -> None:
    fail(
        journal,
        "m" * 22 + "==",
        "Zoom: GET /metrics/meetings/{uuid}/participants: " + "words and words " * 20,
    )
    journal.flush()
    assert max(map(len, status().stdout.splitlines())) <= 100


# One line for each account


def test_by_default_there_is_one_line_for_each_account(status: Status, journal: Journal) -> None:
    run = journal.begin_run("nightly", NOW - timedelta(hours=9))
    journal.end_run(run, NOW - timedelta(hours=8), 0, {})
    record(journal, "waiting")
    record(journal, "waiting too")
    journal.mark_stored(record(journal, "a"), rank=3, harvested_at=NOW, due=None, reason=None)
    fail(journal, "b", "no")
    journal.flush()
    first, _, table = status("--brief").stdout.partition("\n\n")
    assert first.splitlines() == [
        "needs attention",
        "  zoom main: 1 meeting failed",
        "  zoom main: 2 meetings listed and not read yet",
    ]
    head, line, _, hint = table.splitlines()
    assert head.split() == ["account", "listed", "done", "unread", "pending", "failed", "last", "run"]
    assert " ".join(line.split()) == "zoom/main to 2026-11-20 00:00 UTC 1 2 0 1 2026-11-20 03:00 complete"
    assert "harvester status -v" in hint


def test_nothing_harvested_at_all_needs_attention(tmp_path: Path) -> None:
    environment = {"HARVESTER_STATE_DIR": str(tmp_path / "mistyped")}
    ended = CliRunner().invoke(cli, ["status", "--exit-code"], env=environment, standalone_mode=False)
    assert ended.return_value == 75
    assert ended.stdout.startswith("ATTENTION: nothing has been harvested into an index yet\n")


def test_attention_decides_the_exit_code_only_with_the_option(status: Status, journal: Journal) -> None:
    good = status("--exit-code")
    assert good.return_value == 0
    assert good.stdout.startswith("OK: 1 account, nothing needs attention\n")
    fail(journal, "b", "no")
    journal.flush()
    bad = status("--exit-code")
    assert bad.return_value == 75
    assert bad.stdout.startswith("ATTENTION: zoom main: 1 meeting failed\n")
    assert status("--exit-code", "--json").return_value == 75
    assert status("--brief").return_value == 0


def test_an_account_is_forgotten(status: Status, journal: Journal, folder: Path) -> None:
    AccountState(folder.parent, lambda: NOW).close()
    journal.close()
    ended = status("--forget", "zoom/main", "--yes")
    assert ended.return_value == 0
    assert "deleted the journal of zoom/main (indices harvester-* at http://127.0.0.1:9200)" in ended.stderr
    assert not folder.exists()
    assert (folder.parent / "account.db").exists(), "tokens and quotas stay"
    assert "nothing has been harvested" in status("--brief").stdout


def test_rejects_stay_and_are_named_if_an_account_is_forgotten(
    status: Status, journal: Journal, tmp_path: Path
) -> None:
    with closing(Rejects(tmp_path / "state" / INDEX, lambda: NOW)) as rejects:
        rejects.add([Reject(document_id="a", index="i", version=1, reason="bad", document=b"{}")])
    journal.close()
    ended = status("--forget", "zoom/main", "--yes")
    assert "1 rejected document of the indices harvester-* stay" in ended.stderr


def test_only_an_account_that_exists_and_is_not_harvested_now_is_forgotten(
    tmp_path: Path, journal: Journal, folder: Path
) -> None:
    def forget(name: str) -> Result:
        environment = {"HARVESTER_STATE_DIR": str(tmp_path / "state")}
        words = ["status", "--forget", name, "--yes"]
        return CliRunner().invoke(cli, words, env=environment, standalone_mode=False)

    assert "there is no journal of zoom/other" in str(forget("zoom/other").exception)
    with journal.lock():
        assert isinstance(forget("zoom/main").exception, AlreadyRunning)
    assert (folder / "journal.db").exists()


@pytest.mark.parametrize(
    ("apis", "sources"),
    [
        (("https://api.zoom.us/v2", "http://127.0.0.1:9/zoom/v2"), ("api.zoom.us", "127.0.0.1:9")),
        (("http://127.0.0.1:9/a", "http://127.0.0.1:9/b"), ("aaaaaaaaaaaa", "bbbbbbbbbbbb")),
        (("", ""), ("aaaaaaaaaaaa", "bbbbbbbbbbbb")),
    ],
)
def test_two_journals_that_differ_only_in_the_api_have_different_names(
    status: Status, tmp_path: Path, apis: tuple[str, str], sources: tuple[str, str]
) -> None:
    folders = [tmp_path / "state" / f"zoom-main-{letter * 12}" / INDEX for letter in "ab"]
    for folder, api in zip(folders, apis, strict=True):
        with closing(Journal(folder)) as journal:
            for name, value in {**ABOUT, "api_url": api}.items():
                journal.set_fact(name, value)
            fail(journal, "bad", "no")
    names = [f"zoom/main@{source}/harvester-@http://127.0.0.1:9200" for source in sources]
    assert [scope["name"] for scope in answer(status)["scopes"]] == names
    assert answer(status)["attention"] == [f"{name}: 1 meeting failed" for name in names]
    assert all(f"\n{name}  " in status("--brief").stdout for name in names)
    assert all(f"\n  name      {name}\n" in status("-v").stdout for name in names)
    words = ["status", "--forget", "zoom/main/harvester-@http://127.0.0.1:9200", "--yes"]
    environment = {"HARVESTER_STATE_DIR": str(tmp_path / "state")}
    several = CliRunner().invoke(cli, words, env=environment, standalone_mode=False)
    assert str(several.exception).endswith(f"has several journals; name one of {names[0]}, {names[1]}")
    assert status("--forget", names[1], "--yes").return_value == 0
    assert [folder.exists() for folder in folders] == [True, False]
    assert [scope["name"] for scope in answer(status)["scopes"]] == ["zoom/main"]


def test_a_damaged_journal_does_not_keep_another_one_from_being_forgotten(
    status: Status, journal: Journal, folder: Path
) -> None:
    journal.close()
    damaged = folder.parents[1] / "zoom-other-0123456789ab" / INDEX / "journal.db"
    damaged.parent.mkdir(parents=True)
    damaged.write_bytes(b"no database at all" * 500)
    ended = status("--forget", "zoom/main", "--yes")
    assert ended.return_value == 0
    assert f"{damaged} is damaged" in ended.stderr
    assert (folder.exists(), damaged.exists()) == (False, True)


# A wrong URL of Elasticsearch


def refuse(folder: Path, *nights: datetime) -> None:
    """A journal of runs that could not reach Elasticsearch."""
    with closing(Journal(folder)) as journal:
        for name, value in {**ABOUT, "es_url": "http://localhost:1"}.items():
            journal.set_fact(name, value)
        for night in nights:
            journal.end_run(journal.begin_run("nightly", night), night, 69, {"reason": "no connection"})


def succeed(journal: Journal, at: datetime) -> None:
    journal.end_run(journal.begin_run("nightly", at), at, 0, {})
    journal.flush()


def test_a_mistyped_elasticsearch_needs_attention_until_a_run_reaches_the_right_one(
    status: Status, journal: Journal, folder: Path
) -> None:
    succeed(journal, NOW - 3 * HOUR)
    refuse(folder.with_name("elasticsearch-harvester-000000000000"), NOW - 2 * HOUR, NOW - HOUR)
    wrong = "zoom/main/harvester-@http://localhost:1: the last run: unreachable: no connection"
    assert answer(status)["attention"] == [wrong]
    succeed(journal, NOW)
    assert answer(status)["attention"] == []
    assert status("--exit-code").return_value == 0
    assert "zoom/main/harvester-@http://localhost:1 " in status("--brief").stdout


@pytest.mark.parametrize("nights", [[2 * DAY, DAY], [n * timedelta(minutes=10) for n in range(6, 1, -1)]])
def test_an_elasticsearch_that_is_down_run_after_run_needs_attention(
    status: Status, journal: Journal, folder: Path, nights: list[timedelta]
) -> None:
    refuse(folder.with_name("elasticsearch-harvester-000000000000"), *(NOW - ago for ago in nights))
    succeed(journal, NOW)
    assert len(answer(status)["attention"]) == 1


def test_an_elasticsearch_that_was_reached_once_needs_attention(
    status: Status, journal: Journal, folder: Path
) -> None:
    other = folder.with_name("elasticsearch-harvester-000000000000")
    refuse(other, NOW - HOUR)
    with closing(Journal(other)) as reached:
        reached.set_fact(EMPTY_WHEN_BEGUN, "yes")
    succeed(journal, NOW)
    assert len(answer(status)["attention"]) == 1


def test_an_account_that_was_never_harvested_elsewhere_needs_attention(status: Status, folder: Path) -> None:
    refuse(folder, NOW - HOUR)
    with closing(Journal(folder.parents[1] / "zoom-berlin-0123456789ab" / INDEX)) as berlin:
        for name, value in {**ABOUT, "account": "berlin"}.items():
            berlin.set_fact(name, value)
        berlin.set_fact(EMPTY_WHEN_BEGUN, "yes")
        succeed(berlin, NOW)
    assert answer(status)["attention"] == ["zoom main: the last run: unreachable: no connection"]


def test_forgetting_needs_confirmation(tmp_path: Path, journal: Journal, folder: Path) -> None:
    environment = {"HARVESTER_STATE_DIR": str(tmp_path / "state")}
    ended = CliRunner().invoke(cli, ["status", "--forget", "zoom/main"], env=environment, input="n\n")
    assert ended.exit_code != 0
    assert (folder / "journal.db").exists()
    unanswered = CliRunner().invoke(
        cli, ["status", "--forget", "zoom/main"], env=environment, standalone_mode=False
    )
    assert isinstance(unanswered.exception, click.UsageError)
    assert "pass --yes" in str(unanswered.exception)
    assert (folder / "journal.db").exists()


def test_with_state_in_the_index_it_shows_what_all_machines_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = Documents()
    keep_shared_state_in_memory(monkeypatch, documents)
    machine = Machine(documents, tmp_path / "one")
    with machine.account() as opened:
        for name, value in {**ABOUT, "vendor": "google-meet"}.items():
            opened.journal.set_fact(name, value)
    work(machine)
    stored = dict(documents.stored)
    env = {"HARVESTER_STATE_DIR": str(tmp_path / "mine"), "ES_HOST": HOST, "HARVESTER_STATE": "index"}

    def status(*words: str) -> Result:
        return CliRunner().invoke(cli, ["status", *words], env=env)

    shown = json.loads(status("--json").stdout)
    assert shown["state_index"] == f"{HOST}/harvester-state"
    (scope,) = shown["scopes"]
    assert (scope["vendor"], scope["account"]) == ("google-meet", "main")
    assert (scope["meetings"]["done"], scope["rejects"]) == (2, 1)
    assert "google-meet/main" in status().stdout
    assert status("zoom").stdout.startswith(
        f"nothing has been harvested into an index yet: no journal in {HOST}"
    )
    assert json.loads(status("--json", "--state", "dir").stdout)["scopes"] == []
    assert status("--forget", "google-meet/main", "--yes").exit_code == 2
    assert documents.stored == stored
    assert not (tmp_path / "mine").exists()
