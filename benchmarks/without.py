"""The command line with a part of its work left out, to see what that part costs: `hashing` or `mapping`.

What comes out is worthless; run by `benchmarks.harvest`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from itertools import count
from typing import Any

from connectors.model import Session
from connectors.zoom import dashboard, rows
from harvester.cli import run

_numbers = count()


def _numbered(*_parts: object) -> str:
    return str(next(_numbers))


def _unmapped(row: Mapping[str, Any], *, raw: bool = False) -> Session:
    del raw
    return Session(key=str(next(_numbers)), vendor_data=row)


def main() -> None:
    left_out = sys.argv.pop(1)
    if left_out == "hashing":
        rows.session_key = _numbered
    else:
        dashboard.to_session = _unmapped
    run()


if __name__ == "__main__":
    main()
