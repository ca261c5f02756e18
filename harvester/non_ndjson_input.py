"""Input that is not NDJSON: recognized by its start, so that it is refused before each of its lines becomes a reject."""

from __future__ import annotations

import json
import shlex
from codecs import getincrementaldecoder
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

BLOCK_BYTES = 1 << 20
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
"""Before the first line of a file that some programs wrote; in the middle if such files were concatenated."""
START_BYTES = BLOCK_BYTES
"""How much of an input is read to recognize it, if its first line is not a JSON object."""

UNPACK = {
    b"\x1f\x8b": "zcat",
    b"\x1f\x9d": "zcat",
    b"BZh": "bzcat",
    b"\xfd7zXZ\x00": "xzcat",
    b"\x28\xb5\x2f\xfd": "zstdcat",
    b"\x04\x22\x4d\x18": "lz4cat",
    b"PK\x03\x04": "unzip -p",
    b"7z\xbc\xaf\x27\x1c": "7z x -so",
}
"""First bytes of the usual compressed files, and the command that unpacks them into a pipe."""

TAR_MAGIC = slice(257, 262), b"ustar"
ENCODINGS = {  # UTF-32 before UTF-16, whose mark is a prefix of its own
    b"\xff\xfe\x00\x00": "UTF-32",
    b"\x00\x00\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
    b"{\x00": "UTF-16LE",
    b"[\x00": "UTF-16LE",
    b"\x00{": "UTF-16BE",
    b"\x00[": "UTF-16BE",
}
BULK_ACTIONS = {"index", "create", "update", "delete"}
RECORD_SEPARATOR = b"\x1e"
"""Before each value of a JSON text sequence (RFC 7464), which `jq --seq` writes."""


