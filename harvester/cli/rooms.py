"""`harvester rooms`: whether meeting rooms are busy or free, and bookings."""

from __future__ import annotations

import click

from harvester.cli import SuggestingGroup
from harvester.cli.options import examples
from harvester.cli.rooms_book_cancel import book, cancel
from harvester.cli.rooms_bookings import bookings
from harvester.cli.rooms_demo import demo
from harvester.cli.rooms_serve import serve
from harvester.cli.rooms_status import discover, find, status
from harvester.cli.rooms_watch import watch


@click.group(
    cls=SuggestingGroup,
    epilog=examples(
        "harvester rooms discover > rooms.toml",
        "harvester rooms status",
        "harvester rooms find --for 30m --seats 6",
    ),
)
def rooms() -> None:
    """Show whether meeting rooms are busy or free, from their Google calendars.

    The settings are those of `harvester google-meet`: a service account acts for GOOGLE_ADMIN, who must be able to see the
    calendars.
    """


for command in (status, find, watch, serve, book, cancel, bookings, discover, demo):
    rooms.add_command(command)
