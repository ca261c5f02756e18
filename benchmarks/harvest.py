"""A harvest's figures: the rate that it reaches, what it costs in CPU beside the bare cost, its memory, its start.

    python -m benchmarks.harvest [--quick]

Against the simulator on loopback. The rate is measured at Zoom's own limits in real time; CPU and memory with every
wait divided, so that the work alone is left.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.measured_processes import Used, measured
from benchmarks.null_elasticsearch import null_server
from tests.e2e.harness import ROOT, Harvester, Simulator, command

NOW = datetime(2026, 11, 20, 0, 30, tzinfo=UTC)
DAY = (NOW - timedelta(days=1)).date()
FAST = 400.0
ROUNDS = 3
AT_MOST = {"zoom": 2, "webex": 2, "google-meet": 3, "teams": 2}
"""CPU beside the bare cost. Google's own client builds the requests to Google."""


@contextmanager
def simulated(
    size: int, *, days: int = 1, speed: float = FAST, vendor: str = "zoom"
) -> Iterator[tuple[Simulator, Harvester]]:
    with tempfile.TemporaryDirectory(prefix="harvester-benchmark-") as name:
        folder = Path(name)
        running = Simulator(
            folder / "simulator", NOW, size=size, days=days, speed=speed, truth_file=False, vendors=(vendor,)
        )
        with running:
            yield running, Harvester(folder, running.settings)


def environment(harvester: Harvester) -> dict[str, str]:
    return harvester.environment(PYTHONPATH=str(ROOT), GOOGLE_SOURCE="reports")


def without_state(harvester: Harvester) -> dict[str, str]:
    """The same with an empty state: what an earlier round has stored, such as a lease, would spare requests."""
    return {**environment(harvester), "HARVESTER_STATE_DIR": tempfile.mkdtemp(dir=harvester.folder)}


def at_the_limit(size: int) -> None:
    print(f"\nA day of {size} meetings at Zoom's Business limits, in real time")
    with simulated(size, speed=1.0) as (simulator, harvester):
        used = measured(
            command("zoom", "--date", DAY.isoformat(), "-q"),
            env=environment(harvester),
            folder=harvester.folder,
        )
        heavy = simulator.traffic()["classes"]["heavy"]
    rate = (heavy["requests"] - 1) / (heavy["last"] - heavy["first"])
    print(f"  Heavy calls                     {heavy['requests']}, refused {heavy['refused']}")
    print(
        f"  reached                         {rate:.2f}/s of {heavy['limit']}: {rate / heavy['limit']:.1%}  (at bare 95 %)"
    )
    print(f"  most in any sliding second      {heavy['peak']} of {heavy['limit']}")
    print(f"  CPU                             {used.cpu_seconds / used.wall_seconds:.1%} of one core")


def beside_the_bare_cost(vendor: str, size: int, rounds: int) -> None:
    """Each way beside the bare one at the same moment: what else this machine does then costs both alike."""
    print(
        f"\nCPU of {vendor}'s day of {size} meetings beside the bare cost (medians of {rounds} rounds, side by side)"
    )
    words = (vendor, "--date", DAY.isoformat(), "-q", "--concurrency", "8")
    ways = {f"harvester {vendor}": command(*words)}
    if vendor == "zoom":
        for part in ("hashing", "mapping"):
            ways[f"without {part}"] = [sys.executable, "-m", "benchmarks.ablation", part, *words]
    least_way = f"benchmarks.baseline.{vendor.replace('-', '_')}"
    bare = [sys.executable, "-m", least_way, DAY.isoformat(), DAY.isoformat()]
    with simulated(size, vendor=vendor) as one, simulated(size, vendor=vendor) as other:
        for way, line in ways.items():
            ratios, costs, asked = [], [], []
            for _ in range(rounds):
                with ThreadPoolExecutor(2) as pool:
                    (used, requests), (bare_used, bare_requests) = pool.map(
                        asking, (one, other), (line, bare), (vendor, vendor)
                    )
                ratios.append(used.cpu_seconds / bare_used.cpu_seconds)
                costs.append(used.cpu_seconds / requests * 1000)
                asked.append(requests)
            print(
                f"  {way:<31} {statistics.median(costs):.2f} ms for each of {max(asked)} requests (bare: "
                f"{bare_requests}), {statistics.median(ratios):.2f} x bare"
                f"{f'  (at most {AT_MOST[vendor]})' if way.startswith('harvester') else ''}"
            )


def asking(there: tuple[Simulator, Harvester], line: list[str], vendor: str) -> tuple[Used, int]:
    """What a process used, and how many requests it made."""
    simulator, harvester = there
    before = sum(simulator.traffic(vendor)["calls"].values())
    used = measured(line, env=without_state(harvester), folder=harvester.folder)
    return used, sum(simulator.traffic(vendor)["calls"].values()) - before


