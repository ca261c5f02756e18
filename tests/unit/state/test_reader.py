"""What the read-only view of a state folder answers."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from connectors.models import Window
from harvester.state.reader import KnownState
from harvester.state.rejects import Reject, Rejects

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 26, tzinfo=UTC)
DAY = timedelta(days=1)


def days(first: int, last: int) -> Window:
    """From so many days before the last midnight to so many."""
    return Window(start=MIDNIGHT - first * DAY, end=MIDNIGHT - last * DAY)


def test_rejects_are_those_of_the_account_and_the_time_or_of_none(tmp_path: Path) -> None:
    def reject(name: str, **document: Any) -> Reject:
        return Reject(
            document_id=name, index="i", version=1, reason="bad", document=json.dumps(document).encode()
        )

    inside, outside = "2026-11-25T09:00:00Z", "2026-11-01T09:00:00Z"
    with closing(Rejects(tmp_path / "rejects", lambda: NOW)) as rejects:
        rejects.add(
            [
                reject("zoom:main:in", **{"@timestamp": inside}),
                reject("zoom:main:in:1", **{"@timestamp": outside, "meeting_timestamp": inside}),
                reject("zoom:main:out", **{"@timestamp": outside}),
                reject("zoom:main:odd", **{"@timestamp": "yesterday"}),
                replace(reject("zoom:main:torn"), document=b'{"document'),
                reject("zoom:mainly:in", **{"@timestamp": inside}),
                reject("webex:main:in", **{"@timestamp": inside}),
                reject("sha256:0"),
            ]
        )
    with closing(KnownState(tmp_path / "scope", tmp_path / "rejects", "zoom:main:")) as memory:
        names = {"in", "in:1", "odd", "torn"}
        assert memory.rejected_in(days(2, 0)) == {f"zoom:main:{name}" for name in names}
