"""`harvester all` with several accounts of every vendor, beside the slowest of them alone.

    python -m benchmarks.concurrent_accounts [--quick]

Against simulators on loopback, in the same run: each account first alone, then all of them side by side. The figure is the
wall time of all beside that of the slowest one; the sum shows what one after the other would take.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.measured_processes import Used, measured
from harvester.simulator import VENDORS
from tests.e2e.accounts_file import SimulatedAccount, write_accounts
from tests.e2e.harness import ROOT, Harvester, Simulator, command

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SEVERAL = tuple(vendor for vendor in VENDORS if vendor != "meetecho")
"""Of these vendors an organisation has several accounts; of the datatracker there is one."""
ORGANISATIONS = ("berlin", "paris", "rome")
AT_MOST = 1.2


@contextmanager
def simulated(folder: Path, size: int, speed: float) -> Iterator[list[SimulatedAccount]]:
    """Accounts with quota pools of their own, in three organisations."""
    with ExitStack() as stack:
        simulators = {
            label: stack.enter_context(
                Simulator(
                    folder / label,
                    NOW,
                    size=size,
                    days=2,
                    seed=seed,
                    speed=speed,
                    truth_file=False,
                    vendors=VENDORS,
                )
            )
            for seed, label in enumerate(ORGANISATIONS, 1)
        }
        pairs = [(vendor, label) for vendor in SEVERAL for label in ORGANISATIONS]
        yield [
            SimulatedAccount(vendor=vendor, label=label, simulator=simulators[label])
            for vendor, label in [*pairs, ("meetecho", ORGANISATIONS[0])]
        ]


def harvest(folder: Path, accounts: list[SimulatedAccount], *words: str) -> Used:
    """In a new state folder: quotas and tokens of an earlier harvest change nothing."""
    with tempfile.TemporaryDirectory(dir=folder) as state:
        environment = Harvester(folder, {}).environment(
            PYTHONPATH=str(ROOT), HARVESTER_STATE_DIR=state, HARVESTER_RATE_SHARE="0.8"
        )
        dates = accounts[0].simulator.dates
        return measured(command("all", *dates, *words, "-q"), env=environment, folder=folder)


def over_their_limit(accounts: list[SimulatedAccount]) -> list[str]:
    """The rate limits that were exceeded in some sliding window."""
    return [
        f"{account.name} {name}: {rate['peak']} of {rate['limit']}"
        for account in accounts
        for name, rate in account.simulator.traffic(account.vendor)["classes"].items()
        if rate["peak"] > rate["limit"]
    ]


def side_by_side(size: int, speed: float) -> float:
    with tempfile.TemporaryDirectory(prefix="harvester-benchmark-") as name, ExitStack() as stack:
        folder = Path(name)
        accounts = stack.enter_context(simulated(folder, size, speed))
        write_accounts(folder / "harvester.toml", accounts)
        print(f"\n{len(accounts)} accounts of {size} meetings each, the vendors' rates and waits × {speed:g}")
        alone: dict[str, float] = {}
        for account in accounts:
            used = harvest(folder, accounts, "--account", account.name)
            alone[account.name] = used.wall_seconds
            print(f"  {account.name:20} alone {used.wall_seconds:8.1f} s")
        together = harvest(folder, accounts)
        slowest = max(alone, key=lambda each: alone[each])
        ratio = together.wall_seconds / alone[slowest]
        print(f"  one after the other        {sum(alone.values()):8.1f} s")
        print(f"  side by side               {together.wall_seconds:8.1f} s")
        print(f"  beside the slowest         {ratio:8.2f} × {slowest}  (at most {AT_MOST} ×)")
        print(f"  CPU                        {together.cpu_seconds / together.wall_seconds:8.1%} of one core")
        print(f"  memory                     {together.peak_mb:8.0f} MB")
        print(f"  limits exceeded            {', '.join(over_their_limit(accounts)) or 'none'}")
        return ratio


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true", help="fewer meetings")
    quick = parser.parse_args().quick
    side_by_side(60 if quick else 200, 2.0)


if __name__ == "__main__":
    main()
