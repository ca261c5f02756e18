"""`harvester attendance`: formats, options, exit codes and messages."""

from __future__ import annotations

import csv
import errno
import io
import json
import logging
import os
import pty
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from click import UsageError
from click.testing import CliRunner, Result
from xlsxwriter.exceptions import FileCreateError

from connectors.attendance import to_record
from connectors.errors import ConfigurationError, OutputError
from connectors.models import Detail, Session
from harvester.analysis.attendance_files import write_xlsx
from harvester.cli import cli
from tests.invented_meetings import plain
from tests.unit.analysis.record_strategies import documents, write


def run(*words: str, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(cli, ["attendance", *words], input=stdin, standalone_mode=False)


@pytest.fixture
def file(tmp_path: Path) -> str:
    formula = plain(3)
    hostile = Session(key="k", user_name="=HYPERLINK(1)", join_time=formula.meeting.start_time)
    records = [plain(1), plain(2), to_record(formula.meeting, [hostile])]
    return str(write(tmp_path / "documents.ndjson", documents(records)))


def values(result: Result) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(result.stdout, newline="")))


def test_csv_has_the_columns_of_the_docs_and_no_formula(file: str) -> None:
    result = run(file, "--format", "csv", "--timezone", "Europe/Berlin")
    assert result.return_value == 0
    page = (Path(__file__).parents[3] / "docs" / "attendance.md").read_text(encoding="utf-8")
    header = result.stdout.splitlines()[0]
    assert header in page
    rows = values(result)
    assert len(rows) == 7
    assert rows[0]["first_join"] == "2026-11-20T10:31:00+01:00"
    assert rows[0]["minutes"] == "20.0"
    assert rows[-1]["name"] == "'=HYPERLINK(1)"


def test_only_excel_gets_a_byte_order_mark(file: str) -> None:
    assert run(file, "--format", "csv").stdout_bytes.startswith(b"vendor")
    assert run(file, "--format", "csv", "--excel").stdout_bytes.startswith(b"\xef\xbb\xbfvendor")
    with pytest.raises(UsageError):
        raise run(file, "--excel").exception or AssertionError


def test_json_has_the_same_rows_without_unknown_values(file: str) -> None:
    rows: list[dict[str, Any]] = json.loads(run(file, "--format", "json").stdout)
    assert len(rows) == 7
    assert rows[0]["minutes"] == 20.0
    assert "minutes" not in rows[-1]
    assert json.loads(run("--format", "json", stdin=b"").stdout) == []


def test_a_table_ends_with_totals(file: str) -> None:
    lines = run(file).stdout.splitlines()
    assert lines[0].split()[:3] == ["START", "TOPIC", "NAME"]
    assert lines[-1] == "3 meetings, 4 people, 119.9 minutes"


def test_a_spreadsheet_has_text_and_numbers_and_no_formula(file: str, tmp_path: Path) -> None:
    first, second = tmp_path / "a.xlsx", tmp_path / "b.xlsx"
    assert run(file, "--format", "xlsx", "-o", str(first)).return_value == 0
    run(file, "--format", "xlsx", "-o", str(second))
    assert first.read_bytes() == second.read_bytes()
    sheet = zipfile.ZipFile(first).read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in sheet
    assert "=HYPERLINK(1)" in sheet
    assert "<v>20</v>" in sheet


def test_a_spreadsheet_needs_a_file(file: str) -> None:
    assert isinstance(run(file, "--format", "xlsx").exception, UsageError)


def test_a_register_has_a_column_per_day_and_a_row_per_person(file: str) -> None:
    rows = values(run(file, "--by", "series", "--format", "csv"))
    assert [row["name"] for row in rows[:3]] == ["Person 0", "Person 1", "Person 2"]
    assert rows[0]["2026-11-20"] == "20.0"
    assert (rows[0]["meetings"], rows[0]["present"], rows[0]["held"]) == ("1", "1", "1")
    marked = values(run(file, "--by", "series", "--format", "csv", "--present", "30m"))
    assert marked[0]["2026-11-20"] == "no"


