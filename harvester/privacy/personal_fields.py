"""Which fields of a document hold personal data, and of which nature. A test compares this with every field there is."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Nature(StrEnum):
    """What kind of value a field holds. Equal values of one nature get equal pseudonyms, whatever the field and vendor."""

    name = "name"
    email = "email"
    person_id = "id"
    participant_id = "participant"
    address = "address"
    device = "device"
    topic = "topic"
    reason = "reason"


PERSONAL: Mapping[str, Nature] = {
    "topic": Nature.topic,
    "host.host_id": Nature.person_id,
    "host.name": Nature.name,
    "host.email": Nature.email,
    "host_email": Nature.email,
    "id": Nature.person_id,
    "user_id": Nature.participant_id,
    "user_name": Nature.name,
    "email": Nature.email,
    "device": Nature.device,
    "ip_address": Nature.address,
    "leave_reason": Nature.reason,
}
"""The fields that `HARVESTER_PII` hashes or drops, by their names in documents."""

NEUTRAL = frozenset(
    {
        *("document_id", "@timestamp", "kind", "vendor", "account", "uuid", "meeting", "meeting_timestamp"),
        *("meeting_series_id", "meeting_code", "host.user_type", "period", "start_time", "end_time"),
        *("scheduled_start_time", "scheduled_end_time", "duration", "state", "participant_sessions"),
        *("participants", "participant_seconds", "has_pstn", "has_voip", "has_3rd_party_audio", "has_video"),
        *("has_screen_share", "recording", "quality", "detail", "harvested_at", "stay", "breakout_id"),
        *("user_type", "role", "os", "app", "app_version", "country", "city", "location", "data_center"),
        *("network_type", "join_time", "leave_time", "share_application", "share_desktop"),
        *("share_whiteboard",),
    }
)
"""The fields that stay as they are."""

RAW = frozenset({"vendor_data"})
"""The vendor's own rows, whose fields are not classified: kept only if everything is."""

PARTICIPANT_FIELDS = (
    *("id", "user_id", "user_name", "email", "device", "ip_address", "city", "location", "leave_reason"),
)
"""What a session says of its participant: blanked if that person is forgotten and the session stays."""
