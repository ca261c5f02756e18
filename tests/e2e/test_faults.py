"""Connections that break, on both sides; answers that are lost after Elasticsearch has acted.

The proxies stand between the harvester and the simulator, and between the harvester and Elasticsearch. `SOAK_SECONDS`
is how long the long form (`make soak`) goes on, an hour unless given.
"""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count, takewhile
from math import ceil
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

import pytest

from tests.e2e.elasticsearch_nodes import Node
from tests.e2e.faulty_proxy import Fault, Plan, Proxy
from tests.e2e.forked_command_line import ForkedProcess
from tests.e2e.harness import HANGS_SECONDS, Harvester, Simulator, differences
from tests.e2e.index_sandbox import IndexSandbox
from tests.e2e.test_zoom import NOW, pointed, stored
from tests.e2e.wakeup_delay import WakeupDelay

SOAK_SECONDS = float(os.environ.get("SOAK_SECONDS", "3600"))
ROUNDS = 1
"""Of the short form: in one of them every kind of fault occurs, however fast the machine is."""

SPEED = 2.0
"""Slow enough that the vendor's second (a half of the machine's) is long beside what a busy machine holds up a process."""

SHARE = 0.8
"""The default part of the permitted rate. Answers that are delayed bunch together the requests that follow them."""

TRIES = 12
"""Runs until one exits 0: a meeting that a firewall blocks fails for its run, and is had by the next."""

VENDOR_FAULTS = {
    Fault.latency: 0.01,
    Fault.reset: 0.004,
    Fault.black_hole: 0.0005,
    Fault.cut: 0.004,
    Fault.half_a_body: 0.004,
    Fault.slow_drip: 0.003,
    Fault.busy: 0.004,
}
"""Two in a hundred that cost a request, beside the five of the simulator's own."""

INDEX_FAULTS = {
    Fault.latency: 0.2,
    Fault.reset: 0.05,
    Fault.black_hole: 0.01,
    Fault.cut: 0.1,
    Fault.half_a_body: 0.05,
    Fault.slow_drip: 0.1,
    Fault.busy: 0.05,
}
CONNECTION_FAULTS = {Fault.latency: 0.02, Fault.reset: 0.02, Fault.black_hole: 0.002}


def is_bulk(request: bytes) -> bool:
    return request.startswith(b"POST /_bulk")


def victim(harvester: Harvester, *words: str) -> subprocess.CompletedProcess[bytes]:
    """Run the command line with small batches, so that a short harvest makes many bulk requests."""
    return harvester("never", "0", "--", *words, module="tests.e2e.kill.crash_at", timeout=1_800)


def by_way_of(harvester: Harvester, vendor: Proxy | None, index: Proxy | None) -> Harvester:
    """The same harvester, which reaches the servers through these proxies."""
    settings = dict(harvester.settings)
    if vendor is not None:
        for name in ("ZOOM_API_URL", "ZOOM_TOKEN_URL"):
            settings[name] = vendor.in_front_of(settings[name])
    if index is not None:
        settings["ES_HOST"] = index.url
    return Harvester(harvester.folder, settings)


def test_answers_that_are_lost_after_elasticsearch_has_acted_change_nothing(
    newest: IndexSandbox, tmp_path: Path
) -> None:
    simulator = Simulator(tmp_path / "simulator", NOW, size=120, days=3)
    with simulator, Proxy(newest.node.url) as proxy:
        proxy.cut_after(is_bulk, every=3)
        ended = victim(by_way_of(pointed(newest, simulator), None, proxy), "zoom", *simulator.dates)
        assert ended.returncode == 0, ended.stderr.decode()
        assert proxy.counts[Fault.cut] >= 10
        assert differences(stored(newest), simulator.truth) == []


@dataclass
class Soaked:
    """Counts of a soak test. `asked`: requests to the vendor, including those that did not arrive."""

    asked: int = 0
    ideal: int = 0
    faults: int = 0
    early: int = 0
    kinds: set[str] = field(default_factory=set)


def requests(simulator: Simulator) -> int:
    return sum(simulator.traffic()["calls"].values())


def ideal(folder: Path, seed: int, size: int, days: int) -> int:
    """How many requests an undisturbed harvest makes."""
    folder.mkdir()
    with Simulator(folder / "calm", NOW, size=size, days=days, seed=seed, truth_file=False) as calm:
        ended = Harvester(folder, calm.settings)("zoom", *calm.dates, "--destination", "stdout")
        assert ended.returncode == 0, ended.stderr.decode()
        return requests(calm)


