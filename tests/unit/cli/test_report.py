"""`harvester report`: sources, options, exit codes."""

from __future__ import annotations

import gzip
import os
import re
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep

import pytest
from click import UsageError
from click.testing import CliRunner, Result

from connectors.errors import ConfigurationError, OutputError
from harvester.analysis import safe_svg
from harvester.cli import cli
from tests.invented_meetings import full_harvest, plain
from tests.unit.analysis.record_strategies import documents, write
from tests.unit.analysis.test_room_figures import booked_at


def run(*words: str, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(cli, ["report", *words], input=stdin, standalone_mode=False)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write(tmp_path / "documents.ndjson", documents([plain(1), full_harvest()]))


@pytest.mark.slow
def test_a_file_and_a_compressed_pipe_give_the_same_page_and_tables(file: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    page = tmp_path / "report.html"
    ended = run(str(file), "-o", str(page), "--csv", str(one))
    assert (ended.return_value, ended.stdout) == (0, "")
    assert ended.stderr == f"wrote {len([*one.iterdir()])} tables into {one}\nwrote {page}\n"
    piped = run("--csv", str(two), stdin=gzip.compress(file.read_bytes()))
    assert piped.stdout_bytes == page.read_bytes()
    names = sorted(path.name for path in one.iterdir())
    assert len(names) > 8
    assert [(two / name).read_bytes() for name in names] == [(one / name).read_bytes() for name in names]


@pytest.mark.usefixtures("undrawn")
def test_every_table_of_the_page_is_a_file(file: Path, tmp_path: Path) -> None:
    result = run(str(file), "--csv", str(tmp_path / "tables"), "--people", "show")
    written = len([*(tmp_path / "tables").iterdir()])
    assert f"wrote {written} tables into {tmp_path / 'tables'}" in result.stderr
    shown = set(re.findall(r'<table data-name="([^"]+)"', result.stdout)) - {"sessions"}
    assert {path.stem for path in (tmp_path / "tables").iterdir()} == shown | {"worst-meetings"}


@pytest.mark.usefixtures("undrawn")
def test_the_tables_of_rooms_are_files_as_well(file: Path, tmp_path: Path) -> None:
    bookings = write(tmp_path / "bookings.ndjson", [booked_at(0).document()])
    result = run(
        str(file),
        str(bookings),
        "--from",
        "2026-11-16",
        "--to",
        "2026-11-22",
        "--csv",
        str(tmp_path / "tables"),
    )
    assert result.return_value == 0
    names = {path.stem for path in (tmp_path / "tables").iterdir()}
    shown = set(re.findall(r'<table data-name="([^"]+)"', result.stdout))
    assert {"rooms", "bookings-and-meetings", "rooms-by-hour-of-the-week", "room-hours"} <= names & shown
    assert "room-hours-of-the-week" in names
    hours = (tmp_path / "tables" / "room-hours-of-the-week.csv").read_text().splitlines()
    assert len(hours) == 1 + 7 * 24
    assert "Aurora,Mon,9,1.0" in hours


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes most of the time of a page, and these tests look at the rest."""
    monkeypatch.setattr(safe_svg, "draw", lambda _spec, label: f'<svg aria-label="{label}"/>')


@pytest.mark.slow
@pytest.mark.usefixtures("undrawn")
def test_options_reach_the_page(file: Path, tmp_path: Path) -> None:
    html = run(
        str(file), "--title", "A & B", "--timezone", "Europe/Berlin", "--no-script", "--worst", "0"
    ).stdout
    assert "<title>A &amp; B</title>" in html
    assert "Europe/Berlin" in html
    assert "<script" not in html
    assert "Which meetings went worst?" not in html
    assert "There is no meeting" in run(str(file), "--vendor", "webex").stdout
    assert "There is no meeting" in run(str(file), "--to", "2020-01-01").stdout
    assert "The chosen meeting" in run(str(file), "--meeting", "meeting-1").stdout


@pytest.mark.usefixtures("undrawn")
def test_damaged_lines_and_missing_meetings_are_65(file: Path) -> None:
    assert run(stdin=file.read_bytes() + b"{half\n").return_value == 65
    assert run(str(file), "--meeting", "nowhere").return_value == 65


@pytest.mark.parametrize("name", ["duckdb", "jinja2", "vl_convert"])
def test_without_the_extra_the_remedy_is_named(
    name: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, name, None)
    error = run(str(file)).exception
    assert isinstance(error, ConfigurationError)
    assert "pip install '.[report]'" in str(error)


def test_files_and_the_index_exclude_each_other(file: Path) -> None:
    assert isinstance(run(str(file), "--from-index").exception, UsageError)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "opened", "more"),
    [("report", "documents.duckdb", True), ("report", "documents.duckdb", False), ("attendance", "", False)],
    ids=["documents arrive", "nothing arrives", "attendance"],
)
def test_sigterm_deletes_the_temporary_files(tmp_path: Path, command: str, opened: str, more: bool) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    environment = {**os.environ, "TMPDIR": str(folder)}
    words = [sys.executable, "-m", "harvester", command, "-o", str(tmp_path / "output"), "-q"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, env=environment, bufsize=0) as process:
        assert process.stdin is not None
        until = monotonic() + 60
        try:
            while not list(folder.glob(f"harvester-analysis-*/{opened}")):
                assert monotonic() < until
                assert process.poll() is None
                if more:
                    process.stdin.write(b"{}\n" * 10_000)
                else:
                    sleep(0.01)
            process.terminate()
            assert process.wait(60) == 143
        finally:
            process.kill()  # the block waits for it
    assert list(folder.iterdir()) == []


def test_a_folder_that_is_missing_is_noticed_before_the_input_is_read(tmp_path: Path) -> None:
    missing, nowhere = tmp_path / "missing.ndjson", tmp_path / "no" / "report.html"
    error = run(str(missing), "-o", str(nowhere)).exception
    assert isinstance(error, OutputError)
    assert str(error) == (
        f"{nowhere} cannot be written (No such file or directory): create its folder, or name another with -o"
    )


@pytest.mark.usefixtures("undrawn")
def test_a_folder_that_is_a_file_and_a_full_disk_are_output_errors(file: Path, tmp_path: Path) -> None:
    (tmp_path / "tables").write_text("")
    error = run(str(file), "-o", str(tmp_path / "a.html"), "--csv", str(tmp_path / "tables")).exception
    assert isinstance(error, OutputError)
    assert str(error).endswith("tables cannot be written (File exists): name another with --csv")
    full = run(str(file), "-o", "/dev/full").exception
    assert isinstance(full, OutputError)
    assert str(full) == (
        "/dev/full cannot be written (No space left on device): free some space, or name another with -o"
    )
