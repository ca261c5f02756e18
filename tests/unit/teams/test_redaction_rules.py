"""No record contains the means to open a meeting, and none without `--raw` what locates a person."""

from __future__ import annotations

from collections.abc import Callable

import orjson
import pytest

from connectors.models import MeetingRef
from connectors.teams import Teams
from connectors.teams.redaction_rules import redact_row
from harvester.documents import to_documents
from tests.unit.teams.fake_api import DAY, Tenant, record_row, session_row

LOCATING = (b"00-00-5E-00-53", b"macAddress", b"basicServiceSetIdentifier")
OPENING = (b"meetup-join", b"thread.v2", b"joinWebUrl", b"marked-secret", b"passcode")


def test_links_are_removed_at_any_depth() -> None:
    row = record_row(
        more={"joinUrl": "x", "list": ["https://teams.example/l"], "id": "1"}, chatInfo={"threadId": "19:a"}
    )
    redacted = redact_row(row)
    assert "joinWebUrl" not in redacted
    assert redacted["more"] == {"list": [], "id": "1"}
    assert redacted["chatInfo"] == {}
    assert redacted["organizer_v2"] == row["organizer_v2"]


def test_a_link_that_is_encoded_is_removed_by_its_name() -> None:
    assert "joinWebUrl" not in redact_row(record_row(joinWebUrl="https%3a%2f%2fteams.example"))


def test_names_and_networks_stay() -> None:
    row = session_row(0)
    assert redact_row(row)["caller"]["identity"] == row["caller"]["identity"]
    assert "macAddress" in redact_row(row)["segments"][0]["media"][0]["callerNetwork"]


@pytest.mark.parametrize("raw", [False, True])
def test_documents_open_no_meeting_and_locate_no_person(
    teams: Callable[..., Teams], tenant: Tenant, *, raw: bool
) -> None:
    tenant.has_a_meeting()
    connector = teams("titles", raw=raw)
    (ref,) = (found for found in connector.meetings(DAY) if isinstance(found, MeetingRef))
    record = connector.fetch(ref)
    text = b"".join(orjson.dumps(document) for document in to_documents(record))
    assert record.meeting.topic == "Roadmap"
    assert [secret for secret in OPENING if secret in text] == []
    assert [mark in text for mark in LOCATING] == [raw] * 3
