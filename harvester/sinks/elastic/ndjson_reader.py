"""NDJSON lines -> operations. The lines are passed on unchanged.

A line that starts as the harvester writes documents (`documents.HEADER`) is not decoded at all. Any other line (jq may
sort keys and add spaces) is decoded for the few fields that id, index and version are computed from. Elasticsearch
decides whether the rest of a line is valid JSON.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import orjson

from connectors.models import Detail
from connectors.parsing import parse_any_instant
from harvester.documents import FIRST_MEETING_YEAR, HEADER, encode, has_index, last_meeting_year, version
from harvester.non_ndjson_input import BLOCK_BYTES, BYTE_ORDER_MARK, Readable
from harvester.sinks.elastic.bulk import ACTION_TAIL, Operations, action_head
from harvester.sinks.elastic.config import ID_BYTES, ElasticConfig, Kind

LONGEST_AHEAD = timedelta(days=1)
"""How far `harvested_at` may be ahead: then the clock that it came from was wrong."""
LINE_BYTES = 20_000_000
"""A longer line cannot be a document: it is skipped without being kept in memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BadLine:
    """A line that is not a document."""

    number: int
    """From 1."""
    reason: str
    """Without any text of the line."""
    sha256: str
    text: bytes
    """Empty if the line was too long, or must not be kept."""
    document_id: str = ""
    """Empty, like a version of 0, if the line has no usable one."""
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TooLong:
    sha256: str


class _InvalidLine(Exception):
    """Why a line is not a document. `document`: the parsed line, if its `document_id` is usable."""

    def __init__(self, reason: str, document: dict[str, Any] | None = None) -> None:
        super().__init__(reason)
        self.document = document


def read_blocks(stream: Readable) -> Iterator[list[bytes | TooLong]]:
    """The lines of a stream as they arrive, without newlines; the last one need not have one."""
    held = _PartialLine()
    while block := stream.read1(BLOCK_BYTES):
        first, *lines = block.split(b"\n")
        held.add(first)
        if lines:
            *whole, rest = lines
            yield [held.line(), *whole]
            held = _PartialLine()
            held.add(rest)
    if held.size:
        yield [held.line()]


