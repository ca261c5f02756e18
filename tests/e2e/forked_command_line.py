"""Runs the command line as processes that need not import it again: `python -m tests.e2e.forked_command_line`.

This process imports the commands once and forks for each request on its standard input, which is a socket: the length of a
JSON object, four file descriptors, and the object. The descriptors are the standard streams of the command, and a pipe for the
answers: the process's id, and its exit code once it has ended. Several commands can run at once.

A command begins as it does in a new interpreter: this process has one thread, opens nothing, runs no command itself and leaves
signals alone. `test_forked_command_line.py` compares the two.
"""

from __future__ import annotations

import gc
import importlib
import io
import json
import os
import runpy
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from pkgutil import walk_packages
from typing import Any, TextIO

from tests.e2e.environment import ROOT, clean_environment

HARVESTER = "harvester"
COMMANDS = (
    "connectors",
    "harvester.cli",
    "harvester.forgetting",
    "harvester.pipeline",
    "harvester.privacy",
    "harvester.sinks",
    "harvester.state",
    "harvester.verify",
)
"""The packages of all commands but the simulator. Their modules start no thread when they are imported."""
SIMULATOR = (*COMMANDS, "harvester.simulator")
_NUMBERS = struct.Struct("!i")
_DESCRIPTORS = 4
_COERCED = "LC_CTYPE"
"""A new interpreter sets it if the environment has no locale (PEP 538)."""


