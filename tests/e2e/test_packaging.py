"""The package: built twice it is the same, and away from the checkout every command works, also with a vendor of another
package. Nothing is downloaded: the dependencies are those of the tests' environment.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import sysconfig
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.harness import HANGS_SECONDS, ROOT, clean_environment, lines

EXAMPLE = ROOT / "examples" / "harvester-example"
CLOCK = "1767225600"
"""The time of everything in the package, in seconds since 1970."""

EVERY_HELP = """
import click, harvester
from harvester.cli import cli

def show(command, words):
    try:
        command.main([*words, "--help"], prog_name="harvester", standalone_mode=False)
    except SystemExit:
        pass
    found = cli
    with click.Context(cli) as context:
        for word in words:
            found = found.get_command(context, word)
        names = found.list_commands(context) if isinstance(found, click.Group) else []
    return 1 + sum(show(command, [*words, name]) for name in names)

print("shown", show(cli, []), harvester.__file__)
"""


@dataclass(frozen=True, kw_only=True)
class Installed:
    """The package in a new environment without any path to the checkout."""

    python: Path
    folder: Path
    """Where its commands run."""

    def __call__(self, *words: str, cwd: Path | None = None, **more: str) -> subprocess.CompletedProcess[str]:
        environment = clean_environment(HARVESTER_STATE_DIR=str(self.folder / "state"), **more)
        environment.pop("PYTHONPATH", None)
        return subprocess.run(
            words,
            capture_output=True,
            text=True,
            check=False,
            cwd=cwd or self.folder,
            env=environment,
            timeout=300,
        )

    def harvester(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        return self(str(self.python.parent / "harvester"), *words, **more)


def build(source: Path, target: Path) -> dict[str, Path]:
    """The built files by the end of their name."""
    environment = clean_environment(SOURCE_DATE_EPOCH=CLOCK)
    environment.pop("PYTHONPATH", None)
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(target)],
        cwd=source,
        env=environment,
        check=True,
        capture_output=True,
        timeout=300,
    )
    return {path.suffix: path for path in target.iterdir()}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return build(ROOT, tmp_path_factory.mktemp("built"))


@pytest.fixture(scope="module")
def installed(built: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True, timeout=120)
    python = folder / "venv" / "bin" / "python"
    example = build(EXAMPLE, tmp_path_factory.mktemp("example"))
    install = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(python),
        "install",
        "--quiet",
        "--no-index",
        "--no-deps",
    ]
    subprocess.run([*install, built[".whl"], example[".whl"]], check=True, timeout=120)
    ask = [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    packages = Path(subprocess.run(ask, check=True, capture_output=True, text=True).stdout.strip())
    # Adds the folder itself, and not what editable installs in it lead to.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    work = folder / "work"
    work.mkdir()
    return Installed(python=python, folder=work)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_two_builds_in_different_folders_are_equal(built: dict[str, Path], tmp_path: Path) -> None:
    with tarfile.open(built[".gz"]) as archive:
        archive.extractall(tmp_path / "source", filter="data")
    (source,) = (tmp_path / "source").iterdir()
    for path in source.rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    again = build(source, tmp_path / "again")
    assert {end: digest(path) for end, path in again.items()} == {
        end: digest(path) for end, path in built.items()
    }


def test_every_command_shows_its_help_away_from_the_checkout(installed: Installed) -> None:
    ended = installed(str(installed.python), "-c", EVERY_HELP)
    assert ended.returncode == 0, ended.stderr
    last = ended.stdout.splitlines()[-1].split()
    assert int(last[1]) > 25
    assert Path(last[2]).is_relative_to(installed.python.parents[1])
    assert str(ROOT) not in ended.stdout


def test_the_program_itself_runs(installed: Installed) -> None:
    ended = installed.harvester("--help")
    assert ended.returncode == 0
    assert "parley" in ended.stdout, "a vendor of another package is a command"
    assert installed.harvester("templates", "show").returncode == 0


def test_a_demo_and_its_report_run_away_from_the_checkout(installed: Installed) -> None:
    ended = installed.harvester("demo", "-q", "--size", "5", "--speed", "200", "--output", "documents.ndjson")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert len((installed.folder / "documents.ndjson").read_text().splitlines()) > 20
    ended = installed.harvester("report", "documents.ndjson", "-o", "report.html")
    assert ended.returncode == 0, ended.stderr
    assert "<svg" in (installed.folder / "report.html").read_text()


# The example of a vendor in another package


@contextmanager
def parley(installed: Installed) -> Iterator[dict[str, str]]:
    """The settings that lead to the simulator of the example."""
    process = subprocess.Popen(
        [installed.python, "-m", "harvester_example.simulator"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=installed.folder,
    )
    try:
        assert process.stdout is not None
        yield dict(process.stdout.readline().strip().split("=", 1) for _ in range(3))
    finally:
        process.terminate()
        process.wait(HANGS_SECONDS)
        process.stdout.close()


def test_the_example_can_be_checked_and_harvested(installed: Installed) -> None:
    template = installed.harvester("init", "parley", "--print").stdout
    assert "# PARLEY_CLIENT_SECRET=\n" in template
    assert "at parley.example, under Settings > API" in template
    with parley(installed) as settings:
        checked = installed.harvester("check", "parley", "--json", **settings)
        assert checked.returncode == 0, checked.stdout
        assert [each["subject"] for each in json.loads(checked.stdout)["checks"] if each["vendor"]] == [
            "token",
            "GET /meetings",
        ]
        words = ["parley", "--date", "yesterday", "--metrics-file", "parley.prom"]
        ended = installed.harvester(*words, **settings)
        assert ended.returncode == 0, ended.stderr
    found = lines(ended.stdout.encode())
    assert len(found) == 9 * (1 + 6), "nine meetings a day, six stays each"
    assert all(name.startswith("parley:main:pm-") for name in found)
    metrics = (installed.folder / "parley.prom").read_text()
    assert 'harvester_last_run_documents{account="main",result="stored",vendor="parley"} 63.0' in metrics


def test_the_example_keeps_the_contract(installed: Installed) -> None:
    words = ["-m", "pytest", "-q", "-c", "pyproject.toml", "--rootdir", ".", "-p", "no:cacheprovider"]
    ended = installed(str(installed.python), *words, str(EXAMPLE / "tests"), cwd=ROOT)
    assert ended.returncode == 0, ended.stdout
    assert "passed" in ended.stdout.splitlines()[-1]
