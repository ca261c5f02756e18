"""A row of Reports, `call_ended`: what is told of an endpoint that has left, and how it had worked.

Names and types of the parameters: https://developers.google.com/workspace/admin/reports/v1/appendix/activity/meet.
Figures are whole numbers; what was not measured is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from math import ceil
from operator import itemgetter

from harvester.simulator.google_meet import formats
from harvester.simulator.google_meet.account import Conference
from harvester.simulator.google_meet.attendance import Endpoint
from harvester.simulator.organisation import MINUTE, Minute, Organisation, seeded_random

Told = dict[str, str | int | bool]

# Which of a stream's figures there are; those of received sound and pictures have no bitrate.
_STREAMS = {
    "audio_in": ("audio_recv", ()),
    "audio_out": ("audio_send", ("bitrate",)),
    "video_in": ("video_recv", ("fps", "size")),
    "video_out": ("video_send", ("bitrate", "fps", "size")),
    "share_in": ("screencast_recv", ("bitrate", "fps", "size")),
    "share_out": ("screencast_send", ("bitrate", "fps", "size")),
}
_REASONS = ("normal", "normal", "normal", "network_error", "system_error")
_VALUES = ("latency", "jitter", "loss", "peak_loss", "bitrate", "fps", "width", "height")
Column = list[float]
Pick = Callable[[Column], Sequence[float]]


class Calls:
    def __init__(self, organisation: Organisation) -> None:
        self._organisation = organisation

    def parameters(self, conference: Conference, endpoint: Endpoint) -> Told:
        """Everything that a row tells."""
        return {
            **of_conference(conference),
            **_identity(endpoint),
            **_times(endpoint),
            **_place(endpoint),
            **self.measured(endpoint),
        }

    def measured(self, endpoint: Endpoint) -> Told:
        """Of telephones and of who was there less than a minute: nothing."""
        if endpoint.means == "phone" or endpoint.stay.leave - endpoint.stay.join < MINUTE:
            return {}
        drawn = self._organisation.quality(endpoint.stay)
        # Twice the same for somebody of one minute, because it picks a single value as no list of one.
        of = itemgetter(*drawn, *(drawn if len(drawn) == 1 else ()))
        told: Told = {}
        for stream, (prefix, figures) in _STREAMS.items():
            told |= _stream(self._pool.streams[stream], prefix, figures, of)
            if len(drawn) == 1:
                told[f"{prefix}_seconds"] = int(told[f"{prefix}_seconds"]) // 2
            for name in _unmeasured(prefix, endpoint.stay.bits):
                told.pop(name, None)
        return told | _network(self._pool, of, endpoint.stay.bits)

    @cached_property
    def _pool(self) -> _Pool:
        return _Pool(self._organisation.minutes)


class _Pool:
    """Of all minutes of the pool the columns that a row's figures are made of: sums with 0 for what was not measured,
    so that a thousand rows can be made while a page is waited for."""

    def __init__(self, minutes: Sequence[Minute]) -> None:
        self.streams = {
            stream: {name: [_value(minute, stream, name) for minute in minutes] for name in _VALUES}
            | {"ran": [float(minute.streams[stream] is not None) for minute in minutes]}
            for stream in _STREAMS
        }
        self.latency = _together(minutes, "latency", "")
        self.received = _together(minutes, "jitter", "_in")
        self.sent = _together(minutes, "jitter", "_out")


def _value(minute: Minute, stream: str, name: str) -> float:
    sample = minute.streams[stream]
    return 0 if sample is None else getattr(sample, name) or 0


def _together(minutes: Sequence[Minute], name: str, ending: str) -> tuple[Column, Column, Column]:
    """Over all streams of this ending: the sums, how many there were, the most."""
    measured = [
        [
            value
            for stream, sample in minute.streams.items()
            if stream.endswith(ending) and sample is not None and (value := getattr(sample, name)) is not None
        ]
        for minute in minutes
    ]
    return (
        [sum(m) for m in measured],
        [float(len(m)) for m in measured],
        [max(m, default=0) for m in measured],
    )


def _stream(columns: Mapping[str, Column], prefix: str, figures: Sequence[str], of: Pick) -> Told:
    ran = sum(of(columns["ran"]))
    if not ran:
        return {f"{prefix}_seconds": 0}
    told: Told = {
        f"{prefix}_seconds": int(ran) * 60,
        f"{prefix}_packet_loss_mean": round(sum(of(columns["loss"])) / ran),
        f"{prefix}_packet_loss_max": ceil(max(of(columns["peak_loss"]))),
    }
    if "bitrate" in figures:
        told[f"{prefix}_bitrate_kbps_mean"] = round(sum(of(columns["bitrate"])) / ran)
    if "fps" in figures:
        told[f"{prefix}_fps_mean"] = round(sum(of(columns["fps"])) / ran)
    if "size" in figures:
        # Minutes without a picture are zero, and come first.
        middle = -(int(ran) // 2) - 1 if int(ran) % 2 else -(int(ran) // 2)
        told[f"{prefix}_long_side_median_pixels"] = int(sorted(of(columns["width"]))[middle])
        told[f"{prefix}_short_side_median_pixels"] = int(sorted(of(columns["height"]))[middle])
    return told


def _network(pool: _Pool, of: Pick, bits: int) -> Told:
    told: Told = {
        "network_congestion": bits % 9,
        "network_estimated_download_kbps_mean": 900 + bits % 4000,
        "network_estimated_upload_kbps_mean": 600 + bits % 3000,
        "network_transport_protocol": "tcp" if bits % 13 == 2 else "udp",
    }
    figures = (
        ("rtt_msec", pool.latency),
        ("recv_jitter_msec", pool.received),
        ("send_jitter_msec", pool.sent),
    )
    for name, (sums, counts, most) in figures:
        count = sum(of(counts))
        if count:
            told[f"network_{name}_mean"] = round(sum(of(sums)) / count)
            if name.startswith("recv"):
                told[f"network_{name}_max"] = ceil(max(of(most)))
    if bits % 31 == 9:
        told.pop("network_rtt_msec_mean", None)
    if bits % 37 == 11:
        told.pop("network_recv_jitter_msec_mean", None)
    return told


def of_conference(conference: Conference) -> Told:
    """What every row of a conference tells alike."""
    told: Told = {
        "conference_id": conference.reported,
        "meeting_code": formats.shouted(conference.code),
        "product_type": "meet",
    }
    if conference.owner is not None:
        told["organizer_email"] = conference.owner.email
    if conference.event_told is not None:
        told["calendar_event_id"] = conference.event_told
    return told


def _identity(endpoint: Endpoint) -> Told:
    bits = endpoint.stay.bits
    told: Told = {
        "endpoint_id": endpoint.id,
        "device_type": endpoint.device,
        "is_external": endpoint.person is None and endpoint.means != "room",
    }
    if endpoint.name is not None and not (endpoint.person is not None and bits >> 7 & 7 == 3):
        told["display_name"] = endpoint.name
    if endpoint.means == "phone":
        return told | {"identifier_type": "phone_number", "identifier": endpoint.name or ""}
    if endpoint.means == "room":
        return told | {
            "identifier_type": "device_id",
            "identifier": formats.event("device", endpoint.stay.kit.index),
        }
    email = endpoint.email if endpoint.person is not None else _shown(endpoint.email)
    return told if email is None else told | {"identifier_type": "email_address", "identifier": email}


def _shown(email: str | None) -> str | None:
    """The address of somebody from elsewhere: shown, obscured or kept back, for each of them always the same way."""
    if email is None:
        return None
    turn = seeded_random.number("shown", email) % 3
    local, _, domain = email.partition("@")
    return email if turn == 0 else f"{local[:2]}***@{domain[:1]}***.example" if turn == 1 else None


def _times(endpoint: Endpoint) -> Told:
    """Older rows lack the start."""
    start = endpoint.start // formats.SECOND
    told: Told = {"duration_seconds": endpoint.left_at // 1000 - start}
    return told if endpoint.stay.bits % 8 == 5 else told | {"start_timestamp_seconds": start}


def _place(endpoint: Endpoint) -> Told:
    """Nothing of who is not of the organisation but, of some, the country."""
    kit, bits = endpoint.stay.kit, endpoint.stay.bits
    told: Told = {}
    own = endpoint.person is not None or endpoint.means == "room"
    if own and kit.ip is not None and kit.ip.count(".") != 2:  # which is no address
        told["ip_address"] = kit.ip
    if kit.place.country is not None and (own or bits & 1):
        told["location_country"] = kit.place.country
    if kit.place.city is not None and own:
        told["location_region"] = kit.place.city
    if bits % 5 != 2:
        told["end_call_reason"] = _REASONS[bits >> 9 & 31] if bits >> 9 & 31 < len(_REASONS) else "normal"
    if bits % 41 == 7:
        told["end_of_call_rating"] = 1 + bits % 5
    return told


def _unmeasured(prefix: str, bits: int) -> Sequence[str]:
    """What one row in some dozens lacks."""
    return {
        ("audio_recv", 4): ("audio_recv_seconds",),
        ("audio_send", 5): ("audio_send_packet_loss_mean",),
        ("video_recv", 6): ("video_recv_packet_loss_max", "video_recv_fps_mean"),
        ("video_send", 7): ("video_send_seconds", "video_send_packet_loss_max"),
    }.get((prefix, bits % 29), ())
