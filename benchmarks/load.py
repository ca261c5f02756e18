"""How fast documents get into one real Elasticsearch node, beside what else there is: `python -m benchmarks.load`.

All contenders load the same session documents (about 1,000 bytes) into the same node, with the same mappings and
external versions, in interleaved rounds; figures are medians, as documents a second and as parts of the ceiling:
ready-made bulk bodies, sent over 1, 2 and 4 keep-alive connections by threads that do nothing else. The last columns
suffer least from what else the machine does: the CPU for a document, the contender's own and that of a node started
here, and the sum of both over 4 ready-made connections as a part of the contender's.
`TEST_ES_URL` names a node that is there already; else one is started. `--quick` for a look, not for figures.
"""

from __future__ import annotations

import argparse
import gc
import http.client
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, Literal, cast
from unittest import mock
from urllib.parse import urlsplit

import orjson
from elasticsearch import Elasticsearch, helpers
from elasticsearch.serializer import OrjsonSerializer

from benchmarks.measured_processes import group_cpu_seconds
from benchmarks.null_elasticsearch import null_server
from connectors.models import Detail, Host, Meeting, MeetingRecord, Session, session_key
from connectors.retry import ELASTICSEARCH_LIMITS, RetryPolicy
from harvester.documents import Document, DocumentGroup, encode, record_version, to_documents
from harvester.sinks.elastic import templates
from harvester.sinks.elastic.client import Client
from harvester.sinks.elastic.config import ElasticConfig
from harvester.sinks.elastic.loader import Loader
from harvester.state.rejects import Rejects
from tests.e2e import elasticsearch_nodes as nodes

ROOT = Path(__file__).resolve().parent.parent


Contender = Callable[["Field"], None]
SESSIONS = 40
HARVESTED = datetime(2026, 11, 21, 2, tzinfo=UTC)
PATIENCE = RetryPolicy(
    wait=time.sleep, elapsed=time.monotonic, now=lambda: HARVESTED, limits=ELASTICSEARCH_LIMITS
)


def invented_record(number: int) -> MeetingRecord:
    """One meeting with its sessions, with every field that a vendor can provide."""
    start = datetime(2026, 11, 20, 8, tzinfo=UTC) + timedelta(seconds=number % 36_000)
    end = start + timedelta(minutes=45)
    meeting = Meeting(
        vendor="zoom",
        account="main",
        uuid=f"aDYlohsHRtCd4ii1uC2+{number:08d}==",
        detail=Detail.basic,
        harvested_at=HARVESTED,
        topic="Weekly planning of the second floor",
        host=Host(email="host.of.the.meeting@example.org"),
        start_time=start,
        end_time=end,
    )
    sessions = [session(number, place, start, end) for place in range(SESSIONS)]
    return MeetingRecord(meeting=meeting, sessions=sessions)


def session(number: int, place: int, start: datetime, end: datetime) -> Session:
    return Session(
        key=session_key(str(place), start),
        id=f"u{number:012d}{place:04d}",
        user_id=str(16_778_240 + place),
        user_name=f"Participant {place} of the meeting",
        email=f"participant.{place}.{number}@example.org",
        role="attendee",
        device="Windows",
        os="Windows 11 (10.0.22631)",
        app="Zoom Workplace",
        app_version="6.2.11 (50939)",
        ip_address=f"192.0.2.{place}",
        city="Springfield",
        country="US",
        network_type="Wifi",
        join_time=start + timedelta(seconds=place),
        leave_time=end,
        duration=2_700 - place,
        share_application=False,
        share_desktop=place == 0,
        share_whiteboard=False,
        recording=False,
    )


@dataclass(frozen=True)
class Ready:
    """A record whose documents are built already, as those that the client's helpers are given."""

    meeting: Meeting
    timestamp: datetime | None
    documents: list[Document]

    @classmethod
    def of(cls, record: MeetingRecord) -> Ready:
        return cls(record.meeting, record.timestamp, list(to_documents(record)))

    def groups(self) -> Iterator[DocumentGroup]:
        kinds: tuple[Literal["meeting"], Literal["session"]] = ("meeting", "session")
        for kind, documents in zip(kinds, (self.documents[:1], self.documents[1:]), strict=True):
            yield DocumentGroup(
                kind=kind,
                quoted_ids=[orjson.dumps(document["document_id"]) for document in documents],
                shared=b"",
                bodies=[_without_id(document) for document in documents],
            )


def _without_id(document: Document) -> Document:
    return {name: value for name, value in document.items() if name != "document_id"}


