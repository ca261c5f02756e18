"""The project's Python files, each read and parsed once for all tests of the architecture."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]


@cache
def python_files(folder: str) -> tuple[Path, ...]:
    """Every Python file in this folder of the project and below it."""
    return tuple(sorted((ROOT / folder).rglob("*.py")))


@cache
def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(ast.parse(read(path))))


@cache
def imports(path: Path) -> frozenset[str]:
    """Every module that the file imports, in functions too, with the names of `from` imports."""
    return frozenset(_imports(path))


def _imports(path: Path) -> Iterator[str]:
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_in(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def forbidden_imports(path: Path, *packages: str) -> list[str]:
    """The imports of these packages, each with the file's name."""
    found = sorted(module for module in imports(path) if any(is_in(module, each) for each in packages))
    return [f"{name(path)} imports {module}" for module in found]


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()
