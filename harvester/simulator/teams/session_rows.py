"""Rows of sessions with their segments: endpoints, networks, devices and streams.

Fields as in Microsoft's schema, namespace `microsoft.graph.callRecords`. Addresses of network cards and access points are
sent as Microsoft sends them, so that a program that stores them is found out.
"""

from __future__ import annotations

from typing import Any

from harvester.simulator.organisation import seeded_random
from harvester.simulator.teams.attendance import Failure, Leg, Participant
from harvester.simulator.teams.formats import duration, stamp, uuid
from harvester.simulator.teams.media import Medium, Segment, Values, Way, network
from harvester.simulator.teams.record_rows import associated_identity, identity_set

_TYPE = "#microsoft.graph.callRecords."
_SERVICE_ROLES = ("skypeForBusinessAudioVideoMcu", "mediaController")
NO_SPEED = 4_294_967_295
_RATINGS = (None, None, None, "notRated", "good", "poor")


def session_row(leg: Leg, service: int, *, with_segments: bool) -> dict[str, Any]:
    """Return the row of a leg; `service` is 1 for the second row of a leg with two services."""
    caller, callee = _endpoint(leg.caller, "customBot"), _endpoint(leg.callee, _SERVICE_ROLES[service])
    segments = (
        [_segment_row(leg, segment, caller, callee) for segment in leg.segments] if with_segments else []
    )
    return {
        "id": leg.id,
        "modalities": list(leg.modalities),
        "startDateTime": stamp(leg.start),
        "endDateTime": stamp(leg.end),
        "isTest": False,
        "failureInfo": _failure(leg.failure),
        "caller": caller,
        "callee": callee,
        **({"segments": segments} if with_segments else {}),
    }


def _segment_row(leg: Leg, segment: Segment, caller: Any, callee: Any) -> dict[str, Any]:
    media = [_media_row(leg, segment, medium) for medium in segment.media]
    return {
        "id": leg.id
        if len(leg.segments) == 1
        else uuid(seeded_random.digest("teams segment", leg.id, segment.position)),
        "startDateTime": stamp(segment.start),
        "endDateTime": stamp(segment.end),
        "failureInfo": None,
        "caller": caller,
        "callee": callee,
        "media": media if media or segment.end % 3 else None,
    }


def _failure(failure: Failure | None) -> dict[str, Any] | None:
    return None if failure is None else {"stage": failure.stage, "reason": failure.reason}


def _endpoint(participant: Participant | None, role: str) -> dict[str, Any]:
    """Return the endpoint of a participant, or of a service with this role."""
    if participant is None:
        agent = {
            "@odata.type": f"{_TYPE}serviceUserAgent",
            "headerValue": None,
            "applicationVersion": None,
            "role": role,
        }
        return {"@odata.type": f"{_TYPE}serviceEndpoint", "userAgent": agent}
    index, identity = participant.device.index, participant.identity
    return {
        "@odata.type": f"{_TYPE}participantEndpoint",
        "name": f"MACHINE-{index}" if index % 4 else None,
        "cpuName": "Invented CPU @ 2.60GHz" if index % 4 else None,
        "cpuCoresCount": 8 if index % 4 else None,
        "cpuProcessorSpeedInMhz": 2600 if index % 4 else None,
        "identity": identity_set(identity, named=False),
        "associatedIdentity": associated_identity(identity.associated),
        "userAgent": _agent(participant),
        "feedback": _feedback(participant.bits),
    }


def _agent(participant: Participant) -> dict[str, Any] | None:
    agent = participant.agent
    if agent is None:
        return None
    return {
        "@odata.type": f"{_TYPE}clientUserAgent",
        "headerValue": f"Invented/{agent.version or '0'}",
        "applicationVersion": agent.version,
        "platform": agent.platform,
        "productFamily": agent.family,
        "azureADAppId": None,
        "communicationServiceId": None,
    }


def _feedback(bits: int) -> dict[str, Any] | None:
    rating = _RATINGS[bits % len(_RATINGS)]
    if rating is None:
        return None
    tokens = {"NoSound": rating == "poor", "Echo": False, "Dropped": False}
    return {"rating": rating, "text": None, "tokens": tokens}


def _media_row(leg: Leg, segment: Segment, medium: Medium) -> dict[str, Any]:
    return {
        "label": medium.label,
        "callerDevice": _device_row(leg.caller),
        "calleeDevice": _device_row(leg.callee),
        "callerNetwork": _network_row(leg.caller, segment.position),
        "calleeNetwork": _network_row(leg.callee, segment.position),
        "streams": [
            _stream_row(leg, segment, way, values, medium.label) for way, values in medium.streams.items()
        ],
    }


