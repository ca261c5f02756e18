"""Microsoft Teams: meetings with every stay of every participant and its quality, from the call records of Microsoft Graph.

Documentation (2026), below https://learn.microsoft.com/graph:
- /api/cloudcommunications-list-callrecords, /api/callrecords-session-list, /api/callrecords-callrecord-get
- /api/resources/callrecords-api-overview, /callrecords-api-faq, /api/resources/callrecords-mediastream
- /throttling-limits, /auth-v2-service, /deployments
- schema: https://github.com/microsoftgraph/msgraph-metadata (schemas/v1.0-Prod.csdl; MIT)

One listing covers the whole tenant; each meeting takes one call for up to 60 of its sessions.

Permission: `CallRecords.Read.All`, for the application, with admin consent. `--titles` also needs `OnlineMeetings.Read.All`
and an application access policy. `harvester check teams` names what is missing.

Limits: records are kept for 30 days. They appear up to 150 minutes after the call, and get a higher version whenever more
telemetry arrives, so each nightly run lists a week again and fetches what has a higher version.

Not provided by Teams: the names of people of other organisations, titles and codes without `--titles`, live meetings,
recordings, breakout rooms, who shared what, resolution, bit rate, and samples over time.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import ClassVar

from connectors.attendance import to_record
from connectors.base import (
    CheckResult,
    Context,
    Option,
    Setting,
    Settings,
    setting_or_default,
    validate_settings,
)
from connectors.errors import Gone, NotReady, VendorError
from connectors.http import Api
from connectors.models import (
    Detail,
    Meeting,
    MeetingRecord,
    MeetingRef,
    Pending,
    Reason,
    SkippedPartition,
    Window,
)
from connectors.parsing import truncate_to_milliseconds
from connectors.pending import require_timestamp
from connectors.rate_limit import MARGIN
from connectors.teams.auth import AppCredentials, ClientCredentials
from connectors.teams.check import run_checks
from connectors.teams.endpoints import (
    APP_PAGE,
    CALLS_PER_SECOND,
    CLOUDS,
    LOOKBACK,
    MAX_WINDOW,
    PERMISSION,
    RETENTION,
    VENDOR,
    api_url,
)
from connectors.teams.errors import response_classifier
from connectors.teams.http_client import Row, TeamsClient
from connectors.teams.legs import to_legs
from connectors.teams.listing import CallRecordListing, missing_error, until_available
from connectors.teams.mapping import organizer_of, to_meeting, to_session, with_audio, with_online_meeting
from connectors.teams.titles import Titles

_APP = f"in an app registration at {APP_PAGE}, with the application permission {PERMISSION} and admin consent"

logger = logging.getLogger(__name__)


class Teams:
    """One tenant of Microsoft 365."""

    name: ClassVar[str] = "teams"
    title: ClassVar[str] = "Microsoft Teams"
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting(
            name="TEAMS_TENANT_ID",
            token=True,
            help="The directory (tenant) id.",
            how_to_get=_APP,
            required=True,
        ),
        Setting(
            name="TEAMS_CLIENT_ID",
            token=True,
            help="The application (client) id.",
            how_to_get=_APP,
            required=True,
        ),
        Setting(
            name="TEAMS_CLIENT_SECRET",
            token=True,
            help="The value of a client secret of the app.",
            how_to_get=_APP,
            secret=True,
            required=True,
        ),
        Setting(
            name="TEAMS_CLOUD",
            help="The cloud of the tenant: `global`, `usgov` (US Government L4) or `dod` (L5).",
            default="global",
            choices=tuple(CLOUDS),
        ),
        Setting(name="TEAMS_API_URL", help="The root of Microsoft Graph, instead of that of the cloud."),
        Setting(name="TEAMS_LOGIN_URL", help="The root of the token endpoint, instead of that of the cloud."),
    )
    options: ClassVar[tuple[Option, ...]] = (
        Option(name="calls", help="Also harvest calls between two people and telephone calls."),
        Option(
            name="titles",
            help="Also fetch title, code and planned times (one more call for every meeting; needs a second permission).",
        ),
    )
    max_window: ClassVar[timedelta] = MAX_WINDOW
    lookback: ClassVar[timedelta] = LOOKBACK
    retention: ClassVar[timedelta] = RETENTION
    lists_live: ClassVar[bool] = False
    daily_quota: ClassVar[None] = None

    def __init__(self, settings: Settings, context: Context) -> None:
        """Raises ConfigurationError if a setting is missing or invalid. Makes no request."""
        validate_settings(VENDOR, self.settings, settings)
        self._settings = settings
        self.context = context
        self.tenant = settings["TEAMS_TENANT_ID"]
        cloud = CLOUDS[setting_or_default("TEAMS_CLOUD", self.settings, settings)]
        credentials = AppCredentials(
            tenant_id=self.tenant,
            client_id=settings["TEAMS_CLIENT_ID"],
            client_secret=settings["TEAMS_CLIENT_SECRET"],
        )
        login = settings.get("TEAMS_LOGIN_URL") or cloud.login
        self.auth = ClientCredentials(credentials, login, f"{cloud.graph}/.default", context)
        self._base_url = api_url(settings.get("TEAMS_API_URL") or cloud.graph)
        api = Api(VENDOR, self._base_url, context, classify=response_classifier(context), auth=self.auth)
        self.client = TeamsClient(api, self._base_url, context, settings.rate_share)
        self.listing = CallRecordListing(self.client, context, calls="calls" in settings.options)
        self.titles = Titles(self.client, context, self.tenant)

    def meetings(
        self, window: Window, _partitions: Collection[str] = ()
    ) -> Iterator[MeetingRef | SkippedPartition]:
        """The partitions are organizers whose titles are refused; their meetings are listed all the same."""
        for ref in self.listing.list_instances(window):
            if self.wants_titles:
                yield from self.titles.probe(ref)
            yield ref

    def fetch(self, ref: MeetingRef) -> MeetingRecord:
        harvested_at = truncate_to_milliseconds(self.context.now())
        row = self.listing.head(ref)
        try:
            sessions = self.client.sessions(ref.uuid, whole=self._wants(ref, "raw"))
        except VendorError as error:
            return self._without_sessions(ref, row, harvested_at, error)
        return self._to_record(ref, row, sessions, harvested_at)

    def estimate_requests(self, ref: MeetingRef) -> int:
        head = 1 if ref.row is None else 0
        title = self._wants(ref, "titles") and self.titles.needs_request(ref.row or {})
        return head + 1 + int(title)

    def check(self) -> Iterator[CheckResult]:
        return run_checks(self)

    @classmethod
    def quota_pool(cls, settings: Settings) -> str:
        """Graph counts the requests of an app in a tenant together."""
        tenant, app = settings.get("TEAMS_TENANT_ID"), settings.get("TEAMS_CLIENT_ID")
        return f"{tenant}/{app}" if tenant and app else ""

    @classmethod
    def read_data(cls, settings: Settings) -> frozenset[str]:
        """Every app of a tenant reads the whole tenant."""
        return frozenset(filter(None, [(settings.get("TEAMS_TENANT_ID") or "").lower()]))

    @property
    def time_url(self) -> str:
        return self._base_url

    @property
    def concurrency(self) -> int:
        """Enough to use the rate if Graph takes two seconds to respond."""
        return 8

    @property
    def requests_per_second(self) -> float:
        return CALLS_PER_SECOND * MARGIN * self._settings.rate_share

    @property
    def wants_titles(self) -> bool:
        return "titles" in self._settings.options

    def _to_record(
        self, ref: MeetingRef, row: Row, sessions: list[Row], harvested_at: datetime
    ) -> MeetingRecord:
        legs, skipped = to_legs(row, sessions)
        if skipped:
            logger.debug("%s: %d bots and services left out of a meeting", VENDOR, skipped)
        raw, organizer = self._wants(ref, "raw"), organizer_of(row)
        meeting = with_audio(self._meeting(ref, row, Detail.full, harvested_at), legs)
        stays = [to_session(leg, organizer=organizer, tenant=self.tenant, raw=raw) for leg in legs]
        return self._finished(to_record(meeting, stays))

    def _meeting(self, ref: MeetingRef, row: Row, detail: Detail, harvested_at: datetime) -> Meeting:
        """The meeting of a row, with its online meeting if titles are wanted and it has one."""
        meeting = to_meeting(
            row,
            account=self._settings.account,
            detail=detail,
            harvested_at=harvested_at,
            raw=self._wants(ref, "raw"),
        )
        found = self.titles.find(ref.uuid, row) if self._wants(ref, "titles") else None
        return meeting if found is None else with_online_meeting(meeting, found)

    def _without_sessions(
        self, ref: MeetingRef, row: Row, harvested_at: datetime, error: VendorError
    ) -> MeetingRecord:
        """The record as it is listed, if its sessions are not there yet or refused; else raises the error, or Gone."""
        now = self.context.now()
        pending = None
        if error.status == 404:
            missing = missing_error(ref, now)
            if isinstance(missing, Gone) and ref.row is None:
                raise missing from None
            if isinstance(missing, VendorError):
                raise error
            if isinstance(missing, NotReady):
                pending = Pending(until=until_available(ref, now), reason=Reason.settling)
        elif error.status == 403:
            self.require_permission()
        else:
            raise error
        meeting = self._meeting(ref, row, Detail.basic, harvested_at)
        record = MeetingRecord(meeting=meeting, pending=pending, listed_only=pending is None)
        return self._finished(record)

    def require_permission(self) -> None:
        """Makes the smallest listing, one of a minute. Raises CredentialsError if the app may not read call records."""
        start = self.context.now() - timedelta(hours=1)
        next(self.listing.rows(Window(start=start, end=start + timedelta(minutes=1))), None)

    def _finished(self, record: MeetingRecord) -> MeetingRecord:
        now = self.context.now()
        return require_timestamp(record, vendor=VENDOR, since=now, lookback=LOOKBACK, now=now)

    def _wants(self, ref: MeetingRef, option: str) -> bool:
        in_run = self._settings.raw if option == "raw" else option in self._settings.options
        return ref.wants(option, in_run=in_run)
