"""What a perfect harvest would hold: the documents of every meeting of the organisation, out of its facts.

Nothing of this reads an answer of the simulator or imports a connector: it says again, in its own words, what the
README says of the documents, and so can tell whether a connector does as it should.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from harvester.simulator.organisation import Organisation
from harvester.simulator.truth.zoom import Source, ZoomTruth

Document = dict[str, Any]


def documents(
    organisation: Organisation, *, source: Source = "dashboard", qos: bool = False, webinars: bool = False,
    account: str = "main",
) -> Iterator[Document]:  # fmt: skip
    """Every document as of the organisation's `now`, without `harvested_at`: a meeting, then its sessions.

    The harvest is of all days from the first one's midnight to now. Instants are aware datetimes.
    """
    yield from ZoomTruth(organisation, source=source, qos=qos, webinars=webinars, account=account).documents()


def write(path: Path, organisation: Organisation, *, source: Source, qos: bool) -> None:
    """One document a line, whole or not at all."""
    unfinished = path.with_name(path.name + ".new")
    with unfinished.open("wb") as lines:
        for document in documents(organisation, source=source, qos=qos):
            lines.write(orjson.dumps(document, option=orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE))
    unfinished.replace(path)


__all__ = ["Document", "Source", "documents", "write"]
