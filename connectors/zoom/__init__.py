"""Zoom: meetings and, with `--webinars`, webinars, with every stay of every participant.

Documentation (read from 2025-06 to 2026-08):
- https://developers.zoom.us/docs/api/ (Accounts: Dashboards; Meetings: Reports; Users)
- https://developers.zoom.us/docs/api/rate-limits/, …/pagination/, …/errors/
- https://developers.zoom.us/docs/internal-apps/s2s-oauth/

There are two sources. The Dashboard (Business and above) is one list for the whole account, with device, address,
network, location, role and quality of each session. The Reports (Pro and above) are read user by user, and have only
names and times.

Scopes, each with `:admin`, or the classic scopes that include them (`dashboard_meetings:read:admin`, `report:read:admin`
…): for the Dashboard `dashboard:read:list_meetings` and `dashboard:read:list_meeting_participants`; for the Reports
`report:read:list_users`, `report:read:user` and `report:read:list_meeting_participants`; to read a meeting again
`dashboard:read:meeting` or `report:read:meeting`; for host ids `user:read:list_users`. `harvester check zoom` names the
missing ones.

Limits: on Business and above 40 Heavy calls a second, 20 lists a minute and 60,000 of both a day; on Pro 10, 10 and
30,000. Lists reach back six months, the details of a meeting one year.

Not provided by Zoom: addresses and ids of guests (since 2022-03 and 2023-03), most personal data in accounts under a
BAA (HIPAA), the quality of webinars, and on Pro everything but names and times.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import timedelta
from math import ceil
from typing import ClassVar

from connectors.base import (
    CheckResult,
    Context,
    Option,
    Setting,
    Settings,
    setting_or_default,
    validate_settings,
)
from connectors.http import Api
from connectors.models import MeetingRecord, MeetingRef, SkippedPartition, Window
from connectors.rate_limit import MARGIN
from connectors.zoom.auth import AppCredentials, ServerToServerOAuth
from connectors.zoom.check import run_checks
from connectors.zoom.endpoints import LOOKBACK, MAX_WINDOW, RETENTION, VENDOR
from connectors.zoom.errors import APP_PAGE, DailyLimitGuard, PlanTooLow, response_classifier
from connectors.zoom.http_client import Rates, ZoomClient, daily_quota
from connectors.zoom.source_selection import Source, ZoomSourceSelector

_CREDENTIALS = f"in App Credentials of a Server-to-Server OAuth app, which an admin of the account creates and activates at {APP_PAGE}"


class Zoom:
    """One Zoom account."""

    name: ClassVar[str] = "zoom"
    title: ClassVar[str] = "Zoom"
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting(
            name="ZOOM_ACCOUNT_ID",
            token=True,
            help="The account of the app.",
            how_to_get=_CREDENTIALS,
            required=True,
        ),
        Setting(
            name="ZOOM_CLIENT_ID",
            token=True,
            help="The client id of the app.",
            how_to_get=_CREDENTIALS,
            required=True,
        ),
        Setting(
            name="ZOOM_CLIENT_SECRET",
            token=True,
            help="The client secret of the app.",
            how_to_get=_CREDENTIALS,
            secret=True,
            required=True,
        ),
        Setting(
            name="ZOOM_PLAN",
            help="The API to read: `business` for the Dashboard (Business and above), `pro` for the Reports. "
            "Detected if unset.",
            how_to_get="at zoom.us, under Admin > Account Management > Billing",
            choices=("pro", "business"),
        ),
        Setting(
            name="ZOOM_API_URL",
            help="The base URL of the API, for other regions and clouds.",
            default="https://api.zoom.us/v2",
        ),
        Setting(name="ZOOM_TOKEN_URL", help="The token endpoint.", default="https://zoom.us/oauth/token"),
    )
    options: ClassVar[tuple[Option, ...]] = (
        Option(
            name="qos", help="Also fetch the quality of each session (one more call for every ten sessions)."
        ),
        Option(name="series", help="With --qos, also keep the quality samples of each session over time."),
        Option(name="webinars", help="Also harvest webinars."),
    )
    max_window: ClassVar[timedelta] = MAX_WINDOW
    lookback: ClassVar[timedelta] = LOOKBACK
    retention: ClassVar[timedelta] = RETENTION
    lists_live: ClassVar[bool] = True

    def __init__(self, settings: Settings, context: Context) -> None:
        """Raises ConfigurationError if a setting is missing or invalid. Makes no request."""
        validate_settings(VENDOR, self.settings, settings)
        self._settings = settings
        self.context = context
        credentials = AppCredentials(
            account_id=settings["ZOOM_ACCOUNT_ID"],
            client_id=settings["ZOOM_CLIENT_ID"],
            client_secret=settings["ZOOM_CLIENT_SECRET"],
        )
        self.auth = ServerToServerOAuth(credentials, self._url("ZOOM_TOKEN_URL"), context)
        self._stop = DailyLimitGuard(context)
        self._api = Api(
            VENDOR,
            self._url("ZOOM_API_URL"),
            context,
            classify=response_classifier(context, self._stop),
            auth=self.auth,
        )
        self.selector = ZoomSourceSelector(
            settings, context, self.auth, self._client, options=[option.name for option in self.options]
        )

    def meetings(
        self, window: Window, partitions: Collection[str] = ()
    ) -> Iterator[MeetingRef | SkippedPartition]:
        source = self.selector.source()
        try:
            yield from source.meetings(window, partitions)
            return
        except PlanTooLow as refused:
            # Zoom refuses the first call, so no ref was listed yet.
            other = self.selector.fallback(source, refused)
        yield from other.meetings(window, partitions)

    def fetch(self, ref: MeetingRef) -> MeetingRecord:
        source = self.selector.source()
        try:
            return source.fetch(_for_source(source, ref))
        except PlanTooLow as refused:
            other = self.selector.fallback(source, refused)
        return other.fetch(_for_source(other, ref))

    def estimate_requests(self, ref: MeetingRef) -> int:
        return self.selector.source().estimate_requests(ref)

    def check(self) -> Iterator[CheckResult]:
        return run_checks(self)

    @classmethod
    def quota_pool(cls, settings: Settings) -> str:
        """Zoom counts the calls of all apps of an account together."""
        return settings.get("ZOOM_ACCOUNT_ID") or ""

    @classmethod
    def read_data(cls, settings: Settings) -> frozenset[str]:
        """Every app of a Zoom account reads the whole account."""
        return frozenset(filter(None, [settings.get("ZOOM_ACCOUNT_ID")]))

    @property
    def time_url(self) -> str:
        return self._url("ZOOM_API_URL")

    @property
    def concurrency(self) -> int:
        """Enough to use the Heavy rate if Zoom takes a second to respond."""
        return min(32, max(4, ceil(self.selector.rates.heavy * self._settings.rate_share)))

    @property
    def requests_per_second(self) -> float:
        """The rate of Heavy calls, as nearly all calls are."""
        return self.selector.rates.heavy * MARGIN * self._settings.rate_share

    @property
    def daily_quota(self) -> tuple[str, int]:
        """Heavy and Resource-intensive calls together."""
        return daily_quota(self.selector.rates, self._settings.rate_share)

    def _client(self, rates: Rates) -> ZoomClient:
        return ZoomClient(self._api, self._stop, rates, self._settings.rate_share, self.context)

    def _url(self, name: str) -> str:
        return setting_or_default(name, self.settings, self._settings)


def _for_source(source: Source, ref: MeetingRef) -> MeetingRef:
    """The ref, without its row if the other source listed it: the rows of the two sources have different keys."""
    return ref if ref.row is None or ref.hint.get("source") == source.name else replace(ref, row=None)
