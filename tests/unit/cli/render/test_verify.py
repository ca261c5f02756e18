"""How the results of `harvester verify` are printed: nothing that was not compared looks right."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, get_args
from zoneinfo import ZoneInfo

import pytest

from connectors.models import MeetingRef, Window
from harvester.cli.render.verify import (
    MEANINGS,
    REPAIRS,
    finding_document,
    finding_line,
    verify_json,
    verify_lines,
)
from harvester.state.wrong_times import WrongTimes
from harvester.verify.comparison import Tally
from harvester.verify.findings import EXPLAINED, KINDS, Finding, Kind, Repair
from harvester.verify.result import VerifyResult, worst_exit_code
from tests.invented_meetings import HARVESTED
from tests.unit.verify.test_comparison import NEW, START, record, ref

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 26, tzinfo=UTC)
DAY = timedelta(days=1)
ZONE = ZoneInfo("UTC")
NOTHING: frozenset[str] = frozenset()


def days(first: int, last: int) -> Window:
    """From so many days before the last midnight to so many."""
    return Window(start=MIDNIGHT - first * DAY, end=MIDNIGHT - last * DAY)


def whole(**more: Any) -> VerifyResult:
    result = VerifyResult(vendor="zoom", account="main", zone=ZONE, windows=[days(6, 0)], complete=True)
    result.tally = Tally(listed=7, unlisted=1)
    for name, value in more.items():
        setattr(result, name, value)
    return result


def text(*results: VerifyResult, quiet: bool = False) -> str:
    return "".join(f"{line}\n" for line in verify_lines(results, quiet=quiet))


def document_of(result: VerifyResult) -> dict[str, Any]:
    (document,) = json.loads(verify_json([result]))["vendors"]
    found: dict[str, Any] = document
    return found


def missing(uuid: str, **more: Any) -> Finding:
    ref = MeetingRef(uuid=uuid, start_time=MIDNIGHT - DAY, digest="")
    return Finding(**{"kind": "missing", "uuid": uuid, "repair": "harvest", "ref": ref, **more})


def test_every_kind_has_its_meaning() -> None:
    assert {*KINDS, *EXPLAINED} == set(MEANINGS) == set(get_args(Kind))
    assert set(REPAIRS) == set(get_args(Repair))


def test_a_clean_result_is_a_table_of_zeros_and_nothing_with_quiet() -> None:
    message = text(whole())
    assert all(f"  {kind:<11} {0:>6}  " in message for kind in KINDS)
    assert message.endswith("zoom: nothing is wrong: the vendor's listing, the journal and the index agree\n")
    assert "--repair" not in message
    assert worst_exit_code([whole()]) == 0
    assert text(whole(), quiet=True) == ""


@pytest.mark.parametrize("code", [69, 75, 77, 78])
@pytest.mark.parametrize("quiet", [False, True])
def test_what_could_not_be_compared_shows_no_table(code: int, quiet: bool) -> None:
    result = whole(complete=False, error="Zoom: refused", codes={code})
    message = text(result, quiet=quiet)
    assert message == "zoom: not compared: Zoom: refused\n"
    assert worst_exit_code([result]) == code
    document = document_of(result)
    assert (document["counts"], document["left"], document["complete"]) == (None, None, False)


def test_a_partial_listing_shows_findings_and_no_zeros() -> None:
    result = whole(complete=False, failures=["listing 2026-11-20: no"], codes={75})
    assert text(result) == "zoom: not compared: listing 2026-11-20: no\n"
    result.findings = [missing("a")]
    message = text(result)
    assert "; not all of it was compared: listing 2026-11-20: no\n" in message
    assert "  missing          1  meetings without" in message
    assert "orphans" not in message
    assert worst_exit_code([result]) == 75


def test_findings_are_shown_with_their_day_and_remedy() -> None:
    message = text(whole(findings=[missing("a")]))
    assert "missing: 2026-11-25 00:00 UTC, a, not in the journal (--repair reads it again)\n" in message
    assert message.endswith("zoom: run it again with --repair to fix this\n")
    assert document_of(whole(findings=[missing("a")]))["findings"][0]["start"] == "2026-11-25T00:00:00Z"
    orphan = missing("a", kind="orphans", repair="delete-orphans")
    message = text(whole(findings=[orphan]))
    assert "run it again" not in message
    assert "--repair --delete-orphans" in message


def test_after_a_repair_the_table_counts_found_repaired_and_remaining_ones() -> None:
    findings = [
        missing("a", repaired=True),
        missing("b", repaired=True),
        missing("c", repaired=False, why="no"),
    ]
    result = whole(findings=findings, repaired=True)
    message = text(result)
    assert "\n               found repaired   left\n" in message
    assert "  missing          3        2      1  meetings without their document\n" in message
    assert "run it again" not in message
    document = document_of(result)
    assert (document["counts"]["missing"], document["left"]["missing"], document["exit_code"]) == (3, 1, 65)


def test_a_stopped_repair_is_reported() -> None:
    result = whole(findings=[missing("a")], error="Zoom: spent", codes={75})
    message = text(result)
    assert "  missing          1  meetings" in message
    assert "the repair did not finish: Zoom: spent" in message


@pytest.mark.parametrize("quiet", [False, True])
def test_rejects_are_not_a_clean_result(quiet: bool) -> None:
    result = whole(tally=Tally(rejected={"a", "b"}))
    assert worst_exit_code([result]) == 65
    message = text(result, quiet=quiet)
    assert "  rejected         2  documents that Elasticsearch refused\n" in message
    assert "2 documents are among the rejects instead of in the index: `harvester rejects list`" in message
    assert "`harvester rejects replay`" in message
    result.repaired = True
    assert "  rejected                         2  documents" in text(result)


def test_days_that_no_run_read_are_named() -> None:
    result = whole(windows=[days(6, 5), days(4, 0)], gaps=[days(5, 4)])
    assert "  2026-11-21 was never read by any run, and is not compared\n" in text(result)
    result.windows, result.gaps = [days(6, 5), days(3, 2), days(1, 0)], [days(5, 3), days(2, 1)]
    message = "2026-11-21 to 2026-11-22, 2026-11-24 were never read by any run, and are not compared"
    assert message in text(result)
    assert document_of(result)["never_read"][1] == {
        "start": "2026-11-24T00:00:00Z",
        "end": "2026-11-25T00:00:00Z",
    }
    result.windows = [days(6, 0)]
    assert "2026-11-24 were never read by any run: what is missing there was not lost" in text(result)
    half = Window(start=MIDNIGHT - 2 * DAY, end=MIDNIGHT - 1.5 * DAY)
    assert "2026-11-24 00:00 to 2026-11-24 12:00 UTC was never" in text(replace(result, gaps=[half]))


def test_a_finding_as_a_line_and_as_json() -> None:
    finding = Finding(kind="leftovers", uuid="a", repair="delete", index="i", ids=("x", "y"), version=NEW)
    words = "a, not in the journal: 2 documents in i, x … (--repair deletes the extra documents)"
    assert finding_line(finding) == f"start unknown, {words}"
    finding = replace(finding, ref=ref("a", {"topic": "with Ada"}), entry=record("a"))
    assert finding_line(finding).startswith("2026-11-20 09:30 UTC, a, stored 2026-11-21 02:00: 2 documents")
    assert finding_document(finding) == {
        "kind": "leftovers",
        "uuid": "a",
        "start": START,
        "repair": "delete",
        "outcome": "done",
        "stored_at": HARVESTED,
        "index": "i",
        "ids": ["x", "y"],
    }
    failed = replace(finding, entry=replace(record("a", "failed", None), reason="Zoom: no"))
    assert "a, failed (Zoom: no): 2 documents" in finding_line(failed)
    assert finding_line(replace(finding, repaired=True)).endswith("(repaired)")


def test_lines_say_how_many_sessions_and_how_to_repair() -> None:
    surplus = Finding(kind="surplus", uuid="a", repair="harvest", surplus=2)
    assert ": 2 sessions too many" in finding_line(surplus)
    assert ": 1 session missing" in finding_line(
        Finding(kind="incomplete", uuid="a", repair="harvest", lacking=1)
    )
    orphans = Finding(kind="orphans", uuid="a", repair="delete-orphans")
    assert "--repair --delete-orphans deletes them" in finding_line(orphans)


@pytest.mark.parametrize("compared", [True, False])
def test_times_of_the_future_are_named_until_they_are_forgotten(compared: bool) -> None:
    wrong = WrongTimes(latest=NOW + 10 * DAY, since=None, spans=[], listed=[days(6, -9)])
    result = whole(wrong_times=wrong) if compared else whole(wrong_times=wrong, windows=[])
    assert (result.exit_code, result.is_clean) == (65, False)
    message = text(result, quiet=True)
    assert "it recorded 2026-12-06 12:00 UTC, and listed 2026-11-20 00:00 to 2026-12-05 00:00 UTC" in message
    assert "zoom: run it again with --repair to fix this" in message
    assert document_of(result)["recorded_in_future"] == {
        "latest": "2026-12-06T12:00:00Z",
        "listed": [{"start": "2026-11-20T00:00:00Z", "end": "2026-12-05T00:00:00Z"}],
        "repaired": False,
    }
    result.repaired = True
    assert result.exit_code == 0
    assert "is forgotten: the next run reads it again" in text(result)
    assert document_of(whole())["recorded_in_future"] is None


def test_pending_and_gone_meetings_have_rows_of_their_own_and_are_not_wrong() -> None:
    waiting = missing("a", kind="pending", repair="none", why="not ended")
    gone = missing("b", kind="gone", repair="none", why="deleted")
    result = whole(findings=[waiting, gone])
    message = text(result)
    assert "  missing          0  meetings without" in message
    assert "  pending          1  listed meetings that have nothing to store yet" in message
    assert "gone: 2026-11-25 00:00 UTC, b, not in the journal (deleted)\n" in message
    assert "--repair" not in message
    assert (result.exit_code, result.is_clean) == (0, True)
    document = document_of(result)
    assert (document["pending"], document["gone"], document["counts"]["missing"]) == (1, 1, 0)
    assert (document["findings"], [each["uuid"] for each in document["explained"]]) == ([], ["a", "b"])


def test_a_repair_that_found_a_meeting_gone_does_not_count_it_as_repaired() -> None:
    result = whole(findings=[missing("b", kind="gone", repair="none", why="deleted")], repaired=True)
    message = text(result)
    assert "  missing          0        0      0" in message
    assert "  gone             1                  listed meetings that the vendor" in message


def test_one_partition_that_could_not_be_listed_hides_no_other_result() -> None:
    result = whole(complete=False, lacks_partitions_only=True, failures=["user x: refused"], codes={75})
    assert "; not all of it was compared: user x: refused\n" in text(result)
    assert document_of(result)["counts"] is not None


def test_the_lines_name_the_account_if_its_vendor_has_several() -> None:
    assert text(whole()).startswith("zoom: ")
    named = whole(name="zoom/rome", findings=[missing("one")])
    starts = [line.partition(": ")[0] for line in text(named).splitlines()]
    assert starts.count("zoom/rome") == 2, "the summary and the advice"
    assert "zoom" not in starts


def test_an_account_that_was_never_harvested_is_one_line_and_no_error() -> None:
    result = VerifyResult(
        vendor="zoom", account="main", zone=ZONE, name="zoom/main", complete=True, never_harvested=True
    )
    assert text(result) == (
        "zoom/main: not compared: it was never harvested into this index; with --from, it is compared all the same\n"
    )
    assert text(result, quiet=True) == ""
    document = document_of(result)
    assert (document["never_harvested"], document["counts"], document["exit_code"]) == (True, None, 0)


@pytest.mark.parametrize(
    ("unlisted", "words"),
    [
        (0, "7 meetings listed, 7 compared\n"),
        (2, "7 meetings listed, 9 compared, 2 of them only in the index or the journal\n"),
    ],
)
def test_meetings_that_the_vendor_does_not_list_are_counted(unlisted: int, words: str) -> None:
    result = whole(tally=Tally(listed=7, unlisted=unlisted))
    assert text(result).partition(": ")[2].startswith(f"2026-11-20 00:00 to 2026-11-26 00:00 UTC: {words}")
    document = document_of(result)
    assert (document["listed"], document["unlisted"], document["compared"]) == (7, unlisted, 7 + unlisted)
