"""Several accounts in one command: ten of every vendor side by side, one of which fails, and their shared limits."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from math import ceil
from pathlib import Path
from typing import Any

import pytest

from harvester.simulator import VENDORS
from tests.e2e.accounts_file import SimulatedAccount, write_accounts
from tests.e2e.harness import Harvester, Simulator, command, differences, lines
from tests.e2e.index_sandbox import IndexSandbox
from tests.e2e.test_zoom import stored
from tests.e2e.wakeup_delay import WakeupDelay

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SHARE, SPEED = 0.8, 4.0
AMONG_THREADS_SECONDS = 0.15
"""How long a request of a process with ten accounts may wait for the interpreter after it was permitted."""
SEEDS = {"berlin": 11, "paris": 12, "rome": 13}
# Every organisation has Zoom, two have Webex, the first and the last, and one has each other vendor.
OF_BERLIN = ("zoom", "webex", "meetecho")
OF_ROME = ("zoom", "webex", "google-meet")
ACCOUNTS = {
    "berlin": OF_BERLIN,
    "paris": ("zoom", *(vendor for vendor in VENDORS if vendor not in {*OF_BERLIN, *OF_ROME})),
    "rome": OF_ROME,
}


@pytest.fixture(scope="module")
def simulators(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Simulator]]:
    """Three organisations. Rome's simulator also serves Meetecho, for an account that is refused."""
    folder = tmp_path_factory.mktemp("organisations")
    with ExitStack() as stack:
        yield {
            label: stack.enter_context(
                Simulator(folder / label, NOW, size=60, days=2, seed=seed, speed=SPEED, vendors=served)
            )
            for label, seed in SEEDS.items()
            for served in [(*ACCOUNTS[label], "meetecho") if label == "rome" else ACCOUNTS[label]]
        }


@pytest.fixture
def accounts(simulators: dict[str, Simulator]) -> list[SimulatedAccount]:
    """Ten. `test` is Rome's Google account under a second name: the accounts of one Cloud project."""
    found = [
        SimulatedAccount(vendor=vendor, label=label, simulator=simulators[label])
        for label, vendors in ACCOUNTS.items()
        for vendor in vendors
    ]
    twin = SimulatedAccount(vendor="google-meet", label="test", simulator=simulators["rome"])
    refused = SimulatedAccount(
        vendor="meetecho",
        label="refused",
        simulator=simulators["rome"],
        changed={"MEETECHO_CLIENT_SECRET": "not-the-right-one"},
    )
    return [*found, twin, refused]


def harvester(sandbox: IndexSandbox, accounts: list[SimulatedAccount]) -> Harvester:
    write_accounts(sandbox.folder / "harvester.toml", accounts)
    return Harvester(sandbox.folder, {"ES_HOST": sandbox.node.url, "ES_INDEX_PREFIX": sandbox.prefix})


def over_their_limit(simulators: dict[str, Simulator], wakeup_delay: WakeupDelay) -> dict[str, Any]:
    """The rate limits that were exceeded in some sliding window, refused requests included.

    The simulator counts what arrives: while the machine holds it up, requests that were sent in time arrive together. Only as
    many as the longest delay of a request allows may have. Two limiters would let through 1.6 times the limit.
    """
    delay = wakeup_delay.of_a_request + AMONG_THREADS_SECONDS
    return {
        f"{label} {vendor} {name}": rate
        for label, simulator in simulators.items()
        for vendor in simulator.vendors
        for name, rate in simulator.traffic(vendor)["classes"].items()
        if rate["peak"]
        > max(rate["limit"], ceil(rate["limit"] * SHARE * (1 + delay * simulator.speed / rate["period"])))
        or is_above_its_share(rate)
    }


def is_above_its_share(rate: dict[str, Any]) -> bool:
    """On average, which no delay changes. Few requests have no average that means anything."""
    sent = rate["requests"] - 1
    return (
        sent > 2 * rate["limit"]
        and sent > rate["limit"] * SHARE * (rate["last"] - rate["first"]) / rate["period"]
    )


@pytest.mark.long
def test_ten_accounts_side_by_side_equal_the_truth_although_one_fails(
    newest: IndexSandbox, accounts: list[SimulatedAccount], simulators: dict[str, Simulator], tmp_path: Path
) -> None:
    assert len(accounts) == 10
    run = harvester(newest, accounts)
    dates = simulators["berlin"].dates
    with WakeupDelay() as wakeup_delay:
        ended = run("all", *dates, "--summary-json", "summary.json", HARVESTER_RATE_SHARE=str(SHARE))
    assert ended.returncode == 77, ended.stderr.decode()
    truth = {
        name: document
        for account in accounts
        if account.label != "refused"
        for name, document in account.truth.items()
    }
    assert differences(stored(newest), truth) == []
    assert over_their_limit(simulators, wakeup_delay) == {}

    summary = json.loads((newest.folder / "summary.json").read_text())
    codes = {f"{each['vendor']}/{each['account']}": each["exit_code"] for each in summary["vendors"]}
    assert codes == {account.name: 77 * (account.label == "refused") for account in accounts}
    assert summary["exit_code"] == 77
    messages = ended.stderr.decode().splitlines()
    verdicts = [line for line in messages if ", account " in line]
    assert len(verdicts) == 10
    assert sum("(77)" in line for line in verdicts) == 1
    assert messages[-1].startswith("all: ")
    names = {account.name for account in accounts}
    named = [line for line in messages if line.partition(": ")[0] in names]
    assert {line.partition(": ")[0] for line in named} == names
    vendors = tuple(f"{vendor}: " for vendor in VENDORS)
    assert not [line for line in messages if line.startswith(vendors)], "without the account's name"

    selected = run("all", *dates, "--account", "berlin", "--vendor", "zoom", "--summary-json", "summary.json")
    assert selected.returncode == 0, selected.stderr.decode()
    (only,) = json.loads((newest.folder / "summary.json").read_text())["vendors"]
    assert (only["vendor"], only["account"], only["stored"]) == ("zoom", "berlin", only["fetched"])