def beside_no_journal(size: int, rounds: int) -> None:
    print(
        f"\nCPU of a backfill of {size} meetings into a null server, with its journal and without, side by side"
    )
    with ExitStack() as stack:
        places = [
            (stack.enter_context(simulated(size, days=20))[1], stack.enter_context(null_server()))
            for _ in range(2)
        ]

        def cost(place: tuple[Harvester, str], start: Sequence[str]) -> float:
            harvester, url = place
            first = NOW.date() - timedelta(days=20)
            words = ["zoom", "--from", first.isoformat(), "--to", DAY.isoformat(), "-q", "--es-host", url]
            line = [*start, *words]
            return measured(line, env=without_state(harvester), folder=harvester.folder).cpu_seconds

        ways = [command(), [sys.executable, "-m", "benchmarks.ablation", "journal"]]
        ratios = []
        for number in range(rounds):
            # Both at the same moment, and in turn in either place: what else this machine does then costs both alike.
            with ThreadPoolExecutor(2) as pool:
                written, unwritten = pool.map(cost, places if number % 2 else reversed(places), ways)
            ratios.append(written / unwritten - 1)
    print(f"  more with the journal           {statistics.median(ratios):+.1%}  (under 5 %)")


def memory(sizes: list[int]) -> None:
    print("\nPeak memory  (under 150 MB)")
    for size in sizes:
        print(f"  {size:>6} meetings                 {peak('zoom', size, days=20)}")


def peak(vendor: str, size: int, *, days: int) -> str:
    with simulated(size, days=days, vendor=vendor) as (simulator, harvester):
        first = simulator.now.date() - timedelta(days=days)
        words = command(vendor, "--from", first.isoformat(), "--to", DAY.isoformat(), "-q")
        used = measured(words, env=environment(harvester), folder=harvester.folder)
    return f"{used.peak_mb:6.1f} MB, {used.wall_seconds:.1f} s"


def day_of_teams(size: int) -> None:
    """Requests and rate of a day, the waits divided so little that the simulator's seconds are whole."""
    print(f"\nA day of {size} meetings of Teams")
    with simulated(size, speed=10.0, vendor="teams") as (simulator, harvester):
        words = command("teams", "--date", DAY.isoformat(), "-q")
        output = harvester.folder / "documents"
        used = measured(words, env=environment(harvester), folder=harvester.folder, output=output)
        traffic = simulator.traffic("teams")
        meetings = output.read_bytes().count(b'"kind":"meeting"')
    observed, every, lists = traffic["observed"], traffic["classes"]["app"], traffic["classes"]["list"]
    requests = every["requests"]
    rate = (every["requests"] - 1) / (every["last"] - every["first"])
    print(
        f"  requests to Graph               {requests} for {meetings} meetings: {requests / meetings:.4f}  (at most 1.05)"
    )
    more = requests - lists["requests"] - meetings
    print(
        f"                                  {lists['requests']} pages of {size} calls, {more} further pages of sessions"
    )
    print(f"  requests for a token            {traffic['tokens']['issued']}")
    print(f"  reached                         {rate:.2f}/s  (at most 4)")
    # While the machine holds the simulator up, requests that were sent in time arrive together.
    print(f"  most in any sliding second      {observed['per_second']} of 4, refused {traffic['refused']}")
    print(f"  listings in ten seconds         {observed['lists_per_ten_seconds']} of 7")
    print(f"  peak memory                     {used.peak_mb:.1f} MB  (under 150)")


def starts() -> None:
    print("\nStarts")
    helps = []
    for _ in range(9):
        began = time.perf_counter()
        subprocess.run(
            [str(Path(sys.executable).with_name("harvester")), "--help"], check=True, capture_output=True
        )
        helps.append(time.perf_counter() - began)
    print(
        f"  harvester --help                {statistics.median(helps) * 1000:.0f} ms, best {min(helps) * 1000:.0f}  (under 150)"
    )
    with simulated(600, speed=1.0) as (_, harvester):
        began = time.perf_counter()
        process = subprocess.Popen(
            command("zoom", "--date", DAY.isoformat(), "-q"),
            stdout=subprocess.PIPE,
            env=environment(harvester),
            cwd=harvester.folder,
        )
        assert process.stdout is not None
        process.stdout.readline()
        print(
            f"  first document on stdout        {time.perf_counter() - began:.2f} s after the start of the command"
        )
        process.terminate()
        process.stdout.close()
        process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="small sizes, one round: to see that it runs")
    quick = parser.parse_args().quick
    starts()
    beside_the_bare_cost("zoom", 300 if quick else 4000, 1 if quick else ROUNDS)
    beside_the_bare_cost("webex", 200 if quick else 1000, 1 if quick else 2 * ROUNDS)
    beside_the_bare_cost("google-meet", 200 if quick else 1000, 1 if quick else 2 * ROUNDS)
    beside_the_bare_cost("teams", 200 if quick else 2000, 1 if quick else 2 * ROUNDS)
    beside_no_journal(300 if quick else 2000, 1 if quick else 4 * ROUNDS)
    memory([200] if quick else [1_000, 50_000])
    day_of_teams(200 if quick else 2_000)
    at_the_limit(200 if quick else 2_400)


if __name__ == "__main__":
    main()
