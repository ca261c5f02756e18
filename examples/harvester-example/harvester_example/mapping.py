"""Rows of Parley to meetings and sessions. What Parley does not provide stays `None`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from connectors.models import Detail, Host, Meeting, Session, session_key
from connectors.parsing import as_dict, as_text, parse_instant, seconds_between
from connectors.row_redaction import RedactionRules, redact
from harvester_example.endpoints import VENDOR

RULES = RedactionRules(titles=frozenset(("topic", "name")))
"""Parley sends a link and a passcode with every meeting; the common rules remove both."""


def to_meeting(
    row: Mapping[str, Any], *, account: str, harvested_at: datetime, uuid: str, raw: bool
) -> Meeting:
    start, end = parse_instant(row.get("started")), parse_instant(row.get("ended"))
    host = as_dict(row.get("host"))
    return Meeting(
        vendor=VENDOR,
        account=account,
        uuid=uuid,
        detail=Detail.full,
        harvested_at=harvested_at,
        topic=as_text(row.get("topic")),
        host=Host(name=as_text(host.get("name")), email=as_text(host.get("email"))) if host else None,
        start_time=start,
        end_time=end,
        duration=seconds_between(start, end),
        state="ended",
        vendor_data=redact(row, RULES) if raw else None,
    )


def to_session(row: Mapping[str, Any], *, raw: bool) -> Session:
    join, leave = parse_instant(row.get("joined")), parse_instant(row.get("left"))
    return Session(
        key=session_key(as_text(row.get("stay_id"))),
        user_name=as_text(row.get("name")),
        email=as_text(row.get("email")),
        device=as_text(row.get("device")),
        ip_address=as_text(row.get("address")),
        join_time=join,
        leave_time=leave,
        duration=seconds_between(join, leave),
        vendor_data=redact(row, RULES) if raw else None,
    )
