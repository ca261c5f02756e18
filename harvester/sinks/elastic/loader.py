"""The Elasticsearch sink: loads records, and NDJSON lines, and accounts for every document.

A meeting is acknowledged when each of its documents is stored, is superseded by a newer or richer version, or is kept
among the rejects. Documents have external versions, so a load can be repeated, and loads can overlap, without anything
being duplicated or overwritten by something older.
"""

from __future__ import annotations

import json
import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain, islice
from threading import Event, Lock

from connectors.errors import HarvestError
from connectors.models import MeetingRecord
from connectors.retry import RetryPolicy
from harvester.documents import (
    FIRST_MEETING_YEAR,
    DocumentGroup,
    group_documents,
    has_index,
    last_meeting_year,
    record_version,
)
from harvester.non_ndjson_input import Readable
from harvester.sinks.base import Ack
from harvester.sinks.elastic import templates
from harvester.sinks.elastic.bulk import (
    REJECTED,
    BulkSender,
    Operations,
    Results,
)
from harvester.sinks.elastic.bulk_queue import FLUSH_SECONDS, REQUESTS_IN_FLIGHT, AckTracker, BulkQueue
from harvester.sinks.elastic.client import Client
from harvester.sinks.elastic.config import ID_BYTES
from harvester.sinks.elastic.index_creation import Indices
from harvester.sinks.elastic.ndjson_reader import BadLine, LineReader, TooLong, Treat, read_blocks
from harvester.state.rejects import Reject, Rejects, line_key

_LONGEST_QUOTED = ID_BYTES + 2
"""An id that needs no more as JSON is short enough."""
_TOO_LONG = f"document_id is longer than the {ID_BYTES} bytes that Elasticsearch takes"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedLine:
    """One line of the input that was not stored."""

    line: int
    """Its number, from 1."""
    key: str
    """Its id among the rejects."""
    reason: str
    """Without any text of the line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadProgress:
    """The progress of loading lines. `rejected` includes lines that are not documents."""

    lines: int
    blank: int
    ok: int
    superseded: int
    rejected: int
    left_out: int = 0
    """Sessions of forgotten people."""
    rejected_lines: tuple[RejectedLine, ...] = ()
    """Those since the last report."""


class Preparation:
    """The look at Elasticsearch before the first document, once for all loaders that share it."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.is_done = False


