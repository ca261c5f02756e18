"""Which package may import which, and who may write to stdout."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HARVESTER = ROOT / "harvester"
MODULES = sorted(HARVESTER.rglob("*.py"))
COMMAND_LINE = {"__main__.py", "cli"}
CORE = ("pipeline", "sinks", "state", "verify", "analysis")


def package(path: Path) -> str:
    return path.relative_to(HARVESTER).parts[0]


def imports(path: Path) -> Iterator[str]:
    """Every module that the file imports, in whatever function, names of `from` imports included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_in(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_only_the_command_line_imports_the_command_line_click_and_rich(path: Path) -> None:
    if package(path) not in COMMAND_LINE:
        forbidden = ("harvester.cli", "click", "rich")
        assert not [module for module in imports(path) for each in forbidden if is_in(module, each)]


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_state_and_sinks_know_no_run(path: Path) -> None:
    if package(path) in {"state", "sinks"}:
        forbidden = ("harvester.pipeline", "harvester.verify")
        assert not [module for module in imports(path) for each in forbidden if is_in(module, each)]
    if package(path) == "pipeline":
        assert not [module for module in imports(path) if is_in(module, "harvester.verify")]


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_the_analysis_knows_documents_only(path: Path) -> None:
    """It reads what any harvest wrote: it knows no run, no state and no Elasticsearch, and nothing but the command line knows it."""
    forbidden = (
        "harvester.pipeline",
        "harvester.sinks",
        "harvester.state",
        "harvester.verify",
        "harvester.simulator",
    )
    if package(path) == "analysis":
        assert not [module for module in imports(path) for each in forbidden if is_in(module, each)]
    elif package(path) not in COMMAND_LINE:
        assert not [module for module in imports(path) if is_in(module, "harvester.analysis")]


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_only_the_command_line_names_stdout(path: Path) -> None:
    """Documents go to the stream that it passes to sinks/ndjson.py."""
    if package(path) in COMMAND_LINE or package(path) == "simulator":
        return
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id != "print", f"line {node.lineno}"
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            assert (node.value.id, node.attr) != ("sys", "stdout"), f"line {node.lineno}"


@pytest.mark.parametrize("core", CORE)
def test_unit_tests_of_the_core_need_no_command_line(core: str) -> None:
    for path in sorted((ROOT / "tests" / "unit" / core).rglob("*.py")):
        assert not [module for module in imports(path) if is_in(module, "harvester.cli")], path


def test_a_run_needs_no_command_line() -> None:
    code = (
        "import sys, harvester.pipeline.runner, harvester.pipeline.estimate, harvester.verify.runner\n"
        "print([m for m in ('click', 'rich', 'harvester.cli') if m in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert ended.stdout.strip() == "[]"