class ForkedProcess:
    """A command that runs: what `subprocess.Popen` has of the same names."""

    def __init__(self, words: Sequence[str], answers: int) -> None:
        self._words, self._answers = words, answers
        self.pid = self._next_answer()
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None and select.select([self._answers], [], [], 0)[0]:
            self._end()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            if not select.select([self._answers], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(self._words, timeout or 0)
            self._end()
        assert self.returncode is not None
        return self.returncode

    def terminate(self) -> None:
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        self._send(signal.SIGKILL)

    def _send(self, number: int) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def _end(self) -> None:
        self.returncode = self._next_answer()
        os.close(self._answers)

    def _next_answer(self) -> int:
        (number,) = _NUMBERS.unpack(os.read(self._answers, _NUMBERS.size))
        return int(number)


class ForkedCommandLine:
    """Its process starts with the first command."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def start(
        self,
        *words: str,
        env: Mapping[str, str],
        folder: Path,
        streams: Sequence[int],
        module: str = HARVESTER,
        packages: Sequence[str] = COMMANDS,
    ) -> ForkedProcess:
        """Run `python -m MODULE` with these standard streams. All modules of `packages` are imported before."""
        request = {
            "module": module, "words": words, "env": dict(env), "folder": str(folder), "packages": packages,
        }  # fmt: skip
        row = json.dumps(request).encode()
        answers, answering = os.pipe()
        with self._lock:
            if self._process is None:
                self._begin()
            socket.send_fds(self._socket, [_NUMBERS.pack(len(row))], [*streams, answering])
            self._socket.sendall(row)
        os.close(answering)
        return ForkedProcess(words, answers)

    def _begin(self) -> None:
        self._socket, requests = socket.socketpair()
        with requests:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__], stdin=requests, env=clean_environment(), cwd=ROOT
            )

    def run(
        self,
        *words: str,
        env: Mapping[str, str],
        folder: Path,
        stdin: bytes = b"",
        timeout: float | None = None,
        on_started: Callable[[int], None] = lambda _pid: None,
        module: str = HARVESTER,
    ) -> subprocess.CompletedProcess[bytes]:
        """Like `subprocess.run` with pipes. `on_started` is called with the process's id."""
        deadline = None if timeout is None else time.monotonic() + timeout
        (read, write), stdout, stderr = os.pipe(), os.pipe(), os.pipe()
        streams = (read, stdout[1], stderr[1])
        process = self.start(*words, env=env, folder=folder, streams=streams, module=module)
        for number in streams:
            os.close(number)
        with ThreadPoolExecutor(3) as pool:
            pool.submit(_write, write, stdin)
            outputs = [pool.submit(_read, number) for number in (stdout[0], stderr[0])]
            on_started(process.pid)
            try:
                code = process.wait(None if deadline is None else max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise
        return subprocess.CompletedProcess(words, code, *(each.result() for each in outputs))

    def close(self) -> None:
        if self._process is not None:
            self._socket.close()
            self._process.wait()
            self._process = None


def _write(number: int, content: bytes) -> None:
    with suppress(BrokenPipeError), os.fdopen(number, "wb", buffering=0) as pipe:
        while content:
            content = content[pipe.write(content) or 0 :]


def _read(number: int) -> bytes:
    with os.fdopen(number, "rb") as pipe:
        return pipe.read()


def _serve(requests: socket.socket) -> dict[str, Any] | None:
    """What to run: returns in the process that has to run it, and None in this one after the last request."""
    own = dict(os.environ)
    imported: set[str] = set()
    while True:
        length, descriptors, _, _ = socket.recv_fds(requests, _NUMBERS.size, _DESCRIPTORS)
        if not length:
            return None
        row = json.loads(_received(requests, *_NUMBERS.unpack(length)))
        _import(set(row["packages"]) - imported)
        imported.update(row["packages"])
        if not os.fork():
            requests.close()
            if not _supervise(descriptors):
                _become(row, descriptors, {name: own[name] for name in (_COERCED,) if name in own})
                return row  # type: ignore[no-any-return]  # an object, as the docstring of the module has it
        for number in descriptors:
            os.close(number)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def _received(source: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        found += source.recv(count - len(found))
    return found


def _import(packages: Iterable[str]) -> None:
    for package in map(importlib.import_module, packages):
        for module in walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
        gc.collect()
        gc.freeze()


def _supervise(descriptors: Sequence[int]) -> bool:
    """Fork again. Returns False in the child, which becomes the command; this process answers for it and ends."""
    *streams, answers = descriptors
    child = os.fork()
    if not child:
        return False
    for number in streams:
        os.close(number)
    with suppress(BrokenPipeError):
        os.write(answers, _NUMBERS.pack(child))
        _await_end(child, answers)
        _, status = os.waitpid(child, 0)
        os.write(answers, _NUMBERS.pack(os.waitstatus_to_exitcode(status)))
    os._exit(0)


def _await_end(child: int, answers: int) -> None:
    """Kill the command if the process that reads the answers ends before it, however that ends."""
    if not hasattr(os, "pidfd_open"):  # not on macOS
        return
    ended = os.pidfd_open(child)
    changes = select.poll()
    changes.register(ended, select.POLLIN)
    changes.register(answers, 0)  # an error of the pipe is reported without being asked for: it has no reader
    if ended not in {number for number, _ in changes.poll()}:
        os.kill(child, signal.SIGKILL)


def _become(row: Mapping[str, Any], descriptors: Sequence[int], coerced: Mapping[str, str]) -> None:
    os.chdir(row["folder"])
    sys.path[0] = row["folder"]  # as `python -m` does
    os.environ.clear()
    os.environ.update({**coerced, **row["env"]})
    for number, stream in enumerate(descriptors[:3]):
        os.dup2(stream, number)
    for number in descriptors:
        os.close(number)
    sys.stdin = sys.__stdin__ = _reopened(sys.__stdin__, "r")
    sys.stdout = sys.__stdout__ = _reopened(sys.__stdout__, "w")
    sys.stderr = sys.__stderr__ = _reopened(sys.__stderr__, "w")


def _reopened(stream: TextIO | None, mode: str) -> TextIO:
    """The stream as the interpreter opens it with PYTHONUNBUFFERED; it remembers nothing of what it was before."""
    assert stream is not None
    buffering = -1 if mode == "r" else 0
    binary = open(stream.fileno(), f"{mode}b", buffering=buffering, closefd=False)  # noqa: SIM115  # open until the end
    return io.TextIOWrapper(
        binary,
        encoding=stream.encoding,
        errors=stream.errors,
        newline=None if mode == "r" else "\n",
        line_buffering=binary.isatty(),
        write_through=True,
    )


def main() -> None:
    # Descriptors above the standard streams are the command's own.
    row = _serve(socket.socket(fileno=os.dup(0)))
    if row is not None:
        sys.argv[1:] = row["words"]
        runpy.run_module(row["module"], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
