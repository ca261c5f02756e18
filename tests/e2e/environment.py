"""The environment of the processes that the tests start."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).parents[2]


def clean_environment(**more: str) -> dict[str, str]:
    """The environment that any process needs, without anything that could point a test at a real account or cluster.

    `PYTHONPATH` is kept: if it names this checkout, the tests run its code instead of the installed package.
    """
    names = {"PATH", "PYTHONPATH", "HOME", "LANG", "TMPDIR"}
    kept = {name: value for name, value in os.environ.items() if name in names}
    return {**kept, "PYTHONUNBUFFERED": "1", **more}
