"""`harvester completion`: the shells accept the script, and it completes commands and options."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from harvester.cli import cli
from harvester.cli.completion import SHELLS
from tests.e2e.harness import ROOT, clean_environment

INSTALLED = [
    pytest.param(
        shell, marks=pytest.mark.skipif(shutil.which(shell) is None, reason=f"{shell} is not installed")
    )
    for shell in SHELLS
]


def script(shell: str) -> str:
    ended = CliRunner().invoke(cli, ["completion", shell])
    assert ended.exit_code == 0
    return ended.stdout


@pytest.fixture
def on_path(tmp_path: Path) -> dict[str, str]:
    """An environment in which the command `harvester` runs this checkout."""
    program = tmp_path / "harvester"
    program.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m harvester "$@"\n')
    program.chmod(0o755)
    environment = clean_environment()
    return {**environment, "HOME": str(tmp_path), "PATH": f"{tmp_path}:{environment['PATH']}"}


def run(shell: str, code: str, environment: dict[str, str]) -> list[str]:
    ended = subprocess.run(
        [shell, "-c", code], capture_output=True, text=True, check=False, env=environment, timeout=60
    )
    assert ended.stderr == ""
    return [line.partition("\t")[0] for line in ended.stdout.splitlines()]


@pytest.mark.parametrize("shell", INSTALLED)
def test_the_shell_accepts_the_script(shell: str) -> None:
    ended = subprocess.run(
        [shell, "-n"], input=script(shell), capture_output=True, text=True, check=False, timeout=60
    )
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("harvester zo", ["zoom"]),
        ("harvester zoom --dat", ["--date"]),
        ("harvester completion ", list(SHELLS)),
    ],
)
def test_bash_completes(words: str, expected: list[str], on_path: dict[str, str]) -> None:
    *before, last = words.split(" ")
    code = (
        f"{script('bash')}\nCOMP_WORDS=({' '.join(before)} '{last}'); COMP_CWORD={len(before)}\n"
        "_harvester_completion harvester; printf '%s\\n' \"${COMPREPLY[@]}\""
    )
    assert run("bash", code, on_path) == expected


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
def test_fish_completes(on_path: dict[str, str]) -> None:
    assert run("fish", f"{script('fish')}\ncomplete -C 'harvester zo'", on_path) == ["zoom"]


def test_another_shell_is_a_usage_error() -> None:
    ended = CliRunner().invoke(cli, ["completion", "tcsh"])
    assert ended.exit_code == 2
    assert "'bash', 'zsh', 'fish'" in ended.output
