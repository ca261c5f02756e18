"""Prints the state in which a process begins, as a JSON object: `python -m tests.e2e.initial_process_state`."""

from __future__ import annotations

import gc
import json
import locale
import os
import random
import resource
import signal
import stat
import sys
import tempfile
import threading
import uuid
from io import TextIOWrapper
from pathlib import Path
from typing import Any, TextIO


def _stream(stream: TextIO) -> dict[str, Any]:
    assert isinstance(stream, TextIOWrapper)
    return {
        "encoding": stream.encoding,
        "errors": stream.errors,
        "newlines": stream.newlines,
        "line_buffering": stream.line_buffering,
        "write_through": stream.write_through,
        "buffer": type(stream.buffer).__name__,
        "seekable": stream.seekable(),
        "file": stat.S_IFMT(os.fstat(stream.fileno()).st_mode),
        "inheritable": os.get_inheritable(stream.fileno()),
    }


def _descriptors() -> list[int]:
    folder = os.open("/dev/fd", os.O_RDONLY)
    try:
        return sorted({int(name) for name in os.listdir(folder)} - {folder})
    finally:
        os.close(folder)


def state() -> dict[str, Any]:
    """What has to be the same in a forked process and in a new interpreter."""
    signals = {
        number.name: str(signal.getsignal(number)).partition(" at ")[0] for number in signal.valid_signals()
        if isinstance(number, signal.Signals)
    }  # fmt: skip
    limits = [name for name in dir(resource) if name.startswith("RLIMIT_")]
    main = sys.modules["__main__"]
    return {
        "signals": signals,
        "blocked": sorted(map(int, signal.pthread_sigmask(signal.SIG_BLOCK, ()))),
        "streams": [_stream(each) for each in (sys.stdin, sys.stdout, sys.stderr)],
        "descriptors": _descriptors(),
        "threads": threading.active_count(),
        "main_thread": threading.current_thread() is threading.main_thread(),
        "tasks": len(list(Path("/proc/self/task").glob("*"))),
        "group": os.getpgid(0),
        "session": os.getsid(0),
        "nice": os.getpriority(os.PRIO_PROCESS, 0),
        "umask": os.umask(0o077),
        "limits": {name: resource.getrlimit(getattr(resource, name)) for name in limits},
        "folder": str(Path.cwd()),
        "environment": dict(os.environ),
        "arguments": sys.argv,
        "path": sys.path,
        "flags": str(sys.flags),
        "main": [main.__name__, str(main.__file__), main.__spec__ is not None and main.__spec__.name],
        "warnings": sys.warnoptions,
        "locale": locale.setlocale(locale.LC_ALL, None),
        "recursion": sys.getrecursionlimit(),
        "collects": [gc.isenabled(), gc.get_threshold()],
        "temporary_folder": tempfile.tempdir,
        "hooks": [sys.excepthook is sys.__excepthook__, threading.excepthook is threading.__excepthook__],
        "stdin": sys.stdin.read(),
    }


if __name__ == "__main__":
    chance = [random.random(), str(uuid.uuid4()), next(tempfile._get_candidate_names())]  # type: ignore[attr-defined]  # where its names come from
    json.dump({"state": state(), "chance": chance, "pid": os.getpid()}, sys.stdout)
    sys.stderr.write("of stderr")
    sys.exit(3)
