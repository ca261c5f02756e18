"""Runs the command line as processes that need not import it again: `python -m tests.e2e.forked_command_line`.

This process imports the commands once and forks for each line on its standard input, a JSON object with `words`, `env`,
`folder` and `output`. It answers with the process's id, and with its exit code once it has ended.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from harvester.__main__ import main
from tests.e2e.harness import ROOT, clean_environment

_IMPORTED = ("harvester.cli", "harvester.meetecho_write_account")


@dataclass(frozen=True, kw_only=True)
class Result:
    """How a command ended. A negative exit code is a signal."""

    exit_code: int
    stdout: str
    stderr: str


class ForkedCommandLine:
    """A context manager. Commands run one after the other."""

    def __init__(self, modules: Sequence[str] = ()) -> None:
        self._modules = modules

    def __enter__(self) -> ForkedCommandLine:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, *self._modules],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=clean_environment(),
            cwd=ROOT,
        )
        return self

    def run(
        self,
        *words: str,
        env: Mapping[str, str],
        folder: Path,
        stdin: bytes = b"",
        on_started: Callable[[int], None] = lambda _pid: None,
    ) -> Result:
        """`on_started` is called with the process's id."""
        output = folder / "output"
        output.mkdir(exist_ok=True)
        (output / "stdin").write_bytes(stdin)
        row = {"words": words, "env": dict(env), "folder": str(folder), "output": str(output)}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(row).encode() + b"\n")
        self._process.stdin.flush()
        on_started(self._answer())
        return Result(
            exit_code=self._answer(),
            stdout=(output / "stdout").read_text(encoding="utf-8"),
            stderr=(output / "stderr").read_text(encoding="utf-8"),
        )

    def _answer(self) -> int:
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()


def _serve(modules: Sequence[str]) -> None:
    """Returns in a child only, once it has become a command."""
    for module in (*_IMPORTED, *modules):
        importlib.import_module(module)
    for line in sys.stdin.buffer:
        child = os.fork()
        if not child:
            _become(json.loads(line))
            main()
            return
        os.write(1, b"%d\n" % child)
        _, status = os.waitpid(child, 0)
        os.write(1, b"%d\n" % os.waitstatus_to_exitcode(status))


def _become(row: Mapping[str, Any]) -> None:
    os.chdir(row["folder"])
    os.environ.clear()
    os.environ.update(row["env"])
    output = Path(row["output"])
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    for number, (name, mode) in enumerate((("stdin", os.O_RDONLY), ("stdout", flags), ("stderr", flags))):
        os.dup2(os.open(output / name, mode, 0o600), number)
    sys.stdin = open(0, encoding="utf-8")  # noqa: SIM115  # open until the end
    sys.argv = ["harvester", *row["words"]]


if __name__ == "__main__":
    _serve(sys.argv[1:])
