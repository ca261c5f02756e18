from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from connectors.models import MeetingRecord
from harvester.documents import encode, to_documents
from harvester.privacy.forgotten_people import (
    Action,
    ForgottenPeople,
    Identifier,
    forget_identifiers,
    to_digest,
)
from harvester.privacy.personal_fields import PARTICIPANT_FIELDS, Nature
from harvester.privacy.treatment import Pseudonyms
from tests.invented_meetings import full_harvest, full_meeting, full_session

SALT = b"an invented salt"
EMAIL = Identifier(kind="email", text="Grace@Example.org")
ID = Identifier(kind="id", text="u1")
NAME = Identifier(kind="name", text="grace  EXAMPLE")
HOST = Identifier(kind="email", text="ada@example.org")


def forgotten(*identifiers: Identifier, action: Action = "remove", **more: Any) -> ForgottenPeople:
    return ForgottenPeople(SALT, forget_identifiers(SALT, identifiers, action), **more)


def documents(record: MeetingRecord) -> list[dict[str, Any]]:
    return [orjson.loads(encode(document)) for document in to_documents(record)]


def harvest(**changes: Any) -> MeetingRecord:
    """A meeting with one participant in the meeting itself and one in a breakout room."""
    meeting = replace(full_meeting(), participants=2, participant_sessions=1, participant_seconds=99)
    one = structs.replace(full_session(), stay="meeting", vendor_data=None, **changes)
    other = structs.replace(
        one, key="other", id="u2", user_id="2", user_name="Someone", email="some@example.org"
    )
    return MeetingRecord(meeting=meeting, sessions=[one, other], expected_sessions=2)


@pytest.mark.parametrize("identifier", [EMAIL, ID, NAME], ids=lambda each: each.kind)
def test_a_removed_person_has_no_session_and_the_meeting_counts_the_rest(identifier: Identifier) -> None:
    kept = forgotten(identifier).record(harvest())
    assert [session.key for session in kept.sessions] == ["other"]
    meeting = kept.meeting
    assert (meeting.participant_sessions, meeting.participants, meeting.participant_seconds) == (0, 2, 99)
    assert kept.expected_sessions == 1


@pytest.mark.parametrize("identifier", [EMAIL, ID, NAME], ids=lambda each: each.kind)
def test_a_blanked_person_keeps_the_session_without_what_says_whose_it_is(identifier: Identifier) -> None:
    people = forgotten(identifier, action="anonymize")
    kept = people.record(harvest())
    blank, other = kept.sessions
    assert {getattr(blank, name) for name in PARTICIPANT_FIELDS} == {None}
    assert blank.join_time == full_session().join_time
    assert other == harvest().sessions[1]
    assert kept.meeting.participant_sessions == 1
    for before, after in zip(documents(harvest()), documents(kept), strict=True):
        assert people.document(before) == after, "documents are blanked as records are"


def test_a_host_is_blanked_in_the_meeting_and_in_every_session() -> None:
    people = forgotten(HOST)
    record = people.record(harvest())
    assert len(record.sessions) == 2
    for document in documents(record):
        assert "ada" not in str(document).lower()
    assert documents(record) == [people.document(document) for document in documents(harvest())]
    assert documents(record)[0]["host"] == {"user_type": "Licensed"}


def test_titles_reasons_and_devices_that_mention_a_person_are_blanked() -> None:
    record = harvest(device="Grace Example's tablet", leave_reason="Left with GRACE EXAMPLE.")
    record = replace(record, meeting=replace(record.meeting, topic="1:1 Grace Example / Ada"))
    for people in (forgotten(NAME), forgotten(NAME, action="anonymize")):
        for document in filter(None, map(people.document, documents(record))):
            assert "grace" not in str({**document, "email": ""}).lower()
    (other,) = forgotten(NAME).record(record).sessions
    assert (other.device, other.leave_reason) == (None, None)


@pytest.mark.parametrize(
    "name", ["Grace", "Example", "Grace Example-Smith", "Grace Example 2", "Gracé Example"]
)
def test_another_name_is_another_person(name: str) -> None:
    record = harvest(user_name=name, email=None, id=None)
    assert len(forgotten(NAME).record(record).sessions) == 2


def test_rows_that_contain_a_person_are_dropped() -> None:
    (meeting, _) = documents(full_harvest())
    rows = {"nested": [{"hosts": ["x", "GRACE@example.org"]}]}
    assert "vendor_data" not in (forgotten(EMAIL).document({**meeting, "vendor_data": rows}) or {})
    assert forgotten(EMAIL).document(meeting) is meeting
    raw = replace(full_meeting(), vendor_data=rows)
    assert forgotten(EMAIL).record(MeetingRecord(meeting=raw)).meeting.vendor_data is None


def test_a_number_that_zoom_gives_in_every_meeting_anew_is_no_persons() -> None:
    """Participant 16778240 of one meeting is another person in the next."""
    number = Identifier(kind="id", text="16778240")
    assert len(forgotten(number).record(harvest()).sessions) == 2
    webex = Identifier(kind="id", text="I_853_8f7a")
    assert len(forgotten(webex).record(harvest(user_id="I_853_8f7a")).sessions) == 1


def test_an_id_that_is_an_address_is_matched_as_one() -> None:
    assert len(forgotten(EMAIL).record(harvest(email=None, id="grace@example.org")).sessions) == 1


def test_whom_nobody_forgot_is_left_alone() -> None:
    record = full_harvest()
    assert not forgotten()
    assert forgotten().record(record) is record
    people = forgotten(Identifier(kind="email", text="nobody@example.org"))
    for document in documents(record):
        assert people.document(document) is document


def test_a_person_is_known_by_the_pseudonym_as_well() -> None:
    pseudonyms = Pseudonyms(b"k" * 32)
    hashed = Identifier(kind="email", text=pseudonyms.of(Nature.email, "grace@example.org"))
    assert len(forgotten(hashed, pseudonyms=pseudonyms).record(harvest()).sessions) == 1
    assert len(forgotten(hashed).record(harvest()).sessions) == 2


def test_addresses_and_ids_of_one_person_are_linked_and_names_link_nothing() -> None:
    (meeting, session) = documents(full_harvest())
    grace = {Identifier(kind="email", text="grace@example.org"), ID}
    assert set(forgotten(EMAIL).linked(session)) == set(forgotten(ID).linked(session)) == grace
    assert set(forgotten(HOST).linked(meeting)) == {HOST, Identifier(kind="id", text="h1")}
    assert list(forgotten(NAME).linked(session)) == []
    assert list(forgotten(HOST).linked(session)) == [], "the host of a session is not its participant"


@given(text=st.text(min_size=1), salt=st.binary(min_size=8, max_size=32))
def test_nothing_of_an_identifier_is_stored(text: str, salt: bytes) -> None:
    for kind in ("email", "id", "name"):
        (entry,) = forget_identifiers(salt, [Identifier(kind=kind, text=text)], "remove")
        assert len(entry.digest) == 64
        assert entry.digest != to_digest(salt + b"x", kind, text)


@given(
    st.from_type(dict).flatmap(
        lambda _: st.dictionaries(
            st.sampled_from(["id", "email", "host", "topic"]),
            st.none() | st.integers() | st.text() | st.lists(st.text()),
        )
    )
)
def test_no_document_breaks_it(document: dict[str, Any]) -> None:
    for kind in ("meeting", "session", None):
        forgotten(EMAIL, ID, NAME).document({**document, "kind": kind})
        list(forgotten(EMAIL, ID, NAME).linked({**document, "kind": kind}))
