"""Thousands of accounts in chunks, each chunk a process with `--state index`: `python -m benchmarks.fleet`.

    python -m benchmarks.fleet [--accounts N] [--chunks N] [--processes N] [--quick]

A vendor that answers at once, and a real Elasticsearch node; every chunk has a state folder of its own, as on a machine of its
own. First chunks of different sizes alone: what one more account costs. Then all chunks, two at a time for each core:
the wall time is that of this machine, on which the vendor and the node run, too. At the end `harvester status` reads the
state of all accounts on a machine that has none of it.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import islice
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import orjson
from elasticsearch import Elasticsearch

from benchmarks.load import a_node
from benchmarks.measured_processes import Used, measured, server
from tests.e2e.harness import ROOT, clean_environment, command

DAY = (datetime.now(UTC) - timedelta(days=2)).date()
MEETINGS, SESSIONS = 10, 3
"""Of each account on this day."""
WRITERS, ENTRY_BYTES, BARE_SECONDS = 16, 500, 5.0
SIZES = (1, 10, 40)
"""Chunks that are measured alone."""


# The vendor


class NullVendor(asyncio.Protocol):
    """Zoom with the same meetings in every account. It answers at once, and keeps connections."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._received = b""

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = self._received[:end].decode("latin-1")
            names = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:])
            whole = end + 4 + int(names.get("content-length", 0))
            if len(self._received) < whole:
                return
            self._received = self._received[whole:]
            assert isinstance(self._transport, asyncio.Transport)
            self._transport.write(response(head.split(" ", 2)[1]))


def response(target: str) -> bytes:
    parts = urlsplit(target)
    body = orjson.dumps(answer(parts.path, parse_qs(parts.query).get("type", [""])[0]))
    date = format_datetime(datetime.now(UTC), usegmt=True)
    head = f"HTTP/1.1 200 OK\r\nDate: {date}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def answer(path: str, kind: str) -> object:
    if path.endswith("/token"):
        return {"access_token": "invented", "token_type": "bearer", "expires_in": 3600, "scope": ""}
    if path.endswith("/participants"):
        times = {"join_time": f"{DAY}T09:00:00Z", "leave_time": f"{DAY}T09:50:00Z"}
        people = [
            {"user_id": str(number), "user_name": f"Guest {number}", **times} for number in range(SESSIONS)
        ]
        return {"next_page_token": "", "participants": people}
    if path.endswith("/metrics/meetings"):
        times = {"start_time": f"{DAY}T09:00:00Z", "end_time": f"{DAY}T10:00:00Z"}
        rows = [
            {
                "uuid": f"meeting-{number}",
                "id": number,
                "topic": "Planning",
                "participants": SESSIONS,
                **times,
            }
            for number in range(1, MEETINGS + 1)
        ]
        return {"next_page_token": "", "meetings": rows if kind == "past" else []}
    return {"next_page_token": "", "users": []}


async def serve() -> None:
    server = await asyncio.get_running_loop().create_server(NullVendor, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)  # until the benchmark ends


def null_vendor() -> AbstractContextManager[str]:
    return server("benchmarks.fleet", "--null-vendor")


# The node


def bare_appends(node: str) -> float:
    """How many entries a second the node takes from threads that do nothing else: the ceiling of what a fleet can append."""
    until = time.perf_counter() + BARE_SECONDS
    body = orjson.dumps({"entry": "x" * ENTRY_BYTES})
    address = urlsplit(node).netloc
    path = f"/bare-{uuid.uuid4().hex[:8]}"
    mapping = {"mappings": {"dynamic": False}}

    def append() -> int:
        connection = http.client.HTTPConnection(address)
        count = 0
        while time.perf_counter() < until:
            headers = {"Content-Type": "application/json"}
            connection.request("PUT", f"{path}/_doc/{uuid.uuid4().hex}?op_type=create", body, headers)
            answered = connection.getresponse()
            answered.read()
            assert answered.status == 201, answered.status
            count += 1
        connection.close()
        return count

    with Elasticsearch(node) as client:
        client.indices.create(index=path[1:], body=mapping)
    with ThreadPoolExecutor(WRITERS) as pool:
        total = sum(each.result() for each in [pool.submit(append) for _ in range(WRITERS)])
    return total / BARE_SECONDS


# The harvests


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """Where the harvests take place."""

    folder: Path
    node: str
    prefix: str

    def environment(self, **more: str) -> dict[str, str]:
        shared = {"ES_HOST": self.node, "ES_INDEX_PREFIX": self.prefix, "HARVESTER_SPEED": "1000"}
        return clean_environment(PYTHONPATH=str(ROOT), **shared, **more)

    def chunks(self, count: int) -> list[list[str]]:
        words = command("accounts", "--config", "accounts.toml", "--chunks", str(count), "--json")
        ended = subprocess.run(
            words, cwd=self.folder, env=self.environment(), capture_output=True, check=True
        )
        found: list[list[str]] = json.loads(ended.stdout)
        return [each for each in found if each]

    def harvest(self, accounts: Sequence[str]) -> Used:
        """In a process of its own, which knows nothing of the others."""
        with tempfile.TemporaryDirectory(dir=self.folder) as name:
            names = [f"--account={account}" for account in accounts]
            days = ["--from", str(DAY), "--to", str(DAY)]
            words = command("all", "--config", str(self.folder / "accounts.toml"), *names, *days)
            environment = self.environment(HARVESTER_STATE_DIR=f"{name}/state")
            return measured([*words, "--state", "index", "-q"], env=environment, folder=Path(name))

    def status(self) -> Used:
        """Of all accounts, on a machine that has harvested none."""
        with tempfile.TemporaryDirectory(dir=self.folder) as name:
            words = command("status", "--config", str(self.folder / "accounts.toml"), "--state", "index")
            return measured(
                words, env=self.environment(HARVESTER_STATE_DIR=f"{name}/state"), folder=Path(name)
            )

    def stored(self, index: str) -> int:
        with Elasticsearch(self.node) as client:
            client.indices.refresh(index=f"{self.prefix}{index}")
            return int(client.count(index=f"{self.prefix}{index}")["count"])


