"""A conference as a meeting: out of Reports' rows, Meet's record, Calendar's event, whichever of them there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connectors.google_meet.calendar_api import title
from connectors.google_meet.conferences import Conference, is_live
from connectors.google_meet.endpoints import SETTLED
from connectors.google_meet.mapping import Row, has_phone, has_pictures, text
from connectors.google_meet.redaction import redact_row
from connectors.models import Detail, Host, Meeting, Pending, Reason
from connectors.parsing import parse_instant, seconds_between


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Everything that is known of one conference. `recordings`: `None` where they are not for us to see."""

    conference: Conference | None = None
    record: Row | None = None
    event: Row = field(default_factory=dict)
    recordings: Sequence[Row] | None = None
    code: str | None = None
    host: Host | None = None

    @property
    def rows(self) -> Sequence[Row]:
        return () if self.conference is None else self.conference.rows

    @property
    def live(self) -> bool:
        return self.record is not None and is_live(self.record)

    @property
    def start(self) -> datetime | None:
        told = parse_instant(self.record.get("startTime")) if self.record is not None else None
        return told or (self.conference.start if self.conference is not None else None)

    @property
    def end(self) -> datetime | None:
        if self.live:
            return None
        told = parse_instant(self.record.get("endTime")) if self.record is not None else None
        return told or (self.conference.end if self.conference is not None else None)

    @property
    def detail(self) -> Detail:
        if self.live:
            return Detail.live
        return Detail.full if self.record is not None and self.rows else Detail.basic


def to_meeting(
    known: Known, *, account: str, uuid: str, harvested_at: datetime, raw: bool = False
) -> Meeting:
    start, end = known.start, known.end
    space = text(known.record.get("space")) if known.record is not None else None
    code = known.conference.code if known.conference is not None else None
    return Meeting(
        vendor="google-meet",
        account=account,
        uuid=uuid,
        detail=known.detail,
        harvested_at=harvested_at,
        meeting_series_id=space.removeprefix("spaces/") if space is not None else None,
        meeting_code=code or known.code,
        topic=title(known.event),
        host=known.host,
        start_time=start,
        end_time=end,
        duration=seconds_between(start, end),
        state="live" if known.live else "ended",
        has_pstn=has_phone(known.rows),
        has_video=has_pictures(known.rows, "video"),
        has_screen_share=has_pictures(known.rows, "screencast"),
        recording=None if known.recordings is None else bool(known.recordings),
        vendor_data=_raw(known) if raw else None,
    )


def settling(known: Known, now: datetime) -> Pending | None:
    """Late rows, and what Meet has not put together yet: whoever reads it this early reads it once more."""
    if known.end is None or now >= known.end + SETTLED:
        return None
    return Pending(until=known.end + SETTLED, reason=Reason.settling)


def _raw(known: Known) -> Mapping[str, Any]:
    told: dict[str, Any] = {"event": known.event, "record": known.record, "recordings": known.recordings}
    if known.conference is not None:
        told["conference_id"] = known.conference.id
    return {name: redact_row(value) for name, value in told.items() if value}
