"""Writes settings files with accounts of simulated vendors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import connectors
from harvester.accounts_file import vendor_keys
from tests.e2e.harness import Documents, Simulator


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedAccount:
    """An account with a name, at a simulator."""

    vendor: str
    label: str
    simulator: Simulator
    changed: Mapping[str, str] = field(default_factory=dict)
    """Settings with another value than the simulator's."""

    @property
    def name(self) -> str:
        return f"{self.vendor}/{self.label}"

    @property
    def table(self) -> str:
        settings = {**self.simulator.settings, **self.changed}
        keys = vendor_keys(self.vendor, connectors.load(self.vendor).settings)
        lines = [
            f"{key} = {json.dumps(settings[each.name])}"
            for key, each in keys.items()
            if each.name in settings
        ]
        return "\n".join([f"[{self.vendor}.{self.label}]", *lines, ""])

    @property
    def truth(self) -> Documents:
        """What a perfect harvest holds: that of the account `main`, under this label."""
        prefix = f"{self.vendor}:main:"
        return {
            (name := f"{self.vendor}:{self.label}:{document_id.removeprefix(prefix)}"): {
                **document,
                "document_id": name,
                "account": self.label,
            }
            for document_id, document in self.simulator.truth.items()
            if document_id.startswith(prefix)
        }


def write_accounts(path: Path, accounts: list[SimulatedAccount], **shared: str) -> None:
    """`shared`: keys of the table [harvester]."""
    simulator = accounts[0].simulator
    own = {
        "now": simulator.settings["HARVESTER_NOW"],
        "speed": simulator.settings["HARVESTER_SPEED"],
        **shared,
    }
    lines = [f"{key} = {json.dumps(value)}" for key, value in own.items()]
    path.write_text("\n".join(["[harvester]", *lines, "", *(account.table for account in accounts)]))
    path.chmod(0o600)