def write_accounts(path: Path, vendor: str, count: int) -> None:
    table = (
        '[zoom.university-{0}]\naccount_id = "id-{0}"\nclient_id = "c"\nclient_secret = "s"\nplan = "business"\n'
        'api_url = "{1}/v2"\ntoken_url = "{1}/token"\n'
    )
    path.write_text("\n".join(table.format(number, vendor) for number in range(count)))
    path.chmod(0o600)


def one_more_account(field: Field) -> None:
    print(f"\nOne chunk alone, {MEETINGS} meetings with {SESSIONS} sessions in every account")
    names = iter([f"zoom/university-{number}" for number in range(1 + sum(SIZES))])
    field.harvest([next(names)])  # creates the indices
    used: dict[int, Used] = {}
    for size in SIZES:
        used[size] = each = field.harvest(list(islice(names, size)))
        print(
            f"  {size:4} accounts   wall {each.wall_seconds:6.1f} s   CPU {each.cpu_seconds:6.1f} s   "
            f"memory {each.peak_mb:6.0f} MB"
        )
    first, last = min(SIZES), max(SIZES)
    more = last - first
    wall = (used[last].wall_seconds - used[first].wall_seconds) / more
    cpu = (used[last].cpu_seconds - used[first].cpu_seconds) / more
    memory = (used[last].peak_mb - used[first].peak_mb) / more
    print(f"  one more          wall {wall:6.2f} s   CPU {cpu:6.2f} s   memory {memory:6.2f} MB")


def whole_fleet(field: Field, accounts: int, chunks: int, processes: int) -> None:
    print(f"\n{accounts:,} accounts in {chunks} chunks, {processes} processes at a time")
    began = time.perf_counter()
    lists = field.chunks(chunks)
    sizes = sorted(map(len, lists))
    print(f"  harvester accounts  {time.perf_counter() - began:8.1f} s, chunks of {sizes[0]} to {sizes[-1]}")
    began = time.perf_counter()
    with ThreadPoolExecutor(processes) as pool:
        used = list(pool.map(field.harvest, lists))
    wall = time.perf_counter() - began
    documents, entries = field.stored("meetings-*") + field.stored("sessions-*"), field.stored("state")
    expected = accounts * MEETINGS * (1 + SESSIONS)
    assert documents == expected, f"{documents} of {expected} documents"
    cpu = sum(each.cpu_seconds for each in used)
    peaks = sorted(each.peak_mb for each in used)
    print(f"  wall                {wall:8.1f} s, {accounts / wall:.1f} accounts a second")
    print(f"  CPU                 {cpu:8.1f} s, {cpu / accounts * 1000:.0f} ms an account")
    print(
        f"  memory              {peaks[-1]:8.0f} MB at most, median {peaks[len(peaks) // 2]:.0f} MB a process"
    )
    print(f"  documents           {documents:8,}, {documents / wall:.0f} a second; none lost")
    bare = bare_appends(field.node)
    print(
        f"  state               {entries:8,} entries and leases, {entries / wall:.0f} a second; {WRITERS} threads that "
        f"do nothing else: {bare:.0f}"
    )
    each = field.status()
    print(
        f"  harvester status    {each.wall_seconds:8.1f} s, CPU {each.cpu_seconds:.1f} s, memory {each.peak_mb:.0f} MB"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--accounts", type=int, default=5_000)
    parser.add_argument("--chunks", type=int, default=200)
    parser.add_argument("--processes", type=int, default=2 * (os.cpu_count() or 1), help="at a time")
    parser.add_argument("--quick", action="store_true", help="a tenth of the accounts and chunks")
    parser.add_argument("--null-vendor", action="store_true", help=argparse.SUPPRESS)
    request = parser.parse_args()
    if request.null_vendor:
        asyncio.run(serve())
        return
    parts = 10 if request.quick else 1
    accounts, chunks = request.accounts // parts, request.chunks // parts
    with (
        tempfile.TemporaryDirectory(prefix="harvester-benchmark-") as name,
        null_vendor() as vendor,
        a_node() as (node, _),
    ):
        write_accounts(Path(name) / "accounts.toml", vendor, max(accounts, 1 + sum(SIZES)))
        field = Field(folder=Path(name), node=node, prefix=f"b{uuid.uuid4().hex[:8]}-")
        one_more_account(field)
        write_accounts(Path(name) / "accounts.toml", vendor, accounts)
        whole_fleet(replace(field, prefix=f"b{uuid.uuid4().hex[:8]}-"), accounts, chunks, request.processes)


if __name__ == "__main__":
    main()
