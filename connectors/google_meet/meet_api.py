"""Meet's own API: what one of its users may see of a conference.

https://developers.google.com/workspace/meet/api/guides/conferences and …/participants (2026), discovery document meet.v2.
Google contradicts itself on whether a user lists the conferences that they attended or only those that they organized:
the union over all users is right either way, each record once. A record, and all below it, is there for 30 days.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import TypeVar

from cachetools import LRUCache

from connectors.base import Context
from connectors.concurrency import ordered_map
from connectors.errors import VendorError
from connectors.google_meet.auth import LOGGED_IN, GoogleTokens, UserUnavailable
from connectors.google_meet.client import GoogleClient, PageTokenRefused, Row
from connectors.google_meet.conferences import MAX_TIME_DIFFERENCE, Conference, best_record
from connectors.google_meet.directory_api import DirectoryApi
from connectors.google_meet.endpoints import MEET, RECORD_RETENTION, VENDOR
from connectors.google_meet.errors import Forbidden
from connectors.google_meet.redaction import SPACE_FIELDS, redact_recording
from connectors.google_meet.reports_api import spelled
from connectors.google_meet.reports_rows import normalize_code
from connectors.models import Reason, SkippedPartition, Window, user_partition
from connectors.parsing import as_text

USERS_AT_ONCE = 8
MAX_USERS_TRIED = 3
"""Of those who saw a conference, how many are tried in turn."""

MAX_CACHED_SPACES = 5000
_CODE = re.compile(r"[a-z]+-[a-z]+-[a-z]+")
"""What a filter takes for a code; a nickname would be refused."""

MAX_CONFERENCE_LENGTH = timedelta(days=2)
"""A conference is looked for from so long before its first known join."""

T = TypeVar("T")


@dataclass(slots=True, kw_only=True)
class VisibleRecord:
    """A record, and some of those who may read it."""

    record: Row
    users: list[str]


class MeetApi:
    """Safe for many threads."""

    def __init__(
        self, client: GoogleClient, tokens: GoogleTokens, directory: DirectoryApi, context: Context
    ) -> None:
        self._client = client
        self._tokens = tokens
        self._directory = directory
        self._context = context
        self._lock = Lock()
        self._codes: LRUCache[str, str | None] = LRUCache(MAX_CACHED_SPACES)

    def users_to_impersonate(self, users: Collection[str] = ()) -> Iterator[str]:
        """As whom to ask: the users that were named, else everybody active in the Directory, else whoever it is."""
        if not self._tokens.impersonates:
            yield LOGGED_IN
        elif users:
            yield from dict.fromkeys(user.lower() for user in users)
        elif self._directory.is_readable:
            yield from (person.email for person in self._directory.people() if person.active)
        else:
            yield self._tokens.admin

    def require_access(self) -> None:
        """Raises what refuses them."""
        self._client.call(MEET, self._tokens.admin, "conferenceRecords", "list", pageSize=1)

    def list_records(
        self, window: Window, users: Iterator[str], code: str | None = None
    ) -> Iterator[tuple[str, list[Row]] | SkippedPartition]:
        """User by user, several at once, in their order and no further ahead: the records that started in the window."""
        where = f'start_time>="{spelled(window.start)}" AND start_time<="{spelled(window.end)}"'
        if code is not None:
            where = f"space.meeting_code = {_quote(code)} AND {where}"
        return ordered_map(
            lambda user: self._list_user(user, where), users, workers=USERS_AT_ONCE, name="google-users"
        )

    def _list_user(self, user: str, where: str) -> tuple[str, list[Row]] | SkippedPartition:
        try:
            return user, self._list(user, where)
        except UserUnavailable:
            self._context.notify_once(
                f"{VENDOR}: for some people there is no token (suspended, or not of this domain): what only they "
                "could show is left out, and asked for again by the next run"
            )
            return SkippedPartition(
                partition=user_partition(user.lower()), reason=Reason.unknown_user, permanent=False
            )
        except Forbidden:
            self._context.notify_once(
                f"{VENDOR}: Meet refuses some people (403), who may have it turned off (Admin console > Apps > Google "
                "Workspace > Google Meet > Service status): left out, and asked for again by the next run; "
                "GOOGLE_SOURCE=reports asks for nobody but the admin"
            )
            return SkippedPartition(
                partition=user_partition(user.lower()), reason=Reason.refused, permanent=False
            )
        except VendorError:
            return SkippedPartition(
                partition=user_partition(user.lower()), reason=Reason.error, permanent=False
            )

    def _list(self, user: str, where: str) -> list[Row]:
        return self._client.all_rows(
            MEET, user, "conferenceRecords", "conferenceRecords", filter=where, pageSize=100
        )

    def find(self, conference: Conference) -> VisibleRecord | None:
        """The record of a conference that Reports tells of: by its code and time, then by its id, as whoever may know it."""
        if self.is_expired(conference.end):
            return None
        for user in self._attending_users(conference):
            try:
                record = self._find_by_code(user, conference) or self.record(conference.id, [user])
            except (UserUnavailable, Forbidden):
                continue
            if record is not None:
                return VisibleRecord(record=record, users=[user])
        return None

    def _find_by_code(self, user: str, conference: Conference) -> Row | None:
        start, end, code = conference.start, conference.end, conference.code
        if start is None or end is None or code is None or not _CODE.fullmatch(code):
            return None
        # Not by its end: of what goes on there is none.
        where = (
            f"space.meeting_code = {_quote(code)} AND "
            f'start_time>="{spelled(start - MAX_CONFERENCE_LENGTH)}" AND start_time<="{spelled(end + MAX_TIME_DIFFERENCE)}"'
        )
        return best_record(conference, self._list(user, where))

    def _attending_users(self, conference: Conference) -> list[str]:
        if not self._tokens.impersonates:
            return [LOGGED_IN]
        people = [self._directory.by_address(address) for address in conference.addresses]
        known = list(dict.fromkeys(person.email for person in people if person is not None and person.active))
        if known or self._directory.is_readable:
            return known[:MAX_USERS_TRIED]
        return conference.addresses[:1]

    def is_expired(self, end: datetime | None) -> bool:
        """Whether no record of it is kept any more."""
        return end is not None and end + RECORD_RETENTION < self._context.now()

    def record(self, number: str, users: Sequence[str]) -> Row | None:
        """`None` where nobody of these is told of it."""

        def ask(user: str) -> Row:
            return self._client.call(
                MEET, user, "conferenceRecords", "get", name=f"conferenceRecords/{number}"
            )

        return self._first_allowed(users, ask)

    def participants(self, name: str, users: Sequence[str]) -> list[Row] | None:
        path = "conferenceRecords.participants"

        def ask(user: str) -> list[Row]:
            return self._client.all_rows(MEET, user, path, "participants", parent=name, pageSize=250)

        return self._first_allowed(users, ask)

    def participant_sessions(self, participant: str, users: Sequence[str]) -> list[Row] | None:
        path = "conferenceRecords.participants.participantSessions"

        def ask(user: str) -> list[Row]:
            return self._client.all_rows(
                MEET, user, path, "participantSessions", parent=participant, pageSize=250
            )

        return self._first_allowed(users, ask)

    def recordings(self, seen: VisibleRecord, owner: str | None) -> list[Row] | None:
        """What is told of them; never the files. `None` where they are not for us to see: mere participants may be
        refused them, so the owner, where it is known, is the first to be asked for, by address."""
        name, subjects = str(seen.record["name"]), seen.users
        if owner is not None and LOGGED_IN not in subjects:
            subjects = list(dict.fromkeys([owner, *subjects]))

        def ask(user: str) -> list[Row]:
            return self._client.all_rows(
                MEET, user, "conferenceRecords.recordings", "recordings", parent=name, pageSize=100
            )

        found = self._first_allowed(subjects, ask)
        return None if found is None else [redact_recording(row) for row in found]

    def meeting_code(self, space: str | None, users: Sequence[str]) -> str | None:
        """What people type to get into a space; asked once for each."""
        if space is None:
            return None
        with self._lock:
            if space in self._codes:
                return self._codes[space]

        def ask(user: str) -> Row:
            return self._client.call(MEET, user, "spaces", "get", name=space, fields=SPACE_FIELDS)

        found = self._first_allowed(users, ask)
        code = normalize_code(found.get("meetingCode")) if found is not None else None
        with self._lock:
            self._codes[space] = code
        return code

    def _first_allowed(self, users: Sequence[str], ask: Callable[[str], T]) -> T | None:
        """The first of these who is answered. `None`: none of them may see it, or it is not there."""
        for user in users[:MAX_USERS_TRIED]:
            try:
                return ask(user)
            except (UserUnavailable, Forbidden):
                continue
            except PageTokenRefused:
                raise
            except VendorError as error:
                if error.status not in {400, 404}:
                    raise
        return None


def space_of(record: Row) -> str | None:
    return as_text(record.get("space"))


def _quote(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
