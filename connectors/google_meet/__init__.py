"""Google Meet: the conferences of a whole company, with every stay of every participant, and planned meetings.

Documentation (read in 2026; schemas from the discovery documents in the google-api-python-client wheel):
- https://developers.google.com/workspace/meet/api/guides/overview (records, participants, sessions, spaces)
- https://developers.google.com/workspace/admin/reports/v1/appendix/activity/meet (`call_ended`)
- https://developers.google.com/workspace/admin/directory/v1/guides, https://developers.google.com/workspace/calendar/api

There are two sources. *Reports*: one admin reads a row for every endpoint that left a conference, with address, device
and quality, 180 days back. *Meet*: each user reads their own conferences, live ones included, 30 days back. `auto` reads
Reports and adds what Meet has of each conference; without Reports, it reads Meet only. Names come from the Directory and
titles from Calendar. All of these APIs are optional.

Scopes: `admin.reports.audit.readonly`, `meetings.space.readonly`, `admin.directory.user.readonly`,
`calendar.events.readonly`, each for its own API only. `harvester check google-meet` names what is missing.

Limits, in calls a minute: 600 per user and 6,000 per project at Meet, 600 and 10,000 at Calendar, 250 at Reports.

Not provided by Google: addresses of external participants (or only masked), the organizer if only Meet is read, the
quality of phone calls, and details of a live conference beyond its participants.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import timedelta
from threading import RLock
from typing import TYPE_CHECKING, ClassVar

from connectors.base import (
    UPCOMING,
    CheckResult,
    Context,
    Option,
    Setting,
    Settings,
    setting_or_default,
    validate_settings,
)
from connectors.google_meet.credentials import read_caller, read_project
from connectors.google_meet.endpoints import (
    CALENDAR,
    LOOKBACK,
    MAX_WINDOW,
    MEET,
    RECORD_RETENTION,
    REPORTS,
    REPORTS_RETENTION,
    VENDOR,
)
from connectors.models import MeetingRecord, MeetingRef, SkippedPartition, Window
from connectors.rate_limit import MARGIN

if TYPE_CHECKING:
    from connectors.google_meet.source_selection import GoogleSourceSelector


class GoogleMeet:
    """One Google Workspace, or the meetings of one of its users."""

    name: ClassVar[str] = "google-meet"
    title: ClassVar[str] = "Google Meet"
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting(
            name="GOOGLE_CREDENTIALS",
            help="The JSON file of a service account key, of an OAuth client, or of a user's token.",
            how_to_get="at console.cloud.google.com, APIs & Services > Credentials",
            secret=True,
            required=True,
            path=True,
        ),
        Setting(
            name="GOOGLE_ADMIN",
            help="The e-mail address of the admin whom the service account impersonates.",
            how_to_get="in the Admin console, where the delegation is given",
        ),
        Setting(
            name="GOOGLE_CUSTOMER", token=True, help="The customer id, for resellers.", default="my_customer"
        ),
        Setting(
            name="GOOGLE_SOURCE",
            help="The source: `reports`, `meet`, or `auto` for both.",
            default="auto",
            choices=("auto", "reports", "meet"),
        ),
        Setting(name=MEET.setting, help="The base URL of Meet.", default=MEET.url),
        Setting(name=REPORTS.setting, help="The base URL of the Admin SDK.", default=REPORTS.url),
        Setting(name=CALENDAR.setting, help="The base URL of Calendar.", default=CALENDAR.url),
    )
    options: ClassVar[tuple[Option, ...]] = (
        Option(
            name="meeting-code",
            help="Harvest only meetings with this code (abc-mnop-xyz).",
            metavar="CODE",
            filters=True,
        ),
        Option(
            name="user",
            help="Harvest only meetings of this user, by email address; repeatable.",
            metavar="EMAIL",
            repeatable=True,
            filters=True,
        ),
        UPCOMING,
    )
    max_window: ClassVar[timedelta] = MAX_WINDOW
    lookback: ClassVar[timedelta] = LOOKBACK
    retention: ClassVar[timedelta] = REPORTS_RETENTION
    lists_live: ClassVar[bool] = True
    daily_quota: ClassVar[None] = None

    def __init__(self, settings: Settings, context: Context) -> None:
        """Raises ConfigurationError if a setting is missing or invalid. Reads no file and makes no request."""
        validate_settings(VENDOR, self.settings, settings)
        self.source = setting_or_default("GOOGLE_SOURCE", self.settings, settings)
        if self.source == "meet":
            self.retention = RECORD_RETENTION  # type: ignore[misc]  # a class constant of the contract, but here it depends on a setting
        self._settings = settings
        self.context = context
        self._lock = RLock()
        self._selector: GoogleSourceSelector | None = None

    def meetings(
        self, window: Window, partitions: Collection[str] = ()
    ) -> Iterator[MeetingRef | SkippedPartition]:
        return self.selector.meetings(window, partitions)

    def fetch(self, ref: MeetingRef) -> MeetingRecord:
        return self.selector.fetch(ref)

    def estimate_requests(self, ref: MeetingRef) -> int:
        return self.selector.estimate_requests(ref)

    def check(self) -> Iterator[CheckResult]:
        from connectors.google_meet.check import run_checks

        return run_checks(self.selector)

    @classmethod
    def quota_pool(cls, settings: Settings) -> str:
        """The Cloud project that the credentials belong to."""
        return read_project(settings.get("GOOGLE_CREDENTIALS") or "")

    @classmethod
    def read_data(cls, settings: Settings) -> frozenset[str]:
        """What a service account reads in the name of an admin, or the person whose token it is. Several people may log in to
        one OAuth client, so that does not say it."""
        caller = read_caller(settings.get("GOOGLE_CREDENTIALS") or "")
        customer = setting_or_default("GOOGLE_CUSTOMER", cls.settings, settings)
        admin = (settings.get("GOOGLE_ADMIN") or "").lower()
        return frozenset([f"{caller} {admin} {customer}"] if caller else [])

    @property
    def time_url(self) -> str:
        service = MEET if self.source == "meet" else REPORTS
        return setting_or_default(service.setting, self.settings, self._settings)

    @property
    def concurrency(self) -> int:
        """Enough to use a project's rate if Google takes a fifth of a second to respond."""
        return 16

    @property
    def requests_per_second(self) -> float:
        """The rate of the project at Meet, which nearly all calls of a fetch count against."""
        return (MEET.per_minute_project or 0) / 60.0 * MARGIN * self._settings.rate_share

    @property
    def selector(self) -> GoogleSourceSelector:
        """Created when first needed, because it imports Google's library."""
        with self._lock:
            if self._selector is None:
                from connectors.google_meet.source_selection import GoogleSourceSelector

                self._selector = GoogleSourceSelector(self._settings, self.context, self.source)
            return self._selector
