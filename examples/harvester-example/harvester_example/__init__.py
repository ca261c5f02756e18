"""Parley, an invented vendor: an example of a connector in a package of its own."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import timedelta
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
from connectors.http import Api
from connectors.models import MeetingRecord, MeetingRef, Window
from connectors.parsing import truncate_to_milliseconds
from connectors.rate_limit import MARGIN
from harvester_example.auth import ParleyOAuth
from harvester_example.check import run_checks
from harvester_example.client import ParleyClient
from harvester_example.endpoints import (
    API_URL,
    CALLS_PER_SECOND,
    LOOKBACK,
    MAX_WINDOW,
    RETENTION,
    VENDOR,
)
from harvester_example.errors import response_classifier
from harvester_example.listing import list_meetings
from harvester_example.mapping import to_meeting, to_session

_API_PAGE = "at parley.example, under Settings > API"


class Parley:
    """One Parley account."""

    name: ClassVar[str] = VENDOR
    title: ClassVar[str] = "Parley"
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting(
            name="PARLEY_CLIENT_ID", help="The client id.", how_to_get=_API_PAGE, token=True, required=True
        ),
        Setting(
            name="PARLEY_CLIENT_SECRET",
            help="The client secret.",
            how_to_get=_API_PAGE,
            token=True,
            secret=True,
            required=True,
        ),
        Setting(name="PARLEY_API_URL", help="The base URL of the API.", default=API_URL),
    )
    options: ClassVar[tuple[Option, ...]] = ()
    max_window: ClassVar[timedelta] = MAX_WINDOW
    lookback: ClassVar[timedelta] = LOOKBACK
    retention: ClassVar[timedelta] = RETENTION
    lists_live: ClassVar[bool] = False
    daily_quota: ClassVar[None] = None

    def __init__(self, settings: Settings, context: Context) -> None:
        """Raises ConfigurationError if a setting is missing. Makes no request."""
        validate_settings(VENDOR, self.settings, settings)
        self._settings = settings
        self.context = context
        base_url = setting_or_default("PARLEY_API_URL", self.settings, settings)
        self.time_url = base_url
        self.auth = ParleyOAuth(
            settings["PARLEY_CLIENT_ID"], settings["PARLEY_CLIENT_SECRET"], base_url, context
        )
        api = Api(VENDOR, base_url, context, classify=response_classifier(context), auth=self.auth)
        self.client = ParleyClient(api, settings.rate_share, context)

    @property
    def concurrency(self) -> int:
        """Enough to use the rate if Parley takes half a second to respond."""
        return 5

    @property
    def requests_per_second(self) -> float:
        return CALLS_PER_SECOND * MARGIN * self._settings.rate_share

    def estimate_requests(self, ref: MeetingRef) -> int:
        return 1 if ref.row is not None else 2

    def check(self) -> Iterator[CheckResult]:
        return run_checks(self.auth, self._count_last_day)

    def meetings(self, window: Window, _partitions: Collection[str] = ()) -> Iterator[MeetingRef]:
        return list_meetings(self.client, window)

    def fetch(self, ref: MeetingRef) -> MeetingRecord:
        harvested_at = truncate_to_milliseconds(self.context.now())
        raw = ref.wants("raw", in_run=self._settings.raw)
        row = ref.row if ref.row is not None else self.client.meeting(ref.uuid)
        meeting = to_meeting(
            row, account=self._settings.account, harvested_at=harvested_at, uuid=ref.uuid, raw=raw
        )
        return to_record(meeting, [to_session(stay, raw=raw) for stay in self.client.stays(ref.uuid)])

    def _count_last_day(self) -> int:
        now = self.context.now()
        return sum(1 for _ in self.meetings(Window(start=now - timedelta(days=1), end=now)))
