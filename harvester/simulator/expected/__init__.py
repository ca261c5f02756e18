"""What a perfect harvest would hold: the documents of every meeting of the organisation, out of its facts.

Nothing of this reads an answer of the simulator or imports a connector: it says again, in its own words, what the
README says of the documents, and so can tell whether a connector does as it should.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson

from harvester.simulator import VENDORS
from harvester.simulator.expected.google_meet import GoogleSource, GoogleTruth
from harvester.simulator.expected.meetecho import MeetechoTruth
from harvester.simulator.expected.webex import WebexTruth
from harvester.simulator.expected.zoom import Source, ZoomTruth
from harvester.simulator.google_meet.access import Terms as GoogleTerms
from harvester.simulator.meetecho.access import Terms as MeetechoTerms
from harvester.simulator.organisation import Organisation
from harvester.simulator.webex.access import Terms

Document = dict[str, Any]


def documents(
    organisation: Organisation, *, vendors: Sequence[str] = VENDORS, source: Source = "dashboard", qos: bool = False,
    webinars: bool = False, terms: Terms | None = None, account: str = "main",
    later: timedelta = timedelta(), google: GoogleTerms | None = None, google_source: GoogleSource = "auto",
    meetecho: MeetechoTerms | None = None,
) -> Iterator[Document]:  # fmt: skip
    """Every document as of the organisation's `now`, without `harvested_at`: a meeting, then its sessions.

    The harvest is of all days from the first one's midnight to now. Instants are aware datetimes. `source`, `qos` and
    `webinars` are about Zoom, `terms` about Webex. `later`: how long after now the harvest begins, within the quiet hour,
    in which nothing changes but what Webex lets ripen. `google`, `google_source` are about Google Meet, `meetecho` is
    about Meetecho.
    """
    if "zoom" in vendors:
        told = ZoomTruth(organisation, source=source, qos=qos, webinars=webinars, account=account)
        yield from told.documents()
    if "webex" in vendors:
        yield from WebexTruth(organisation, terms=terms or Terms(), account=account, later=later).documents()
    if "google-meet" in vendors:
        workspace = GoogleTruth(
            organisation, terms=google or GoogleTerms(), source=google_source, account=account, later=later
        )
        yield from workspace.documents()
    if "meetecho" in vendors:
        groups = MeetechoTruth(organisation, terms=meetecho or MeetechoTerms(), account=account, later=later)
        yield from groups.documents()


def write(
    path: Path, organisation: Organisation, *, source: Source, qos: bool, vendors: Sequence[str] = VENDORS,
    terms: Terms | None = None, later: timedelta = timedelta(), google: GoogleTerms | None = None,
    google_source: GoogleSource = "auto", meetecho: MeetechoTerms | None = None,
) -> None:  # fmt: skip
    """One document a line, whole or not at all."""
    unfinished = path.with_name(path.name + ".new")
    told = documents(
        organisation, vendors=vendors, source=source, qos=qos, terms=terms, later=later, google=google,
        google_source=google_source, meetecho=meetecho,
    )  # fmt: skip
    with unfinished.open("wb") as lines:
        for document in told:
            lines.write(orjson.dumps(document, option=orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE))
    unfinished.replace(path)


__all__ = ["Document", "GoogleSource", "Source", "documents", "write"]
