"""stdin, stdout and stderr closed or full, in every combination that a shell can make."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from harvester.cli.standard_streams import stdout_reader_is_gone
from harvester.state.layout import rejects_folder
from harvester.state.rejects import Reject, Rejects
from tests.unit.fake_context import NOW

HOST = "http://127.0.0.1:9"
ANSWERS = {
    "status": ("status",),
    "templates": ("templates", "show"),
    "export": ("rejects", "export", "--es-host", HOST),
    "help": ("--help",),
    "help of a command": ("load", "-h"),
    "help of a group": ("rejects", "--help"),
    "version": ("--version",),
}
"""Commands that print an answer without any network."""


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state folder with one reject."""
    reject = Reject(document_id="zoom:main:a", index="", version=1, reason="bad", document=b"{}")
    with closing(Rejects(rejects_folder(tmp_path / "state", HOST, "harvester-"), lambda: NOW)) as kept:
        kept.add([reject])
    return tmp_path / "state"


def run(
    state: Path, arguments: tuple[str, ...], redirections: str, **more: str
) -> subprocess.CompletedProcess[bytes]:
    environment = {
        "PATH": os.environ["PATH"],
        "HARVESTER_STATE_DIR": str(state),
        "PYTHONPATH": os.getcwd(),
        **more,
    }
    line = f'"$@" {redirections}'
    return subprocess.run(
        ["bash", "-c", line, "-", sys.executable, "-m", "harvester", *arguments],
        capture_output=True,
        env=environment,
        check=False,
    )


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(words, id=name, marks=[] if name == "status" else pytest.mark.slow)
        for name, words in ANSWERS.items()
    ],
)
@pytest.mark.parametrize(
    ("redirections", "code"),
    [
        pytest.param("<&-", 0, marks=pytest.mark.slow),
        ("2>&-", 0),
        pytest.param("2>/dev/full", 0, marks=pytest.mark.slow),
        pytest.param("<&- 2>&-", 0, marks=pytest.mark.slow),
        (">&-", 74),
        pytest.param("<&- >&- 2>&-", 74, marks=pytest.mark.slow),
        (">/dev/full", 74),
        pytest.param(">/dev/full 2>/dev/full", 74, marks=pytest.mark.slow),
    ],
)
def test_an_answer_is_printed_or_the_exit_code_is_74(
    state: Path, arguments: tuple[str, ...], redirections: str, code: int
) -> None:
    ended = run(state, arguments, redirections)
    assert ended.returncode == code, ended.stderr
    assert b"Traceback" not in ended.stderr
    assert bool(ended.stdout) == (code == 0)
    if redirections == ">&-":
        assert b"stdout is closed" in ended.stderr
    if redirections == ">/dev/full":
        remedy = b"free some space, or name another place"
        assert b"the output cannot be written (No space left on device): " + remedy in ended.stderr


def test_a_closed_stdin_is_the_input_of_load(state: Path) -> None:
    ended = run(state, ("load", "--es-host", HOST), "<&-")
    assert (ended.returncode, ended.stderr) == (
        74,
        b"harvester: standard input is closed: name a FILE, or use a pipe\n",
    )


def test_a_closed_stdin_confirms_nothing(state: Path) -> None:
    for redirections in ("<&-", "</dev/null"):
        ended = run(state, ("rejects", "drop", "--es-host", HOST), redirections)
        assert ended.returncode == 64, ended.stderr
        assert b"pass --yes" in ended.stderr


@pytest.mark.parametrize(
    "redirections",
    [
        "",
        *(
            pytest.param(each, marks=pytest.mark.slow)
            for each in (">&-", "2>&-", "2>/dev/full", "<&- >&- 2>&-")
        ),
    ],
)
def test_a_usage_error_keeps_its_exit_code(state: Path, redirections: str) -> None:
    assert run(state, ("nonsense",), redirections).returncode == 64


def test_a_summary_for_a_closed_stderr_is_an_output_error(state: Path) -> None:
    ended = run(state, ("meetecho", "--summary-json", "-"), "2>&-")
    assert ended.returncode == 74


def test_closed_streams_leave_their_numbers_to_no_file(state: Path) -> None:
    """A database with file descriptor 1 would get the output of libraries."""
    program = """
import os
from harvester.cli.standard_streams import prepare_standard_streams
prepare_standard_streams()
opened = os.open(os.devnull, os.O_RDONLY)
try:
    os.write(1, b"x")
except OSError:
    os._exit(opened)
"""
    ended = subprocess.run(
        ["bash", "-c", '"$@" <&- >&- 2>&-', "-", sys.executable, "-c", program], cwd=os.getcwd(), check=False
    )
    assert ended.returncode > 2


def test_characters_outside_the_encoding_of_stdout_are_printed_by_number(state: Path) -> None:
    ended = run(
        state / "\N{LATIN SMALL LETTER C WITH CIRCUMFLEX}", ("status",), "", PYTHONIOENCODING="latin-1"
    )
    assert ended.returncode == 0, ended.stderr
    assert rb"/\u0109" in ended.stdout


@pytest.mark.slow
@pytest.mark.parametrize("command", ["rooms --help", "completion bash", "templates show", "check zoom"])
def test_a_reader_that_has_gone_is_no_failure(state: Path, command: str) -> None:
    words = [sys.executable, "-m", "harvester", *command.split()]
    reading, writing = os.pipe()
    os.close(reading)
    try:
        ended = subprocess.run(words, stdout=writing, stderr=subprocess.PIPE, cwd=state, check=False)
    finally:
        os.close(writing)
    assert ended.returncode == 0
    assert b"closed" not in ended.stderr


def test_the_reader_of_a_pipe_is_there_or_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        assert not stdout_reader_is_gone()
        os.close(reading)
        assert stdout_reader_is_gone()


def test_only_a_pipe_has_a_reader(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as file:
        monkeypatch.setattr(sys, "stdout", file)
        assert not stdout_reader_is_gone()
    assert not stdout_reader_is_gone(), "it is closed"
    monkeypatch.setattr(sys, "stdout", None)
    assert not stdout_reader_is_gone()


@pytest.mark.slow
def test_a_low_soft_limit_of_open_files_is_raised(tmp_path: Path) -> None:
    """macOS begins with 256."""
    program = (
        "import resource\n"
        "from harvester.cli.standard_streams import permit_open_files\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (64, 512))\n"
        "permit_open_files()\n"
        "print(resource.getrlimit(resource.RLIMIT_NOFILE))\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    assert ended.stdout == "(512, 512)\n"
