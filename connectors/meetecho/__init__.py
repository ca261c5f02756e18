"""Meetecho: the rooms of IETF working groups, with the attendance that the IETF datatracker records.

Documentation (read in 2026):
- Meetecho publishes none. `ietf/utils/meetecho.py` and `ietf/utils/tests_meetecho.py` of
  https://github.com/ietf-tools/datatracker are the only source (v1, an e-mail of 2021-12-09)
- https://datatracker.ietf.org/api/ (the framework API, readable without a key)

Meetecho has rooms and their planned times; the datatracker has the sessions, and the people who attended each. Without
Meetecho's credentials, the datatracker's sessions alone are the meetings, under the same ids.

Credentials: a client id and secret, which Meetecho gives to those who create rooms. The connector makes only calls that
read.

Limits: none are published. Requests to the datatracker are a tenth of a second apart, requests to Meetecho half a second.

Not provided by either: when a meeting really began and ended, when participants left, devices, networks, quality, and the
join time in records without a time. A person has one session per meeting, however often they rejoined.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import ClassVar

from connectors.attendance import to_record
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
from connectors.errors import ConfigurationError, Gone
from connectors.meetecho.check import run_checks
from connectors.meetecho.datatracker_api import Datatracker
from connectors.meetecho.datatracker_http_client import DatatrackerClient
from connectors.meetecho.endpoints import (
    DATATRACKER_CALLS_PER_SECOND,
    LOOKBACK,
    MAX_WINDOW,
    RETENTION,
    VENDOR,
)
from connectors.meetecho.http_client import RoomsClient
from connectors.meetecho.listing import MeetechoListing
from connectors.meetecho.mapping import (
    PlannedMeeting,
    Row,
    person_ids,
    to_meeting,
    to_session,
    without_participant_seconds,
)
from connectors.models import MeetingRecord, MeetingRef, Pending, Reason, SkippedPartition, Window
from connectors.parsing import parse_instant, truncate_to_milliseconds
from connectors.pending import require_timestamp
from connectors.rate_limit import MARGIN

_ACRONYM = re.compile(r"[a-z0-9][a-z0-9-]*")
_FROM_MEETECHO = "from Meetecho, which gives them to those who create rooms"


class Meetecho:
    """A set of working groups."""

    name: ClassVar[str] = "meetecho"
    title: ClassVar[str] = "Meetecho"
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting(
            name="MEETECHO_GROUPS",
            help="The acronyms of the working groups to read, separated by commas.",
            how_to_get="at datatracker.ietf.org/wg: the acronyms in the first column",
            required=True,
            separated=True,
        ),
        Setting(
            name="MEETECHO_CLIENT_ID", token=True, help="The client id, for rooms.", how_to_get=_FROM_MEETECHO
        ),
        Setting(
            name="MEETECHO_CLIENT_SECRET",
            token=True,
            help="The client secret, for rooms.",
            how_to_get=_FROM_MEETECHO,
            secret=True,
        ),
        Setting(
            name="MEETECHO_API_URL",
            help="The base URL of Meetecho.",
            default="https://meetings.conf.meetecho.com/api/v1",
        ),
        Setting(
            name="DATATRACKER_URL",
            help="The base URL of the datatracker.",
            default="https://datatracker.ietf.org",
        ),
    )
    options: ClassVar[tuple[Option, ...]] = (
        Option(name="groups", help="Harvest only these groups, by acronym.", metavar="A,B", filters=True),
        UPCOMING,
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
        self.groups = _groups(settings)
        self.rooms_api = self._make_rooms_api()
        self.datatracker = Datatracker(
            DatatrackerClient(self._url("DATATRACKER_URL"), context, settings.rate_share)
        )
        self._listing = MeetechoListing(
            self.datatracker,
            self.rooms_api,
            context,
            self.groups,
            upcoming_only="upcoming" in settings.option_values,
        )

    def meetings(
        self, window: Window, partitions: Collection[str] = ()
    ) -> Iterator[MeetingRef | SkippedPartition]:
        if self.rooms_api is None:
            self.context.notify_once(
                f"{VENDOR}: reading only the datatracker: no Meetecho credentials are set"
            )
        return self._listing.list_meetings(window, partitions)

    def fetch(self, ref: MeetingRef) -> MeetingRecord:
        now = self.context.now()
        harvested_at = truncate_to_milliseconds(now)
        planned = self._listing.planned_meeting(ref)
        rows = self.attendance(planned, now)
        if planned.is_canceled and not rows:
            raise Gone(f"{VENDOR}: a session that was canceled", reason=Reason.deleted)
        record = self._to_record(
            planned, rows, now, harvested_at, raw=ref.wants("raw", in_run=self._settings.raw)
        )
        return require_timestamp(
            record,
            vendor=VENDOR,
            since=parse_instant(ref.hint.get("listed")) or now,
            lookback=LOOKBACK,
            now=now,
        )

    def attendance(self, planned: PlannedMeeting, now: datetime) -> list[Row] | None:
        """The attendance records; `None` if there can be none: the meeting has not begun, or has no session."""
        if planned.session_id is None or (planned.start is not None and planned.start > now):
            return None
        return self.datatracker.attendance(planned.session_id)

    def estimate_requests(self, ref: MeetingRef) -> int:
        """Without the requests for names, most of which are cached."""
        head = 4 if ref.row is None else 0
        return head + (1 if ref.hint.get("kind") == "session" else 0)

    def check(self) -> Iterator[CheckResult]:
        return run_checks(self)

    @classmethod
    def quota_pool(cls, settings: Settings) -> str:
        """The datatracker is read without a key, so all accounts are one caller to it."""
        return setting_or_default("DATATRACKER_URL", cls.settings, settings)

    @classmethod
    def read_data(cls, settings: Settings) -> frozenset[str]:
        """The groups."""
        datatracker = setting_or_default("DATATRACKER_URL", cls.settings, settings)
        groups = (settings.get("MEETECHO_GROUPS") or "").lower().split(",")
        return frozenset(f"{datatracker} {group.strip()}" for group in groups if group.strip())

    @property
    def time_url(self) -> str:
        return self._url("DATATRACKER_URL")

    @property
    def concurrency(self) -> int:
        """Enough to use the rate if the datatracker takes half a second to respond."""
        return 6

    @property
    def requests_per_second(self) -> float:
        return DATATRACKER_CALLS_PER_SECOND * MARGIN * self._settings.rate_share

    def _to_record(
        self,
        planned: PlannedMeeting,
        rows: list[Row] | None,
        now: datetime,
        harvested_at: datetime,
        *,
        raw: bool,
    ) -> MeetingRecord:
        meeting = to_meeting(
            planned, account=self._settings.account, now=now, harvested_at=harvested_at, raw=raw
        )
        last = planned.end or planned.start
        pending = Pending(until=last, reason=Reason.planned) if last is not None and last > now else None
        replaces = [room.uuid for room in planned.rooms] if planned.session is not None else []
        if rows is None or (pending is not None and not rows):  # no attendance yet is not zero participants
            return MeetingRecord(meeting=meeting, pending=pending, replaces=replaces)
        names = self.datatracker.names(person_ids(rows))
        sessions = [to_session(row, names, raw=raw) for row in rows]
        record = to_record(meeting, sessions, pending=pending, replaces=replaces)
        return replace(without_participant_seconds(record), expected_sessions=planned.attended or None)

    def _make_rooms_api(self) -> RoomsClient | None:
        names = ("MEETECHO_CLIENT_ID", "MEETECHO_CLIENT_SECRET")
        unset = [name for name in names if not self._settings.get(name)]
        if len(unset) == 1:
            raise ConfigurationError(
                f"{VENDOR}: {unset[0]} is not set: set both {' and '.join(names)}, or neither"
            )
        if unset:
            return None
        return RoomsClient(self._settings, self._url("MEETECHO_API_URL"), self.context, self.groups)

    def _url(self, name: str) -> str:
        return setting_or_default(name, self.settings, self._settings)


def _groups(settings: Settings) -> tuple[str, ...]:
    """The groups in the settings, or those of them that `--groups` names."""
    configured = _acronyms("MEETECHO_GROUPS", settings["MEETECHO_GROUPS"])
    if "groups" not in settings.option_values:
        return configured
    named = _acronyms("--groups", ",".join(settings.option_values["groups"]))
    unknown = [group for group in named if group not in configured]
    if unknown:
        raise ConfigurationError(f"{VENDOR}: not in MEETECHO_GROUPS: {', '.join(unknown)}")
    return named


def _acronyms(name: str, text: str) -> tuple[str, ...]:
    acronyms = tuple(dict.fromkeys(part.strip().lower() for part in text.split(",") if part.strip()))
    if not acronyms or not all(map(_ACRONYM.fullmatch, acronyms)):
        raise ConfigurationError(
            f"{VENDOR}: {name} must be acronyms separated by commas, such as quic,httpbis"
        )
    return acronyms
