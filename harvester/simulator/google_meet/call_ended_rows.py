"""Rows of Reports' `call_ended` events: an endpoint that has left, and its media quality.

Names and types of the parameters:
https://developers.google.com/workspace/admin/reports/v1/appendix/activity/meet. Numbers are integers; a value
that was not measured is missing.
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

Parameters = dict[str, str | int | bool]

# The figures of each stream; received audio and video have no bitrate.
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


class CallEndedRows:
    def __init__(self, organisation: Organisation) -> None:
        self._organisation = organisation

    def parameters(self, conference: Conference, endpoint: Endpoint) -> Parameters:
        """Return all parameters of a row."""
        return {
            **conference_parameters(conference),
            **_identity(endpoint),
            **_times(endpoint),
            **_location_parameters(endpoint),
            **self.measured(endpoint),
        }

    def measured(self, endpoint: Endpoint) -> Parameters:
        """Return the measured parameters; none for telephones and for calls of less than a minute."""
        if endpoint.joined_by == "phone" or endpoint.session.leave - endpoint.session.join < MINUTE:
            return {}
        drawn = self._organisation.quality_minutes(endpoint.session)
        # Doubled for a call of one minute, since itemgetter returns a single value instead of a tuple of one.
        pick = itemgetter(*drawn, *(drawn if len(drawn) == 1 else ()))
        parameters: Parameters = {}
        for stream, (prefix, figures) in _STREAMS.items():
            parameters |= _stream(self._pool.streams[stream], prefix, figures, pick)
            if len(drawn) == 1:
                parameters[f"{prefix}_seconds"] = int(parameters[f"{prefix}_seconds"]) // 2
            for name in _unmeasured(prefix, endpoint.session.bits):
                parameters.pop(name, None)
        return parameters | _network(self._pool, pick, endpoint.session.bits)

    @cached_property
    def _pool(self) -> _Pool:
        return _Pool(self._organisation.minutes)


class _Pool:
    """Columns over all minutes of the pool, with 0 for values that were not measured.

    Sums over columns are fast enough to render a thousand rows per page.
    """

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
    """Return, over all streams with this ending, the sums, the counts and the maxima."""
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


def _stream(columns: Mapping[str, Column], prefix: str, figures: Sequence[str], pick: Pick) -> Parameters:
    ran = sum(pick(columns["ran"]))
    if not ran:
        return {f"{prefix}_seconds": 0}
    parameters: Parameters = {
        f"{prefix}_seconds": int(ran) * 60,
        f"{prefix}_packet_loss_mean": round(sum(pick(columns["loss"])) / ran),
        f"{prefix}_packet_loss_max": ceil(max(pick(columns["peak_loss"]))),
    }
    if "bitrate" in figures:
        parameters[f"{prefix}_bitrate_kbps_mean"] = round(sum(pick(columns["bitrate"])) / ran)
    if "fps" in figures:
        parameters[f"{prefix}_fps_mean"] = round(sum(pick(columns["fps"])) / ran)
    if "size" in figures:
        # Minutes without video are zero and sort first.
        middle = -(int(ran) // 2) - 1 if int(ran) % 2 else -(int(ran) // 2)
        parameters[f"{prefix}_long_side_median_pixels"] = int(sorted(pick(columns["width"]))[middle])
        parameters[f"{prefix}_short_side_median_pixels"] = int(sorted(pick(columns["height"]))[middle])
    return parameters


def _network(pool: _Pool, pick: Pick, bits: int) -> Parameters:
    parameters: Parameters = {
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
    for name, (sums, counts, maximum) in figures:
        count = sum(pick(counts))
        if count:
            parameters[f"network_{name}_mean"] = round(sum(pick(sums)) / count)
            if name.startswith("recv"):
                parameters[f"network_{name}_max"] = ceil(max(pick(maximum)))
    if bits % 31 == 9:
        parameters.pop("network_rtt_msec_mean", None)
    if bits % 37 == 11:
        parameters.pop("network_recv_jitter_msec_mean", None)
    return parameters


def conference_parameters(conference: Conference) -> Parameters:
    """Return the parameters that all rows of a conference share."""
    parameters: Parameters = {
        "conference_id": conference.reports_id,
        "meeting_code": formats.without_dashes(conference.code),
        "product_type": "meet",
    }
    if conference.owner is not None:
        parameters["organizer_email"] = conference.owner.email
    if conference.event_id_in_reports is not None:
        parameters["calendar_event_id"] = conference.event_id_in_reports
    return parameters


def _identity(endpoint: Endpoint) -> Parameters:
    bits = endpoint.session.bits
    parameters: Parameters = {
        "endpoint_id": endpoint.id,
        "device_type": endpoint.device,
        "is_external": endpoint.person is None and endpoint.joined_by != "room",
    }
    if endpoint.name is not None and not (endpoint.person is not None and bits >> 7 & 7 == 3):
        parameters["display_name"] = endpoint.name
    if endpoint.joined_by == "phone":
        return parameters | {"identifier_type": "phone_number", "identifier": endpoint.name or ""}
    if endpoint.joined_by == "room":
        return parameters | {
            "identifier_type": "device_id",
            "identifier": formats.event("device", endpoint.session.device.index),
        }
    email = endpoint.email if endpoint.person is not None else _shown_email(endpoint.email)
    return (
        parameters
        if email is None
        else parameters | {"identifier_type": "email_address", "identifier": email}
    )


def _shown_email(email: str | None) -> str | None:
    """Return an external person's address: shown, obscured or withheld, always the same way for one person."""
    if email is None:
        return None
    turn = seeded_random.number("shown", email) % 3
    local, _, domain = email.partition("@")
    return email if turn == 0 else f"{local[:2]}***@{domain[:1]}***.example" if turn == 1 else None


def _times(endpoint: Endpoint) -> Parameters:
    """Return the times; older rows lack the start, and a few rows say nothing about it."""
    if endpoint.session.bits % 23 == 6:
        return {"duration_seconds": -12} if endpoint.session.bits & 1 else {}
    start = endpoint.start // formats.SECOND
    parameters: Parameters = {"duration_seconds": endpoint.left_at // 1000 - start}
    return parameters if endpoint.session.bits % 8 == 5 else parameters | {"start_timestamp_seconds": start}


def _location_parameters(endpoint: Endpoint) -> Parameters:
    """Return address, location and end reason; for external people at most the country."""
    device, bits = endpoint.session.device, endpoint.session.bits
    parameters: Parameters = {}
    own = endpoint.person is not None or endpoint.joined_by == "room"
    if own and device.valid_ip is not None:
        parameters["ip_address"] = device.valid_ip
    if device.location.country is not None and (own or bits & 1):
        parameters["location_country"] = device.location.country
    if device.location.city is not None and own:
        parameters["location_region"] = device.location.city
    if bits % 5 != 2:
        parameters["end_call_reason"] = (
            _REASONS[bits >> 9 & 31] if bits >> 9 & 31 < len(_REASONS) else "normal"
        )
    if bits % 41 == 7:
        parameters["end_of_call_rating"] = 1 + bits % 5
    return parameters


def _unmeasured(prefix: str, bits: int) -> Sequence[str]:
    """Return the parameters that a few rows lack."""
    return {
        ("audio_recv", 4): ("audio_recv_seconds",),
        ("audio_send", 5): ("audio_send_packet_loss_mean",),
        ("video_recv", 6): ("video_recv_packet_loss_max", "video_recv_fps_mean"),
        ("video_send", 7): ("video_send_seconds", "video_send_packet_loss_max"),
    }.get((prefix, bits % 29), ())