def test_a_wide_register_suggests_a_spreadsheet(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    for meetings in (3, 12):
        records = [plain(day * 24 * 60) for day in range(meetings)]
        file = str(write(tmp_path / "documents.ndjson", documents(records)))
        assert run(file, "--by", "series").return_value == 0
    hints = [message for message in caplog.messages if "--format xlsx" in message]
    assert len(hints) == 1, "for the twelve meetings"


def test_meetings_of_one_vendor_are_chosen(file: str) -> None:
    everything = run(file, "--format", "csv").stdout
    assert run(file, "--format", "csv", "--vendor", "zoom").stdout == everything
    assert values(run(file, "--format", "csv", "--vendor", "webex")) == []


def test_the_output_replaces_a_file_or_leaves_it(file: str, tmp_path: Path) -> None:
    output = tmp_path / "people.csv"
    output.write_text("before")
    written = run(file, "--format", "csv", "-o", str(output))
    assert written.return_value == 0
    assert written.stderr.endswith(f"\nwrote {output}\n")
    assert output.read_text().startswith("vendor,")
    before = output.read_bytes()
    assert isinstance(
        run(str(tmp_path / "missing"), "--format", "csv", "-o", str(output)).exception, OutputError
    )
    assert output.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["documents.ndjson", "people.csv"]
    nowhere = run(file, "-o", str(tmp_path / "no" / "folder.csv")).exception
    assert isinstance(nowhere, OutputError)
    assert "create its folder, or name another with -o" in str(nowhere)


@pytest.mark.parametrize("kind", ["csv", "json", "xlsx"])
def test_a_full_disk_is_an_output_error(file: str, kind: str) -> None:
    error = run(file, "--format", kind, "-o", "/dev/full").exception
    assert isinstance(error, OutputError)
    assert str(error) == (
        "/dev/full cannot be written (No space left on device): free some space, or name another with -o"
    )


def test_a_full_temporary_folder_of_a_sheet_is_an_output_error(monkeypatch: pytest.MonkeyPatch) -> None:
    close = xlsxwriter.Workbook.close

    def close_full(book: xlsxwriter.Workbook) -> None:
        close(book)  # an archive that is not complete would be written once more when it is removed
        raise FileCreateError(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))

    monkeypatch.setattr("xlsxwriter.Workbook.close", close_full)
    with pytest.raises(OutputError) as raised:
        write_xlsx(io.BytesIO(), ["name"], [["Person 0"]])
    assert str(raised.value) == (
        "the sheet cannot be written (No space left on device): free some space, or name another temporary folder in TMPDIR"
    )


def test_lines_that_are_no_documents_and_a_missing_meeting_are_65(
    file: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert run(stdin=b"{half\n").return_value == 65
    assert "1 of 1 line is not a document of" in caplog.text
    assert any(text.endswith("; it is left out") for text in caplog.messages), "a pipe cannot be read again"
    bad = Path(file).with_name("bad.ndjson")
    bad.write_bytes(Path(file).read_bytes() + b"{half\n\n[]\n")
    good = len(Path(file).read_bytes().splitlines())
    assert run(str(bad)).return_value == 65
    assert f"they are left out; the first: {bad}, line {good + 1}" in caplog.text
    assert run(file, "--meeting", "nowhere").return_value == 65
    assert "nowhere is not among" in caplog.text
    assert run(file, "--meeting", "meeting-1").return_value == 0


def test_values_that_a_vendor_lacks_are_reported_once(file: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    run(file, "--present", "50%")
    assert [m for m in caplog.messages if "leave times" in m] == [
        "zoom provides no join and leave times for 1 of 7 rows: their minutes and shares are empty, and whether they were present"
    ]


def test_people_who_have_not_left_yet_are_a_message_of_their_own(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    live = plain(1, detail=Detail.live)
    waiting = Session(key="k", user_name="Ada", join_time=live.meeting.start_time)
    path = write(
        tmp_path / "documents.ndjson", documents([to_record(live.meeting, [*live.sessions, waiting])])
    )
    run(str(path))
    assert caplog.messages == [
        "1 person had not left yet when their meeting was harvested: their minutes and shares are empty"
    ]


@pytest.mark.parametrize(
    "words",
    [
        ("a", "--from-index"),
        ("a", "-"),
        ("--present", "some"),
        ("--from", "2026-11-02", "--to", "2026-11-01"),
        ("--memory", "1MB"),
    ],
)
def test_contradictory_options_are_usage_errors(words: tuple[str, ...]) -> None:
    assert isinstance(run(*words).exception, UsageError)


def test_without_the_extra_the_remedy_is_named(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    error = run(file).exception
    assert isinstance(error, ConfigurationError)
    assert "pip install '.[report]'" in str(error)


def test_days_may_be_relative(file: str) -> None:
    assert json.loads(run(file, "--format", "json", "--from", "today").stdout) == []
    assert len(json.loads(run(file, "--format", "json", "--to", "yesterday").stdout)) == 7


def test_a_table_is_printed_on_a_terminal(file: str) -> None:
    """For documents: the stream escapes control characters on a terminal."""
    terminal, end = pty.openpty()
    command = [sys.executable, "-m", "harvester", "attendance", file]
    ended = subprocess.run(command, stdout=end, stderr=subprocess.PIPE, check=False, timeout=60)
    os.close(end)
    shown = os.read(terminal, 65_536)
    os.close(terminal)
    assert ended.returncode == 0, ended.stderr
    assert b"3 meetings, 4 people" in shown


def test_long_names_are_cut_in_the_table_only(tmp_path: Path) -> None:
    meeting = plain(1)
    long = Session(key="k", user_name="n" * 300, join_time=meeting.meeting.start_time)
    path = str(write(tmp_path / "long.ndjson", documents([to_record(meeting.meeting, [long])])))
    assert "n" * 300 not in run(path).stdout
    assert "n" * 39 + "…" in run(path).stdout
    assert "n" * 300 in run(path, "--format", "csv").stdout
