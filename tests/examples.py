"""How many examples a test is tried with whose examples are slow."""

from __future__ import annotations

from collections.abc import Collection

import pytest
from hypothesis import settings

FEWEST = 5


def one_in(number: int) -> settings:
    """One example for each `number` examples of other properties in the chosen profile, and at least five."""
    default = settings.default
    assert default is not None
    return settings(max_examples=max(FEWEST, default.max_examples // number))


_IN_CHECK = {200, 400, 401, 403, 429}


def statuses(*every: int) -> Collection[object]:
    """HTTP statuses for a test that takes long with all of them. `make check` tries a success, a mistake, a refusal that
    renews the token, another refusal, and a status after which the request is repeated."""
    return [one if one in _IN_CHECK else pytest.param(one, marks=pytest.mark.slow) for one in every]
