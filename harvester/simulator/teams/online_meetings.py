"""Online meetings: the subject, the meeting code and the planned times behind a link, one for all calls of a series."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harvester.simulator.organisation import seeded_random
from harvester.simulator.teams import identities
from harvester.simulator.teams.account import Account, CallRecord
from harvester.simulator.teams.error_responses import forbidden, not_found
from harvester.simulator.teams.formats import TICKS_PER_MILLISECOND, stamp, uuid

_NO_POLICY = "No application access policy found for this app."


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlineMeeting:
    """`start` and `end`: as planned for the first call, in milliseconds since 1970."""

    id: str
    subject: str | None
    code: str | None
    start: int
    end: int
    link: str


class OnlineMeetings:
    """The online meetings of the tenant, each found by its organizer and its link only."""

    def __init__(self, account: Account) -> None:
        self._account = account
        seed = account.organisation.seed
        self._refused = identities.user_id(seed, account.refused_organizer)
        self._by_link: dict[str, OnlineMeeting] = {}
        self._organized = {(record.organizer.id, record.link) for record in account.records}
        for record in account.records:
            number = seeded_random.number(seed, "teams online meeting", record.meeting.series, size=6)
            # Meetings in channels are not found.
            if record.link is not None and record.link not in self._by_link and number % 7:
                self._by_link[record.link] = _online_meeting(record, record.link, number)

    def of_record(self, record: CallRecord) -> OnlineMeeting | None:
        """Return the online meeting of a call if an application may read it."""
        organizer = record.organizer.id or ""
        if record.link is None or organizer == self._refused or not self._is_readable(organizer):
            return None
        return self._by_link.get(record.link)

    def find(self, organizer: str, link: str) -> list[dict[str, Any]]:
        """Return the rows for a link; raises ErrorResponse for an organizer who is unknown or refused."""
        if organizer == self._refused:
            raise forbidden(_NO_POLICY)
        if not self._is_readable(organizer):
            raise not_found()
        found = self._by_link.get(link)
        return [_row(found)] if found is not None and (organizer, link) in self._organized else []

    def _is_readable(self, organizer: str) -> bool:
        """Return whether the tenant has this user: deleted accounts and those of other tenants are not found."""
        person = self._account.people.get(organizer)
        return person is not None and person.status != "departed"


def _online_meeting(record: CallRecord, link: str, number: int) -> OnlineMeeting:
    meeting = record.meeting
    return OnlineMeeting(
        id=uuid(seeded_random.digest("teams online meeting", meeting.series)),
        subject=meeting.topic if meeting.topic is not None or number % 2 else "",
        code=None if number % 5 == 0 else str(200_000_000_000 + number % 99_999_999_999),
        start=meeting.planned_start,
        end=meeting.planned_end,
        link=link,
    )


def _row(found: OnlineMeeting) -> dict[str, Any]:
    settings = {"isPasscodeRequired": True, "joinMeetingId": found.code, "passcode": "invented"}
    return {
        "id": found.id,
        "subject": found.subject,
        "startDateTime": stamp(found.start * TICKS_PER_MILLISECOND),
        "endDateTime": stamp(found.end * TICKS_PER_MILLISECOND),
        "joinWebUrl": found.link,
        "joinMeetingIdSettings": None if found.code is None else settings,
    }
