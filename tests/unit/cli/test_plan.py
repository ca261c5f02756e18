"""What `harvester plan` makes of a listing, a journal and a daily quota."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import click
import pytest
from click.testing import CliRunner, Result

import connectors
from connectors.base import Context, Option, Setting, Settings
from connectors.errors import VendorError
from connectors.models import MeetingRef, SkippedPartition, Window
from harvester.cli import cli
from harvester.sinks.elastic.config import ElasticConfig
from harvester.state.journal import Journal
from harvester.state.layout import account_folder, journal_folder, rejects_folder
from harvester.state.quotas_and_tokens import AccountState

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1)
API_URL = "http://127.0.0.1:9/v2"
ES_HOST = "http://127.0.0.1:9200"
BUDGET = 100


class FakeConnector:
    """A meeting at noon of every day, of which a fetch takes three calls; its list of a window takes one."""

    name: ClassVar[str] = "fake"
    title: ClassVar[str] = "Fake"
    settings: ClassVar[tuple[Setting, ...]] = (Setting(name="FAKE_API_URL", help="", default=API_URL),)
    options: ClassVar[tuple[Option, ...]] = (
        Option(name="qos", help="two calls more"),
        Option(
            name="user", help="one meeting a day is theirs", metavar="EMAIL", repeatable=True, filters=True
        ),
        Option(name="upcoming", help="days ahead", metavar="DAYS", filters=True, future_days=True),
    )
    max_window: ClassVar[timedelta] = 10 * DAY
    lookback: ClassVar[timedelta] = 7 * DAY
    retention: ClassVar[timedelta] = 180 * DAY
    concurrency = 4
    requests_per_second = 2.0
    daily_quota: ClassVar[tuple[str, int] | None] = ("heavy", BUDGET)
    broken: ClassVar[bool] = False

    def __init__(self, settings: Settings, context: Context) -> None:
        self.context = context
        self.qos = "qos" in settings.options
        self.users = settings.option_values.get("user", ("everybody",))

    def estimate_requests(self, _ref: MeetingRef) -> int:
        return 5 if self.qos else 3

    def meetings(
        self, window: Window, _partitions: Collection[str] = ()
    ) -> Iterator[MeetingRef | SkippedPartition]:
        self.context.consume_quota("heavy", limit=BUDGET)
        self.context.request_stats.count(requests=1)
        if self.broken:
            raise VendorError("Fake: GET /list: no")
        for start in noons(window):
            if self.users == ("everybody",) or start.day % 2:
                yield MeetingRef(uuid=f"m{start:%m%d}", start_time=start, digest="d")


def noons(window: Window) -> Iterator[datetime]:
    start = window.start.replace(hour=12)
    while start in window:
        yield start
        start += DAY


@pytest.fixture(autouse=True)
def _one_vendor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(connectors, "table", lambda: {"fake": "tests.unit.cli.test_plan:FakeConnector"})
    monkeypatch.chdir(tmp_path)


def plan(folder: Path, *words: str, **more: str) -> Result:
    environment = {
        "HARVESTER_STATE_DIR": str(folder / "state"),
        "HARVESTER_NOW": NOW.isoformat(),
        "HARVESTER_SPEED": "1",
        **more,
    }
    return CliRunner().invoke(cli, ["plan", "fake", *words], env=environment, standalone_mode=False)


def estimate(folder: Path, *words: str, **more: str) -> dict[str, Any]:
    result = plan(folder, "--json", *words, **more)
    assert result.exception is None, result.exception
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def journal_at(folder: Path) -> Path:
    state = folder / "state"
    index = rejects_folder(state, ElasticConfig(host=ES_HOST).url, "harvester-")
    return journal_folder(account_folder(state, "fake", "main", API_URL), index)


def test_the_listing_yields_meetings_requests_and_time(tmp_path: Path) -> None:
    answer = estimate(tmp_path, "--from", "2026-10-26", "--to", "2026-11-14")
    assert (answer["wanted"], answer["listing_requests"], answer["meeting_requests"]) == (20, 2, 60)
    assert (answer["requests"], answer["seconds"], answer["complete"]) == (62, 31.0, True)
    assert answer["budget"] == {"name": "heavy", "limit": BUDGET, "spent": 2, "rate_share": 0.8}
    assert answer["spread"]["days"] == 1
    assert answer["spread"]["ends"].startswith("2026-11-20T12:00:3")


def test_the_vendors_switches_count(tmp_path: Path) -> None:
    answer = estimate(tmp_path, "--from", "2026-11-10", "--to", "2026-11-14", "--qos")
    assert answer["meeting_requests"] == 25


def test_filters_select_meetings_of_all_days(tmp_path: Path) -> None:
    with closing(Journal(journal_at(tmp_path))) as journal:
        listed = Window(start=datetime(2026, 11, 1, tzinfo=UTC), end=datetime(2026, 11, 6, tzinfo=UTC))
        journal.add_listing(listed, frozenset(), NOW)
        ref = MeetingRef(uuid="m1103", start_time=datetime(2026, 11, 3, 12, tzinfo=UTC), digest="d")
        journal.record_intent(ref, frozenset(), 1)
        journal.mark_stored(ref, rank=2, harvested_at=NOW, due=None, reason=None)
    words = ("--from", "2026-11-01", "--to", "2026-11-10", "--user", "a@example.org")
    answer = estimate(tmp_path, *words, ES_HOST=ES_HOST)
    assert (answer["days_listed"], answer["listed"], answer["unchanged"], answer["wanted"]) == (10, 5, 1, 4)


def test_planned_meetings_are_no_backfill(tmp_path: Path) -> None:
    refused = plan(tmp_path, "--from", "2026-11-01", "--upcoming", "7").exception
    assert isinstance(refused, click.UsageError)


def test_requests_beyond_the_quota_are_spread_over_days(tmp_path: Path) -> None:
    words = ("--from", "2026-08-01", "--to", "2026-10-29")
    answer = estimate(tmp_path, *words)
    assert answer["requests"] == 9 + 90 * 3
    assert answer["spread"]["days"] == 3  # 91 that are left today, 100, 88
    assert answer["spread"]["ends"].startswith("2026-11-22T00:00:44")
    text = plan(tmp_path, *words).stdout
    assert text.splitlines() == [
        "fake, account main, 2026-08-01 00:00 to 2026-10-30 00:00 UTC",
        "  listed now    90 days: 90 meetings",
        "  to fetch      90 meetings",
        "  requests      279: 270 for meetings, 9 for the listing",
        "  time          2 min 20 s at 2.0 requests a second",
        "  daily quota   100 calls (heavy): the vendor's limit × the rate share, 0.8; 18 used today",
        "  days          3; run the same command on each of them",
        "  ends          2026-11-22 00:00 UTC, if started now",
    ]


def test_finished_meetings_are_left_out_and_the_journal_is_unchanged(tmp_path: Path) -> None:
    folder = journal_at(tmp_path)
    with closing(Journal(folder)) as journal:
        listed = Window(start=datetime(2026, 11, 1, tzinfo=UTC), end=datetime(2026, 11, 6, tzinfo=UTC))
        journal.add_listing(listed, frozenset(), NOW)
        for uuid, day, outcome in (("m1101", 1, "failed"), ("m1102", 2, "done"), ("m1107", 7, "done")):
            ref = MeetingRef(uuid=uuid, start_time=datetime(2026, 11, day, 12, tzinfo=UTC), digest="d")
            journal.record_intent(ref, frozenset(), 1)
            if outcome == "failed":
                journal.set_outcome(ref, "failed", reason="no")
            else:
                journal.mark_stored(ref, rank=2, harvested_at=NOW, due=None, reason=None)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    words = ("--from", "2026-11-01", "--to", "2026-11-10")
    answer = estimate(tmp_path, *words, ES_HOST=ES_HOST)
    assert answer["journal"] is True
    # The failed one was never stored: its day is listed again.
    assert (answer["resumed"], answer["listed"], answer["unchanged"], answer["wanted"]) == (0, 6, 1, 5)
    assert estimate(tmp_path, *words, "--es-host", ES_HOST)["wanted"] == 5
    assert estimate(tmp_path, *words, ES_HOST=ES_HOST, ES_INDEX_PREFIX="other-")["wanted"] == 10
    assert estimate(tmp_path, *words)["journal"] is False
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    # A run with more extras does not count meetings read without them as done.
    assert estimate(tmp_path, *words, "--qos", ES_HOST=ES_HOST)["wanted"] == 10


def test_no_journal_is_created_for_an_index_without_one(tmp_path: Path) -> None:
    answer = estimate(tmp_path, "--from", "2026-11-01", ES_HOST=ES_HOST)
    assert (answer["journal"], answer["wanted"]) == (False, 19)
    assert not list((tmp_path / "state").rglob("journal.db"))


def test_a_failed_listing_is_reported_and_decides_the_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeConnector, "broken", True)
    result = plan(tmp_path, "--from", "2026-11-01")
    assert result.return_value == 75
    assert "fake: 2 listings failed" in result.stderr
    assert "listing 2026-11-01 to 2026-11-11: GET /list: no" in result.stderr
    assert "there is more than this" in result.stdout


def test_a_range_beyond_the_retention_needs_no_requests(tmp_path: Path) -> None:
    answer = estimate(tmp_path, "--from", "2026-01-01", "--to", "2026-01-05")
    assert (answer["window"], answer["wanted"], answer["requests"]) == (None, 0, 0)
    assert answer["spread"] == {"days": 0, "ends": None}


def test_a_vendor_without_a_daily_budget_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeConnector, "daily_quota", None)
    answer = estimate(tmp_path, "--from", "2026-08-01", "--to", "2026-10-29")
    assert (answer["budget"], answer["spread"]["days"]) == (None, 1)


def test_the_first_day_has_to_be_named(tmp_path: Path) -> None:
    missing = plan(tmp_path).exception
    assert isinstance(missing, click.UsageError)
    assert "--from" in missing.format_message()


def test_a_budget_that_is_spent_begins_again_at_midnight(tmp_path: Path) -> None:
    state = AccountState(account_folder(tmp_path / "state", "fake", "main", API_URL), lambda: NOW)
    state.consume_quota("heavy", BUDGET - 1, limit=BUDGET)
    state.close()
    answer = estimate(tmp_path, "--from", "2026-11-10", "--to", "2026-11-14")
    assert answer["budget"]["spent"] == BUDGET
    assert answer["spread"] == {"days": 1, "ends": "2026-11-21T00:00:08Z"}


def test_a_spent_quota_for_listings_is_reported_with_its_reset_time(tmp_path: Path) -> None:
    state = AccountState(account_folder(tmp_path / "state", "fake", "main", API_URL), lambda: NOW)
    state.consume_quota("heavy", BUDGET - 1, limit=BUDGET)
    state.close()
    result = plan(tmp_path, "--from", "2026-11-01", "--to", "2026-11-19")
    assert result.return_value == 75
    lines = result.stdout.splitlines()
    assert "today's 100 calls (heavy) are spent" in lines[1]
    assert lines[1].endswith("there is more than this; run this again at 2026-11-21 00:00 UTC")
    assert "  to fetch      10 meetings" in lines  # of the first of two listings
    nothing = plan(tmp_path, "--from", "2026-11-01", "--to", "2026-11-19")
    assert nothing.return_value == 75
    assert "  ends          unknown" in nothing.stdout.splitlines()


def test_finished_days_are_reported_with_nothing_left_to_do(tmp_path: Path) -> None:
    with closing(Journal(journal_at(tmp_path))) as journal:
        listed = Window(start=datetime(2026, 11, 1, tzinfo=UTC), end=datetime(2026, 11, 6, tzinfo=UTC))
        journal.add_listing(listed, frozenset(), NOW)
        for day in range(1, 6):
            ref = MeetingRef(
                uuid=f"m11{day:02d}", start_time=datetime(2026, 11, day, 12, tzinfo=UTC), digest="d"
            )
            journal.record_intent(ref, frozenset(), 1)
            journal.mark_stored(ref, rank=2, harvested_at=NOW, due=None, reason=None)
    done = plan(tmp_path, "--from", "2026-11-01", "--to", "2026-11-05", ES_HOST=ES_HOST)
    assert done.stdout.splitlines()[1:4] == [
        "  done already  5 of 5 days: 5 meetings known",
        "  listed now    0 days: 0 meetings, 0 known already",
        "  to fetch      0 meetings",
    ]
    assert "  ends          at once: nothing is left to do" in done.stdout.splitlines()
    answer = estimate(tmp_path, "--from", "2026-11-01", "--to", "2026-11-10", ES_HOST=ES_HOST)
    assert (answer["days"], answer["days_listed"], answer["known"], answer["wanted"]) == (10, 5, 5, 5)


def test_time_and_rate_are_those_of_this_machine(tmp_path: Path) -> None:
    words = ("--from", "2026-10-26", "--to", "2026-11-14")
    slow, fast = (estimate(tmp_path, *words, HARVESTER_SPEED=speed) for speed in ("1", "10"))
    assert (slow["seconds"], slow["requests_per_second"]) == (31.0, 2.0)
    assert (fast["seconds"], fast["requests_per_second"]) == (3.1, 20.0)
    assert fast["spread"]["ends"].startswith("2026-11-20T12:00:0")


def plan_all(folder: Path, *words: str) -> Result:
    environment = {
        "HARVESTER_STATE_DIR": str(folder / "state"),
        "HARVESTER_NOW": NOW.isoformat(),
        "HARVESTER_SPEED": "1",
    }
    return CliRunner().invoke(cli, ["plan", "all", *words], env=environment, standalone_mode=False)


def test_all_vendors_are_planned_one_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = "tests.unit.cli.test_plan:FakeConnector"
    monkeypatch.setattr(connectors, "table", lambda: {"fake": target, "second": target})
    ended = plan_all(tmp_path, "--from", "2026-11-10", "--to", "yesterday", "--json")
    assert ended.return_value == 0
    assert [json.loads(line)["vendor"] for line in ended.stdout.splitlines()] == ["fake", "second"]
    text = plan_all(tmp_path, "--from", "2026-11-10").stdout
    assert [line.partition(",")[0] for line in text.splitlines() if not line.startswith(" ")] == [
        "fake",
        "second",
    ]


def test_a_vendor_that_fails_stops_no_other_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = "tests.unit.cli.test_plan:FakeConnector"
    monkeypatch.setattr(connectors, "table", lambda: {"fake": target, "second": target})
    monkeypatch.setattr(FakeConnector, "broken", True)
    ended = plan_all(tmp_path, "--from", "2026-11-10", "--json")
    assert ended.return_value == 75
    assert [json.loads(line)["complete"] for line in ended.stdout.splitlines()] == [False, False]


@pytest.mark.parametrize("accounts", [["berlin"], ["berlin", "rome"]])
def test_every_message_names_its_account(accounts: list[str], tmp_path: Path) -> None:
    file = tmp_path / "harvester.toml"
    file.write_text("".join(f"[fake.{account}]\n" for account in ["berlin", "rome"]))
    file.chmod(0o600)
    chosen = [word for account in accounts for word in ("--account", account)]
    ended = plan(tmp_path, "--from", "2026-11-10", *chosen)
    assert ended.exception is None
    messages = ended.stderr.splitlines()
    assert len(messages) >= len(accounts)
    assert {message.partition(": ")[0] for message in messages} == {f"fake/{account}" for account in accounts}
