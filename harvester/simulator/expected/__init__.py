"""The documents that a perfect harvest would hold, computed from the organisation's facts.

Nothing here reads an answer of the simulator or imports a connector. It implements the documented fields
independently, and so shows whether a connector is right.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson

from harvester.output_file import open_output
from harvester.simulator import VENDORS
from harvester.simulator.expected.google_meet import ExpectedGoogleMeet, GoogleSource
from harvester.simulator.expected.meetecho import ExpectedMeetecho
from harvester.simulator.expected.teams import ExpectedTeams
from harvester.simulator.expected.webex import ExpectedWebex
from harvester.simulator.expected.zoom import ExpectedZoom, ZoomSource
from harvester.simulator.google_meet.options import GoogleOptions
from harvester.simulator.meetecho.options import MeetechoOptions
from harvester.simulator.organisation import Organisation
from harvester.simulator.teams.options import TeamsOptions
from harvester.simulator.webex.options import WebexOptions

Document = dict[str, Any]


def documents(
    organisation: Organisation, *, vendors: Sequence[str] = VENDORS, source: ZoomSource = "dashboard", qos: bool = False,
    webinars: bool = False, webex: WebexOptions | None = None, account: str = "main",
    later: timedelta = timedelta(), google: GoogleOptions | None = None, google_source: GoogleSource = "auto",
    meetecho: MeetechoOptions | None = None, teams: TeamsOptions | None = None, teams_calls: bool = False,
    teams_titles: bool = False,
) -> Iterator[Document]:  # fmt: skip
    """Yield every document as of the organisation's `now`, without `harvested_at`: each meeting, then its sessions.

    The harvest covers all days from the first one's midnight to now. Instants are aware datetimes.

    source, qos, webinars: Zoom's.
    webex, google, meetecho, teams: options of the simulated account.
    google_source: Google Meet's.
    teams_calls, teams_titles: Teams'.
    later: how long after now the harvest starts, within the quiet hour, in which only Webex's qualities
        change. Of Teams, it may be days later.
    """
    if "zoom" in vendors:
        expected = ExpectedZoom(organisation, source=source, qos=qos, webinars=webinars, account=account)
        yield from expected.documents()
    if "webex" in vendors:
        yield from ExpectedWebex(
            organisation, options=webex or WebexOptions(), account=account, later=later
        ).documents()
    if "google-meet" in vendors:
        workspace = ExpectedGoogleMeet(
            organisation,
            options=google or GoogleOptions(),
            source=google_source,
            account=account,
            later=later,
        )
        yield from workspace.documents()
    if "meetecho" in vendors:
        groups = ExpectedMeetecho(
            organisation, options=meetecho or MeetechoOptions(), account=account, later=later
        )
        yield from groups.documents()
    if "teams" in vendors:
        tenant = ExpectedTeams(
            organisation, options=teams or TeamsOptions(), account=account, later=later, calls=teams_calls,
            titles=teams_titles,
        )  # fmt: skip
        yield from tenant.documents()


def write(
    path: Path, organisation: Organisation, *, source: ZoomSource, qos: bool, vendors: Sequence[str] = VENDORS,
    webex: WebexOptions | None = None, later: timedelta = timedelta(), google: GoogleOptions | None = None,
    google_source: GoogleSource = "auto", meetecho: MeetechoOptions | None = None, teams: TeamsOptions | None = None,
    teams_calls: bool = False, teams_titles: bool = False,
) -> None:  # fmt: skip
    """Write one document per line, atomically."""
    expected = documents(
        organisation, vendors=vendors, source=source, qos=qos, webex=webex, later=later, google=google,
        google_source=google_source, meetecho=meetecho, teams=teams, teams_calls=teams_calls, teams_titles=teams_titles,
    )  # fmt: skip
    with open_output(path) as file:
        for document in expected:
            file.stream.write(orjson.dumps(document, option=orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE))


__all__ = ["Document", "GoogleSource", "ZoomSource", "documents", "write"]
