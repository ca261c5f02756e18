"""The Google APIs of one run, and the options that limit it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from connectors.base import Context
from connectors.google_meet.auth import GoogleTokens
from connectors.google_meet.calendar_api import CalendarApi
from connectors.google_meet.conference_grouping import Conference
from connectors.google_meet.directory_api import DirectoryApi
from connectors.google_meet.mapping import to_host
from connectors.google_meet.meet_api import MeetApi
from connectors.google_meet.reports_api import ReportsApi
from connectors.google_meet.reports_rows import Row, normalize_code
from connectors.models import Host


@dataclass(frozen=True, slots=True, kw_only=True)
class Apis:
    context: Context
    tokens: GoogleTokens
    directory: DirectoryApi
    reports: ReportsApi
    meet: MeetApi
    calendar: CalendarApi
    account: str
    """The account's label in document ids."""
    raw: bool
    option_values: Mapping[str, tuple[str, ...]]

    @property
    def users(self) -> tuple[str, ...]:
        """The addresses given with `--user`; none means all users."""
        return self.option_values.get("user", ())

    @property
    def code(self) -> str | None:
        """The meeting code given with `--meeting-code`."""
        return next((normalize_code(code) for code in self.option_values.get("meeting-code", ())), None)

    def event(self, conference: Conference | None) -> Row:
        """The calendar event of a conference; empty if it has none that can be read."""
        if conference is None:
            return {}
        return self.calendar.event(self.organizer_user(conference), conference.event_id)

    def host(self, organizer: str | None) -> Host | None:
        """The organizer with this address, with name and id if the Directory has them."""
        person = self.directory.by_address(organizer)
        return to_host(organizer, person.id, person.name) if person is not None else to_host(organizer)

    def organizer_user(self, conference: Conference | None) -> str | None:
        """The user to impersonate for the organizer's data: the primary address of an active Directory user, else `None`.

        Without the Directory, the organizer's address as Reports has it.
        """
        organizer = conference.organizer if conference is not None else None
        if not self.tokens.impersonates or not self.directory.is_readable:
            return None if organizer is None or "*" in organizer else organizer
        person = self.directory.by_address(organizer)
        return person.email if person is not None and person.active else None
