"""Map Graph's call records to meetings and sessions. Pure functions: a dict in, a dataclass out.

Fields: https://learn.microsoft.com/graph/api/resources/callrecords-callrecord, …/callrecords-session,
…/callrecords-clientuseragent, …/callrecords-networkinfo (2026). An unknown member of an enumeration is absent.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from connectors.models import Detail, Host, Meeting, Session, session_key
from connectors.parsing import as_dict, as_dicts, as_list, as_text, parse_instant, seconds_between
from connectors.teams.identities import PHONE, Identity, user_of, user_type
from connectors.teams.legs import Leg
from connectors.teams.quality import to_quality
from connectors.teams.redaction_rules import redact_row

Row = Mapping[str, Any]

DEVICES = frozenset({"roomSystem", "surfaceHub", "ipPhone"})
SYSTEMS = frozenset({"windows", "macOS", "iOS", "android"})
APPS = frozenset({"teams", "skypeForBusiness", "lync", "azureCommunicationServices"})
NETWORKS = frozenset({"wired", "wifi", "mobile", "tunnel"})
STAGES = frozenset({"callSetup", "midcall"})
SCREEN_SHARING = frozenset({"videoBasedScreenSharing", "screenSharing"})


def to_meeting(
    row: Row, *, account: str, detail: Detail, harvested_at: datetime, raw: bool = False
) -> Meeting:
    """A row of GET /communications/callRecords, or the response of …/{id}."""
    start, end = parse_instant(row.get("startDateTime")), parse_instant(row.get("endDateTime"))
    modalities = row.get("modalities")
    kinds = {str(each) for each in modalities} if isinstance(modalities, list) else None
    return Meeting(
        vendor="teams",
        account=account,
        uuid=as_text(row.get("id")) or "",
        detail=detail,
        harvested_at=harvested_at,
        meeting_series_id=series_id(row.get("joinWebUrl")),
        host=_host(row),
        start_time=start,
        end_time=end,
        duration=seconds_between(start, end),
        state="ended",
        has_video=None if kinds is None else "video" in kinds,
        has_screen_share=None if kinds is None else bool(kinds & SCREEN_SHARING),
        vendor_data=redact_row(row) if raw else None,
    )


def series_id(link: Any) -> str | None:
    """A hash of the link into the meeting, which all occurrences of a series share. The link itself is not stored."""
    text = as_text(link)
    if text is None:
        return None
    return hashlib.sha256(re.split(r"[?#]", text)[0].encode("utf-8", "replace")).digest()[:16].hex()


def with_audio(meeting: Meeting, legs: Sequence[Leg]) -> Meeting:
    """The meeting with the kinds of audio that its participants used."""
    phones = [leg.identity.kind == PHONE for leg in legs]
    computers = [
        not phone and "audio" in as_list(leg.row.get("modalities"))
        for leg, phone in zip(legs, phones, strict=True)
    ]
    return replace(meeting, has_pstn=any(phones), has_voip=any(computers))


def with_online_meeting(meeting: Meeting, row: Row) -> Meeting:
    """The meeting with what GET /users/{user}/onlineMeetings has of it. All calls with one link share an online meeting, such
    as those of a series: its times are the planned ones of a call only if the two overlap."""
    start, end = parse_instant(row.get("startDateTime")), parse_instant(row.get("endDateTime"))
    is_planned = _overlap(start, end, meeting.start_time, meeting.end_time)
    return replace(
        meeting,
        topic=as_text(row.get("subject")),
        meeting_code=as_text(as_dict(row.get("joinMeetingIdSettings")).get("joinMeetingId")),
        scheduled_start_time=start if is_planned else None,
        scheduled_end_time=end if is_planned else None,
    )


def _overlap(*ends: datetime | None) -> bool:
    """Whether the first two instants and the last two are intervals that overlap."""
    if None in ends:
        return False
    start, end, other_start, other_end = (each for each in ends if each is not None)
    return start < other_end and other_start < end


def organizer_of(row: Row) -> Identity | None:
    """The user who organized the call; `None` if it was a telephone or is not known."""
    return user_of(as_dict(row.get("organizer_v2")).get("identity"))


def to_session(leg: Leg, *, organizer: Identity | None, tenant: str, raw: bool = False) -> Session:
    identity, agent = leg.identity, as_dict(leg.endpoint.get("userAgent"))
    platform = agent.get("platform")
    start, end = parse_instant(leg.row.get("startDateTime")), parse_instant(leg.row.get("endDateTime"))
    is_host = organizer is not None and organizer.id is not None and organizer.id == identity.id
    networks = list(_networks(leg))
    return Session(
        key=session_key(*leg.key),
        id=identity.id or _id_of_named(leg),
        user_name=identity.name,
        email=identity.email,
        user_type=user_type(identity, platform, tenant),
        role="host" if is_host else None,
        device=_known(platform, DEVICES),
        os=_known(platform, SYSTEMS),
        app=_app(agent),
        app_version=as_text(agent.get("applicationVersion")),
        ip_address=_address(networks),
        network_type=next(
            (kind for each in networks if (kind := _known(each.get("connectionType"), NETWORKS))), None
        ),
        join_time=start,
        leave_time=end,
        duration=seconds_between(start, end),
        leave_reason=_failure(as_dict(leg.row.get("failureInfo"))),
        quality=to_quality(leg.row, leg.side),
        vendor_data=redact_row(leg.row) if raw else None,
    )


def _id_of_named(leg: Leg) -> str | None:
    """What stands for the id of a participant who has a name and no id: the id of the stay, since different people may have one name."""
    return None if leg.identity.name is None else ":".join(filter(None, leg.key)) or None


def _host(row: Row) -> Host | None:
    organizer = organizer_of(row)
    if organizer is None:
        return None
    host = Host(host_id=organizer.id, name=organizer.name, email=organizer.email)
    return None if host == Host() else host


def _app(agent: Row) -> str | None:
    family = _known(agent.get("productFamily"), APPS)
    web = "web" if agent.get("platform") == "web" else None
    return " ".join(filter(None, (family, web))) or None


def _networks(leg: Leg) -> Iterator[Row]:
    """The participant's network in each segment with audio, oldest first."""
    segments = sorted(
        as_dicts(leg.row.get("segments")), key=lambda each: str(each.get("startDateTime") or "")
    )
    for segment in segments:
        for media in as_dicts(segment.get("media")):
            if str(media.get("label")).startswith("main-audio"):
                yield as_dict(media.get(f"{leg.side}Network"))


def _address(networks: Sequence[Row]) -> str | None:
    """The public address, as the media relay saw it, else the local one."""
    for network in networks:
        for field in ("reflexiveIPAddress", "ipAddress"):
            if (address := as_text(network.get(field))) and _is_address(address):
                return address
    return None


@lru_cache(maxsize=1024)  # a participant has the same address in every medium of every segment
def _is_address(text: str) -> bool:
    """Whether it is a whole address: Graph masks some."""
    try:
        return not ipaddress.ip_address(text).is_unspecified
    except ValueError:
        return False


def _failure(failure: Row) -> str | None:
    stage, reason = _known(failure.get("stage"), STAGES), as_text(failure.get("reason"))
    return ": ".join(filter(None, (stage, reason))) or None


def _known(value: Any, members: frozenset[str]) -> str | None:
    return value if isinstance(value, str) and value in members else None