class Loader:
    """A sink. Sends a few requests at a time; no document waits longer than `flush_seconds` for a batch to fill up."""

    def __init__(
        self,
        client: Client,
        rejects: Rejects,
        retry: RetryPolicy,
        *,
        now: Callable[[], datetime] | None = None,
        requests_in_flight: int = REQUESTS_IN_FLIGHT,
        flush_seconds: float = FLUSH_SECONDS,
        treat: Treat | None = None,
        preparation: Preparation | None = None,
    ) -> None:
        """`now`: the calendar by which the instants in lines are judged, if it is not this machine's. `treat`: what becomes
        of the documents in lines; records are treated already."""
        self._client = client
        self._config = client.config
        self._rejects = rejects
        self._retry = retry
        self._now = now or retry.now
        self._slots = requests_in_flight
        self._flush_seconds = flush_seconds
        self._treat = treat
        self._preparation = preparation or Preparation()
        self._rejected_lines: deque[RejectedLine] = deque()
        self._source = ""
        self.index_listeners: list[Callable[[Sequence[str]], None]] = []
        """Called with the indices that documents are about to be sent to for the first time."""
        self._max_new_indices: int | None = None

    def load(self, records: Iterable[MeetingRecord]) -> Iterator[Ack]:
        """One `Ack` per record, as soon as all of its documents are safe.

        Before it asks for the first record, it checks that Elasticsearch answers and accepts the credentials, and installs
        missing templates. Raises Unreachable, CredentialsError, ConfigurationError; OutputError if rejects cannot be kept.
        """
        stopped: HarvestError | None = None
        with self._open() as queue:
            source = iter(records)
            while stopped is None:
                try:
                    record = next(source, None)
                except HarvestError as error:
                    stopped = error
                    break
                if record is None:
                    break
                self._add(record, queue)
                yield from map(_to_ack, queue.completed())
            queue.drain()
            yield from map(_to_ack, queue.completed())
        if stopped is not None:
            raise stopped

    def load_lines(
        self, stream: Readable, name: str = "", *, max_new_indices: int | None = None
    ) -> Iterator[LoadProgress]:
        """Load NDJSON. Yields the progress after every block of lines, and at the end.

        `name`: of the stream; kept with the rejects as their origin. Raises TooManyNewIndices if the documents need more
        than `max_new_indices` indices that do not exist yet.
        """
        self._max_new_indices = max_new_indices
        self._source = f"{name} line" if name else "line"
        yield from self._load_blocks(read_blocks(stream))

    def replay(self, *, max_new_indices: int | None = None) -> Iterator[LoadProgress]:
        """Load the rejects once more; those that are stored now are removed from the rejects."""
        self._max_new_indices = max_new_indices
        self._source = ""
        yield from self._load_blocks([document] for _, document in self._rejects.documents())

    def _load_blocks(self, source: Iterable[list[bytes | TooLong]]) -> Iterator[LoadProgress]:
        lines, tracker = LineReader(self._config, self._now(), self._treat), AckTracker()
        blocks = iter(source)
        # What is not NDJSON is refused before Elasticsearch is asked anything.
        first = list(islice(blocks, 1))
        with self._open() as queue:
            for block in chain(first, blocks):
                bad: list[BadLine] = []
                queue.put(tracker, lines.operations(block, bad))
                self._reject_lines(bad, tracker)
                for _ in queue.completed():
                    pass
                yield self._progress(lines, tracker)
            queue.drain()
            yield self._progress(lines, tracker)

    def _progress(self, lines: LineReader, tracker: AckTracker) -> LoadProgress:
        refused = tuple(self._rejected_lines.popleft() for _ in range(len(self._rejected_lines)))
        return LoadProgress(
            lines=lines.line_number,
            blank=lines.blank,
            left_out=lines.left_out,
            ok=tracker.ok,
            superseded=tracker.superseded,
            rejected=tracker.rejected,
            rejected_lines=refused,
        )

    @contextmanager
    def _open(self) -> Iterator[BulkQueue]:
        with self._preparation.lock:
            if not self._preparation.is_done:
                self._prepare()
        retry = replace(self._retry, cancelled=Event())
        indices = Indices(self._client, retry, max_new=self._max_new_indices, on_ready=self._on_ready)
        bulk = BulkSender(self._client, indices, retry)

        def send(operations: Operations) -> Results:
            results = bulk.send(operations)
            self._record_rejects(operations, results)
            return results

        queue = BulkQueue(
            send,
            max_bytes=lambda: bulk.max_request_bytes,
            cancelled=retry.cancelled,
            slots=self._slots,
            flush_seconds=self._flush_seconds,
        )
        with queue.open():
            yield queue

    def _on_ready(self, names: Sequence[str]) -> None:
        for listener in self.index_listeners:
            listener(names)

    def _prepare(self) -> None:
        self._client.ping(self._retry)
        if notice := templates.install_missing(self._client, self._retry):
            logger.info(notice)
        self._preparation.is_done = True

    def _add(self, record: MeetingRecord, queue: BulkQueue) -> None:
        timestamp, version = record.timestamp, record_version(record)
        if timestamp is None:
            raise ValueError("a meeting without any instant has no index")
        tracker, unfit = AckTracker(uuid=record.meeting.uuid), 0
        misdated = _misdated(timestamp, self._retry.now())
        for documents in group_documents(record):
            index = self._config.index(documents.kind, timestamp)
            reasons = _unfit(documents, misdated)
            self._reject_unfit(documents, reasons, index, version)
            fit = documents.without(reasons) if reasons else documents
            queue.put(tracker, Operations.of_group(fit, index, version))
            unfit += len(reasons)
        queue.close_group(tracker, rejected=unfit)

    def _reject_unfit(
        self, group: DocumentGroup, reasons: Mapping[int, str], index: str, version: int
    ) -> None:
        self._rejects.add(
            [
                Reject(
                    document_id=json.loads(group.quoted_ids[place]),
                    index=index,
                    version=version,
                    reason=reason,
                    document=group.document(place),
                )
                for place, reason in reasons.items()
            ]
        )

    def _record_rejects(self, operations: Operations, results: Results) -> None:
        """Save rejected documents before they are counted, and remove rejects that are stored by now."""
        if results.reasons:
            self._rejects.add([self._reject(operations, *each) for each in sorted(results.reasons.items())])
            self._rejected_lines.extend(
                RejectedLine(line=line, key=operations.target(position).document_id, reason=kind)
                for position, kind in sorted(results.kinds.items())
                if (line := operations.input_lines[position])
            )
        if self._rejects.any:
            stored = (position for position, v in enumerate(results.outcomes) if v != REJECTED)
            targets = map(operations.target, stored)
            self._rejects.remove_loaded((target.document_id, target.version) for target in targets)

    def _reject(self, operations: Operations, position: int, reason: str) -> Reject:
        target = operations.target(position)
        return Reject(
            document_id=target.document_id,
            index=target.index_name,
            version=target.version,
            reason=reason,
            document=operations.source(position),
            origin=self._origin(operations.input_lines[position]),
        )

    def _reject_lines(self, bad: list[BadLine], tracker: AckTracker) -> None:
        self._rejects.add(
            [
                Reject(
                    document_id=_key(line),
                    index="",
                    version=line.version,
                    reason=line.reason,
                    document=line.text,
                    origin=self._origin(line.number),
                )
                for line in bad
            ]
        )
        tracker.rejected += len(bad)
        self._rejected_lines.extend(
            RejectedLine(line=line.number, key=_key(line), reason=line.reason) for line in bad
        )

    def _origin(self, line: int) -> str:
        return f"{self._source} {line}" if self._source and line else ""


def _to_ack(tracker: AckTracker) -> Ack:
    return Ack(uuid=tracker.uuid, ok=tracker.ok, superseded=tracker.superseded, rejected=tracker.rejected)


def _key(line: BadLine) -> str:
    return line.document_id or line_key(line.sha256)


def _unfit(group: DocumentGroup, misdated: str) -> dict[int, str]:
    """The places of documents that are not loaded, with the reason."""
    if misdated:
        return dict.fromkeys(range(len(group.quoted_ids)), misdated)
    if max(map(len, group.quoted_ids)) <= _LONGEST_QUOTED:
        return {}
    long = (place for place, quoted_id in enumerate(group.quoted_ids) if _is_too_long(json.loads(quoted_id)))
    return dict.fromkeys(long, _TOO_LONG)


def _misdated(timestamp: datetime, now: datetime) -> str:
    """Why the documents of a meeting at this time are not loaded; empty if they are."""
    return (
        ""
        if has_index(timestamp, now)
        else f"the meeting is not between {FIRST_MEETING_YEAR} and {last_meeting_year(now)}"
    )


def _is_too_long(document_id: str) -> bool:
    return len(document_id.encode("utf-8", "surrogatepass")) > ID_BYTES
