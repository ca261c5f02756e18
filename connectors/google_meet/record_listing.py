"""Listing, as both sources do it: Meet's records of all users, each once, and the refs of records and conferences."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from connectors.base import refused_today
from connectors.google_meet.apis import Apis
from connectors.google_meet.auth import LOGGED_IN
from connectors.google_meet.conference_grouping import Conference, record_id
from connectors.google_meet.endpoints import RECORD_RETENTION
from connectors.google_meet.id_conflicts import OtherSourceDays
from connectors.google_meet.meet_api import MAX_USERS_TRIED, VisibleRecord
from connectors.google_meet.refused_users import accepts_admin, unknown_users
from connectors.google_meet.reports_rows import Row
from connectors.models import MeetingRef, Reason, SkippedPartition, Window, row_digest, user_partition
from connectors.parsing import parse_instant

GoogleSourceName = Literal["reports", "meet", "auto"]

Listed = tuple[str, list[Row]] | SkippedPartition
"""A user with the rows that they list, or one who could not be read."""


class RecordListing:
    """Lists Meet's records, and makes refs for one source."""

    def __init__(self, apis: Apis, source: GoogleSourceName) -> None:
        self._apis = apis
        self._source = source

    def retained_window(self, window: Window) -> Window | None:
        """The part of the window that can still have records; `None` if there is none.

        A day is added to the retention: it counts from the end of a conference, which may be later than its start.
        """
        oldest = self._apis.context.now() - RECORD_RETENTION - timedelta(days=1)
        if window.end <= oldest:
            return None
        return Window(start=max(window.start, oldest), end=window.end)

    def collect(
        self, window: Window, into: dict[str, VisibleRecord], partitions: Collection[str] = ()
    ) -> Iterator[SkippedPartition]:
        """Puts every record into `into` by id, with some users who may read it; yields the users who could not be read.

        `partitions` limits it to users that an earlier listing skipped. Raises ConfigurationError if only Meet is read, and
        `--user` or `--meeting-code` names what it cannot know; otherwise Reports decides about them.
        """
        meet = self._apis.meet
        if self._source == "meet":
            meet.require_code(self._apis.code)
        users = meet.users_to_impersonate(self._apis.users)
        if partitions:
            users = (user for user in users if user_partition(user.lower()) in partitions)
        refused = {} if self._apis.users else refused_today(self._apis.context)
        results = meet.list_records(window, users, self._apis.code, refused=refused)
        is_sample = bool(partitions or self._apis.users)  # all of a few may be refused although Meet works
        if self._source == "meet":
            results = require_known(results, self._apis.users)
        for result in settle_refusals(
            results, is_accepted=lambda: is_sample and accepts_admin(meet.require_access)
        ):
            if isinstance(result, SkippedPartition):
                yield result
                continue
            user, rows = result
            for row in rows:
                visible = into.setdefault(record_id(row), VisibleRecord(record=row, users=[]))
                if len(visible.users) < MAX_USERS_TRIED:
                    visible.users.append(user)

    def record_refs(
        self, records: Mapping[str, VisibleRecord], window: Window, days: OtherSourceDays
    ) -> Iterator[MeetingRef]:
        """The refs of the records that started in the window, without those on days of the other source."""
        for visible in records.values():
            start = parse_instant(visible.record.get("startTime"))
            if start is not None and start in window and not days.contains(start):
                yield self._record_ref(visible, start)

    def _record_ref(self, visible: VisibleRecord, start: datetime) -> MeetingRef:
        return MeetingRef(
            uuid=record_id(visible.record),
            start_time=start,
            digest=row_digest({"source": self._source, "record": visible.record}),
            hint=self._hint("record", start, visible.users),
            row={"record": visible.record, "users": visible.users},
        )

    def conference_ref(
        self,
        conference: Conference,
        visible: VisibleRecord | None,
        start: datetime,
        *,
        is_complete: bool,
        lookup_failed: bool,
    ) -> MeetingRef:
        """The ref of a conference of Reports with its record, if Meet has one.

        `is_complete`: these are all its rows. `lookup_failed`: its record could not be looked up; `fetch` tries again.
        """
        users = visible.users if visible is not None else []
        row = {"rows": list(conference.rows), "record": visible.record if visible is not None else None}
        return MeetingRef(
            uuid=conference.id,
            start_time=start,
            digest=row_digest({"source": self._source, **row}),
            hint=self._hint("conference", start, users),
            row=None if lookup_failed else {**row, "users": users, "is_complete": is_complete},
        )

    def _hint(self, ids: str, start: datetime, users: Sequence[str]) -> dict[str, Any]:
        """The day shows later runs which days were read from which source.

        The user, to impersonate again, is stored by id: an address must not be stored.
        """
        hint = {"source": self._source, "ids": ids, "day": start.astimezone(UTC).date().isoformat()}
        person = self._apis.directory.by_address(users[0]) if users and users[0] != LOGGED_IN else None
        return hint if person is None else {**hint, "user": person.id}


def require_known(results: Iterable[Listed], users: Sequence[str]) -> Iterator[Listed]:
    """The results. Raises ConfigurationError before the first one if Google does not know one of `users`, which the command
    line names."""
    if not users:
        return iter(results)
    named = {user_partition(user.lower()): user for user in users}
    found = list(results)
    skipped = [result for result in found if isinstance(result, SkippedPartition)]
    unknown = [named[each.partition] for each in skipped if each.reason is Reason.unknown_user]
    if unknown:
        raise unknown_users(unknown)
    return iter(found)


def settle_refusals(
    results: Iterable[Listed],
    *,
    is_accepted: Callable[[], bool] = lambda: False,
) -> Iterator[Listed]:
    """The results, with the refused users last: permanently skipped, unless every user was refused.

    A person without a licence, or with the service turned off, is refused every night. If no person is accepted, something
    else is wrong, and a later run must ask again. `is_accepted`: returns whether another user is
    accepted; called only if all of these are refused.
    """
    refused: list[SkippedPartition] = []
    is_any_accepted = False
    for result in results:
        if isinstance(result, SkippedPartition) and result.reason is not Reason.error:
            refused.append(result)
        else:
            is_any_accepted = is_any_accepted or not isinstance(result, SkippedPartition)
            yield result
    if any(not skipped.permanent for skipped in refused):
        is_any_accepted = is_any_accepted or is_accepted()
    for skipped in refused:
        yield replace(skipped, permanent=skipped.permanent or is_any_accepted)
