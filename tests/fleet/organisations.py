"""Accounts of simulated vendors for a fleet, and what a run over them should have stored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography.fernet import Fernet

from tests.e2e.accounts_file import SimulatedAccount, write_accounts
from tests.e2e.harness import Documents, Simulator
from tests.e2e.index_sandbox import IndexSandbox
from tests.fleet.airflow_home import HARVESTER

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
TODAY, YESTERDAY = "2026-11-20", "2026-11-19"
VENDORS = ("zoom", "webex")
LABELS = ("berlin", "paris", "rome")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """Accounts of Zoom and Webex in three organisations, in a settings file."""

    accounts: Sequence[SimulatedAccount]
    config: Path

    @property
    def truth(self) -> Documents:
        """That of the days before today, of which nothing is pending."""
        return {
            name: document
            for account in self.accounts
            for name, document in account.truth.items()
            if document.get("meeting_timestamp", document["@timestamp"]) < TODAY
        }

    @property
    def days(self) -> dict[str, str]:
        """What a backfill of these days is triggered with."""
        _, first, *_ = self.accounts[0].simulator.dates
        return {"from": first, "to": YESTERDAY}

    def settings(self, sandbox: IndexSandbox) -> dict[str, str]:
        """The environment of Airflow's workers."""
        return {
            "FLEET_COMMAND": f"{HARVESTER} --config {self.config}",
            "HARVESTER_STATE_DIR": str(sandbox.folder / "state"),
            "HARVESTER_STATE_KEY": Fernet.generate_key().decode(),
            "HARVESTER_RATE_SHARE": "1.0",
            "ES_HOST": sandbox.node.url,
            "ES_INDEX_PREFIX": sandbox.prefix,
        }

    def refused_requests(self) -> dict[str, int]:
        """How many requests of each account were refused because they came too fast."""
        return {
            account.name: count
            for account in self.accounts
            if (count := account.simulator.traffic(account.vendor)["refused"])
        }


@contextmanager
def fleet(folder: Path, *, size: int, days: int, speed: float) -> Iterator[Fleet]:
    with ExitStack() as stack:
        simulators = {
            label: stack.enter_context(
                Simulator(folder / label, NOW, size=size, days=days, seed=seed, speed=speed, vendors=VENDORS)
            )
            for seed, label in enumerate(LABELS, 11)
        }
        accounts = [
            SimulatedAccount(vendor=vendor, label=label, simulator=simulator)
            for vendor in VENDORS
            for label, simulator in simulators.items()
        ]
        write_accounts(folder / "accounts.toml", accounts)
        yield Fleet(accounts=accounts, config=folder / "accounts.toml")
