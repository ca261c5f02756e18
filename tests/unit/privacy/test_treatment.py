from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from connectors.models import Host, MeetingRecord
from harvester.documents import encode, to_documents
from harvester.privacy.personal_fields import PERSONAL
from harvester.privacy.treatment import PSEUDONYM, REMOVED, Mode, Treatment, cut_address
from tests.invented_meetings import full_harvest, full_meeting, full_session

KEY = b"an invented key that is long enough for every purpose"
TEXTS = st.text(max_size=30)
LOCAL = st.text("abcXYZ.+-_0", min_size=1, max_size=10).map(lambda text: f"a{text}")
EMAILS = st.builds("{}@{}.example.org".format, LOCAL, st.text("abcXYZ", min_size=1, max_size=8))


def treatment(mode: Mode, *kept: str, key: bytes = KEY) -> Treatment:
    return Treatment(mode, key=key, kept=frozenset(kept))


def documents(record: MeetingRecord) -> list[dict[str, Any]]:
    return [orjson.loads(encode(document)) for document in to_documents(record)]


def personal_values(document: dict[str, Any]) -> dict[str, Any]:
    host = {f"host.{name}": value for name, value in document.get("host", {}).items()}
    return {name: value for name, value in {**document, **host}.items() if name in PERSONAL}


# Records and documents


@pytest.mark.parametrize("mode", ["hash", "drop"])
def test_a_record_and_its_documents_are_treated_alike(mode: Mode) -> None:
    treated = treatment(mode)
    of_record = documents(treated.record(full_harvest()))
    assert of_record == [treated.document(document) for document in documents(full_harvest())]
    assert of_record == [treated.document(document) for document in of_record], "and only once"


@pytest.mark.parametrize("mode", ["hash", "drop"])
def test_only_personal_fields_and_rows_change(mode: Mode) -> None:
    for before, after in zip(
        documents(full_harvest()), documents(treatment(mode).record(full_harvest())), strict=True
    ):
        changed = {name for name in before if before[name] != after.get(name)}
        assert changed == {name.partition(".")[0] for name in personal_values(before)} | {"vendor_data"}
        assert "vendor_data" not in after
        assert after.keys() <= before.keys()


def test_every_personal_field_is_hashed_and_addresses_are_cut() -> None:
    for document in documents(treatment("hash").record(full_harvest())):
        values = personal_values(document)
        assert values.pop("ip_address", "192.0.2.0") == "192.0.2.0"
        assert values
        assert all(PSEUDONYM.fullmatch(value) for value in values.values())


def test_every_personal_field_is_dropped() -> None:
    assert [personal_values(each) for each in documents(treatment("drop").record(full_harvest()))] == [{}, {}]
    assert documents(treatment("drop").record(full_harvest()))[0]["host"] == {"user_type": "Licensed"}


def test_a_host_without_other_fields_leaves_no_empty_object() -> None:
    meeting = replace(full_meeting(), host=Host(email="ada@example.org"))
    plain = MeetingRecord(meeting=meeting, sessions=[full_session()])
    assert "host" not in documents(treatment("drop").record(plain))[0]
    assert "host" not in treatment("drop").document(documents(plain)[0])


@pytest.mark.parametrize("mode", ["hash", "drop"])
@pytest.mark.parametrize("field", PERSONAL)
def test_a_field_that_is_kept_stays_and_no_other(mode: Mode, field: str) -> None:
    before = [personal_values(each) for each in documents(full_harvest())]
    after = [personal_values(each) for each in documents(treatment(mode, field).record(full_harvest()))]
    same = {
        name for one, other in zip(before, after, strict=True) for name in one if one[name] == other.get(name)
    }
    of_host = {"host.email", "host_email"}  # one value
    assert same == (of_host if field in of_host else {field})


@pytest.mark.parametrize("mode", ["keep", "hash", "drop"])
def test_ids_and_counts_are_the_same_in_every_mode(mode: Mode) -> None:
    before, after = full_harvest(), treatment(mode).record(full_harvest())
    assert [d["document_id"] for d in documents(before)] == [d["document_id"] for d in documents(after)]
    assert before.meeting.participants == after.meeting.participants


def test_keep_changes_nothing() -> None:
    record = full_harvest()
    assert treatment("keep").record(record) is record
    assert treatment("keep").text("ask ada@example.org") == "ask ada@example.org"


