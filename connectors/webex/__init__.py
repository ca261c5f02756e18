"""Webex: meetings with every stay of every participant, and how well each of them worked.

Documentation (looked at in 2026-05, the prose in 2026):
- https://github.com/webex/webex-openapi-specs (public-spec/webex-meeting.json; CC BY 4.0), as
  https://developer.webex.com/docs/api/v1/meetings and …/meeting-participants show it
- https://developer.webex.com/meeting/docs/api/v1/meeting-qualities
- https://developer.webex.com/docs/meetings (scopes, roles, attributes of ended meetings)
- https://developer.webex.com/docs/api/basics (paging, 429), https://developer.webex.com/docs/login-with-webex

One listing for the whole organisation, a call for the participants of each instance, and one for its quality.

Scopes: `meeting:admin_schedule_read`, `meeting:admin_participants_read` and `analytics:read_all` of an admin's login; or
`meeting:schedules_read` and `meeting:participants_read` for the meetings that one hosts oneself. Quality takes the Pro
Pack, and a full or read-only admin who is not an external one. `harvester check webex` names what is missing.

Limits: rates are not published, so the pace is careful and follows the 429s. A meeting's quality is there from 10
minutes after its start, for 7 days, and for one call in five minutes.

What Webex does not tell: an id of a person, who is signed in and who a guest, the number of a meeting that has ended,
telephone numbers (to compliance officers alone), whether a picture or a screen was shown. Device, address, network and
client of a stay come with its quality, or not at all.
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
from connectors.webex.auth import WebexOAuth
from connectors.webex.check import run_checks
from connectors.webex.client import CALLS_PER_SECOND, Row, WebexClient
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
from connectors.webex.redaction import redact_row

_INTEGRATION = "in an integration or a service app, made at developer.webex.com/my-apps"


class Webex:
    """One Webex organisation, or the meetings of one of its people."""

    name: ClassVar[str] = "webex"
    title: ClassVar[str] = "Webex"
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting(
            name="WEBEX_CLIENT_ID",
            help="the integration's client id",
            how_to_get=_INTEGRATION,
            required=True,
            alternative="WEBEX_ACCESS_TOKEN",
        ),
        Setting(
            name="WEBEX_CLIENT_SECRET",
            help="the integration's client secret",
            how_to_get=_INTEGRATION,
            secret=True,
            required=True,
            alternative="WEBEX_ACCESS_TOKEN",
        ),
        Setting(
            name="WEBEX_REFRESH_TOKEN",
            help="what a chain of tokens begins with, where nobody runs `harvester login webex`",
            how_to_get="with the tokens of a service app, or of any login to the integration",
            secret=True,
        ),
        Setting(
            name="WEBEX_ACCESS_TOKEN",
            help="one token and no more: for a try, without client id and secret",
            how_to_get="at developer.webex.com/docs/getting-your-personal-access-token",
            secret=True,
        ),
        Setting(
            name="WEBEX_API_URL",
            help="the API's base URL, for government clouds",
            default="https://webexapis.com/v1",
        ),
        Setting(
            name="WEBEX_ANALYTICS_URL",
            help="where qualities are had, for other regions",
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
        """ConfigurationError where a setting is missing; makes no request."""
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
        try:
            rows = self.participants(ref, row)
        except VendorError as error:
            return self._without_sessions(ref, row, harvested_at, self._pending_or_gone(ref, row, error))
        raw = self._wants(ref, "raw")
        sessions = [session for one in rows for session in to_sessions(one, raw=raw)]
        live = state_of(row) == "live"
        told = (
            QualityResult(detail=Detail.live, pending=self._still_live())
            if live
            else self.fetch_quality(ref, row)
        )
        if told.rows:
            sessions = with_quality(sessions, told.rows, series=self._wants(ref, "series"), raw=raw)
        return self._to_record(ref, row, rows, sessions, told, harvested_at)

    def participants(self, ref: MeetingRef, row: Row) -> list[Row]:
        host = as_text(row.get("hostEmail")) if self._may_read_all_participants(ref.uuid) else None
        found = self._participants.fetch(ref.uuid, host, self._join_window(ref, row))
        return [redact_row(one) for one in found]

    def fetch_quality(self, ref: MeetingRef, row: Row) -> QualityResult:
        return self.quality_api.fetch(
            ref.uuid,
            known_instant(row.get("start")) or ref.start_time,
            known_instant(row.get("end")) or latest_end(ref),
        )

    def estimate_requests(self, ref: MeetingRef) -> int:
        head = 1 if ref.row is None else 0
        return head + 1 + (1 if self.quality_api.needs_request(ref.start_time) else 0)

    def check(self) -> Iterator[CheckResult]:
        return run_checks(self)

    @property
    def concurrency(self) -> int:
        """What keeps the pace up when Webex takes two seconds to answer."""
        return 8

    @property
    def requests_per_second(self) -> float:
        return CALLS_PER_SECOND * MARGIN * self._settings.rate_share

    @property
    def scopes(self) -> frozenset[str]:
        """What the token says that it permits; empty where it does not say."""
        return frozenset(self.auth.token().scope.split())

    @property
    def quality_api(self) -> QualityApi:
        """One for all threads, made with the first token: without the scope there is nothing to ask for."""
        with self._lock:
            if self._quality_api is None:
                self._quality_api = self._make_quality_api()
            return self._quality_api

    def _make_quality_api(self) -> QualityApi:
        scopes = self.scopes
        # Every answer as it comes: none of these calls may be repeated.
        api = Api(VENDOR, self._url("WEBEX_ANALYTICS_URL"), self.context, classify=lambda _: None)
        permitted = not scopes or QUALITIES.granted(scopes)
        return QualityApi(api, self.auth, self.client.limiter, self.context, permitted=permitted)

    def require_scopes(self) -> None:
        """CredentialsError where the token says that it lacks a scope without which nothing is had."""
        missing = missing_scopes(self.scopes)
        if missing:
            raise CredentialsError(
                f"{VENDOR}: the token lacks scopes: add {', '.join(missing)} to the integration, then {LOGIN}"
            )

    def is_admin(self, uuid: str) -> bool:
        """Whether the token is an admin's. It takes the scope, where the token names any, and the role."""
        scopes = self.scopes
        return (not scopes or MEETINGS.for_all(scopes)) and self._has_admin_role(uuid)

    def _has_admin_role(self, uuid: str) -> bool:
        """By the call for admins, asked once with a meeting; by the scopes alone where they do not permit that call."""
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
            # 400 may as well be about this meeting: where the token says that it is an admin's, that counts.
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
            f"{VENDOR}: reading only the meetings of the account that is logged in; those of the organisation take "
            f"an admin and the scope {MEETINGS.admin[0]}"
        )

    def _pending_or_gone(self, ref: MeetingRef, row: Row, error: VendorError) -> Pending:
        """When to ask again for participants that are not told yet. Raises Gone for those that never will be (who is
        neither the host nor an admin may not see them, says the call's description), and what is no such answer."""
        now = self.context.now()
        if error.status == 410:
            raise Gone(f"{VENDOR}: no longer kept by Webex (410)", reason=Reason.expired)
        if error.status == 403 and not self._may_read_all_participants(ref.uuid):
            raise Gone(f"{VENDOR}: a meeting that somebody else hosts (403)", reason=Reason.not_ours)
        if error.status != 404:
            raise error
        if state_of(row) == "live":
            return self._still_live()
        until = (known_instant(row.get("end")) or latest_end(ref) or now) + MAX_DETAILS_DELAY
        if now < until:
            return Pending(until=min(now + REFETCH_INTERVAL, until), reason=Reason.not_ended)
        if not self.listing.is_known(ref):
            raise Gone(f"{VENDOR}: a meeting that Webex no longer knows (404)", reason=Reason.deleted)
        raise error

    def _without_sessions(
        self, ref: MeetingRef, row: Row, harvested_at: datetime, pending: Pending
    ) -> MeetingRecord:
        """The meeting without any session, and so without the figures that are counted from them."""
        detail = Detail.live if state_of(row) == "live" else Detail.basic
        raw = self._wants(ref, "raw")
        meeting = to_meeting(
            row, account=self._settings.account, detail=detail, harvested_at=harvested_at, raw=raw
        )
        return finish_record(MeetingRecord(meeting=meeting, pending=pending), ref, self.context.now())

    def _to_record(
        self,
        ref: MeetingRef,
        row: Row,
        rows: list[Row],
        sessions: list[Session],
        told: QualityResult,
        harvested_at: datetime,
    ) -> MeetingRecord:
        meeting = to_meeting(
            row,
            account=self._settings.account,
            detail=told.detail,
            harvested_at=harvested_at,
            raw=self._wants(ref, "raw"),
        )
        harvest = to_record(with_audio(meeting, rows), sessions, pending=told.pending)
        return finish_record(harvest, ref, self.context.now())

    def _still_live(self) -> Pending:
        return Pending(until=self.context.now() + REFETCH_INTERVAL, reason=Reason.live)

    def _join_window(self, ref: MeetingRef, row: Row) -> Window:
        """From before anybody joined to after the last did."""
        day, now = timedelta(days=1), self.context.now()
        start = known_instant(row.get("start")) or ref.start_time or now
        end = known_instant(row.get("end")) or max(now, start)
        return Window(
            start=start.replace(microsecond=0) - day, end=max(start, end).replace(microsecond=0) + day
        )

    def _wants(self, ref: MeetingRef, option: str) -> bool:
        wanted = self._settings.raw if option == "raw" else option in self._settings.options
        return wanted or option in ref.extras

    def _url(self, name: str) -> str:
        return setting_or_default(name, self.settings, self._settings)
