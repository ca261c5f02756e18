"""The loader: harvests, or lines that were harvests, into Elasticsearch, every document accounted for.

A meeting is acknowledged when each of its documents is stored, is there in a newer or richer form, or is kept among
the rejects. Documents carry external versions, so that the same load may be repeated, and loads may overlap, without
anything being doubled or overwritten by something older.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from threading import Event

import orjson

from connectors.errors import HarvestError
from connectors.models import MeetingRecord
from harvester.documents import Document, encode, record_version, to_documents
from harvester.sinks.base import Ack
from harvester.sinks.elastic import templates
from harvester.sinks.elastic.bulk import ACTION_TAIL, REJECTED, Bulk, Operation, Results, Target, action_head
from harvester.sinks.elastic.bulk_queue import FLIGHTS, FLUSH_SECONDS, Account, Batch, Flights
from harvester.sinks.elastic.client import Client
from harvester.sinks.elastic.config import ID_BYTES
from harvester.sinks.elastic.indices import Indices
from harvester.sinks.elastic.ndjson_reader import BadLine, Lines, Readable, TooLong, blocks
from harvester.sinks.elastic.retry import Patience
from harvester.state.rejects import Reject, Rejects, line_key

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """One line of the input that was not stored: its number from 1, what it is filed under among the rejects, and why,
    without anything out of the line."""

    line: int
    key: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LinesLoaded:
    """How far a load of lines has come. `lines` were read, of which so many were `blank`; of the documents in them so many were stored, were there
    in a newer or richer form, or were rejected, lines that are no document among these. `refused`: since the last one."""

    lines: int
    blank: int
    ok: int
    superseded: int
    rejected: int
    refused: tuple[Refused, ...] = ()


class Loader:
    """A sink. `flights` requests are on their way at once; nothing
    waits for company longer than `flush_seconds`."""

    def __init__(
        self,
        client: Client,
        rejects: Rejects,
        patience: Patience,
        *,
        flights: int = FLIGHTS,
        flush_seconds: float = FLUSH_SECONDS,
    ) -> None:
        self._client = client
        self._cluster = client.cluster
        self._rejects = rejects
        self._patience = patience
        self._count = flights
        self._flush_seconds = flush_seconds
        self._prepared = False
        self._refused: deque[Refused] = deque()
        self._source = ""

    def load(self, records: Iterable[MeetingRecord]) -> Iterator[Ack]:
        """One `Loaded` per harvest, as soon as all of it is safe.

        Before the first harvest is asked for: Elasticsearch answers and knows us, the templates are there or were
        told of. Raises Unreachable, CredentialsError, ConfigurationError; OutputError when the rejects cannot be kept.
        """
        stopped: HarvestError | None = None
        with self._open() as flights:
            source = iter(records)
            while stopped is None:
                try:
                    harvest = next(source, None)
                except HarvestError as error:
                    stopped = error
                    break
                if harvest is None:
                    break
                self._add(harvest, flights)
                yield from map(_loaded, flights.ready())
            flights.land()
            yield from map(_loaded, flights.ready())
        if stopped is not None:
            raise stopped

    def load_lines(self, stream: Readable, name: str = "") -> Iterator[LinesLoaded]:
        """Load NDJSON. Tells how far it has come after every block of lines, and at the end. `name`: of the stream, to
        be found among the rejects with what was refused of it."""
        self._source = f"{name} line" if name else "line"
        yield from self._load_blocks(blocks(stream))

    def replay(self) -> Iterator[LinesLoaded]:
        """Load the rejects once more: those that are stored now leave them."""
        self._source = ""
        yield from self._load_blocks([document] for _, document in self._rejects.documents())

    def _load_blocks(self, source: Iterable[list[bytes | TooLong]]) -> Iterator[LinesLoaded]:
        lines, account = Lines(self._cluster), Account()
        with self._open() as flights:
            for block in source:
                bad: list[BadLine] = []
                flights.add(account, lines.read(block, bad))
                self._keep_bad(bad, account)
                for _ in flights.ready():
                    pass
                yield self._so_far(lines, account)
            flights.land()
            yield self._so_far(lines, account)

    def _so_far(self, lines: Lines, account: Account) -> LinesLoaded:
        refused = tuple(self._refused.popleft() for _ in range(len(self._refused)))
        return LinesLoaded(
            lines=lines.number,
            blank=lines.blank,
            ok=account.ok,
            superseded=account.superseded,
            rejected=account.rejected,
            refused=refused,
        )

    @contextmanager
    def _open(self) -> Iterator[Flights]:
        if not self._prepared:
            self._prepare()
        patience = replace(self._patience, abandoned=Event())
        bulk = Bulk(self._client, Indices(self._client, patience), patience)

        def deliver(batch: Batch) -> Results:
            results = bulk.send(batch.operations)
            self._account(batch.operations, results)
            return results

        flights = Flights(
            deliver,
            room=lambda: bulk.accepted_bytes,
            abandoned=patience.abandoned,
            count=self._count,
            seconds=self._flush_seconds,
        )
        with flights.open():
            yield flights

    def _prepare(self) -> None:
        self._client.greet(self._patience)
        if word := templates.install_missing(self._client, self._patience):
            logger.info(word)
        self._prepared = True

    def _add(self, harvest: MeetingRecord, flights: Flights) -> None:
        account = Account(uuid=harvest.meeting.uuid)
        unfit: list[Reject] = []
        flights.add(account, self._operations(harvest, unfit))
        self._rejects.add(unfit)
        flights.settled(account, rejected=len(unfit))

    def _operations(self, harvest: MeetingRecord, unfit: list[Reject]) -> Iterator[Operation]:
        timestamp, version = harvest.timestamp, record_version(harvest)
        if timestamp is None:
            raise ValueError("a meeting without any instant has no index")
        indices = self._cluster.index("meeting", timestamp), self._cluster.index("session", timestamp)
        heads = [action_head(index, version) for index in indices]
        for place, document in enumerate(to_documents(harvest)):
            index, head = indices[place > 0], heads[place > 0]
            source, document_id = encode(document), document["document_id"]
            if len(document_id) * 4 > ID_BYTES and _bytes(document_id) > ID_BYTES:
                unfit.append(_too_long(document, index, version, source))
            else:
                yield Operation(index, head + _quoted(document_id) + ACTION_TAIL, source)

    def _account(self, operations: list[Operation], results: Results) -> None:
        """Keep what was rejected, committed, before anybody counts it; forget rejects that are stored by now."""
        if results.reasons:
            self._rejects.add(
                [
                    Reject(
                        document_id=target.document_id,
                        index=target.into,
                        version=target.version,
                        reason=results.reasons[place],
                        document=operation.source,
                        origin=self._origin(operation.line),
                    )
                    for place, operation in enumerate(operations)
                    if results.verdicts[place] == REJECTED and (target := Target.of(operation))
                ]
            )
            self._refused.extend(
                Refused(line=operations[place].line, key=Target.of(operations[place]).document_id, why=kind)
                for place, kind in sorted(results.kinds.items())
                if operations[place].line
            )
        if self._rejects.any:
            targets = (
                Target.of(o) for o, v in zip(operations, results.verdicts, strict=True) if v != REJECTED
            )
            self._rejects.remove_loaded((target.document_id, target.version) for target in targets)

    def _keep_bad(self, bad: list[BadLine], account: Account) -> None:
        self._rejects.add(
            [
                Reject(
                    document_id=_key(line),
                    index="",
                    version=line.version,
                    reason=line.why,
                    document=line.text,
                    origin=self._origin(line.number),
                )
                for line in bad
            ]
        )
        account.rejected += len(bad)
        self._refused.extend(Refused(line=line.number, key=_key(line), why=line.why) for line in bad)

    def _origin(self, line: int) -> str:
        return f"{self._source} {line}" if self._source and line else ""


def _loaded(account: Account) -> Ack:
    return Ack(uuid=account.uuid, ok=account.ok, superseded=account.superseded, rejected=account.rejected)


def _key(line: BadLine) -> str:
    return line.document_id or line_key(line.sha256)


def _quoted(document_id: str) -> bytes:
    try:
        return orjson.dumps(document_id)
    except orjson.JSONEncodeError:  # a lone surrogate
        return encode({"": document_id})[4:-1]


def _bytes(document_id: str) -> int:
    return len(document_id.encode("utf-8", "surrogatepass"))


def _too_long(document: Document, index: str, version: int, source: bytes) -> Reject:
    return Reject(
        document_id=document["document_id"],
        index=index,
        version=version,
        reason=f"document_id is longer than the {ID_BYTES} bytes that Elasticsearch takes",
        document=source,
    )
