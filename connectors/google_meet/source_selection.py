"""Choose the source of a run: the one in GOOGLE_SOURCE, or the richest that is allowed."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from threading import RLock

from connectors.base import Context, Settings
from connectors.errors import BrokenResponse, ConfigurationError
from connectors.google_meet.apis import Apis
from connectors.google_meet.auth import GoogleTokens
from connectors.google_meet.calendar_api import CalendarApi
from connectors.google_meet.directory_api import DirectoryApi
from connectors.google_meet.endpoints import VENDOR
from connectors.google_meet.errors import ApiNotAllowed, Forbidden
from connectors.google_meet.http_client import GoogleClient
from connectors.google_meet.meet_api import MeetApi
from connectors.google_meet.meet_source import MeetSource
from connectors.google_meet.reports_api import ReportsApi
from connectors.google_meet.reports_source import ReportsSource
from connectors.google_meet.upcoming import PLANNED_IDS, UpcomingSource
from connectors.models import MeetingRecord, MeetingRef, SkippedPartition, Window


class GoogleSourceSelector:
    """Chooses the source once, and passes calls on to it. Thread-safe."""

    def __init__(self, settings: Settings, context: Context, wanted: str) -> None:
        self.wanted = wanted
        self.tokens = GoogleTokens(settings, context)
        self._context = context
        client = GoogleClient(settings, self.tokens, context)
        directory = DirectoryApi(
            client, self.tokens, context, settings.get("GOOGLE_CUSTOMER") or "my_customer"
        )
        self.apis = Apis(
            context=context,
            tokens=self.tokens,
            directory=directory,
            reports=ReportsApi(client, self.tokens, context),
            meet=MeetApi(client, self.tokens, directory, context),
            calendar=CalendarApi(client, self.tokens, context),
            account=settings.account,
            raw=settings.raw,
            option_values=settings.option_values,
        )
        self._upcoming = UpcomingSource(self.apis)
        self._lock = RLock()
        self._source: ReportsSource | MeetSource | None = None

    def meetings(
        self, window: Window, partitions: Collection[str]
    ) -> Iterator[MeetingRef | SkippedPartition]:
        if "upcoming" in self.apis.option_values:
            return self._upcoming.meetings(window, partitions)
        return self.source().meetings(window, partitions)

    def fetch(self, ref: MeetingRef) -> MeetingRecord:
        is_planned = ref.hint.get("ids") == PLANNED_IDS
        record = self._upcoming.fetch(ref) if is_planned else self.source().fetch(ref)
        if record.timestamp is None:
            raise BrokenResponse(f"{VENDOR}: a listed conference has no time any more")
        return record

    def estimate_requests(self, ref: MeetingRef) -> int:
        return 1 if ref.hint.get("ids") == PLANNED_IDS else self.source().estimate_requests(ref)

    def source(self) -> ReportsSource | MeetSource:
        with self._lock:
            if self._source is None:
                self._source = self._choose_source()
            return self._source

    def _choose_source(self) -> ReportsSource | MeetSource:
        meet = MeetSource(self.apis)
        if self.wanted == "meet":
            self._notify("only Meet (GOOGLE_SOURCE)")
            return meet
        if self.wanted == "reports":
            self._notify("only Reports (GOOGLE_SOURCE)")
            return ReportsSource(self.apis, meet, with_meet=False)
        try:
            self.apis.reports.require_access()
        except (ApiNotAllowed, Forbidden) as error:
            self._notify(f"only Meet, since Reports is refused: {error}")
            return meet
        self._notify("Reports, with what Meet adds to it")
        return ReportsSource(self.apis, meet, with_meet=True)

    def _notify(self, source: str) -> None:
        limit = (
            ""
            if self._reads_all_users()
            else "; in Meet, the logged-in user can read only their own conferences"
        )
        self._context.notify_once(f"{VENDOR}: reading {source}{limit}")

    def _reads_all_users(self) -> bool:
        try:
            return self.tokens.impersonates
        except ConfigurationError:
            return True  # the first call reports what is wrong with them
