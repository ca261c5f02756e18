"""`kill -9` around the one call in five minutes that Webex permits for a meeting's quality.

However often a run is killed and repeated at once, the simulator never gets two calls for one meeting within five minutes. After that time, the index or the output equals the truth.
"""

from __future__ import annotations

import signal
from datetime import timedelta
from pathlib import Path

from tests.e2e.harness import Documents, Harvester, differences, lines
from tests.e2e.index_sandbox import IndexSandbox
from tests.e2e.kill.crash_at import OF_WEBEX
from tests.e2e.simulator_in_process import RunningSimulator, Vendors
from tests.e2e.test_webex import OPTIONS, WHOLE, nothing_is_wrong
from tests.e2e.test_zoom import stored

POINTS = [point for point in OF_WEBEX if "quality" in point]
FOURTH = 4
"""At which of these calls it dies: others are in the air, and others are still to come."""

COMMAND = ("webex", *WHOLE, "--concurrency", "2")


def killed(harvester: Harvester, point: str, times: int, *words: str) -> bytes:
    """Run until the process kills itself at this point. Returns what it printed."""
    crashing = (point, str(times), "--")
    ended = harvester(*crashing, *COMMAND, *words, module="tests.e2e.kill.crash_at", timeout=120)
    assert ended.returncode == -signal.SIGKILL, f"not come to: {point}\n{ended.stderr.decode()}"
    return ended.stdout


def run(harvester: Harvester, *words: str) -> bytes:
    ended = harvester(*COMMAND, *words)
    assert ended.returncode == 0, ended.stderr.decode()
    return ended.stdout


def never_twice(simulator: RunningSimulator) -> None:
    """Check that the quality of no meeting was requested twice: the whole test takes less than five simulated minutes."""
    assert simulator.traffic()["qualities"]["smallest_gap"] is None


def nothing_is_lost(found: Documents, truth: Documents) -> None:
    """Check that every meeting is there, with every session that is known from more than its quality."""
    missing = truth.keys() - found.keys()
    assert {truth[name]["kind"] for name in missing} <= {"session"}
    assert {truth[name]["detail"] for name in missing} <= {"full"}
    assert len(missing) < len(truth) / 20
    assert found.keys() <= truth.keys()


def test_killed_around_a_quality_call_it_is_made_once_in_five_minutes(
    newest: IndexSandbox, tmp_path: Path
) -> None:
    webex = Vendors(tmp_path, OPTIONS)
    with webex.at() as simulator:
        harvester = simulator.pointed(newest)
        for point in POINTS:
            killed(harvester, point, FOURTH)
        run(harvester)
        run(harvester, "--destination", "stdout")
        never_twice(simulator)
        nothing_is_lost(stored(newest), simulator.truth)
    with webex.at(timedelta(minutes=10)) as simulator:
        harvester = simulator.pointed(newest)
        for point in POINTS:
            killed(harvester, point, 1)
        run(harvester)
        never_twice(simulator)
    with webex.at(timedelta(minutes=20)) as simulator:
        harvester = simulator.pointed(newest)
        run(harvester)
        never_twice(simulator)
        assert differences(stored(newest), simulator.truth) == []
        nothing_is_wrong(harvester)


def test_into_stdout_as_well(tmp_path: Path) -> None:
    webex = Vendors(tmp_path, OPTIONS)
    with webex.at() as simulator:
        harvester = Harvester(tmp_path, simulator.settings)
        for point in POINTS:
            torn = killed(harvester, point, FOURTH)
            assert whole_lines(torn).keys() <= simulator.truth.keys()
        nothing_is_lost(lines(run(harvester)), simulator.truth)
        never_twice(simulator)
    with webex.at(timedelta(minutes=10)) as simulator:
        printed = run(Harvester(tmp_path, simulator.settings))
        never_twice(simulator)
        assert differences(lines(printed), simulator.truth) == []


def whole_lines(output: bytes) -> Documents:
    """The documents, without a last line that the kill has cut."""
    return lines(b"".join(line for line in output.splitlines(keepends=True) if line.endswith(b"\n")))
