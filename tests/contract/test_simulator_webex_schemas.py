"""Validates the simulated Webex's answers against Cisco's published description, which is not in this
repository.

It is read from the folder named by VENDOR_SCHEMAS, by default beside the checkout.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft4Validator

from harvester.simulator.organisation import Case
from harvester.simulator.webex.account import Quirk
from tests.unit.simulator.clients import Answer, WebexClient, send_request, webex_client

FOLDER = Path(os.environ.get("VENDOR_SCHEMAS") or Path(__file__).parents[3] / "shared" / "vendors" / "data")
WEBEX = FOLDER / "webex-openapi-2026-05.slice.json"

# Required by the description but not sent by Webex: by schema, with the source.
NOT_REQUIRED: Mapping[str, tuple[Iterable[str], str]] = {
    "MeetingObjectForListMeeting": (
        ("password", "hostKey", "webLink", "telephony", "enabledBreakoutSessions", "end"),
        "of instances https://developer.webex.com/docs/meetings has a table of attributes without these; those that run have no end",
    ),
    "MeetingObjectForAdminListMeeting": (("enabledBreakoutSessions", "end"), "as above"),
    "MeetingSeriesObject": (
        ("password", "hostKey", "webLink", "telephony", "enabledBreakoutSessions", "end"),
        "as above",
    ),
    "MediaSessionQuality": (("meetingInstanceId",), "an older page of the documentation calls it meetingId"),
}
# May also be null: these two are meaningless for audio, and a reader must accept any empty value.
NULL_IN_SOUND = ("resolutionHeight", "frameRate")


@pytest.fixture(scope="module")
def published() -> dict[str, Any]:
    if not WEBEX.exists():
        pytest.skip(
            f"NOT CHECKED: the vendors' published schemas are not in {FOLDER}; name their folder in VENDOR_SCHEMAS"
        )
    description: dict[str, Any] = json.loads(WEBEX.read_text(encoding="utf-8"))
    return description


@pytest.fixture(scope="module")
def schemas(published: dict[str, Any]) -> dict[str, Any]:
    """Apply the tables above."""
    widened: dict[str, Any] = deepcopy(published["components"]["schemas"])
    for name, (fields, _) in NOT_REQUIRED.items():
        kept = [field for field in widened[name].pop("required") if field not in fields]
        if kept:  # an empty list is not a schema
            widened[name]["required"] = kept
    for stream in ("AudioIn", "AudioOut"):
        for field in NULL_IN_SOUND:
            part = widened[stream]["properties"][field]
            widened[stream]["properties"][field] = {"anyOf": [part, {"type": "null"}]}
    return widened


@pytest.fixture(scope="module")
def webex() -> WebexClient:
    return webex_client(size=60, days=6)


class Published:
    """Validates answers to a call."""

    def __init__(self, paths: Mapping[str, Any], schemas: Mapping[str, Any]) -> None:
        self._paths = paths
        self._schemas = schemas

    def check(self, path: str, answer: Answer, method: str = "get") -> None:
        assert answer.status == 200, (path, answer.status)
        content = self._paths[path][method]["responses"]["200"]["content"]
        [(kind, media_type)] = content.items()
        assert answer.headers["content-type"].partition(";")[0] == kind.partition(";")[0]
        schema = {**media_type["schema"], "components": {"schemas": self._schemas}}
        errors = [
            f"{path} {list(error.absolute_path)}: {error.message[:200]}"
            for error in Draft4Validator(schema).iter_errors(answer.body)
        ]
        assert errors == []


@pytest.fixture(scope="module")
def by_cisco(published: dict[str, Any], schemas: dict[str, Any]) -> Published:
    return Published(published["paths"], schemas)


@pytest.mark.parametrize("kind", ["meeting", "scheduledMeeting", "meetingSeries"])
def test_listings(by_cisco: Published, webex: WebexClient, kind: str) -> None:
    period = {} if kind != "meeting" else {"from": "2026-11-01T00:00:00Z", "to": "2026-11-21T00:00:00Z"}
    host = {} if kind == "meeting" else {"hostEmail": webex.instance(Case.drop).meeting.host.email}
    answer = webex.get("/meetings", meetingType=kind, max=100, **period, **host)
    by_cisco.check("/meetings", answer)
    assert answer.body["items"]
    assert {row["meetingType"] for row in answer.body["items"]} == {kind}


def test_single_meetings(by_cisco: Published, webex: WebexClient) -> None:
    for instance in webex.webex.account.instances:
        by_cisco.check("/meetings/{meetingId}", webex.get(f"/meetings/{instance.id}"))
        by_cisco.check("/admin/meetings/{meetingId}", webex.get(f"/admin/meetings/{instance.id}"))
    number = webex.instance(Case.drop).number
    by_cisco.check("/admin/meetings", webex.get("/admin/meetings", meetingNumber=number))


def test_participants(by_cisco: Published, webex: WebexClient) -> None:
    states = set()
    for instance in webex.webex.account.instances:
        answer = webex.get("/meetingParticipants", meetingId=instance.id, max=100)
        by_cisco.check("/meetingParticipants", answer)
        states |= {item["state"] for item in answer.body["items"]}
        for item in answer.body["items"][:1]:
            one = webex.get(f"/meetingParticipants/{item['id']}")
            by_cisco.check("/meetingParticipants/{participantId}", one)
    assert {"end", "joined", "lobby"} <= states
    query = f"meetingId={webex.instance(Case.mixed).id}"
    answer = send_request(
        webex.webex, "/webex/v1/meetingParticipants/query", method="POST", query=query, body=b"{}",
        authorization=f"Bearer {webex.token}",
    )  # fmt: skip
    by_cisco.check("/meetingParticipants/query", answer, "post")


def shortened(answer: Answer) -> Answer:
    """Keep a few samples instead of hours of them; all come from one pool."""
    body = answer.body
    for row in body["items"]:
        for part in (part for values in row.values() if isinstance(values, list) for part in values):
            part.update({name: values[:6] for name, values in part.items() if isinstance(values, list)})
    return Answer(answer.status, answer.headers, json.dumps(body).encode())


@pytest.mark.slow
def test_qualities(by_cisco: Published, webex: WebexClient) -> None:
    seen = set()
    for instance in webex.webex.account.instances:
        webex.clock.seconds += 0.1
        answer = webex.qualities(instance.id)
        if answer.status == 200:
            by_cisco.check("/meeting/qualities", shortened(answer))
            seen |= instance.quirks if answer.body["items"] else set()
    assert {Quirk.old_names, Quirk.heard_frames} <= seen


def test_people_and_sites(by_cisco: Published, webex: WebexClient) -> None:
    by_cisco.check("/people", webex.get("/people"))
    by_cisco.check("/people/me", webex.get("/people/me"))
    by_cisco.check("/meetingPreferences/sites", webex.get("/meetingPreferences/sites"))


def test_errors_have_the_published_shape(published: dict[str, Any], webex: WebexClient) -> None:
    content = published["paths"]["/meetingPreferences/sites"]["get"]["responses"]["403"]["content"]
    [schema] = [kind["schema"] for kind in content.values()]
    for number in range(8):
        answer = webex.get(f"/meetings/nothing-{number}")
        assert not list(Draft4Validator(schema).iter_errors(answer.body))


def test_every_exception_to_the_schema_is_still_needed(published: dict[str, Any]) -> None:
    schemas = published["components"]["schemas"]
    for name, (fields, _) in NOT_REQUIRED.items():
        assert set(fields) <= set(schemas[name]["required"])
    assert set(NULL_IN_SOUND) <= schemas["AudioIn"]["properties"].keys()