def one_round(node: Node, folder: Path, soaked: Soaked, *, number: int, size: int, days: int) -> None:
    """Harvest a new account into a new index with all faults, until the command exits 0."""
    soaked.ideal += ideal(folder, number, size, days)
    with ExitStack() as stack:
        simulator = stack.enter_context(
            Simulator(folder / "simulator", NOW, size=size, days=days, seed=number, speed=SPEED, faults=0.05)
        )
        sandbox = stack.enter_context(IndexSandbox.on(node, folder))
        vendor_plan = Plan(
            seed=number, answers=VENDOR_FAULTS, connections=CONNECTION_FAULTS, speed=SPEED, hole_seconds=20.0
        )
        vendor = stack.enter_context(Proxy(simulator.settings["ZOOM_API_URL"], vendor_plan))
        # Elasticsearch is given two minutes for an answer: the black hole ends before.
        index_plan = Plan(
            seed=number, answers=INDEX_FAULTS, connections=CONNECTION_FAULTS, retry_after=1, hole_seconds=2.0
        )
        index = stack.enter_context(Proxy(node.url, index_plan))
        wakeup_delay = stack.enter_context(WakeupDelay())
        harvester = by_way_of(pointed(sandbox, simulator, HARVESTER_RATE_SHARE=str(SHARE)), vendor, index)
        harvest_until_done(harvester, simulator)
        assert differences(stored(sandbox), simulator.truth) == []
        soaked.asked += vendor.requests
        keeps_the_limits(simulator, wakeup_delay)
        for proxy in (vendor, index):
            soaked.faults += proxy.counts.total()
            soaked.early += proxy.early
            soaked.kinds |= set(proxy.counts)
        soaked.faults += sum(simulator.traffic()["faults"].values())


def harvest_until_done(harvester: Harvester, simulator: Simulator) -> None:
    for _ in range(TRIES):
        ended = victim(harvester, "zoom", *simulator.dates, "--destination", "index")
        if ended.returncode == 0:
            return
        assert ended.returncode in {69, 75}, ended.stderr.decode()
    raise AssertionError(f"not done after {TRIES} runs:\n{ended.stderr.decode()}")


def keeps_the_limits(simulator: Simulator, wakeup_delay: WakeupDelay) -> None:
    """No window has more requests than the vendor permits, and a day with a spent budget has none.

    The harvester sends at `SHARE` of the permitted rate. The simulator counts what arrives: while the machine holds it
    up, requests that were sent in time arrive together. No more of them may do so than fit into the longest delay of a request.
    """
    traffic, held_up = simulator.traffic(), wakeup_delay.of_a_request * simulator.speed
    most = {
        name: max(rate["limit"], ceil(rate["limit"] * SHARE * (1 + held_up / rate["period"])))
        for name, rate in traffic["classes"].items()
    }
    over = {name: rate for name, rate in traffic["classes"].items() if rate["peak"] > most[name]}
    assert over == {}, f"the machine held up a thread for {wakeup_delay.longest:.3f} s"
    undisturbed = all(most[name] == rate["limit"] for name, rate in traffic["classes"].items())
    assert traffic["refused"] == 0 or not undisturbed, traffic


def soak(node: Node, folder: Path, rounds: Iterable[int], *, size: int, days: int) -> Soaked:
    soaked = Soaked()
    for number in rounds:
        one_round(node, folder / str(number), soaked, number=number, size=size, days=days)
    assert soaked.early == 0, "requests came before a Retry-After given to them had passed"
    assert soaked.asked <= 1.5 * soaked.ideal, f"{soaked.asked} requests, the ideal is {soaked.ideal}"
    return soaked


def rounds_for(seconds: float) -> Iterator[int]:
    """Their numbers, as long as another one may begin."""
    until = time.monotonic() + seconds
    return takewhile(lambda _: time.monotonic() < until, count(1))


@pytest.mark.long
def test_faults_on_both_sides_leave_the_truth(es9: Node, tmp_path: Path) -> None:
    soaked = soak(es9, tmp_path, range(1, ROUNDS + 1), size=500, days=10)
    assert soaked.kinds == set(Fault)


@pytest.mark.soak
def test_an_hour_of_faults_on_both_sides_leaves_the_truth(es9: Node, tmp_path: Path) -> None:
    soaked = soak(es9, tmp_path, rounds_for(SOAK_SECONDS), size=1_000, days=20)
    assert soaked.kinds == set(Fault)
    assert soaked.faults >= 10_000 * SOAK_SECONDS / 3600