class Readable(Protocol):
    """A buffered binary stream. `read1` returns what has arrived, so it does not wait for a pipe to fill up."""

    def read1(self, size: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class InputProblem:
    """Why an input is not NDJSON."""

    what: str
    """Completes "the input is …"."""
    command: str = ""
    """Makes NDJSON of FILE; empty if no command does."""

    def message(self, name: str, file: str | None, reader: str = "harvester load") -> str:
        """`name`: what the input is called; `file`: its path, `None` for standard input; `reader`: the command that reads it."""
        if not self.command:
            return f"{name} is {self.what}"
        command = self.command.replace("FILE", "FILE" if file is None else shlex.quote(file))
        return f"{name} is {self.what}: use {command} | {reader}"


class NotNdjsonError(ValueError):
    """The input is not NDJSON, with what it is and what to do."""


class NdjsonStream:
    """A stream that raises NotNdjsonError at its first read if what it begins with is not NDJSON."""

    def __init__(self, stream: Readable, name: str, file: str | None) -> None:
        self._stream = stream
        self.name = name
        self._file = file
        self._started = False

    def read1(self, size: int, /) -> bytes:
        if self._started:
            return self._stream.read1(size)
        self._started = True
        start, ended = self._read_start(size)
        problem = find_problem(start, ended=ended)
        if problem is not None:
            raise NotNdjsonError(problem.message(self.name, self._file))
        return start

    def _read_start(self, size: int) -> tuple[bytes, bool]:
        """What has arrived once the first line is a JSON object; otherwise more, and whether that is everything."""
        start = b""
        while len(start) < START_BYTES:
            block = self._stream.read1(size)
            if not block:
                return start, True
            start += block
            if _first_object(start) is not None:
                break
        return start, False


def find_problem(start: bytes, *, ended: bool) -> InputProblem | None:
    """Why an input that begins with these bytes is not NDJSON; `None` if it may be. `ended`: these bytes are all of it."""
    text = start.removeprefix(BYTE_ORDER_MARK)
    return _unreadable(start) or _other_text(text + b"\n" if ended else text)


def _unreadable(start: bytes) -> InputProblem | None:
    """What is not text in UTF-8."""
    for magic, unpack in UNPACK.items():
        if start.startswith(magic):
            return InputProblem(what="compressed", command=f"{unpack} FILE")
    part, magic = TAR_MAGIC
    if start[part] == magic:
        return InputProblem(what="a tar archive", command="tar -xOf FILE")
    for mark, encoding in ENCODINGS.items():
        if start.startswith(mark):
            return InputProblem(what=f"in {encoding}", command=f"iconv -f {encoding} -t UTF-8 FILE")
    if b"\x00" in start:
        return InputProblem(what="binary, not NDJSON")
    if start.startswith(RECORD_SEPARATOR):
        return InputProblem(what="a JSON text sequence", command=r"tr -d '\036' < FILE")
    return None


def _other_text(start: bytes) -> InputProblem | None:
    """What is text, but not one JSON object per line."""
    first = _first_object(start)
    if first is not None:
        return _wrapped(first)
    lines = [line for line in start.split(b"\n")[:-1] if line.strip()]
    has_object = any(isinstance(_decode(line), dict) for line in lines)
    is_bad_line = has_object and isinstance(_decode(lines[0]), list)
    if start.lstrip().startswith(b"[") and not is_bad_line:
        return InputProblem(what="a JSON array", command="jq -c '.[]' FILE")
    value, on_several_lines = _first_value(start)
    if isinstance(value, dict) and (on_several_lines or not has_object):
        return _wrapped(value) or InputProblem(what="not one JSON object per line", command="jq -c . FILE")
    return None if has_object or not lines else _no_objects(lines)


def _no_objects(lines: list[bytes]) -> InputProblem:
    """What lines are of which none is a JSON object in UTF-8."""
    if any(isinstance(_decode(line.decode("latin-1").encode()), dict) for line in lines):
        return InputProblem(what="not in UTF-8", command="iconv -f WINDOWS-1252 -t UTF-8 FILE")
    for separator, option in ((b",", "--icsv"), (b"\t", "--itsv"), (b";", "--icsv --ifs ';'")):
        columns = lines[0].count(separator)
        if columns and len(lines) > 1 and lines[1].count(separator) >= columns and b"{" not in lines[0]:
            return InputProblem(
                what="a table, not NDJSON", command=f"mlr {option} --ojsonl --infer-none cat FILE"
            )
    return InputProblem(what="not NDJSON: none of its first lines is a JSON object")


def _wrapped(first: Mapping[str, Any]) -> InputProblem | None:
    """What an object is that contains documents, or belongs to them, and is none itself."""
    if "document_id" in first:
        return None
    if len(first) == 1 and set(first) < BULK_ACTIONS and isinstance(next(iter(first.values())), dict):
        return InputProblem(
            what="the body of a bulk request", command="jq -c 'select(has(\"document_id\"))' FILE"
        )
    if isinstance(first.get("_source"), dict):
        return InputProblem(what="hits of a search", command="jq -c ._source FILE")
    hits = first.get("hits")
    if isinstance(hits, dict) and isinstance(hits.get("hits"), list):
        return InputProblem(what="the response of a search", command="jq -c '.hits.hits[]._source' FILE")
    return None


def _first_object(start: bytes) -> dict[str, Any] | None:
    """The JSON object of the first line that is not blank, if that line has ended."""
    for line in _ended_lines(start.removeprefix(BYTE_ORDER_MARK)):
        if line.strip():
            found = _decode(line)
            return found if isinstance(found, dict) else None
    return None


def _ended_lines(start: bytes) -> Iterator[bytes]:
    begin = 0
    while (end := start.find(b"\n", begin)) >= 0:
        yield start[begin:end]
        begin = end + 1


def _first_value(start: bytes) -> tuple[Any, bool]:
    """The JSON value at the start, `None` if there is none, and whether it is on several lines."""

    def decode() -> tuple[Any, bool]:
        text = (
            getincrementaldecoder("utf-8")().decode(start).lstrip()
        )  # a character may be cut off at the end
        value, end = json.JSONDecoder().raw_decode(text)
        return value, "\n" in text[:end]

    return _attempt(decode) or (None, False)


def _decode(line: bytes) -> Any:
    """The JSON value of a line; `None` if it is not one."""
    return _attempt(lambda: orjson.loads(line))


def _attempt(decode: Callable[[], Any]) -> Any:
    try:
        return decode()
    except (ValueError, RecursionError):
        return None
