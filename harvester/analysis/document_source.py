"""Where documents come from: files of NDJSON, a pipe, or the index. Each becomes paths that DuckDB reads.

A pipe and the index are read by a thread that writes into an operating system's pipe, at whose other end DuckDB reads:
their documents are in no file.
"""

from __future__ import annotations

import gzip
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from threading import Thread
from typing import BinaryIO, Protocol

from connectors.errors import OutputError
from harvester.input_file import is_utf8, open_input
from harvester.non_ndjson_input import NotNdjsonError, find_problem

Source = Callable[[], AbstractContextManager[Sequence[str]]]
"""Called once: the paths to read, while the context is open. Leaving it raises what went wrong at the writing end."""

_BLOCK = 1 << 20
_GZIP = b"\x1f\x8b"


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def files(paths: Sequence[Path], reader: str = "harvester report") -> Source:
    """Files of NDJSON, compressed with gzip or not; a pipe with a name is read as a pipe.

    Raises OutputError if one of them cannot be read, and NotNdjsonError, which names the command `reader`.
    """

    @contextmanager
    def opened() -> Iterator[Sequence[str]]:
        with ExitStack() as stack:
            yield [each for path in paths for each in stack.enter_context(_opened(path, reader))]

    return opened


def stream(file: BinaryIO, reader: str = "harvester report") -> Source:
    """A pipe of NDJSON, compressed with gzip or not. Raises NotNdjsonError, which names the command `reader`."""
    return lambda: _piped(_ndjson(_blocks(file), "standard input", None, reader))


def lines(documents: Iterable[bytes]) -> Source:
    """Encoded documents, each without a line break."""
    return lambda: _piped(line + b"\n" for line in documents)


def escape_glob(path: str) -> str:
    """DuckDB reads a path as a pattern; this one matches nothing but the path."""
    return re.sub(r"([*?\[])", r"[\1]", path)


@contextmanager
def _opened(path: Path, reader: str) -> Iterator[Sequence[str]]:
    with open_input(path) as file:
        # What is read of a pipe is gone, and DuckDB opens no file whose name is not UTF-8.
        if not path.is_file() or not is_utf8(str(path)):
            with _piped(_ndjson(_blocks(file), str(path), str(path), reader)) as paths:
                yield paths
            return
        is_gzip = file.peek(2).startswith(_GZIP)
        if is_gzip and path.suffix != ".gz":
            raise OutputError(
                f"{path} is compressed with gzip: rename it to {path.name}.gz, or use zcat and a pipe"
            )
        next(_ndjson(_blocks(file), str(path), str(path), reader), None)
    yield [escape_glob(str(path))]


def _ndjson(blocks: Iterator[bytes], name: str, file: str | None, reader: str) -> Iterator[bytes]:
    """The same blocks. Raises NotNdjsonError if the first one shows that a command makes NDJSON of them, as of pretty JSON."""
    first = next(blocks, b"")
    problem = find_problem(first, ended=len(first) < _BLOCK)
    if problem is not None and problem.command:
        raise NotNdjsonError(problem.message(name, file, reader))
    yield first
    yield from blocks


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    first = file.read(_BLOCK)
    if not first.startswith(_GZIP):
        while first:
            yield first
            first = file.read(_BLOCK)
        return
    try:
        with gzip.GzipFile(fileobj=_Rest(first, file)) as unpacked:  # type: ignore[call-overload]  # it only reads, and typeshed asks for more
            while block := unpacked.read(_BLOCK):
                yield block
    except (OSError, EOFError):
        raise OutputError("the input is damaged: it begins as gzip and cannot be unpacked") from None


class _Rest:
    """A stream that begins with what was read of it already."""

    def __init__(self, first: bytes, file: _Readable) -> None:
        self._first = first
        self._file = file

    def read(self, size: int = -1) -> bytes:
        if not self._first:
            return self._file.read(size)
        block, self._first = self._first[:size], self._first[size:]
        return block


@contextmanager
def _piped(blocks: Iterable[bytes]) -> Iterator[Sequence[str]]:
    reading, writing = os.pipe()
    errors: list[BaseException] = []

    def write() -> None:
        try:
            with os.fdopen(writing, "wb", buffering=_BLOCK) as file:
                for block in blocks:
                    file.write(block)
        except BrokenPipeError:
            pass  # DuckDB has failed, and says why
        except BaseException as error:  # noqa: BLE001  # raised again by the thread that waits for this one
            errors.append(error)

    thread = Thread(target=write, daemon=True)
    thread.start()
    try:
        yield [f"/dev/fd/{reading}"]
    finally:
        os.close(reading)  # a writer that is not done gets a broken pipe
    thread.join()
    if errors:
        raise errors[0]
