"""Which package may import which, and who may write to stdout."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from tests.contract.source_files import ROOT, forbidden_imports, imports, name, nodes, python_files

HARVESTER = ROOT / "harvester"
MODULES = python_files("harvester")
COMMAND_LINE = {"__main__.py", "cli"}
CORE = ("pipeline", "sinks", "state", "verify", "analysis")


def package(path: Path) -> str:
    return path.relative_to(HARVESTER).parts[0]


def test_only_the_command_line_imports_the_command_line_click_and_rich() -> None:
    others = [path for path in MODULES if package(path) not in COMMAND_LINE]
    assert len(others) > 50
    assert not [each for path in others for each in forbidden_imports(path, "harvester.cli", "click", "rich")]


@pytest.mark.parametrize(
    ("known", "unknown"),
    [
        ("state", ["harvester.pipeline", "harvester.verify"]),
        ("sinks", ["harvester.pipeline", "harvester.verify"]),
        ("pipeline", ["harvester.verify"]),
    ],
)
def test_state_and_sinks_know_no_run(known: str, unknown: list[str]) -> None:
    files = python_files(f"harvester/{known}")
    assert len(files) > 3
    assert not [each for path in files for each in forbidden_imports(path, *unknown)]


def test_the_analysis_knows_documents_only() -> None:
    """It reads what any harvest wrote: it knows no run, no state and no Elasticsearch, and nothing but the command line
    knows it."""
    unknown = ("pipeline", "sinks", "state", "verify", "simulator")
    known = [path for path in MODULES if package(path) == "analysis"]
    assert len(known) > 10
    assert not [
        each for path in known for each in forbidden_imports(path, *(f"harvester.{one}" for one in unknown))
    ]
    others = [path for path in MODULES if package(path) not in {*COMMAND_LINE, "analysis"}]
    assert not [each for path in others for each in forbidden_imports(path, "harvester.analysis")]


ENGINES = (
    "airflow", "apache_beam", "celery", "dagster", "dask", "dbos", "distributed", "kubernetes", "luigi", "parsl", "prefect",
    "pyspark", "ray", "temporalio",
)  # fmt: skip
DAG = ROOT / "contrib" / "airflow" / "harvester_dag.py"


def test_nothing_imports_an_engine_that_spreads_work_over_machines() -> None:
    files = [*MODULES, *python_files("connectors")]
    assert len(files) > 200
    assert not [each for path in files for each in forbidden_imports(path, *ENGINES)]


def test_the_dag_imports_airflow_and_nothing_of_the_project() -> None:
    assert forbidden_imports(DAG, *ENGINES), "an engine would be found"
    packages = {module.partition(".")[0] for module in imports(DAG)}
    assert packages - sys.stdlib_module_names == {"airflow"}


def test_only_the_command_line_names_stdout() -> None:
    """Documents go to the stream that it passes to sinks/ndjson.py."""
    others = [path for path in MODULES if package(path) not in {*COMMAND_LINE, "simulator"}]
    assert not found_in(others, names_stdout)


def found_in(files: Iterable[Path], is_wrong: Callable[[ast.AST], bool]) -> list[str]:
    """File and line of everything that is wrong."""
    return [
        f"{name(path)}:{getattr(node, 'lineno', 0)}"
        for path in files
        for node in nodes(path)
        if is_wrong(node)
    ]


def names_stdout(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id == "print"
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return (node.value.id, node.attr) == ("sys", "stdout")
    return False


@pytest.mark.parametrize("code", ["print('x')", "sys.stdout.write('x')"])
def test_what_names_stdout_would_be_found(code: str) -> None:
    assert any(names_stdout(node) for node in ast.walk(ast.parse(code)))


def goes_around_echo(node: ast.AST) -> bool:
    """Whether it writes to stdout, or opens it, in another way than through `echo.py`."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "click":
        return node.attr in {"echo", "secho", "get_binary_stream", "get_text_stream"}
    if isinstance(node, ast.ImportFrom):
        return "open_stdout" in {each.name for each in node.names}
    return names_stdout(node)


def test_the_command_line_writes_to_stdout_in_one_module() -> None:
    """It escapes control characters. `standard_streams.py` opens the streams, and writes nothing."""
    may = {"harvester/cli/render/echo.py", "harvester/cli/standard_streams.py"}
    assert not found_in((path for path in MODULES if name(path) not in may), goes_around_echo)


@pytest.mark.parametrize(
    "code",
    ["print('x')", "click.echo('x')", "click.get_text_stream('stdout')", "from a.b import open_stdout"],
)
def test_what_goes_around_echo_would_be_found(code: str) -> None:
    assert any(goes_around_echo(node) for node in ast.walk(ast.parse(code)))


def writes_a_file(node: ast.AST) -> bool:
    """Whether it is `path.write_text(…)`, or `open` with a mode that writes."""
    if not isinstance(node, ast.Call):
        return False
    called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if called not in {"open", "fdopen"}:
        return called in {"write_text", "write_bytes"}
    constants = [each.value for each in ast.walk(node) if isinstance(each, ast.Constant)]
    return any(isinstance(mode, str) and re.fullmatch(r"[wax]b?\+?", mode) for mode in constants)


def test_one_module_writes_the_files_that_a_user_names() -> None:
    """It replaces regular files only, and follows no link of another user."""
    may = {
        "harvester/output_file.py",
        "harvester/cli/standard_streams.py",
        "harvester/analysis/document_source.py",  # a pipe
    }
    assert not found_in((path for path in MODULES if name(path) not in may), writes_a_file)


@pytest.mark.parametrize("code", ["path.write_text('x')", "open(path, 'w')", "path.open(mode='ab')"])
def test_what_writes_a_file_would_be_found(code: str) -> None:
    assert any(writes_a_file(node) for node in ast.walk(ast.parse(code)))


@pytest.mark.parametrize("core", CORE)
def test_unit_tests_of_the_core_need_no_command_line(core: str) -> None:
    files = python_files(f"tests/unit/{core}")
    assert files
    assert not [each for path in files for each in forbidden_imports(path, "harvester.cli")]


def test_a_run_needs_no_command_line() -> None:
    code = (
        "import sys, harvester.pipeline.runner, harvester.pipeline.estimate, harvester.verify.runner\n"
        "print([m for m in ('click', 'rich', 'harvester.cli') if m in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert ended.stdout.strip() == "[]"
