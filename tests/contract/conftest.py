"""Simulated vendors with one organisation for the whole test session."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

import connectors
from connectors.base import Connector, Settings
from connectors.models import Window
from harvester.config import Environment
from harvester.pipeline.connector_context import RunContext
from harvester.pipeline.run_clock import Clock
from harvester.pipeline.stop_signal import StopSignal
from harvester.pipeline.vendor_clock import VendorClock
from harvester.simulator.server import Options, serving
from harvester.state.quotas_and_tokens import AccountState

SHOWN = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAYS = 3
WHOLE = Window(start=SHOWN.replace(hour=0) - timedelta(days=DAYS), end=SHOWN + timedelta(hours=12))


@dataclass(frozen=True, kw_only=True)
class Simulated:
    """The settings that lead to the simulated vendors, and the window of their meetings."""

    values: Mapping[str, str]
    whole: Window = WHOLE
    speed: float = 500.0


Build = Callable[..., Connector]


@pytest.fixture(scope="session")
def simulated() -> Iterator[Simulated]:
    with serving(Options(port=0, seed=7, size=40, days=DAYS, now=SHOWN, speed=Simulated.speed)) as values:
        yield Simulated(values=values)


@pytest.fixture(scope="session")
def build(simulated: Simulated, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Build]:
    """Builds a connector for the simulated vendors; keyword arguments replace settings by name.

    Each has a state folder of its own.
    """
    folder = tmp_path_factory.mktemp("accounts")
    states: list[AccountState] = []

    def built(
        name: str, *, raw: bool = False, options: frozenset[str] = frozenset(), **changed: str
    ) -> Connector:
        kind = connectors.load(name)
        values = Environment(values={**simulated.values, **changed}).of(kind.settings)
        shift = SHOWN - datetime.now(UTC)
        clock = Clock(wall=time.time, monotonic=time.monotonic, shift=shift, speed=simulated.speed)
        state = AccountState(folder / str(len(states)), clock.now)
        states.append(state)
        context = RunContext(VendorClock("webex", clock), state, StopSignal(), "webex")
        return kind(Settings(values=values, options=options, raw=raw, rate_share=1.0), context)

    yield built
    for state in states:
        state.close()
