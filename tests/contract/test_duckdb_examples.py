"""The DuckDB lines of docs/report.md work on documents as they are written."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest

from tests.invented_meetings import full_harvest, plain
from tests.unit.analysis.record_strategies import documents, write

PAGE = (Path(__file__).parents[2] / "docs" / "report.md").read_text(encoding="utf-8")
LINES = re.findall(r"```sql\n(.*?)\n```", PAGE, flags=re.DOTALL)


def test_there_is_a_line_for_each_recipe() -> None:
    assert len(LINES) == 4


@pytest.mark.parametrize("line", LINES)
def test_a_line_works(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "documents.ndjson", documents([full_harvest(), plain(1)]))
    found = duckdb.sql(line)
    if line.startswith("SELECT"):
        rows = found.fetchall()
        assert len(rows) == 1
        assert "ada@example.org" in rows[0] or "meeting-1" in rows[0]
    for path, count in ((tmp_path / "documents.parquet", 6), (tmp_path / "meetings.csv", 2)):
        if path.name in line:
            assert duckdb.sql(f"FROM '{path}' SELECT count(*)").fetchall() == [(count,)]