def test_two_names_of_one_zoom_account_share_its_rate(tmp_path: Path) -> None:
    with Simulator(tmp_path / "simulator", NOW, size=120, days=2, speed=2.0) as simulator:
        names = [SimulatedAccount(vendor="zoom", label=label, simulator=simulator) for label in ("a", "b")]
        write_accounts(tmp_path / "harvester.toml", names)
        with WakeupDelay() as wakeup_delay:
            ended = Harvester(tmp_path, {})("all", *simulator.dates, HARVESTER_RATE_SHARE=str(SHARE))
        heavy = simulator.traffic()["classes"]["heavy"]
        over = over_their_limit({"one": simulator}, wakeup_delay)
    assert ended.returncode == 0, ended.stderr.decode()
    assert differences(lines(ended.stdout), {**names[0].truth, **names[1].truth}) == []
    # Two limiters would let through 1.6 times the limit, for seconds, even on an idle machine.
    average = (heavy["requests"] - 1) / (heavy["last"] - heavy["first"])
    assert average <= heavy["limit"] * SHARE
    assert over == {}


@pytest.mark.long
def test_lines_on_stdout_stay_whole(
    accounts: list[SimulatedAccount], simulators: dict[str, Simulator], tmp_path: Path
) -> None:
    # Webex permits one call for a meeting's quality in five minutes, and another test has just made it.
    chosen = [account for account in accounts if account.vendor != "webex" and account.label != "refused"]
    write_accounts(tmp_path / "harvester.toml", chosen)
    ended = Harvester(tmp_path, {})("all", *simulators["paris"].dates)
    assert ended.returncode == 0, ended.stderr.decode()
    truth = {name: document for account in chosen for name, document in account.truth.items()}
    assert differences(lines(ended.stdout), truth) == []


def test_a_signal_ends_all_of_them(
    accounts: list[SimulatedAccount], simulators: dict[str, Simulator], tmp_path: Path
) -> None:
    chosen = [account for account in accounts if account.label != "refused"]
    write_accounts(tmp_path / "harvester.toml", chosen, rate_share="0.1")
    run = Harvester(tmp_path, {})
    with (tmp_path / "out").open("wb") as out, (tmp_path / "err").open("wb") as err:
        process = subprocess.Popen(
            command("all", *simulators["paris"].dates, "--summary-json", "summary.json"),
            stdout=out,
            stderr=err,
            env={name: value for name, value in run.environment().items() if name != "HARVESTER_RATE_SHARE"},
            cwd=tmp_path,
        )
        try:
            while not (tmp_path / "out").stat().st_size:
                assert process.poll() is None, (tmp_path / "err").read_text()
                time.sleep(0.05)
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 143
        finally:
            process.kill()
            process.wait()
    summary = json.loads((tmp_path / "summary.json").read_text())
    codes = {each["exit_code"] for each in summary["vendors"]}
    assert len(summary["vendors"]) == 9
    assert codes <= {0, 143}
    assert 143 in codes


def test_plan_check_and_verify_work_with_the_accounts_of_the_file(
    newest: IndexSandbox, accounts: list[SimulatedAccount], simulators: dict[str, Simulator]
) -> None:
    run = harvester(newest, [account for account in accounts if account.vendor == "zoom"])
    dates = simulators["rome"].dates
    checked = run("check", "zoom", "--account", "rome")
    assert checked.returncode == 0, checked.stdout.decode()
    assert b"zoom/rome " in checked.stdout
    assert b"zoom/paris" not in checked.stdout
    planned = run("plan", "zoom", *dates, "--json", "--account", "rome", "--account", "paris")
    assert [json.loads(line)["account"] for line in planned.stdout.splitlines()] == ["paris", "rome"]
    harvested = run("zoom", *dates, "--account", "zoom/rome")
    assert harvested.returncode == 0, harvested.stderr.decode()
    verified = run("verify", *dates, "--account", "rome")
    assert verified.returncode == 0, verified.stderr.decode()
    assert verified.stdout.startswith(b"zoom/rome: ")
    for said in (planned.stderr, verified.stderr):
        assert {line.partition(b": ")[0] for line in said.splitlines()} <= {b"zoom/rome", b"zoom/paris"}
    status = run("status", "--account", "rome")
    assert b"zoom/rome" in status.stdout
