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
from connectors.base import CheckResult, Context, Option, Setting, Settings, unset_settings
from connectors.errors import ConfigurationError, CredentialsError, Gone, VendorError
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
    lacking,
)
from connectors.webex.errors import response_classifier
from connectors.webex.listing import (
    ASK_AGAIN,
    KEPT,
    LOOKBACK,
    SPAN,
    WAIT_FOR_DETAILS,
    Instances,
    dated,
    ended_by,
)
from connectors.webex.mapping import known, state_of, to_meeting, to_sessions, with_audio
from connectors.webex.participants import Participants
from connectors.webex.quality import with_quality
from connectors.webex.quality_api import Qualities, Told
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
    max_window: ClassVar[timedelta] = SPAN
    lookback: ClassVar[timedelta] = LOOKBACK
    retention: ClassVar[timedelta] = KEPT
    lists_live: ClassVar[bool] = True
    daily_quota: ClassVar[None] = None

    def __init__(self, settings: Settings, context: Context) -> None:
        """ConfigurationError where a setting is missing; makes no request."""
        missing = unset_settings(self.settings, settings.get)
        if missing:
            names = ", ".join(setting.name for setting in missing)
            raise ConfigurationError(f"{VENDOR}: not set: {names}; to be found {missing[0].how_to_get}")
        self._settings = settings
        self.context = context
        base_url = self._url("WEBEX_API_URL")
        self.auth = WebexOAuth(settings, base_url, context)
        api = Api(VENDOR, base_url, context, classify=response_classifier(context), auth=self.auth)
        self.client = WebexClient(api, base_url, context, settings.rate_share)
        self.instances = Instances(self.client, context, self.for_all)
        self._participants = Participants(self.client)
        self._lock = RLock()
        self._qualities: Qualities | None = None
        self._is_admin: bool | None = None

    def meetings(self, window: Window, _subjects: Collection[str] = ()) -> Iterator[MeetingRef]:
        self.permitted()
        if self.scopes and not MEETINGS.for_all(self.scopes):
            self._tell_whose()
        yield from self.instances.listed(window)

    def fetch(self, ref: MeetingRef) -> MeetingRecord:
        harvested_at = truncate_to_milliseconds(self.context.now())
        row = self.instances.head(ref)
        try:
            rows = self.participants(ref, row)
        except VendorError as error:
            return self._headed(ref, row, harvested_at, self._unavailable(ref, row, error))
        raw = self._asked_for(ref, "raw")
        sessions = [session for one in rows for session in to_sessions(one, raw=raw)]
        live = state_of(row) == "live"
        told = Told(detail=Detail.live, pending=self._still_live()) if live else self.quality(ref, row)
        if told.rows:
            sessions = with_quality(sessions, told.rows, series=self._asked_for(ref, "series"), raw=raw)
        return self._whole(ref, row, rows, sessions, told, harvested_at)

    def participants(self, ref: MeetingRef, row: Row) -> list[Row]:
        host = as_text(row.get("hostEmail")) if self._for_all_participants(ref.uuid) else None
        found = self._participants.of(ref.uuid, host, self._during(ref, row))
        return [redact_row(one) for one in found]

    def quality(self, ref: MeetingRef, row: Row) -> Told:
        return self.qualities.of(
            ref.uuid, known(row.get("start")) or ref.start_time, known(row.get("end")) or ended_by(ref)
        )

    def estimate_requests(self, ref: MeetingRef) -> int:
        head = 1 if ref.row is None else 0
        return head + 1 + (1 if self.qualities.may_be_asked(ref.start_time) else 0)

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
    def qualities(self) -> Qualities:
        """One for all threads, made with the first token: without the scope there is nothing to ask for."""
        with self._lock:
            if self._qualities is None:
                self._qualities = self._made()
            return self._qualities

    def _made(self) -> Qualities:
        scopes = self.scopes
        # Every answer as it comes: none of these calls may be repeated.
        api = Api(VENDOR, self._url("WEBEX_ANALYTICS_URL"), self.context, classify=lambda _: None)
        permitted = not scopes or QUALITIES.granted(scopes)
        return Qualities(api, self.auth, self.client.limiter, self.context, permitted=permitted)

    def permitted(self) -> None:
        """CredentialsError where the token says that it lacks a scope without which nothing is had."""
        missing = lacking(self.scopes)
        if missing:
            raise CredentialsError(
                f"{VENDOR}: the token lacks scopes: add {', '.join(missing)} to the integration, then {LOGIN}"
            )

    def for_all(self, uuid: str) -> bool:
        """Whether the token is an admin's. It takes the scope, where the token names any, and the role."""
        scopes = self.scopes
        return (not scopes or MEETINGS.for_all(scopes)) and self._is_admins(uuid)

    def _is_admins(self, uuid: str) -> bool:
        """By the call for admins, asked once with a meeting; by the scopes alone where they do not permit that call."""
        if self.scopes and not ADMIN_MEETING.granted(self.scopes):
            return True
        with self._lock:
            if self._is_admin is None:
                self._is_admin = self._admin_answers(uuid)
        if not self._is_admin:
            self._tell_whose()
        return self._is_admin

    def _admin_answers(self, uuid: str) -> bool:
        try:
            self.client.get(ADMIN_MEETING, uuid)
        except VendorError as error:
            # 400 may as well be about this meeting: where the token says that it is an admin's, that counts.
            if error.status == 403 or (error.status == 400 and not self.scopes):
                return False
            if error.status not in {400, 404}:
                raise
        return True

    def _for_all_participants(self, uuid: str) -> bool:
        scopes = self.scopes
        return PARTICIPANTS.for_all(scopes) and self._is_admins(uuid) if scopes else self.for_all(uuid)

    def _tell_whose(self) -> None:
        self.context.notify_once(
            f"{VENDOR}: reading only the meetings of the account that is logged in; those of the organisation take "
            f"an admin and the scope {MEETINGS.admin[0]}"
        )

    def _unavailable(self, ref: MeetingRef, row: Row, error: VendorError) -> Pending:
        """When to ask again for participants that are not told yet. Raises Gone for those that never will be (who is
        neither the host nor an admin may not see them, says the call's description), and what is no such answer."""
        now = self.context.now()
        if error.status == 410:
            raise Gone(f"{VENDOR}: no longer kept by Webex (410)", reason=Reason.expired)
        if error.status == 403 and not self._for_all_participants(ref.uuid):
            raise Gone(f"{VENDOR}: a meeting that somebody else hosts (403)", reason=Reason.not_ours)
        if error.status != 404:
            raise error
        if state_of(row) == "live":
            return self._still_live()
        until = (known(row.get("end")) or ended_by(ref) or now) + WAIT_FOR_DETAILS
        if now < until:
            return Pending(until=min(now + ASK_AGAIN, until), reason=Reason.not_ended)
        if not self.instances.is_known(ref):
            raise Gone(f"{VENDOR}: a meeting that Webex no longer knows (404)", reason=Reason.deleted)
        raise error

    def _headed(self, ref: MeetingRef, row: Row, harvested_at: datetime, pending: Pending) -> MeetingRecord:
        """The meeting without any session, and so without the figures that are counted from them."""
        detail = Detail.live if state_of(row) == "live" else Detail.basic
        raw = self._asked_for(ref, "raw")
        meeting = to_meeting(
            row, account=self._settings.account, detail=detail, harvested_at=harvested_at, raw=raw
        )
        return dated(MeetingRecord(meeting=meeting, pending=pending), ref, self.context.now())

    def _whole(
        self,
        ref: MeetingRef,
        row: Row,
        rows: list[Row],
        sessions: list[Session],
        told: Told,
        harvested_at: datetime,
    ) -> MeetingRecord:
        meeting = to_meeting(
            row,
            account=self._settings.account,
            detail=told.detail,
            harvested_at=harvested_at,
            raw=self._asked_for(ref, "raw"),
        )
        harvest = to_record(with_audio(meeting, rows), sessions, pending=told.pending)
        return dated(harvest, ref, self.context.now())

    def _still_live(self) -> Pending:
        return Pending(until=self.context.now() + ASK_AGAIN, reason=Reason.live)

    def _during(self, ref: MeetingRef, row: Row) -> Window:
        """From before anybody joined to after the last did."""
        day, now = timedelta(days=1), self.context.now()
        start = known(row.get("start")) or ref.start_time or now
        end = known(row.get("end")) or max(now, start)
        return Window(
            start=start.replace(microsecond=0) - day, end=max(start, end).replace(microsecond=0) + day
        )

    def _asked_for(self, ref: MeetingRef, option: str) -> bool:
        wanted = self._settings.raw if option == "raw" else option in self._settings.options
        return wanted or option in ref.extras

    def _url(self, name: str) -> str:
        default = next(setting.default for setting in self.settings if setting.name == name)
        return self._settings.get(name) or default or ""
