"""Validates the simulator's answers against Zoom's published schemas, which are not in this repository.

They are read from the folder named by VENDOR_SCHEMAS, by default beside the checkout.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft4Validator

from tests.unit.simulator.clients import FROM, TO, Answer, ZoomClient, coded, zoom_client

FOLDER = Path(os.environ.get("VENDOR_SCHEMAS") or Path(__file__).parents[3] / "shared" / "vendors" / "data")
ZOOM = FOLDER / "zoom-openapi-2021-08.slice.json"

NULL = {"type": "null"}
EMPTY = {"enum": [""]}
# Fields whose description of 2021 is wrong or too narrow: what is also sent, and who has seen it.
NOT_AS_PUBLISHED: dict[str, tuple[tuple[dict[str, Any], ...], str]] = {
    "device": (({"type": "string"}, NULL), "free text: https://github.com/Jericho/ZoomNet/issues/168, /354, /369"),
    "audio_quality": ((EMPTY,), 'the schema writes the empty score as " "; its description and answers as ""'),
    "status": ((EMPTY, NULL), "absent values are empty strings: rows recorded in the tests of airbyte and zoom_rb"),
    "user_id": (({"type": "integer"},), "numbers and strings are mixed up across Zoom's descriptions"),
    "end_time": ((NULL,), "null right after the end: constructorfabric/insight"),
    **dict.fromkeys(
        (
            "has_pstn", "has_recording", "camera", "location", "share_application", "share_desktop",
            "share_whiteboard", "recording", "name", "user_name", "leave_reason", "ip_address", "version",
        ),
        ((NULL,), 'recorded rows have null in any column: constructorfabric/insight, fixture `"camera": null`'),
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def published() -> dict[str, Any]:
    if not ZOOM.exists():
        pytest.skip(
            f"NOT CHECKED: the vendors' published schemas are not in {FOLDER}; name their folder in VENDOR_SCHEMAS"
        )
    paths: dict[str, Any] = json.loads(ZOOM.read_text(encoding="utf-8"))["paths"]
    return paths


@pytest.fixture(scope="module")
def zoom() -> ZoomClient:
    return zoom_client(size=60)


def as_sent(schema: Any) -> Any:
    """Return the published schema, widened according to the table."""
    if isinstance(schema, list):
        return [as_sent(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    widened = {name: as_sent(part) for name, part in schema.items()}
    for name, part in widened.get("properties", {}).items():
        if name in NOT_AS_PUBLISHED and "type" in part:
            widened["properties"][name] = {"anyOf": [part, *NOT_AS_PUBLISHED[name][0]]}
    return widened


def check(published: dict[str, Any], template: str, answer: Answer) -> None:
    assert answer.status == 200, template
    schema = published[template]["get"]["responses"]["200"]["schema"]
    errors = [
        f"{template} {list(error.absolute_path)}: {error.message[:200]}"
        for error in Draft4Validator(as_sent(schema)).iter_errors(answer.body)
    ]
    assert errors == []


def shortened(answer: Answer) -> Answer:
    """Keep a few minutes of quality instead of hours; all come from one pool."""
    body = answer.body
    for row in body.get("participants", ()):
        row["user_qos"] = row.get("user_qos", [])[:6]
    return Answer(answer.status, answer.headers, json.dumps(body).encode())


def readable(zoom: ZoomClient) -> Iterator[tuple[str, str, str]]:
    """Return path, `type` and kind (meeting or webinar) of a sample of instances."""
    for instance in zoom.zoom.account.instances:
        webinar = instance.meeting.webinar
        for kind in ("past", "pastOne", "live"):
            path = f"/{'webinars' if webinar else 'meetings'}/{coded(instance.uuid)}"
            if kind != "pastOne" or not webinar:
                yield path, kind, "/webinars/{webinarId}" if webinar else "/meetings/{meetingId}"


@pytest.mark.parametrize("kind", ["past", "pastOne", "live"])
def test_listings_of_meetings(published: dict[str, Any], zoom: ZoomClient, kind: str) -> None:
    answer = zoom.get("/metrics/meetings", **{"from": FROM, "to": TO, "type": kind, "page_size": 300})
    check(published, "/metrics/meetings", answer)
    assert answer.body["meetings"]


def test_listings_of_webinars(published: dict[str, Any], zoom: ZoomClient) -> None:
    answer = zoom.get("/metrics/webinars", **{"from": FROM, "to": TO, "type": "past"})
    check(published, "/metrics/webinars", answer)
    assert answer.body["webinars"]


@pytest.mark.parametrize("end", ["", "/participants", "/participants/qos"])
def test_dashboard_answers_for_an_instance(published: dict[str, Any], zoom: ZoomClient, end: str) -> None:
    seen = set()
    for path, kind, template in readable(zoom):
        answer = zoom.get(f"/metrics{path}{end}", type=kind, page_size=1 if end.endswith("qos") else 30)
        if answer.status == 200:
            check(published, f"/metrics{template}{end}", shortened(answer) if end.endswith("qos") else answer)
            seen.add((template, kind))
    assert {kind for _, kind in seen} >= {"past", "live"}
    assert {template for template, _ in seen} == {"/meetings/{meetingId}", "/webinars/{webinarId}"}


@pytest.mark.parametrize("end", ["", "/participants"])
def test_report_answers_for_an_instance(published: dict[str, Any], zoom: ZoomClient, end: str) -> None:
    seen = set()
    for path, kind, template in readable(zoom):
        answer = zoom.get(f"/report{path}{end}") if kind == "past" else None
        if answer is not None and answer.status == 200:
            check(published, f"/report{template}{end}", answer)
            seen.add(template)
    assert seen == {"/meetings/{meetingId}", "/webinars/{webinarId}"}


def test_hosts_and_their_meetings(published: dict[str, Any], zoom: ZoomClient) -> None:
    period = {"from": FROM, "to": TO, "page_size": 300}
    hosts = zoom.get("/report/users", **period)
    check(published, "/report/users", hosts)
    answers = [zoom.get(f"/report/users/{row['id']}/meetings", **period) for row in hosts.body["users"]]
    for answer in answers:
        if answer.status == 200:
            check(published, "/report/users/{userId}/meetings", answer)
    assert any(answer.status == 200 for answer in answers)


@pytest.mark.parametrize("status", ["active", "inactive", "pending"])
def test_users(published: dict[str, Any], zoom: ZoomClient, status: str) -> None:
    check(published, "/users", zoom.get("/users", status=status))


def test_past_meetings(published: dict[str, Any], zoom: ZoomClient) -> None:
    ended = [i for i in zoom.zoom.account.instances if i.meeting.kind == "recurring"][:5]
    for instance in ended:
        path = f"/past_meetings/{coded(instance.uuid)}"
        answer = zoom.get(path)
        if answer.status == 200:
            check(published, "/past_meetings/{meetingUUID}", answer)
            check(published, "/past_meetings/{meetingUUID}/participants", zoom.get(f"{path}/participants"))
        check(
            published,
            "/past_meetings/{meetingId}/instances",
            zoom.get(f"/past_meetings/{instance.number}/instances"),
        )


def properties(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
        for part in schema.values():
            yield from properties(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from properties(part)


def test_every_widened_field_is_still_published(published: dict[str, Any]) -> None:
    assert NOT_AS_PUBLISHED.keys() <= set(properties(published))