class Field:
    """One contender's turn: the documents in every form to start from, and separate indices."""

    def __init__(self, url: str, records: list[MeetingRecord], lines: list[bytes], scratch: Path) -> None:
        self.url = url
        self.records = records
        self.ready = [Ready.of(record) for record in records]
        self.lines = lines
        self.scratch = scratch
        self.file = scratch / "documents.ndjson"
        self.prefix = ""

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Fresh indices before, none after."""
        self.prefix = f"bench{uuid.uuid4().hex[:8]}-"
        self.cluster = ElasticConfig(host=self.url, prefix=self.prefix)
        client = Client(self.cluster, time.monotonic)
        templates.install(client, PATIENCE)
        for kind in ("meetings", "sessions"):
            client.send("PUT", f"/{self.prefix}{kind}-2026", body={})
        self.actions = [self.action(orjson.loads(line)) for line in self.lines]
        try:
            yield
            client.send("POST", f"/{self.prefix}*/_refresh")
            count = client.send("GET", f"/{self.prefix}*/_count").body["count"]
            assert count in {0, len(self.lines)}, f"{count} of {len(self.lines)} documents arrived"
        finally:
            for kind in ("meetings", "sessions"):
                client.send("DELETE", f"/{self.prefix}{kind}-2026")
            for template in reversed(templates.shipped(self.cluster)):
                client.send("DELETE", template.path)
            client.close()

    def action(self, document: Document) -> dict[str, Any]:
        """The document for the client's helpers."""
        return {
            "_op_type": "index",
            "_index": f"{self.prefix}{document['kind']}s-2026",
            "_id": document["document_id"],
            "version": record_version(self.records[0]),
            "version_type": "external",
            "_source": document,
        }

    def loader(self) -> Loader:
        rejects = Rejects(Path(tempfile.mkdtemp(dir=self.scratch)), PATIENCE.now)
        return Loader(Client(self.cluster, time.monotonic), rejects, PATIENCE)


def load_records(field: Field) -> None:
    for loaded in field.loader().load(field.records):
        assert not loaded.rejected


def load_documents(field: Field) -> None:
    with mock.patch("harvester.sinks.elastic.loader.group_documents", Ready.groups):
        for loaded in field.loader().load(cast("list[MeetingRecord]", field.ready)):
            assert not loaded.rejected


def load_lines(field: Field) -> None:
    with field.file.open("rb") as lines:
        for so_far in field.loader().load_lines(lines):
            assert not so_far.rejected


def load_in_a_process(field: Field) -> None:
    command = [sys.executable, "-m", "harvester", "load", str(field.file), "--es-host", field.url, "-q"]
    environment = {**os.environ, "ES_INDEX_PREFIX": field.prefix, "HARVESTER_STATE_DIR": str(field.scratch)}
    subprocess.run(command, cwd=ROOT, env=environment, check=True)


def streaming_default(field: Field) -> None:
    for ok, _ in helpers.streaming_bulk(Elasticsearch(field.url), field.actions):
        assert ok


def streaming_records(field: Field) -> None:
    documents = (document for record in field.records for document in to_documents(record))
    for ok, _ in helpers.streaming_bulk(Elasticsearch(field.url), map(field.action, documents)):
        assert ok


def streaming_tuned(field: Field) -> None:
    client = Elasticsearch(field.url, serializer=OrjsonSerializer())
    for ok, _ in helpers.streaming_bulk(client, field.actions, chunk_size=2_000):
        assert ok


def parallel_tuned(field: Field) -> None:
    client = Elasticsearch(field.url, serializer=OrjsonSerializer(), connections_per_node=4)
    for ok, _ in helpers.parallel_bulk(client, field.actions, thread_count=4, chunk_size=2_000):
        assert ok


def ceiling(connections: int) -> Contender:
    def ready_made(field: Field) -> None:
        with ThreadPoolExecutor(connections) as pool:
            for future in [
                pool.submit(pump, field.url, field.bodies[n::connections]) for n in range(connections)
            ]:
                future.result()

    return ready_made


def pump(url: str, bodies: Iterable[bytes]) -> None:
    address = urlsplit(url)
    assert address.hostname is not None
    connection = http.client.HTTPConnection(address.hostname, address.port)
    for body in bodies:
        connection.request(
            "POST", "/_bulk?filter_path=errors", body=body, headers={"content-type": "application/x-ndjson"}
        )
        assert b'"errors":false' in connection.getresponse().read()
    connection.close()


def bulk_bodies(actions: list[dict[str, Any]], lines: list[bytes], size: int = 2_000) -> list[bytes]:
    """The whole work of a loader done beforehand."""
    heads = [
        orjson.dumps({"index": {k: a[k] for k in ("_index", "_id", "version", "version_type")}})
        for a in actions
    ]
    pairs = iter(zip(heads, lines, strict=True))
    bodies = []
    while part := list(islice(pairs, size)):
        bodies.append(b"".join(head + b"\n" + line + b"\n" for head, line in part))
    return bodies


