"""Read conferences with the Meet REST API, as users who may see them.

https://developers.google.com/workspace/meet/api/guides/conferences and …/participants (2026), discovery document meet.v2.
Google's pages contradict each other on whether a user lists the conferences that they attended, or only those that they
organized. The union over all users is right in both cases. Records are kept for 30 days.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import TypeVar

from cachetools import LRUCache

from connectors.base import Context
from connectors.concurrency import ordered_map
from connectors.errors import BrokenResponse, ConfigurationError, VendorError
from connectors.google_meet.auth import LOGGED_IN, GoogleTokens, UserUnavailable
from connectors.google_meet.conference_grouping import MAX_TIME_DIFFERENCE, Conference, best_record, record_id
from connectors.google_meet.directory_api import DirectoryApi
from connectors.google_meet.endpoints import MEET, RECORD_RETENTION, VENDOR
from connectors.google_meet.errors import Forbidden
from connectors.google_meet.http_client import GoogleClient, PageTokenRefused, Row
from connectors.google_meet.redaction_rules import SPACE_FIELDS, redact_recording
from connectors.google_meet.refused_users import RefusedUsers, skip_user
from connectors.google_meet.reports_rows import normalize_code
from connectors.models import Reason, SkippedPartition, Window, user_partition
from connectors.parsing import as_text, format_milliseconds, parse_instant

USERS_AT_ONCE = 8
MAX_USERS_TRIED = 3
"""How many of the users who can list a conference are kept, and tried in turn."""

_REFUSED = (
    "Meet refuses these users (403), who perhaps have no licence, or for whom it is turned off (Admin console > "
    "Apps > Google Workspace > Google Meet > Service status), so what only they can list is skipped; "
    "GOOGLE_SOURCE=reports needs only the admin"
)
MAX_CACHED_SPACES = 5000
_CODE = re.compile(r"[a-z]+-[a-z]+-[a-z]+")

MAX_CONFERENCE_LENGTH = timedelta(days=2)
"""How long before its first known join a conference is searched for."""

T = TypeVar("T")


@dataclass(slots=True, kw_only=True)
class VisibleRecord:
    """A record, with some users who may read it."""

    record: Row
    users: list[str]
    """Addresses to impersonate."""


class MeetApi:
    """Thread-safe. Methods with `users` try them in turn, and return `None` if none of them may read it."""

    def __init__(
        self, client: GoogleClient, tokens: GoogleTokens, directory: DirectoryApi, context: Context
    ) -> None:
        self._client = client
        self._tokens = tokens
        self._directory = directory
        self._context = context
        self._lock = Lock()
        self._refused_users = RefusedUsers(context, _REFUSED)
        self._codes: LRUCache[str, str | None] = LRUCache(MAX_CACHED_SPACES)

    def users_to_impersonate(self, users: Collection[str] = ()) -> Iterator[str]:
        """The given users, else all active users in the Directory, else the admin. Without delegation, the logged-in user.

        Raises ConfigurationError if users are given without delegation: a login reads its own data only."""
        if not self._tokens.impersonates:
            if users:
                raise ConfigurationError(
                    f"{VENDOR}: --user needs a service account: a login reads only that person's own meetings: remove --user"
                )
            yield LOGGED_IN
        elif users:
            yield from dict.fromkeys(user.lower() for user in users)
        elif self._directory.is_readable:
            yield from (person.email for person in self._directory.people() if person.active)
        else:
            yield self._tokens.admin

    def require_code(self, code: str | None) -> None:
        """Raises ConfigurationError for a code that Meet's filter refuses."""
        if code is not None and not is_meet_code(code):
            raise ConfigurationError(f"{VENDOR}: --meeting-code must be a code such as abc-mnop-xyz")

    def require_access(self) -> None:
        """Makes one call. Raises the error if it is refused."""
        self._client.call(MEET, self._tokens.admin, "conferenceRecords", "list", pageSize=1)

    def list_records(
        self,
        window: Window,
        users: Iterator[str],
        code: str | None = None,
        *,
        refused: Mapping[str, Reason] | None = None,
    ) -> Iterator[tuple[str, list[Row]] | SkippedPartition]:
        """Each user with the records that they list for the window, in the order of the users; several at a time.

        `refused`: partitions that are not asked for, since Google refused them today.
        """
        known = refused or {}
        where = f'start_time>="{format_milliseconds(window.start)}" AND start_time<="{format_milliseconds(window.end)}"'
        if code is not None:
            where = f"space.meeting_code = {_quote(code)} AND {where}"

        def list_user(user: str) -> tuple[str, list[Row]] | SkippedPartition:
            partition = user_partition(user.lower())
            if partition in known:
                return SkippedPartition(partition=partition, reason=known[partition], permanent=True)
            result = self._list_user(user, where)
            if isinstance(result, SkippedPartition):
                self._refused_users.add(user, result.reason)
            return result

        yield from ordered_map(list_user, users, workers=USERS_AT_ONCE, name="google-users")
        self._refused_users.notify()

    def _list_user(self, user: str, where: str) -> tuple[str, list[Row]] | SkippedPartition:
        try:
            return user, self._list(user, where)
        except VendorError as error:
            return skip_user(user, error)

    def _list(self, user: str, where: str) -> list[Row]:
        records = self._client.all_rows(
            MEET, user, "conferenceRecords", "conferenceRecords", filter=where, pageSize=100
        )
        if not all(record_id(record) and parse_instant(record.get("startTime")) for record in records):
            raise BrokenResponse(f"{VENDOR}: conferenceRecords.list: a record without `name` or `startTime`")
        return records

    def find(self, conference: Conference) -> VisibleRecord | None:
        """The record of a conference of Reports: by code and time, else by id, as users who attended it."""
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
        start, end, code = conference.first_known, conference.end, conference.code
        if start is None or end is None or code is None or not is_meet_code(code):
            return None
        # Not by its end: a live conference has none.
        where = (
            f"space.meeting_code = {_quote(code)} AND "
            f'start_time>="{format_milliseconds(start - MAX_CONFERENCE_LENGTH)}" AND start_time<="{format_milliseconds(end + MAX_TIME_DIFFERENCE)}"'
        )
        return best_record(conference, self._list(user, where))

    def _attending_users(self, conference: Conference) -> list[str]:
        if not self._tokens.impersonates:
            return [LOGGED_IN]
        people = [self._directory.by_address(address) for address in conference.addresses]
        users = list(dict.fromkeys(person.email for person in people if person is not None and person.active))
        if users or self._directory.is_readable:
            return users[:MAX_USERS_TRIED]
        return conference.addresses[:1]

    def is_expired(self, end: datetime | None) -> bool:
        """Whether its record is no longer kept."""
        return end is not None and end + RECORD_RETENTION < self._context.now()

    def record(self, number: str, users: Sequence[str]) -> Row | None:
        """The record with this id."""

        name = f"conferenceRecords/{number}"

        def ask(user: str) -> Row:
            record = self._client.call(MEET, user, "conferenceRecords", "get", name=name)
            if not record_id(record):
                raise BrokenResponse(f"{VENDOR}: conferenceRecords.get: a response without a `name`")
            return {**record, "name": name}

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

    def recordings(self, visible: VisibleRecord, owner: str | None) -> list[Row] | None:
        """The metadata of the recordings, never the files.

        The owner's address, if known, is tried first: Meet may refuse recordings to mere participants.
        """
        name, users = str(visible.record["name"]), visible.users
        if owner is not None and LOGGED_IN not in users:
            users = list(dict.fromkeys([owner, *users]))

        def ask(user: str) -> list[Row]:
            return self._client.all_rows(
                MEET, user, "conferenceRecords.recordings", "recordings", parent=name, pageSize=100
            )

        recordings = self._first_allowed(users, ask)
        return None if recordings is None else [redact_recording(row) for row in recordings]

    def meeting_code(self, space: str | None, users: Sequence[str]) -> str | None:
        """The meeting code of a space. Cached."""
        if space is None:
            return None
        with self._lock:
            if space in self._codes:
                return self._codes[space]

        def ask(user: str) -> Row:
            return self._client.call(MEET, user, "spaces", "get", name=space, fields=SPACE_FIELDS)

        row = self._first_allowed(users, ask)
        if row is not None and as_text(row.get("name")) is None:
            raise BrokenResponse(f"{VENDOR}: spaces.get: a response without a `name`")
        code = normalize_code(row.get("meetingCode")) if row is not None else None
        with self._lock:
            self._codes[space] = code
        return code

    def _first_allowed(self, users: Sequence[str], ask: Callable[[str], T]) -> T | None:
        """The result of the first user who is not refused. `None` if all are refused, or it does not exist."""
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


def is_meet_code(code: str) -> bool:
    """Whether the filter accepts the code; it refuses nicknames."""
    return _CODE.fullmatch(code) is not None


def space_of(record: Row) -> str | None:
    return as_text(record.get("space"))


def _quote(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
