"""Runs code and commands that permissions bind, even if the tests run as root."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest

Answer = TypeVar("Answer")

_CAPABILITY_VERSION = 0x20080522
_DROP_FROM_BOUNDS = 24
_OVERRIDES = (1, 2)
"""CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH: to write and to read what permissions refuse."""


def without_privileges(function: Callable[[], Answer]) -> Answer:
    """The answer of a function that runs in a thread without capabilities, which each thread has for itself."""
    if os.geteuid() == 0 and not sys.platform.startswith("linux"):
        pytest.skip("root may write everywhere")
    with ThreadPoolExecutor(1, initializer=_drop_capabilities) as thread:
        return thread.submit(function).result()


def stay_without_privileges() -> None:
    """For `preexec_fn`: the command that is started cannot regain what permissions refuse."""
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in _OVERRIDES:
        if os.geteuid() == 0 and libc.prctl(_DROP_FROM_BOUNDS, capability, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "prctl")


def _drop_capabilities() -> None:
    if os.geteuid() != 0:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    if libc.capset(header, (ctypes.c_uint32 * 6)()):
        raise OSError(ctypes.get_errno(), "capset")


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Nothing in the folder may be written. At the end, nothing has been: files have the same names and contents."""
    before = _contents(folder)
    everything = [folder, *folder.rglob("*")]
    for path in everything:
        path.chmod(0o500 if path.is_dir() else 0o400)
    try:
        yield
    finally:
        for path in everything:
            path.chmod(0o700 if path.is_dir() else 0o600)
    assert _contents(folder) == before


def _contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
