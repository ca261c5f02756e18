"""Documents as NDJSON: one JSON object per line, on standard output or into any other binary stream."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator
from threading import Lock
from typing import Any, BinaryIO

from harvester.documents import encode, group_documents
from harvester.sinks.base import Ack, Load, PipeClosed
from harvester.write_errors import write_error


class LineWriter:
    """Writes JSON objects as lines to `stream`, which stays open; errors call it `name`."""

    def __init__(self, stream: BinaryIO, name: str = "the output", lock: Lock | None = None) -> None:
        """`lock`: held while lines are written, if others write into the same stream."""
        self._stream = stream
        self._name = name
        self._lock = lock or Lock()

    def write(self, value: dict[str, Any]) -> None:
        """One line, flushed. Raises PipeClosed if the reader is gone, OutputError if the disk is full."""
        self.write_lines(encode(value) + b"\n")

    def write_lines(self, lines: bytes | bytearray) -> None:
        """Whole lines; otherwise like `write`."""
        try:
            with self._lock:
                self._stream.write(lines)
                self._stream.flush()
        except BrokenPipeError:
            raise PipeClosed("the output was closed") from None
        except OSError as error:
            # Windows has no EPIPE for a closed pipe: the write is "invalid" there.
            if error.errno == errno.EINVAL:
                raise PipeClosed("the output was closed") from None
            raise write_error(self._name, error) from None


class Ndjson:
    """The documents of each record as lines. Flushes after every record, so that a reader sees whole meetings early."""

    def __init__(self, stream: BinaryIO, name: str = "the output", lock: Lock | None = None) -> None:
        self._writer = LineWriter(stream, name, lock)

    def load(self, loads: Iterable[Load]) -> Iterator[Ack]:
        """Raises PipeClosed if the reader is gone, OutputError if the disk is full."""
        for load in loads:
            lines = bytearray()
            count = sum(len(group.append_to(lines)) for group in group_documents(load.record))
            self._writer.write_lines(lines)
            yield Ack(uuid=load.record.meeting.uuid, ok=count)
