"""Webex: meetings with every stay of every participant, and its quality.

Documentation (specification of 2026-05, prose of 2026):
- https://github.com/webex/webex-openapi-specs (public-spec/webex-meeting.json; CC BY 4.0), as
  https://developer.webex.com/docs/api/v1/meetings and …/meeting-participants show it
- https://developer.webex.com/meeting/docs/api/v1/meeting-qualities
- https://developer.webex.com/docs/meetings (scopes, roles, attributes of ended meetings)
- https://developer.webex.com/docs/api/basics (paging, 429), https://developer.webex.com/docs/login-with-webex

One listing covers the whole organisation. Each instance takes one call for its participants and one for its quality.

Scopes: `meeting:admin_schedule_read`, `meeting:admin_participants_read` and `analytics:read_all` with an admin's login; or
`meeting:schedules_read` and `meeting:participants_read` for the user's own meetings. Quality needs the Pro Pack and a full
or read-only admin of the organisation, not an external one. `harvester check webex` names what is missing.

Limits: Webex does not publish rates, so requests start slowly and slow down on 429. The quality of a meeting is available
from 10 minutes after its start, for 7 days, and for one call in five minutes.

Not provided by Webex: ids of people, who is signed in and who is a guest, the number of an ended meeting, telephone
numbers (except to compliance officers), whether video or a screen was shared. Device, address, network and client of a
session come with its quality, or not at all.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from threading import RLock
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
from connectors.errors import CredentialsError, Gone, VendorError
from connectors.http import Api
from connectors.models import Detail, MeetingRecord, MeetingRef, Pending, Reason, Session, Window
from connectors.parsing import as_text, truncate_to_milliseconds
from connectors.rate_limit import MARGIN
from connectors.webex.auth import WebexOAuth, digest
from connectors.webex.check import run_checks
from connectors.webex.endpoints import (
    ADMIN_MEETING,
    LOGIN,
    MEETINGS,
    PARTICIPANTS,
    QUALITIES,
    VENDOR,
    missing_scopes,
)
from connectors.webex.errors import response_classifier
from connectors.webex.http_client import CALLS_PER_SECOND, Row, WebexClient
from connectors.webex.listing import (
    LOOKBACK,
    MAX_DETAILS_DELAY,
    MAX_WINDOW,
    REFETCH_INTERVAL,
    RETENTION,
    WebexListing,
    finish_record,
    latest_end,
)
from connectors.webex.mapping import known_instant, state_of, to_meeting, to_sessions, with_audio
from connectors.webex.participants import Participants
from connectors.webex.quality import with_quality
from connectors.webex.quality_api import QualityApi, QualityResult
from connectors.webex.redaction_rules import redact_row

_INTEGRATION = "in an integration or a service app, made at developer.webex.com/my-apps"


class Webex:
    """One Webex organisation, or the meetings of one of its users."""

    name: ClassVar[str] = "webex"
    title: ClassVar[str] = "Webex"
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting(
            name="WEBEX_CLIENT_ID",
            token=True,
            help="The client id of the integration.",
            how_to_get=_INTEGRATION,
            required=True,
            alternative="WEBEX_ACCESS_TOKEN",
        ),
        Setting(
            name="WEBEX_CLIENT_SECRET",
            token=True,
            help="The client secret of the integration.",
            how_to_get=_INTEGRATION,
            secret=True,
            required=True,
            alternative="WEBEX_ACCESS_TOKEN",
        ),
        Setting(
            name="WEBEX_REFRESH_TOKEN",
            token=True,
            help="The first refresh token, if you do not run `harvester login webex`.",
            how_to_get="with the tokens of a service app, or of any login to the integration",
            secret=True,
        ),
        Setting(
            name="WEBEX_ACCESS_TOKEN",
            token=True,
            help="A single access token, for a trial without client id and secret.",
            how_to_get="at developer.webex.com/docs/getting-your-personal-access-token",
            secret=True,
        ),
        Setting(
            name="WEBEX_API_URL",
            help="The base URL of the API, for government clouds.",
            default="https://webexapis.com/v1",
        ),
        Setting(
            name="WEBEX_ANALYTICS_URL",
            help="The base URL of the quality API, for other regions.",
            default="https://analytics.webexapis.com/v1",
        ),
    )
    options: ClassVar[tuple[Option, ...]] = (
        Option(name="series", help="Keep the samples over time of each session."),
    )
    max_window: ClassVar[timedelta] = MAX_WINDOW
    lookback: ClassVar[timedelta] = LOOKBACK
    retention: ClassVar[timedelta] = RETENTION
    lists_live: ClassVar[bool] = True
    daily_quota: ClassVar[None] = None

    def __init__(self, settings: Settings, context: Context) -> None:
        """Raises ConfigurationError if a setting is missing. Makes no request."""
        validate_settings(VENDOR, self.settings, settings)
        self._settings = settings
        self.context = context
        base_url = self._url("WEBEX_API_URL")
        self.auth = WebexOAuth(settings, base_url, context)
        api = Api(VENDOR, base_url, context, classify=response_classifier(context), auth=self.auth)
        self.client = WebexClient(api, base_url, context, settings.rate_share)
        self.listing = WebexListing(self.client, context, self.is_admin)
        self._participants = Participants(self.client)
        self._lock = RLock()
        self._quality_api: QualityApi | None = None
        self._admin_role: bool | None = None

    def meetings(self, window: Window, _partitions: Collection[str] = ()) -> Iterator[MeetingRef]:
        self.require_scopes()
        if self.scopes and not MEETINGS.for_all(self.scopes):
            self._notify_own_meetings_only()
        yield from self.listing.list_instances(window)

    def fetch(self, ref: MeetingRef) -> MeetingRecord:
        harvested_at = truncate_to_milliseconds(self.context.now())
        row = self.listing.head(ref)
        self._may_read_all_participants(ref.uuid)  # an error of this call says nothing about the participants
        try:
            rows = self.participants(ref, row)
        except VendorError as error:
            return self._without_sessions(ref, row, harvested_at, self._until_available(ref, row, error))
        raw = self._wants(ref, "raw")
        sessions = [session for participant in rows for session in to_sessions(participant, raw=raw)]
        live = state_of(row) == "live"
        quality = (
            QualityResult(detail=Detail.live, pending=self._still_live())
            if live
            else self.fetch_quality(ref, row)
        )
        if quality.rows:
            sessions = with_quality(sessions, quality.rows, series=self._wants(ref, "series"), raw=raw)
        return self._to_record(ref, row, rows, sessions, quality, harvested_at)

    def participants(self, ref: MeetingRef, row: Row) -> list[Row]:
        host = as_text(row.get("hostEmail")) if self._may_read_all_participants(ref.uuid) else None
        rows = self._participants.fetch(ref.uuid, host, self._join_window(ref, row))
        return [redact_row(participant) for participant in rows]

    def fetch_quality(self, ref: MeetingRef, row: Row) -> QualityResult:
        return self.quality_api.fetch(
            ref.uuid,
            known_instant(row.get("start")) or ref.start_time,
            known_instant(row.get("end")) or latest_end(ref),
            raw=self._wants(ref, "raw"),
        )

    def estimate_requests(self, ref: MeetingRef) -> int:
        head = 1 if ref.row is None else 0
        return head + 1 + (1 if self.quality_api.needs_request(ref.start_time) else 0)

    def check(self) -> Iterator[CheckResult]:
        return run_checks(self)

    @classmethod
    def quota_pool(cls, _settings: Settings) -> str:
        """Webex publishes no limits; a 429 concerns one token, so each account has its own."""
        return ""

    @classmethod
    def read_data(cls, settings: Settings) -> frozenset[str]:
        """What a token gives access to. Several people may log in to one integration, so that does not say it."""
        token = settings.get("WEBEX_REFRESH_TOKEN") or settings.get("WEBEX_ACCESS_TOKEN")
        return frozenset([digest(token)] if token else [])

    @property
    def time_url(self) -> str:
        return self._url("WEBEX_API_URL")

    @property
    def concurrency(self) -> int:
        """Enough to use the rate if Webex takes two seconds to respond."""
        return 8

    @property
    def requests_per_second(self) -> float:
        return CALLS_PER_SECOND * MARGIN * self._settings.rate_share

    @property
    def scopes(self) -> frozenset[str]:
        """The scopes that the token names; empty if it names none."""
        return frozenset(self.auth.token().scope.split())

    @property
    def quality_api(self) -> QualityApi:
        """The quality API, shared by all threads. Created with the first token, whose scopes decide whether it is used."""
        with self._lock:
            if self._quality_api is None:
                self._quality_api = self._make_quality_api()
            return self._quality_api

    def _make_quality_api(self) -> QualityApi:
        scopes = self.scopes
        # No response is retried: a second call for the same meeting must wait five minutes.
        api = Api(VENDOR, self._url("WEBEX_ANALYTICS_URL"), self.context, classify=lambda _: None)
        permitted = not scopes or QUALITIES.granted(scopes)
        return QualityApi(api, self.auth, self.client.limiter, self.context, permitted=permitted)

    def require_scopes(self) -> None:
        """Raises CredentialsError if the token lacks a scope that every harvest needs."""
        missing = missing_scopes(self.scopes)
        if missing:
            raise CredentialsError(
                f"{VENDOR}: the token lacks scopes: add {', '.join(missing)} to the integration, then {LOGIN}"
            )

    def is_admin(self, uuid: str) -> bool:
        """Whether the token is an admin's: it has the scope, if it names its scopes, and the role."""
        scopes = self.scopes
        return (not scopes or MEETINGS.for_all(scopes)) and self._has_admin_role(uuid)

    def _has_admin_role(self, uuid: str) -> bool:
        """Tries the admins' call once, with this meeting. If the scopes do not permit that call, they decide alone."""
        if self.scopes and not ADMIN_MEETING.granted(self.scopes):
            return True
        with self._lock:
            if self._admin_role is None:
                self._admin_role = self._try_admin_call(uuid)
        if not self._admin_role:
            self._notify_own_meetings_only()
        return self._admin_role

    def _try_admin_call(self, uuid: str) -> bool:
        try:
            self.client.get(ADMIN_MEETING, uuid)
        except VendorError as error:
            # A 400 may concern this meeting only, so scopes that are an admin's prevail.
            if error.status == 403 or (error.status == 400 and not self.scopes):
                return False
            if error.status not in {400, 404}:
                raise
        return True

    def _may_read_all_participants(self, uuid: str) -> bool:
        scopes = self.scopes
        return PARTICIPANTS.for_all(scopes) and self._has_admin_role(uuid) if scopes else self.is_admin(uuid)

    def _notify_own_meetings_only(self) -> None:
        self.context.notify_once(
            f"{VENDOR}: reading only the meetings of the logged-in user; all meetings of the organisation need "
            f"an admin and the scope {MEETINGS.admin[0]}"
        )

    def _until_available(self, ref: MeetingRef, row: Row, error: VendorError) -> Pending | None:
        """When to request the participants again, if they are not available yet.

        `None` if they never will be, although the row is at hand: only the host and admins may see them (description of
        the call). Raises Gone if the meeting itself is, and any other error unchanged.
        """
        now = self.context.now()
        is_refused = error.status == 403 and not self._may_read_all_participants(ref.uuid)
        if error.status not in {404, 410} and not is_refused:
            raise error
        if state_of(row) == "live":
            return self._still_live()
        if error.status != 404:
            return None
        until = (known_instant(row.get("end")) or latest_end(ref) or now) + MAX_DETAILS_DELAY
        if now < until:
            return Pending(until=min(now + REFETCH_INTERVAL, until), reason=Reason.not_ended)
        if not self.listing.is_known(ref):
            if ref.row is not None:
                return None
            raise Gone(f"{VENDOR}: Webex no longer has this meeting (404)", reason=Reason.deleted)
        raise error

    def _without_sessions(
        self, ref: MeetingRef, row: Row, harvested_at: datetime, pending: Pending | None
    ) -> MeetingRecord:
        """A record without sessions, and so without the counts that are computed from them. Without `pending`, they are
        refused for good."""
        detail = Detail.live if state_of(row) == "live" else Detail.basic
        raw = self._wants(ref, "raw")
        meeting = to_meeting(
            row, account=self._settings.account, detail=detail, harvested_at=harvested_at, raw=raw
        )
        record = MeetingRecord(meeting=meeting, pending=pending, listed_only=pending is None)
        return finish_record(record, ref, self.context.now())

    def _to_record(
        self,
        ref: MeetingRef,
        row: Row,
        rows: list[Row],
        sessions: list[Session],
        quality: QualityResult,
        harvested_at: datetime,
    ) -> MeetingRecord:
        meeting = to_meeting(
            row,
            account=self._settings.account,
            detail=quality.detail,
            harvested_at=harvested_at,
            raw=self._wants(ref, "raw"),
        )
        record = to_record(with_audio(meeting, rows), sessions, pending=quality.pending)
        return finish_record(record, ref, self.context.now())

    def _still_live(self) -> Pending:
        return Pending(until=self.context.now() + REFETCH_INTERVAL, reason=Reason.live)

    def _join_window(self, ref: MeetingRef, row: Row) -> Window:
        """From a day before the start to a day after the end: contains every join."""
        day, now = timedelta(days=1), self.context.now()
        start = known_instant(row.get("start")) or ref.start_time or now
        end = known_instant(row.get("end")) or max(now, start)
        return Window(
            start=start.replace(microsecond=0) - day, end=max(start, end).replace(microsecond=0) + day
        )

    def _wants(self, ref: MeetingRef, option: str) -> bool:
        in_run = self._settings.raw if option == "raw" else option in self._settings.options
        return ref.wants(option, in_run=in_run)

    def _url(self, name: str) -> str:
        return setting_or_default(name, self.settings, self._settings)