@pytest.mark.long
def test_a_suspended_harvester_does_not_exceed_the_rate_afterwards(tmp_path: Path) -> None:
    """A machine may sleep or swap. The requests of that time are not sent all at once afterwards."""
    with Simulator(tmp_path / "simulator", NOW, size=300, days=5, speed=1, truth_file=False) as simulator:
        settings = {**simulator.settings, "HARVESTER_RATE_SHARE": str(SHARE)}
        words = ("zoom", *simulator.dates, "--destination", "stdout", "--concurrency", "60")
        with WakeupDelay() as wakeup_delay, in_the_background(Harvester(tmp_path, settings), *words) as run:
            while requests(simulator) < 100:
                assert run.poll() is None
                time.sleep(0.01)
            os.kill(run.pid, signal.SIGSTOP)
            time.sleep(2.0)  # two of the vendor's windows
            os.kill(run.pid, signal.SIGCONT)
            assert run.wait(300) == 0, (tmp_path / "stderr").read_text()
        keeps_the_limits(simulator, wakeup_delay)


@contextmanager
def in_the_background(harvester: Harvester, *words: str) -> Iterator[ForkedProcess]:
    """Its messages are in the file `stderr`."""
    process = harvester.start(
        *("never", "0", "--", *words), module="tests.e2e.kill.crash_at", errors=harvester.folder / "stderr"
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


class _Echo(BaseHTTPRequestHandler):
    """Answers with the body of the request, and keeps the connection open."""

    protocol_version = "HTTP/1.1"
    received: ClassVar[list[bytes]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.received.append(body)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_given: Any) -> None:
        pass


@pytest.fixture
def echo() -> Iterator[str]:
    _Echo.received.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), _Echo) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@contextmanager
def speaking(proxy: Proxy) -> Iterator[Callable[[bytes], bytes]]:
    """One connection. Yields a function that sends a body and returns the answer."""
    parts = urlsplit(proxy.url)
    assert parts.hostname is not None

    def say(word: bytes) -> bytes:
        connection.request("POST", "/said", word)
        with connection.getresponse() as answer:
            return answer.read()

    with closing(http.client.HTTPConnection(parts.hostname, parts.port, timeout=HANGS_SECONDS)) as connection:
        yield say


def post(proxy: Proxy, word: bytes) -> bytes:
    with speaking(proxy) as say:
        return say(word)


def test_the_proxy_passes_on_sound_answers_and_ends_its_threads(echo: str) -> None:
    with Proxy(echo) as proxy:
        words = [b"one", b"", b"x" * 3_000_000]
        with speaking(proxy) as say:
            assert [say(word) for word in words] == words
    assert proxy.requests == 3
    assert not [thread for thread in threading.enumerate() if thread.name == "proxy"]


def test_the_proxy_cuts_after_the_server_has_acted(echo: str) -> None:
    with Proxy(echo) as proxy:
        proxy.cut_after(lambda request: request.startswith(b"POST /said"), nth=2)
        assert post(proxy, b"one") == b"one"
        with pytest.raises(ConnectionResetError):
            post(proxy, b"two")
        assert post(proxy, b"three") == b"three"
    assert _Echo.received == [b"one", b"two", b"three"]
    assert proxy.counts == {Fault.cut: 1}


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault.reset, ConnectionResetError),
        (Fault.cut, ConnectionResetError),
        (Fault.black_hole, ConnectionResetError),
        (Fault.half_a_body, http.client.IncompleteRead),
    ],
)
def test_the_proxy_breaks_a_connection_in_every_way(
    echo: str, fault: Fault, expected: type[Exception]
) -> None:
    with Proxy(echo, Plan(answers={fault: 1.0}, hole_seconds=0.05)) as proxy:
        for _ in range(3):
            with pytest.raises(expected):
                post(proxy, b"something")
        assert post(proxy, b"something") == b"something", "not more than three times in a row"
    assert proxy.counts == {fault: 3}


def test_the_proxy_reports_early_retries(echo: str) -> None:
    seconds = [0.0]
    plan = Plan(answers={Fault.busy: 1.0}, retry_after=1, speed=100, clock=lambda: seconds[0])
    with Proxy(echo, plan) as proxy, speaking(proxy) as say:
        assert say(b"one") == b"busy\n"
        seconds[0] += 0.011  # it has to wait for a hundredth of a second
        assert say(b"one") == b"busy\n"
        assert proxy.early == 0
        seconds[0] += 0.009
        assert say(b"one") == b"busy\n"
        assert proxy.early == 1
