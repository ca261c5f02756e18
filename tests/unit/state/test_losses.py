"""What is lost with each state database."""

from __future__ import annotations

from harvester.state.losses import LOSSES
from tests.unit.state.state_databases import ALL_MIGRATIONS


def test_every_state_database_says_what_moving_it_away_costs() -> None:
    assert LOSSES.keys() == ALL_MIGRATIONS.keys()