@given(value=st.one_of(st.none(), st.integers(), st.lists(TEXTS), st.dictionaries(TEXTS, TEXTS)))
@pytest.mark.parametrize("mode", ["hash", "drop"])
def test_a_personal_field_that_is_no_text_is_dropped(mode: Mode, value: Any) -> None:
    treated = treatment(mode).document({"document_id": "x", "email": value, "host": {"email": value}})
    assert treated == {"document_id": "x"}
    assert treatment(mode).document({"document_id": "x", "host": value if value else "ada"}).keys() <= {
        "document_id",
        "host",
    }


# Pseudonyms


@given(email=EMAILS)
def test_an_address_has_one_pseudonym_in_every_spelling_and_place(email: str) -> None:
    treated = treatment("hash")
    fields = [name for name in PERSONAL if name not in {"topic", "leave_reason", "ip_address"}]
    written = (email, email.upper(), email.lower())
    assert len({treated.value(field, text) for field in fields for text in written}) == 1


@given(one=TEXTS, other=TEXTS)
def test_different_names_have_different_pseudonyms_and_equal_ones_the_same(one: str, other: str) -> None:
    treated = treatment("hash")
    assert (treated.value("user_name", one) == treated.value("host.name", other)) is (one == other)
    assert treated.value("id", one) == treated.value("host.host_id", one)


def test_a_pseudonym_depends_on_the_key_and_on_the_nature() -> None:
    one, other = treatment("hash"), treatment("hash", key=KEY[1:])
    assert one.value("user_name", "Ada") != other.value("user_name", "Ada")
    assert one.value("user_name", "Ada") != one.value("topic", "Ada")


def test_a_pseudonym_never_changes() -> None:
    assert treatment("hash").value("email", "Ada@Example.org") == "pii-6519b61067f3051869d942f47946f3b5"


# Addresses


@given(address=st.ip_addresses())
def test_an_address_is_cut_to_its_network(address: Any) -> None:
    cut = cut_address(str(address))
    assert cut is not None
    mapped = getattr(address, "ipv4_mapped", None)
    address = mapped or address
    bits = 24 if address.version == 4 else 48
    assert address in ip_network(f"{cut}/{bits}")
    assert ip_address(cut) == ip_network(f"{address}/{bits}", strict=False).network_address
    assert cut_address(cut) == cut


@pytest.mark.parametrize("text", ["", "unknown", "192.0.2", "192.0.2.7:443", "ada@example.org"])
def test_a_value_that_is_no_address_is_dropped(text: str) -> None:
    assert cut_address(text) is None


# Messages


@given(before=TEXTS, email=EMAILS, after=TEXTS)
@pytest.mark.parametrize("mode", ["hash", "drop"])
def test_no_address_is_left_in_a_message(mode: Mode, before: str, email: str, after: str) -> None:
    text = treatment(mode).text(f"{before} {email} {after}")
    assert email not in text
    expected = treatment(mode).value("email", email) or REMOVED
    assert expected in text


@pytest.mark.parametrize(
    "text", ["x" * 300_000, "x" * 150_000 + "@", "@" + "x" * 150_000, "a@b" * 80_000, "a@" * 99_000]
)
def test_a_long_text_takes_no_longer_than_its_length(text: str) -> None:
    """What grows with the square of the length would take minutes here."""
    assert treatment("drop").text(f"{text}@") == f"{text}@"


@given(record=st.builds(lambda name, topic: (name, topic), TEXTS, TEXTS))
def test_no_text_of_a_person_is_left_in_a_document(record: tuple[str, str]) -> None:
    name, topic = (f"<{text}>" for text in record)
    meeting = replace(full_meeting(), topic=topic, host=Host(name=name, email=f"{len(name)}@x.example.org"))
    changed = MeetingRecord(
        meeting=meeting,
        sessions=[structs.replace(full_session(), user_name=name, leave_reason=topic, device=name)],
    )
    for mode in ("hash", "drop"):
        for document in documents(treatment(mode).record(changed)):
            text = json.dumps(document, ensure_ascii=False)
            assert json.dumps(name, ensure_ascii=False)[1:-1] not in text
            assert json.dumps(topic, ensure_ascii=False)[1:-1] not in text
