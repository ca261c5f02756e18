"""Which of Google's APIs a run reads: the one that was set, or the richest that is allowed. Settled once, and said."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from threading import RLock

from connectors.base import Context, Settings
from connectors.errors import CredentialsError
from connectors.google_meet.auth import GoogleTokens
from connectors.google_meet.calendar_api import Calendar
from connectors.google_meet.client import GoogleClient
from connectors.google_meet.directory_api import Directory
from connectors.google_meet.endpoints import VENDOR
from connectors.google_meet.errors import ApiNotAllowed, Forbidden
from connectors.google_meet.meet_api import Records
from connectors.google_meet.meet_source import Apis, Meet
from connectors.google_meet.reports_api import Activities
from connectors.google_meet.reports_source import Company
from connectors.google_meet.upcoming import Upcoming
from connectors.models import MeetingRecord, MeetingRef, SkippedPartition, Window

PLAN = "plan"


class Sources:
    """Safe for many threads."""

    def __init__(self, settings: Settings, context: Context, wanted: str) -> None:
        self.wanted = wanted
        self.tokens = GoogleTokens(settings, context)
        self._context = context
        client = GoogleClient(settings, self.tokens, context)
        directory = Directory(client, self.tokens, context, settings.get("GOOGLE_CUSTOMER") or "my_customer")
        self.apis = Apis(
            context=context,
            tokens=self.tokens,
            directory=directory,
            activities=Activities(client, self.tokens, context),
            records=Records(client, self.tokens, directory, context),
            calendar=Calendar(client, self.tokens, context),
            account=settings.account,
            raw=settings.raw,
            given=settings.option_values,
        )
        self._upcoming = Upcoming(self.apis)
        self._lock = RLock()
        self._source: Company | Meet | None = None

    def meetings(self, window: Window, subjects: Collection[str]) -> Iterator[MeetingRef | SkippedPartition]:
        if "upcoming" in self.apis.given:
            return self._upcoming.meetings(window, subjects)
        return self.source().meetings(window, subjects)

    def fetch(self, ref: MeetingRef) -> MeetingRecord:
        return self._upcoming.fetch(ref) if ref.hint.get("ids") == PLAN else self.source().fetch(ref)

    def calls(self, ref: MeetingRef) -> int:
        return 1 if ref.hint.get("ids") == PLAN else self.source().calls(ref)

    def source(self) -> Company | Meet:
        with self._lock:
            if self._source is None:
                self._source = self._settled()
            return self._source

    def _settled(self) -> Company | Meet:
        meet = Meet(self.apis)
        if self.wanted == "meet":
            self._say("Meet alone (GOOGLE_SOURCE)")
            return meet
        if self.wanted == "reports":
            self._say("Reports alone (GOOGLE_SOURCE)")
            return Company(self.apis, meet, enriched=False)
        try:
            self.apis.activities.allowed()
        except (ApiNotAllowed, Forbidden) as error:
            self._say(f"Meet alone, since Reports is refused: {error}")
            return meet
        self._say("Reports, with what Meet adds to it")
        return Company(self.apis, meet, enriched=True)

    def _say(self, what: str) -> None:
        whose = (
            "" if self._for_all() else "; whoever logged in sees their own conferences in Meet, and no others"
        )
        self._context.notify_once(f"{VENDOR}: reading {what}{whose}")

    def _for_all(self) -> bool:
        try:
            return self.tokens.impersonates
        except CredentialsError:
            return True  # the first call says what is wrong with them