def _device_row(participant: Participant | None) -> dict[str, Any] | None:
    if participant is None or participant.bits % 5 == 1:
        return None
    camera = participant.device.camera
    return {
        "captureDeviceName": "Invented microphone" if participant.bits % 2 else None,
        "captureDeviceDriver": "Invented: 1.0.0.1",
        "renderDeviceName": "Invented speaker",
        "renderDeviceDriver": "Invented: 1.0.0.1",
        "cpuInsufficentEventRatio": 0.0 if camera else None,
        "receivedSignalLevel": -20 - participant.bits % 10,
        "sentNoiseLevel": None,
        "micGlitchRate": 23.0,
    }


def _network_row(participant: Participant | None, position: int) -> dict[str, Any] | None:
    """Return the network of a participant; a service has one in the relay's network only."""
    if participant is None:
        return None
    index = participant.device.index
    found = network(participant.device, participant.bits, position)
    wifi = found.connection == "wifi"
    return {
        "connectionType": found.connection,
        "ipAddress": found.local,
        "reflexiveIPAddress": found.public,
        "relayIPAddress": "198.51.100.77",
        "relayPort": 3478 if index % 2 else None,
        "subnet": None if found.local is None else found.local.rpartition(".")[0] + ".0",
        "port": 50_000 + index % 60,
        "networkTransportProtocol": "udp" if index % 6 else "tcp",
        "linkSpeed": (1_000_000_000, 0, NO_SPEED, 54_000_000)[index % 4],
        "macAddress": f"02-00-00-00-{index % 256:02X}-{participant.bits % 256:02X}",
        "basicServiceSetIdentifier": f"02-00-00-FF-{index % 256:02X}-01" if wifi else None,
        "dnsSuffix": None,
        "wifiBand": "frequency50GHz" if wifi else "unknown",
        "wifiRadioType": "wifi80211ax" if wifi else "unknown",
        "wifiChannel": 36 if wifi else None,
        "wifiSignalStrength": 80 if wifi else None,
        "sentQualityEventRatio": 0.0,
        "receivedQualityEventRatio": 0.0,
        "delayEventRatio": 0.0,
        "bandwidthLowEventRatio": None,
        "traceRouteHops": [],
    }


def _stream_row(leg: Leg, segment: Segment, way: Way, values: Values, label: str) -> dict[str, Any]:
    """Return one direction. A value in percent is sent as a ratio, and milliseconds as a duration."""
    picture = label != "main-audio"
    long = leg.start % 7 == 3
    return {
        "streamId": str(seeded_random.number("teams stream", leg.id, segment.position, label, way, size=4)),
        "streamDirection": "callerToCallee" if way == "out" else "calleeToCaller",
        "startDateTime": stamp(segment.start) if values.jitter is not None else None,
        "endDateTime": stamp(segment.end) if values.jitter is not None else None,
        "packetUtilization": 50 * (segment.end - segment.start) // 10_000_000,
        "wasMediaBypassed": None,
        "lowVideoProcessingCapabilityRatio": None,
        "averageRoundTripTime": duration(values.latency, long=long),
        "maxRoundTripTime": duration(values.worst_latency),
        "averageJitter": duration(values.jitter, long=long),
        "maxJitter": duration(values.worst_jitter),
        "averagePacketLossRate": _ratio(values.loss),
        "maxPacketLossRate": _ratio(values.worst_loss),
        "averageVideoPacketLossRate": _ratio(values.video_loss),
        "averageVideoFrameRate": values.fps if way == "out" else None,
        "averageReceivedFrameRate": values.fps if way == "in" else None,
        **(_PICTURE if picture else _SOUND),
    }


def _ratio(percent: float | None) -> float | None:
    return None if percent is None else percent / 100


# What a harvester must not mistake for what it looks for: another kind of jitter, an estimate of what the line could
# carry, times of freezes.
_SOUND = {
    "averageAudioDegradation": 1.16,
    "averageAudioNetworkJitter": "PT0.266S",
    "maxAudioNetworkJitter": "PT0.489S",
    "averageBandwidthEstimate": 9_965_083,
    "averageRatioOfConcealedSamples": 0.015,
    "maxRatioOfConcealedSamples": 0.07,
    "isAudioForwardErrorCorrectionUsed": True,
    "audioCodec": "satin",
    "videoCodec": None,
    "averageFreezeDuration": None,
    "postForwardErrorCorrectionPacketLossRate": None,
    "lowFrameRateRatio": None,
}
_PICTURE = {
    "averageAudioDegradation": None,
    "averageAudioNetworkJitter": None,
    "maxAudioNetworkJitter": None,
    "averageBandwidthEstimate": 15_644_878,
    "isAudioForwardErrorCorrectionUsed": None,
    "audioCodec": None,
    "videoCodec": "h264",
    "averageFreezeDuration": "PT1M2.5S",
    "rmsFreezeDuration": None,
    "averageVideoFrameLossPercentage": 33.3,
    "postForwardErrorCorrectionPacketLossRate": 0.0,
    "lowFrameRateRatio": 0.0,
}
