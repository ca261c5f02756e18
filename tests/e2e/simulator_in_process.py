"""Serves simulated vendors from a thread of this process: the same organisation on the same port, at several times."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from harvester.simulator import server
from tests.e2e.harness import Documents, Harvester, by_id, traffic_of
from tests.e2e.index_sandbox import IndexSandbox


@dataclass(frozen=True, kw_only=True)
class RunningSimulator:
    """The vendors at one time. `settings` point the harvester at them; `truth`: the documents of a perfect harvest at that time."""

    settings: Mapping[str, str]
    truth: Documents

    def traffic(self, vendor: str = "webex") -> dict[str, Any]:
        """The vendor's counts of its requests at this time, and of the injected faults."""
        return traffic_of(self.settings, vendor)

    def calls(self, vendor: str = "webex") -> dict[str, int]:
        return dict(self.traffic(vendor)["calls"])

    def pointed(self, sandbox: IndexSandbox, **more: str) -> Harvester:
        """A harvester that loads into this sandbox."""
        where = {"ES_HOST": sandbox.node.url, "ES_INDEX_PREFIX": sandbox.prefix}
        return Harvester(sandbox.folder, {**self.settings, **where, **more})


@dataclass
class Vendors:
    """An organisation to be served. `options`: those of the server, without time and port."""

    folder: Path
    options: Mapping[str, Any]
    port: int = field(default=0, init=False)

    @contextmanager
    def at(self, later: timedelta = timedelta(), **changed: Any) -> Iterator[RunningSimulator]:
        """Serve it `later` than the organisation's now. `changed` replaces options."""
        truth = self.folder / "truth.ndjson"
        result = {**self.options, "port": self.port, "truth": truth, "later": later, **changed}
        with server.serving(server.Options(**result)) as settings:
            self.port = next(
                urlsplit(v).port or 0 for name, v in settings.items() if name.endswith("_API_URL")
            )
            with truth.open(encoding="utf-8") as lines:
                yield RunningSimulator(settings=settings, truth=by_id(map(json.loads, lines)))