class _PartialLine:
    """A line that has not ended yet. Beyond the limit only its digest is kept."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._digest: Any = None
        self.size = 0

    def add(self, piece: bytes) -> None:
        self.size += len(piece)
        if self._digest is not None:
            self._digest.update(piece)
            return
        self._pieces.append(piece)
        if self.size > LINE_BYTES:
            self._digest = hashlib.sha256(b"".join(self._pieces))
            self._pieces.clear()

    def line(self) -> bytes | TooLong:
        if self._digest is not None:
            return TooLong(sha256=self._digest.hexdigest())
        return b"".join(self._pieces)


Treat = Callable[[dict[str, Any]], dict[str, Any] | None]
"""What a document becomes before it is loaded; `None` if it is to be left out."""


class LineReader:
    """Turns the lines of one input into operations. Counts the lines, and the blank ones among them, and those that are
    left out."""

    def __init__(self, config: ElasticConfig, now: datetime, treat: Treat | None = None) -> None:
        """`treat`: every line is decoded and encoded again, and what is not a document is kept without its text."""
        self._config = config
        self._now = now
        self._treat = treat
        self._head = lru_cache(maxsize=256)(self._parse_header)
        self.line_number = 0
        self.blank = 0
        self.left_out = 0

    def operations(self, lines: list[bytes | TooLong], bad: list[BadLine]) -> Operations:
        """The operations of these lines. Lines that are not documents are added to `bad`; blank ones are skipped."""
        operations: list[bytes] = []
        numbers: list[int] = []
        index_names: set[str] = set()
        number, head_of, is_fast = self.line_number, self._head, self._treat is None
        for line in lines:
            number += 1
            if isinstance(line, TooLong):
                reason = f"longer than {LINE_BYTES // 10**6} MB"
                bad.append(BadLine(number=number, reason=reason, sha256=line.sha256, text=b""))
                continue
            # Inline for speed: nearly every line takes this path.
            found = HEADER.match(line) if is_fast else None
            if found is not None:
                quoted_id, members = found.groups()
                found_index = head_of(members)
                if found_index is not None and len(quoted_id) <= ID_BYTES + 2 and quoted_id.isascii():
                    index, head = found_index
                    operations.append(
                        b"".join((head, quoted_id, ACTION_TAIL, line.removesuffix(b"\r"), b"\n"))
                    )
                    numbers.append(number)
                    index_names.add(index)
                    continue
            decoded = self._decode(line, number, bad)
            if decoded is not None:
                operations.append(decoded[1])
                numbers.append(number)
                index_names.add(decoded[0])
        self.line_number = number
        return Operations.of(operations, index_names, numbers)

    def _decode(self, line: bytes, number: int, bad: list[BadLine]) -> tuple[str, bytes] | None:
        text = line.removesuffix(b"\r").removeprefix(BYTE_ORDER_MARK)
        try:
            return self._operation(text)
        except _InvalidLine as unusable:
            bad_line = _bad_line(text, number, unusable)
            bad.append(bad_line if self._treat is None else replace(bad_line, text=b""))
            return None

    def _operation(self, line: bytes) -> tuple[str, bytes] | None:
        """The index of a line and its two lines of the bulk API; `None` if it is blank or left out."""
        if not line.strip():
            self.blank += 1
            return None
        document = _parse(line)
        document_id = _required_text(document, "document_id")
        if len(document_id.encode()) > ID_BYTES:
            raise _InvalidLine(f"document_id is longer than {ID_BYTES} bytes")
        try:
            index, head = self._index_and_action(document)
        except _InvalidLine as unusable:
            raise _InvalidLine(str(unusable), document) from None
        if self._treat is not None:
            treated = self._treat(document)
            if treated is None:
                self.left_out += 1
                return None
            line = encode(treated)
        return index, b"".join((head, orjson.dumps(document_id), ACTION_TAIL, line, b"\n"))

    def _parse_header(self, members: bytes) -> tuple[str, bytes] | None:
        try:
            return self._index_and_action(_parse(b"{" + members + b"}"))
        except _InvalidLine:
            return None  # `_decode` gives the reason

    def _index_and_action(self, document: dict[str, Any]) -> tuple[str, bytes]:
        """The index and the head of the action line; all sessions of a meeting have the same."""
        kind = _required_text(document, "kind")
        if kind not in {"meeting", "session"}:
            raise _InvalidLine("kind is neither meeting nor session")
        document_kind: Kind = "meeting" if kind == "meeting" else "session"
        field = "@timestamp" if kind == "meeting" else "meeting_timestamp"
        timestamp = _instant(document, field)
        if not has_index(timestamp, self._now):
            raise _InvalidLine(
                f"{field} is not between {FIRST_MEETING_YEAR} and {last_meeting_year(self._now)}"
            )
        index, made = self._config.index(document_kind, timestamp), _version(document)
        if _instant(document, "harvested_at") > self._now + LONGEST_AHEAD:
            raise _InvalidLine(
                "harvested_at is more than a day ahead: later harvests could not replace this document"
            )
        return index, action_head(index, made)


def _bad_line(text: bytes, number: int, unusable: _InvalidLine) -> BadLine:
    digest, document = hashlib.sha256(text).hexdigest(), unusable.document
    if document is None:
        return BadLine(number=number, reason=str(unusable), sha256=digest, text=text)
    try:
        known = _version(document)
    except _InvalidLine:
        known = 0
    return BadLine(
        number=number,
        reason=str(unusable),
        sha256=digest,
        text=text,
        document_id=document["document_id"],
        version=known,
    )


def _parse(line: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(line)
    except orjson.JSONDecodeError:
        raise _InvalidLine("not JSON in UTF-8") from None
    if not isinstance(document, dict):
        raise _InvalidLine("not a JSON object")
    return document


def _required_text(document: dict[str, Any], key: str) -> str:
    value = document.get(key)
    if not isinstance(value, str) or not value:
        raise _InvalidLine(f"no {key}" if value in (None, "") else f"{key} is not a string")
    return value


def _instant(document: dict[str, Any], key: str) -> datetime:
    when = parse_any_instant(_required_text(document, key))
    if when is None:
        raise _InvalidLine(f"{key} is not an instant")
    return when


def _version(document: dict[str, Any]) -> int:
    rank = Detail.__members__.get(_required_text(document, "detail"))
    if rank is None:
        raise _InvalidLine("detail is not scheduled, live, basic or full")
    made = version(rank, _instant(document, "harvested_at"))
    if made < 0:
        raise _InvalidLine("harvested_at is before 1970")
    return made
