"""The architecture: only state/ and analysis/ know SQL and SQLite."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ALLOWED = {ROOT / "harvester" / "state", ROOT / "harvester" / "analysis"}
MODULES = [
    path
    for package in ("harvester", "connectors")
    for path in sorted((ROOT / package).rglob("*.py"))
    if not ALLOWED & {*path.parents}
]
STATEMENT = re.compile(
    r"^\s*(SELECT\s.+\sFROM\s|INSERT\s+(OR\s+\w+\s+)?INTO\s|UPDATE\s+\w+\s+SET\s|DELETE\s+FROM\s|PRAGMA\s|"
    r"(CREATE|ALTER|DROP)\s+(TABLE|INDEX)\s)",
    re.DOTALL,
)


def strings(path: Path) -> list[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_outside_state_has_no_sql_and_opens_no_database(path: Path) -> None:
    assert not [text for text in strings(path) if STATEMENT.match(text)]
    assert not imports(path) & {"sqlite3", "harvester.state.database", "harvester.state.journal_schema"}


def test_the_statements_of_the_journal_would_be_found() -> None:
    found = [
        text for text in strings(ROOT / "harvester" / "state" / "journal_schema.py") if STATEMENT.match(text)
    ]
    assert len(found) > 20
