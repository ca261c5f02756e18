"""Meetecho: the rooms of IETF working groups, and from the IETF datatracker who was there.

Documentation (looked at in 2026):
- Meetecho publishes none: `ietf/utils/meetecho.py` and `ietf/utils/tests_meetecho.py` of
  https://github.com/ietf-tools/datatracker are what there is (v1, an e-mail of 2021-12-09)
- https://datatracker.ietf.org/api/ (the framework API, which anybody may read)

Meetecho knows rooms and when they are to be used; the datatracker knows the sessions, and everybody who attended one.
Without Meetecho's credentials the datatracker's sessions alone are the meetings, under the same ids.

Credentials: a client id and secret, given by Meetecho to those who make rooms. Only calls that read are made.

Limits: none are published. A tenth of a second lies between two requests to the datatracker, half a second between two to
Meetecho.

What neither tells: when a meeting really began and ended, when anybody left, devices, networks, quality; and of a record
whose time is missing, when that person came. One person is one session, however often they came back.
"""

from __future__ import annotations

import re
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
from connectors.errors import ConfigurationError, Gone
from connectors.meetecho.check import run_checks
from connectors.meetecho.client import DatatrackerClient, RoomsClient
from connectors.meetecho.datatracker import Datatracker
from connectors.meetecho.endpoints import (
    DATATRACKER_CALLS_PER_SECOND,
    LOOKBACK,
    MAX_WINDOW,
    RETENTION,
    VENDOR,
)
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
_FROM_MEETECHO = "from Meetecho, who give them to those who make rooms"


class Meetecho:
    """Some working groups."""

    name: ClassVar[str] = "meetecho"
    title: ClassVar[str] = "Meetecho"
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting(
            name="MEETECHO_GROUPS",
            help="the working groups to read, by acronym, with commas between them",
            how_to_get="at datatracker.ietf.org/wg: the acronyms in the first column",
            required=True,
        ),
        Setting(name="MEETECHO_CLIENT_ID", help="the client id, for rooms", how_to_get=_FROM_MEETECHO),
        Setting(
            name="MEETECHO_CLIENT_SECRET",
            help="the client secret, for rooms",
            how_to_get=_FROM_MEETECHO,
            secret=True,
        ),
        Setting(
            name="MEETECHO_API_URL",
            help="Meetecho's base URL",
            default="https://meetings.conf.meetecho.com/api/v1",
        ),
        Setting(
            name="DATATRACKER_URL", help="the datatracker's base URL", default="https://datatracker.ietf.org"
        ),
    )
    options: ClassVar[tuple[Option, ...]] = (
        Option(name="groups", help="Harvest only these groups, by acronym.", metavar="A,B", filters=True),
        Option(
            name="upcoming",
            help="Read meetings planned for the next DAYS days instead of past ones.",
            metavar="DAYS",
            filters=True,
            future_days=True,
        ),
    )
    max_window: ClassVar[timedelta] = MAX_WINDOW
    lookback: ClassVar[timedelta] = LOOKBACK
    retention: ClassVar[timedelta] = RETENTION
    lists_live: ClassVar[bool] = False
    daily_quota: ClassVar[None] = None

    def __init__(self, settings: Settings, context: Context) -> None:
        """ConfigurationError where a setting is missing or not understood; makes no request."""
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
                f"{VENDOR}: reading the datatracker alone: no credentials of Meetecho are set"
            )
        return self._listing.list_meetings(window, partitions)

    def fetch(self, ref: MeetingRef) -> MeetingRecord:
        now = self.context.now()
        harvested_at = truncate_to_milliseconds(now)
        plan = self._listing.planned_meeting(ref)
        rows = self.attendance(plan, now)
        if plan.is_canceled and not rows:
            raise Gone(f"{VENDOR}: a session that was called off", reason=Reason.deleted)
        harvest = self._to_record(plan, rows, now, harvested_at, raw=self._raw(ref))
        return require_timestamp(
            harvest,
            vendor=VENDOR,
            since=parse_instant(ref.hint.get("listed")) or now,
            lookback=LOOKBACK,
            now=now,
        )

    def attendance(self, plan: PlannedMeeting, now: datetime) -> list[Row] | None:
        """Who attended; `None` where that cannot be had: of what has not begun, or has no session."""
        if plan.session_id is None or (plan.start is not None and plan.start > now):
            return None
        return self.datatracker.attendance(plan.session_id)

    def estimate_requests(self, ref: MeetingRef) -> int:
        """Names apart, of which most are known."""
        head = 4 if ref.row is None else 0
        return head + (1 if ref.hint.get("kind") == "session" else 0)

    def check(self) -> Iterator[CheckResult]:
        return run_checks(self)

    @property
    def concurrency(self) -> int:
        """What keeps the pace up when the datatracker takes half a second to answer."""
        return 6

    @property
    def requests_per_second(self) -> float:
        return DATATRACKER_CALLS_PER_SECOND * MARGIN * self._settings.rate_share

    def _to_record(
        self,
        plan: PlannedMeeting,
        rows: list[Row] | None,
        now: datetime,
        harvested_at: datetime,
        *,
        raw: bool,
    ) -> MeetingRecord:
        meeting = to_meeting(
            plan, account=self._settings.account, now=now, harvested_at=harvested_at, raw=raw
        )
        last = plan.end or plan.start
        pending = Pending(until=last, reason=Reason.planned) if last is not None and last > now else None
        replaces = [room.uuid for room in plan.rooms] if plan.session is not None else []
        if rows is None or (pending is not None and not rows):  # that nobody came yet is no figure
            return MeetingRecord(meeting=meeting, pending=pending, replaces=replaces)
        names = self.datatracker.names(person_ids(rows))
        sessions = [to_session(row, names, raw=raw) for row in rows]
        return without_participant_seconds(to_record(meeting, sessions, pending=pending, replaces=replaces))

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

    def _raw(self, ref: MeetingRef) -> bool:
        return self._settings.raw or "raw" in ref.extras

    def _url(self, name: str) -> str:
        return setting_or_default(name, self.settings, self._settings)


def _groups(settings: Settings) -> tuple[str, ...]:
    """The groups of the settings, or those of them that `--groups` names."""
    configured = _acronyms("MEETECHO_GROUPS", settings["MEETECHO_GROUPS"])
    if "groups" not in settings.option_values:
        return configured
    named = _acronyms("--groups", ",".join(settings.option_values["groups"]))
    strangers = [group for group in named if group not in configured]
    if strangers:
        raise ConfigurationError(f"{VENDOR}: not among MEETECHO_GROUPS: {', '.join(strangers)}")
    return named


def _acronyms(name: str, text: str) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(part.strip().lower() for part in text.split(",") if part.strip()))
    if not found or not all(map(_ACRONYM.fullmatch, found)):
        raise ConfigurationError(
            f"{VENDOR}: {name}: acronyms with commas between them are wanted: quic,httpbis"
        )
    return found
