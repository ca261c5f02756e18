"""How many examples a property is tried with whose examples are slow."""

from __future__ import annotations

from hypothesis import settings

FEWEST = 5


def one_in(number: int) -> settings:
    """One example for each `number` examples of other properties in the chosen profile, and at least five."""
    default = settings.default
    assert default is not None
    return settings(max_examples=max(FEWEST, default.max_examples // number))
