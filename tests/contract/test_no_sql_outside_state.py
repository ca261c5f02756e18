"""The architecture: only state/ and analysis/ know SQL and SQLite."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.contract.source_files import ROOT, forbidden_imports, name, nodes, python_files

ALLOWED = {ROOT / "harvester" / "state", ROOT / "harvester" / "analysis"}
MODULES = [
    path
    for package in ("harvester", "connectors")
    for path in python_files(package)
    if not ALLOWED & {*path.parents}
]
STATEMENT = re.compile(
    r"^\s*(SELECT\s.+\sFROM\s|INSERT\s+(OR\s+\w+\s+)?INTO\s|UPDATE\s+\w+\s+SET\s|DELETE\s+FROM\s|PRAGMA\s|"
    r"(CREATE|ALTER|DROP)\s+(TABLE|INDEX)\s)",
    re.DOTALL,
)


def statements(path: Path) -> list[str]:
    return [
        f"{name(path)}:{node.lineno}"
        for node in nodes(path)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and STATEMENT.match(node.value)
    ]


def test_modules_outside_state_have_no_sql_and_open_no_database() -> None:
    assert len(MODULES) > 100
    databases = ("sqlite3", "harvester.state.database", "harvester.state.journal_schema")
    assert not [found for path in MODULES for found in statements(path)]
    assert not [found for path in MODULES for found in forbidden_imports(path, *databases)]


def test_the_statements_of_the_journal_would_be_found() -> None:
    assert len(statements(ROOT / "harvester" / "state" / "journal_schema.py")) > 20