STREAMING, STREAMING_RECORDS = "streaming_bulk, defaults", "streaming_bulk, defaults, from records"
CONTENDERS: dict[str, Contender] = {
    "ready-made bodies, 1 connection": ceiling(1),
    "ready-made bodies, 2 connections": ceiling(2),
    "ready-made bodies, 4 connections": ceiling(4),
    "the loader, from records": load_records,
    "the loader, from documents": load_documents,
    "the loader, from lines": load_lines,
    "harvester load FILE, the whole process": load_in_a_process,
    "parallel_bulk, 4 x 2,000, orjson": parallel_tuned,
    "streaming_bulk, 2,000, orjson": streaming_tuned,
    STREAMING_RECORDS: streaming_records,
    STREAMING: streaming_default,
}
CEILINGS = tuple(name for name in CONTENDERS if name.startswith("ready-made"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """`rate`: documents a second; `cpu` and `node_cpu`: microseconds for each, of user and system together."""

    rate: float
    cpu: float
    node_cpu: float


def rounds(
    field: Field, contenders: dict[str, Contender], count: int, node: int | None = None
) -> dict[str, list[Turn]]:
    """The turns of every contender, one a round; the order turns from round to round. `node`: its process group."""
    turns: dict[str, list[Turn]] = {name: [] for name in contenders}
    names = list(contenders)
    for number in range(count + 1):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            with field.turn():
                field.bodies = bulk_bodies(field.actions, field.lines)
                gc.freeze()  # prepared objects cost no contender a collection
                began, used, node_used = time.perf_counter(), cpu_seconds(), node_cpu_seconds(node)
                contenders[name](field)
                seconds, cpu = time.perf_counter() - began, cpu_seconds() - used
                node_cpu = node_cpu_seconds(node) - node_used
            if number:  # the first round warms the node up
                documents = len(field.lines)
                each = 1_000_000 / documents
                turns[name].append(Turn(rate=documents / seconds, cpu=cpu * each, node_cpu=node_cpu * each))
    return turns


def node_cpu_seconds(group: int | None) -> float:
    return 0.0 if group is None else group_cpu_seconds(group)


def cpu_seconds() -> float:
    """Of this process, and of those that it waited for."""
    usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def table(turns: dict[str, list[Turn]], yardsticks: Sequence[str]) -> None:
    medians = {name: statistics.median(turn.rate for turn in found) for name, found in turns.items()}
    both = {
        name: statistics.median(turn.cpu + turn.node_cpu for turn in found) for name, found in turns.items()
    }
    top = max(medians[name] for name in yardsticks)
    yardstick = both[yardsticks[-1]]  # with as many connections as the loader has
    for name, median in medians.items():
        rates = [turn.rate for turn in turns[name]]
        spread = f"{min(rates):,.0f} to {max(rates):,.0f}"
        cpu = statistics.median(turn.cpu for turn in turns[name])
        node_cpu = statistics.median(turn.node_cpu for turn in turns[name])
        print(
            f"{name:42} {median:9,.0f}/s {median / top:6.2f}   {spread:20} {cpu:6.2f} us {node_cpu:6.2f} us "
            f"{yardstick / both[name]:6.2f}"
        )
    print()


@contextmanager
def a_node() -> Iterator[tuple[str, int | None]]:
    """The URL of a node, and its process group if it is started here."""
    if url := os.environ.get("TEST_ES_URL"):
        yield url, None
        return
    node = nodes.start(nodes.NEWEST, java_options="-Xms1g -Xmx1g")
    assert node.process is not None
    try:
        yield node.url, node.process.pid
    finally:
        node.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer documents, one round")
    parser.add_argument("--rounds", type=int, default=5, help="more of them on a noisy machine (5)")
    parser.add_argument(
        "--meetings", type=int, default=3_000, help=f"how many, of {SESSIONS + 1} documents each (3000)"
    )
    parser.add_argument(
        "--only", metavar="TEXT", default="", help="contenders whose name holds it, and the ceiling"
    )
    request = parser.parse_args()
    count, times = (500, 1) if request.quick else (request.meetings, request.rounds)
    records = [invented_record(number) for number in range(count)]
    lines = [encode(document) for record in records for document in to_documents(record)]
    chosen = {n: c for n, c in CONTENDERS.items() if request.only in n or n in CEILINGS}
    print(
        f"{len(lines):,} documents of {sum(map(len, lines)) // len(lines)} bytes, {times} rounds, medians\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "documents.ndjson").write_bytes(b"\n".join(lines) + b"\n")
        with a_node() as (url, group):
            table(rounds(Field(url, records, lines, Path(folder)), chosen, times, group), CEILINGS)
        against_nothing = [
            name
            for name in CONTENDERS
            if name.startswith("the loader") or name in {STREAMING, STREAMING_RECORDS}
        ]
        with null_server() as url:
            field = Field(url, records, lines, Path(folder))
            print("against a server that answers at once (the last one is 1)")
            table(
                rounds(field, {n: CONTENDERS[n] for n in against_nothing}, times),
                [STREAMING],
            )


if __name__ == "__main__":
    main()
