"""An invented Webex organisation behind `responses`: its answers, and the requests it received."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs

import responses
from requests import PreparedRequest

from connectors.base import Settings
from connectors.models import MeetingRef, Window, row_digest
from tests.unit.connectors.fake_vendor import Answer, FakeVendor, settings_of

DATA = Path(__file__).parents[2] / "data" / "webex"
API = "https://webexapis.example/v1"
ANALYTICS = "https://analytics.webexapis.example/v1"

ADMIN = "meeting:admin_schedule_read meeting:admin_participants_read analytics:read_all"
USER = "meeting:schedules_read meeting:participants_read"

DAY = Window(start=datetime(2026, 11, 20, tzinfo=UTC), end=datetime(2026, 11, 21, tzinfo=UTC))
UUID = "0a1b2c3d4e5f40718293a4b5c6d7e8f9_I_123456789012345678"
HOST = "mara.lindqvist@example.org"


def data(name: str) -> Any:
    return json.loads((DATA / f"official_{name}.json").read_text(encoding="utf-8"))


def settings(*options: str, raw: bool = False, share: float = 1.0, **values: str) -> Settings:
    defaults = {
        "WEBEX_CLIENT_ID": "client-1",
        "WEBEX_CLIENT_SECRET": "invented-secret",
        "WEBEX_REFRESH_TOKEN": "invented-refresh",
        "WEBEX_API_URL": API,
        "WEBEX_ANALYTICS_URL": ANALYTICS,
    }
    return settings_of(defaults, options, raw=raw, share=share, values=values)


class Account(FakeVendor):
    path_prefix = "/v1"
    unknown: ClassVar = {"message": "not set up in this test", "trackingId": "T_1"}

    def __init__(self, http: responses.RequestsMock) -> None:
        super().__init__(http, API, ANALYTICS)
        self.refreshed: list[dict[str, str]] = []
        self.at: dict[str, Callable[[dict[str, str]], Answer]] = {}
        """The functions that answer at a path, given the query."""

    def answer(self, request: PreparedRequest) -> Answer:
        """With Webex's tracking id, unless a gateway answers, which names itself in `Via`."""
        path, query = self.split(request)
        status, headers, body = self.at[path](query) if path in self.at else super().answer(request)
        return status, headers if "Via" in headers else {"trackingid": "T_1", **headers}, body

    def gives_tokens(self, scope: str | None = ADMIN, **more: Any) -> None:
        def answer(request: PreparedRequest) -> Answer:
            self.refreshed.append({k: v[0] for k, v in parse_qs(bytes(request.body).decode()).items()})
            number = len(self.refreshed)
            body = {
                "access_token": f"access-{number}",
                "expires_in": 1209599,
                "refresh_token": f"refresh-{number}",
                "refresh_token_expires_in": 7775999,
                "token_type": "Bearer",
                "scope": scope,
                **more,
            }
            return 200, {}, json.dumps({key: value for key, value in body.items() if value is not None})

        self._token(callback=answer)

    def refuses_tokens(self, status: int, body: str, **headers: str) -> None:
        self._token(callback=lambda _: (status, headers, body))

    def _token(self, callback: Any) -> None:
        url = f"{API}/access_token"
        self.http.remove(responses.POST, url)
        self.http.add_callback(responses.POST, url, callback=callback)

    def has(self, *rows: dict[str, Any], people: Any = (), media: Any = ()) -> None:
        """These meetings, each with these participants and media sessions."""
        self.on("/meetings", items(*rows))
        self.on("/meetingParticipants", items(*people))
        self.on("/meeting/qualities", items(*media))


def items(*rows: Any) -> dict[str, Any]:
    return {"items": list(rows)}


def link(url: str) -> dict[str, str]:
    return {"Link": f'<{url}>; rel="next"'}


def without(row: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key not in keys}


def meeting_row(uuid: str = UUID, **changes: Any) -> dict[str, Any]:
    """An ended instance, with no more than such a one really has."""
    return {
        "id": uuid,
        "meetingSeriesId": uuid.partition("_")[0],
        "scheduledMeetingId": f"{uuid.partition('_')[0]}_20261120T090000Z",
        "title": "Weekly",
        "meetingType": "meeting",
        "state": "ended",
        "timezone": "UTC",
        "start": "2026-11-20T09:00:10Z",
        "end": "2026-11-20T09:45:20Z",
        "hostUserId": "host-1",
        "hostDisplayName": "Mara Lindqvist",
        "hostEmail": HOST,
        "siteUrl": "site.webex.example",
        "scheduledType": "meeting",
        "hasRecording": False,
        **changes,
    }


def live_row(**changes: Any) -> dict[str, Any]:
    return without(meeting_row(state="inProgress", meetingNumber="23726108570", **changes), "end")


def device(**changes: Any) -> dict[str, Any]:
    return {
        "correlationId": "corr-1",
        "deviceType": "webex_meeting_center_mac",
        "audioType": "voip",
        "joinedTime": "2026-11-20T09:00:30Z",
        "leftTime": "2026-11-20T09:40:30Z",
        "durationSecond": 2400,
        **changes,
    }


def participant_row(*devices: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "id": f"{UUID}_p-1",
        "host": False,
        "coHost": False,
        "email": "ole.berg@example.org",
        "displayName": "Ole Berg",
        "invitee": True,
        "state": "end",
        "joinedTime": "2026-11-20T09:00:30Z",
        "leftTime": "2026-11-20T09:40:30Z",
        "meetingId": UUID,
        "hostEmail": HOST,
        "devices": list(devices or [device()]),
        **changes,
    }


def stream(**changes: Any) -> dict[str, Any]:
    return {
        "samplingInterval": 60,
        "startTime": "2026-11-20T09:01:00.000Z",
        "endTime": "2026-11-20T09:03:00.000Z",
        "packetLoss": [0.5, -1, 1.5],
        "latency": [40, 60.5, -1],
        "resolutionHeight": [],
        "frameRate": [],
        "mediaBitRate": [30, 20, 40],
        "codec": "Opus",
        "jitter": [],
        "transportType": "UDP",
        **changes,
    }


def media_row(**changes: Any) -> dict[str, Any]:
    return {
        "meetingInstanceId": UUID,
        "webexUserName": "Ole Berg",
        "webexUserEmail": "ole.berg@example.org",
        "joinTime": "2026-11-20T09:00:30.000Z",
        "leaveTime": "2026-11-20T09:40:30.000Z",
        "joinMeetingTime": "5.793",
        "clientType": "Webex Desktop",
        "clientVersion": "46.1.0",
        "osType": "mac",
        "osVersion": "15.1",
        "networkType": "wifi",
        "publicIP": "192.0.2.7",
        "serverRegion": "Frankfurt, Germany",
        "participantId": f"{UUID}_57",
        "participantSessionId": "3324C9D0-9EA7-45A2-B249-5B62A384AFEF",
        "audioIn": [stream()],
        "videoIn": [],
        "resources": [{"systemAverageCPU": [10, 20], "systemMaxCPU": [15, 90]}],
        **changes,
    }


def ref(row: dict[str, Any] | None = None, **changes: Any) -> MeetingRef:
    """A reference as it is listed; with `row=None`, as the journal hands it back."""
    shown = row if row is not None else meeting_row()
    given = {
        "uuid": shown["id"],
        "start_time": datetime.fromisoformat(shown["start"]),
        "digest": row_digest(shown),
        "hint": {"end": shown.get("end", "2026-11-21T06:00:00+00:00")},
        "row": row,
        **changes,
    }
    return MeetingRef(**given)
