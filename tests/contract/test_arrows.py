"""Which package may import which, and who may write to stdout."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HARVESTER = ROOT / "harvester"
MODULES = sorted(HARVESTER.rglob("*.py"))
COMMAND_LINE = {"__main__.py", "cli"}
CORE = ("pipeline", "sinks", "state", "verify")


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
def test_only_the_command_line_names_stdout(path: Path) -> None:
    """Documents go to the stream that it passes to sinks/ndjson.py."""
    if package(path) in COMMAND_LINE or package(path) == "simulator":
        return
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id != "print", f"line {node.lineno}"
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            assert (node.value.id, node.attr) != ("sys", "stdout"), f"line {node.lineno}"


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_the_command_line_prints_through_one_module(path: Path) -> None:
    """It escapes what a terminal would obey."""
    if name(path) == "harvester/cli/render/terminal.py":
        return
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "click":
            assert node.attr not in {"echo", "secho"}, f"line {node.lineno}"


def writes_a_file(node: ast.AST) -> bool:
    """Whether it is `path.write_text(…)`, or `open` with a mode that writes."""
    if not isinstance(node, ast.Call):
        return False
    called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    modes = [each.value for each in ast.walk(node) if isinstance(each, ast.Constant)]
    writes = [
        mode
        for mode in modes
        if isinstance(mode, str) and re.fullmatch(r"[rwax]b?\+?", mode) and mode[0] != "r"
    ]
    return called in {"write_text", "write_bytes"} or (called in {"open", "fdopen"} and bool(writes))


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_one_module_writes_the_files_that_a_user_names(path: Path) -> None:
    """It replaces regular files only, and follows no link of another user."""
    if name(path) in {"harvester/output_file.py", "harvester/cli/standard_streams.py"}:
        return
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert not [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Call) and writes_a_file(node)]


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
