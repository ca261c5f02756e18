"""Zoom: meetings and, with `--webinars`, webinars, with every stay of every participant.

Documentation (looked at from 2025-06 to 2026-08):
- https://developers.zoom.us/docs/api/ (Accounts: Dashboards; Meetings: Reports; Users)
- https://developers.zoom.us/docs/api/rate-limits/, …/pagination/, …/errors/
- https://developers.zoom.us/docs/internal-apps/s2s-oauth/

Two ways to the same meetings. The Dashboard (Business and above) is one list for the account, with device, address,
network, place, role and quality of each stay. The Reports (Pro and above) go user by user, with names and times alone.

Scopes, each `:admin`, or the classic ones that hold them (`dashboard_meetings:read:admin`, `report:read:admin` …):
Dashboard `dashboard:read:list_meetings` and `dashboard:read:list_meeting_participants`; Reports `report:read:list_users`,
`report:read:user` and `report:read:list_meeting_participants`; to read a meeting again `dashboard:read:meeting` or
`report:read:meeting`; for host ids `user:read:list_users`. `harvester check zoom` names what is missing.

Limits: 40 Heavy calls a second, 20 lists a minute and 60,000 of both a day on Business and above; 10, 10 and 30,000 on
Pro. Lists reach six months back, a meeting's details a year.

What Zoom does not tell: addresses and ids of guests (since 2022-03 and 2023-03), most of a person's data in accounts
under a BAA (HIPAA), quality of webinars, and on Pro everything but names and times.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import timedelta
from math import ceil
from threading import RLock
from typing import ClassVar

from connectors.base import (
    CheckResult,
    Context,
    Option,
    Setting,
    Settings,
    Token,
    setting_or_default,
    validate_settings,
)
from connectors.errors import CredentialsError
from connectors.http import Api
from connectors.models import MeetingRecord, MeetingRef, SkippedPartition, Window
from connectors.rate_limit import MARGIN
from connectors.zoom.auth import AppCredentials, ServerToServerOAuth
from connectors.zoom.check import run_checks
from connectors.zoom.client import BUSINESS, PRO, Rates, ZoomClient, daily_quota
from connectors.zoom.dashboard import Dashboard
from connectors.zoom.endpoints import USERS, VENDOR
from connectors.zoom.errors import APP_PAGE, DailyLimitGuard, PlanTooLow, response_classifier
from connectors.zoom.hosts import HostIds
from connectors.zoom.listing import LOOKBACK, MAX_WINDOW, RETENTION
from connectors.zoom.reports import Reports
from connectors.zoom.source_selection import (
    SourceName,
    choose_source,
    describe_choice,
    error_for,
    lacks_dashboard,
)

_CREDENTIALS = f"in App Credentials of a Server-to-Server OAuth app, made by an account's admin at {APP_PAGE} and activated there"

Source = Dashboard | Reports


class Zoom:
    """One Zoom account."""

    name: ClassVar[str] = "zoom"
    title: ClassVar[str] = "Zoom"
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting(
            name="ZOOM_ACCOUNT_ID",
            help="the account that the app belongs to",
            how_to_get=_CREDENTIALS,
            required=True,
        ),
        Setting(name="ZOOM_CLIENT_ID", help="the app's client id", how_to_get=_CREDENTIALS, required=True),
        Setting(
            name="ZOOM_CLIENT_SECRET",
            help="the app's client secret",
            how_to_get=_CREDENTIALS,
            secret=True,
            required=True,
        ),
        Setting(
            name="ZOOM_PLAN",
            help="which API to read: `business` the Dashboard (Business and above), `pro` the Reports; "
            "found out where it is not set",
            how_to_get="Admin > Account Management > Billing at zoom.us",
            choices=("pro", "business"),
        ),
        Setting(
            name="ZOOM_API_URL",
            help="the API's base URL, for other regions and clouds",
            default="https://api.zoom.us/v2",
        ),
        Setting(name="ZOOM_TOKEN_URL", help="where tokens are had", default="https://zoom.us/oauth/token"),
    )
    options: ClassVar[tuple[Option, ...]] = (
        Option(name="qos", help="read each stay's quality of service too: a call for every ten of them"),
        Option(name="series", help="with --qos, keep the samples over time of each stay too"),
        Option(name="webinars", help="harvest webinars as well"),
    )
    max_window: ClassVar[timedelta] = MAX_WINDOW
    lookback: ClassVar[timedelta] = LOOKBACK
    retention: ClassVar[timedelta] = RETENTION
    lists_live: ClassVar[bool] = True

    def __init__(self, settings: Settings, context: Context) -> None:
        """ConfigurationError where a setting is missing or not understood; makes no request."""
        validate_settings(VENDOR, self.settings, settings)
        self._settings = settings
        self.context = context
        self.plan = settings.get("ZOOM_PLAN") or None
        self.wanted = settings.options & {option.name for option in self.options}
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
        self._lock = RLock()
        self._source: Source | None = None

    def meetings(
        self, window: Window, partitions: Collection[str] = ()
    ) -> Iterator[MeetingRef | SkippedPartition]:
        source = self.source()
        try:
            yield from source.meetings(window, partitions)
            return
        except PlanTooLow as refused:
            # Zoom says so in answer to the first call, before any ref.
            other = self.instead_of(source, refused)
        yield from other.meetings(window, partitions)

    def fetch(self, ref: MeetingRef) -> MeetingRecord:
        source = self.source()
        try:
            return source.fetch(_known_to(source, ref))
        except PlanTooLow as refused:
            other = self.instead_of(source, refused)
        return other.fetch(_known_to(other, ref))

    def estimate_requests(self, ref: MeetingRef) -> int:
        return self.source().estimate_requests(ref)

    def check(self) -> Iterator[CheckResult]:
        return run_checks(self)

    @property
    def concurrency(self) -> int:
        """What keeps the Heavy rate busy when Zoom takes a second to answer."""
        return min(32, max(4, ceil(self._rates.heavy * self._settings.rate_share)))

    @property
    def requests_per_second(self) -> float:
        """Heavy calls, which nearly all are."""
        return self._rates.heavy * MARGIN * self._settings.rate_share

    @property
    def daily_quota(self) -> tuple[str, int]:
        """Heavy and Resource-intensive calls together."""
        return daily_quota(self._rates, self._settings.rate_share)

    @property
    def _rates(self) -> Rates:
        return PRO if self.plan == "pro" or isinstance(self._source, Reports) else BUSINESS

    def source(self) -> Source:
        """The Dashboard or the Reports, settled at the first call: by ZOOM_PLAN, else by the token's scopes."""
        with self._lock:
            if self._source is None:
                name, scopes = self._chosen()
                self.context.notify_once(describe_choice(self.plan, name, scopes))
                self._source = self._reports() if name == Reports.name else self._dashboard(scopes)
            return self._source

    def instead_of(self, source: Source, refused: PlanTooLow) -> Source:
        """The Reports, where the plan was not set and has no Dashboard; else CredentialsError with what to do."""
        with self._lock:
            if self._source is not source and self._source is not None:
                return self._source  # another thread was refused first
            if self.plan is not None or isinstance(source, Reports) or not lacks_dashboard(refused):
                raise error_for(refused) from None
            self.context.notify_once(
                f"{VENDOR}: this account has no Dashboard (code 200): reading the Reports instead"
            )
            choose_source("pro", _scopes(self.auth.token()), self.wanted)
            self._source = self._reports()
            return self._source

    def _chosen(self) -> tuple[SourceName, frozenset[str]]:
        scopes = _scopes(self.auth.token())
        try:
            return choose_source(self.plan, scopes, self.wanted), scopes
        except CredentialsError:
            # A kept token has the scopes that the app had when it was made.
            scopes = _scopes(self.auth.request_new())
            return choose_source(self.plan, scopes, self.wanted), scopes

    def _dashboard(self, scopes: frozenset[str]) -> Dashboard:
        client = self._client(BUSINESS)
        if "series" in self.wanted and "qos" not in self.wanted:
            self.context.notify_once(
                f"{VENDOR}: --series has no effect without --qos, which reads the samples"
            )
        hosts = HostIds(client, self.context, permitted=not scopes or USERS.granted(scopes))
        return Dashboard(
            client=client,
            context=self.context,
            account=self._settings.account,
            host_id=hosts.host_id,
            qos="qos" in self.wanted,
            series="series" in self.wanted,
            webinars="webinars" in self.wanted,
            raw=self._settings.raw,
        )

    def _reports(self) -> Reports:
        if "qos" in self.wanted:
            self.context.notify_once(f"{VENDOR}: --qos has no effect: the Reports hold no quality of service")
        # An account that may read nothing but Reports may be a Pro account: its rates are safe on all others.
        return Reports(
            client=self._client(PRO),
            context=self.context,
            account=self._settings.account,
            webinars="webinars" in self.wanted,
            raw=self._settings.raw,
        )

    def _client(self, rates: Rates) -> ZoomClient:
        return ZoomClient(self._api, self._stop, rates, self._settings.rate_share, self.context)

    def _url(self, name: str) -> str:
        return setting_or_default(name, self.settings, self._settings)


def _scopes(token: Token) -> frozenset[str]:
    return frozenset(token.scope.split())


def _known_to(source: Source, ref: MeetingRef) -> MeetingRef:
    """The ref without a row that the other source listed: the two name the same things differently."""
    return ref if ref.row is None or ref.hint.get("source") == source.name else replace(ref, row=None)
