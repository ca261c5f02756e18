"""Every module has a test file of its name, and neither modules nor functions grow too long to be read."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.source_files import ROOT, name, nodes, python_files, read

UNIT = ROOT / "tests" / "unit"

TESTED_ELSEWHERE = {
    # Values, names of tables, protocols: nothing to run.
    "connectors/google_meet/endpoints.py": "a table of URLs, scopes and rates",
    "connectors/meetecho/endpoints.py": "a table of URLs and rates",
    "connectors/webex/endpoints.py": "a table of URLs and scopes",
    "connectors/meetecho/writing/write_log_contract.py": "a protocol; state/test_write_log.py tests what implements it",
    "harvester/pipeline/run_summary.py": "types; test_report.py compares them with what a report writes",
    "harvester/sinks/base.py": "a protocol",
    "harvester/state/shared/store.py": "a protocol; sinks/elastic/test_state_index.py tests what implements it",
    "harvester/state/journal_schema.py": "SQL; test_journal.py runs each statement, test_existing_state.py the migrations",
    "harvester/__main__.py": "an import and a call; tests/e2e/test_command_line.py starts it",
    # Commands, which need a simulated vendor, a real node, or a process.
    "harvester/cli/check.py": "tests/unit/*/test_check.py and tests/e2e test it with each vendor",
    "harvester/cli/login.py": "tests/contract/test_login.py runs it as a process",
    "harvester/cli/templates.py": "tests/e2e/test_templates.py runs it against real nodes",
    "harvester/pipeline/open_shared_state.py": "tests/e2e/test_shared_state.py opens it against real nodes",
    "harvester/cli/meetecho_options.py": "test_meetecho_rooms.py and test_meetecho_slides.py use it in every test",
    "harvester/cli/render/attention.py": "test_status.py compares what needs attention, and the exit code",
    "harvester/cli/render/writes.py": "test_meetecho_rooms.py and test_meetecho_slides.py compare what it prints",
    "harvester/cli/analysis_input.py": "test_report.py and test_attendance.py use it in every test",
    "harvester/cli/rooms_book_cancel.py": "test_rooms.py runs both commands",
    "harvester/cli/rooms_bookings.py": "test_rooms.py runs it",
    "harvester/cli/rooms_status.py": "test_rooms.py runs each command",
    "harvester/cli/rooms_serve.py": "tests/unit/rooms/service tests what it starts",
    "harvester/cli/rooms_watch.py": "tests/unit/rooms/test_watcher.py tests what it starts",
    "harvester/cli/render/rooms.py": "test_rooms.py compares what it prints",
    "harvester/rooms/open_calendars.py": "test_rooms.py reads rooms through it",
    "harvester/rooms/service/": "tests/unit/rooms/service tests the running service by its requests",
    # Values that pass calls on.
    "harvester/privacy/run_privacy.py": "test_settings.py and test_private_connector.py test it as it is used",
    "harvester/state/journal_scrubbing.py": "forgetting/test_searched_places.py removes people from journals with it",
    # Figures and charts are tested together: as a page, and against a computation without a database.
    "harvester/analysis/figures/": "test_figures.py compares each with a computation that uses no database",
    "harvester/analysis/": "test_page.py, test_attendance.py and test_document_tables.py test it as a whole",
    # The simulator is tested by its answers.
    "harvester/simulator/": "tests/unit/simulator and tests/contract/test_simulator_*.py",
}
"""Modules and folders without a test file of their name, and why they need none."""

MODULE_LINES = 440
"""Modules are to stay under about 400 lines."""
BODY_LINES = 45
"""Of a function, without its signature and its docstring."""

MODULES = [
    path
    for package in ("connectors", "harvester")
    for path in python_files(package)
    if path.name != "__init__.py"
]


def places_of_tests(path: Path) -> Iterator[Path]:
    """Where the tests of a module may be: the folders of tests/unit are those of the packages."""
    package, *folders = path.relative_to(ROOT).parts[:-1]
    folder = UNIT.joinpath(*folders) if folders or package == "harvester" else UNIT / "connectors"
    yield folder / f"test_{path.name}"
    if folders[-1:] == ["render"]:
        yield folder.parent / f"test_{path.name}"  # the command's tests compare what it prints


def is_tested_elsewhere(path: Path) -> bool:
    return any(name(path).startswith(each) for each in TESTED_ELSEWHERE)


def test_every_module_has_a_test_file_of_its_name() -> None:
    assert len(MODULES) > 200
    untested = [path for path in MODULES if not any(file.is_file() for file in places_of_tests(path))]
    assert [name(path) for path in untested if not is_tested_elsewhere(path)] == []


@pytest.mark.parametrize("exception", TESTED_ELSEWHERE)
def test_every_exception_is_about_modules_that_exist(exception: str) -> None:
    assert [path for path in MODULES if name(path).startswith(exception)]


def bodies(path: Path) -> Iterator[tuple[str, int]]:
    """The functions of a file, and the lines of their bodies."""
    for node in nodes(path):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[1 if ast.get_docstring(node) and len(node.body) > 1 else 0]
            yield f"{name(path)}: {node.name}", (node.end_lineno or first.lineno) - first.lineno + 1


def test_no_function_is_too_long() -> None:
    found = [body for path in MODULES for body in bodies(path)]
    assert len(found) > 1000
    assert [body for body in found if body[1] > BODY_LINES] == []


def test_no_module_is_too_long() -> None:
    assert [name(path) for path in MODULES if read(path).count("\n") > MODULE_LINES] == []
