"""Documents out of records: fields and their order, ids, versions, and the bytes that are written."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import structs

from connectors.attendance import to_record
from connectors.models import Detail, Host, Meeting, MeetingRecord, Session
from harvester import documents as documents_module
from harvester.documents import (
    HEADER,
    encode,
    group_documents,
    rank_of,
    record_version,
    to_documents,
    version,
)
from tests.invented_meetings import full_harvest, full_session, plain, spoiled
from tests.unit.short_meetings import START, meeting, stay

MEETING_KEYS = [
    "document_id",
    "kind",
    "detail",
    "harvested_at",
    "@timestamp",
    "vendor",
    "account",
    "uuid",
    "meeting_series_id",
    "meeting_code",
    "topic",
    "start_time",
    "end_time",
    "scheduled_start_time",
    "scheduled_end_time",
    "duration",
    "state",
    "participant_sessions",
    "participants",
    "participant_seconds",
    "has_pstn",
    "has_voip",
    "has_3rd_party_audio",
    "has_video",
    "has_screen_share",
    "recording",
    "host",
    "period",
    "quality",
    "vendor_data",
]
SESSION_KEYS = [
    "document_id",
    "kind",
    "detail",
    "harvested_at",
    "meeting_timestamp",
    "vendor",
    "account",
    "meeting",
    "meeting_series_id",
    "meeting_code",
    "topic",
    "host_email",
    "@timestamp",
    "stay",
    "breakout_id",
    "id",
    "user_id",
    "user_name",
    "email",
    "user_type",
    "role",
    "device",
    "os",
    "app",
    "app_version",
    "ip_address",
    "country",
    "city",
    "location",
    "data_center",
    "network_type",
    "join_time",
    "leave_time",
    "duration",
    "share_application",
    "share_desktop",
    "share_whiteboard",
    "recording",
    "leave_reason",
    "period",
    "quality",
    "vendor_data",
]


def test_richer_beats_newer_and_newer_beats_older() -> None:
    later = START + timedelta(days=9000)
    assert version(Detail.full, START) > version(Detail.basic, later) > version(Detail.basic, START)
    assert version(Detail.basic, START) == 2 * 10**13 + int(START.timestamp() * 1000)


@given(st.sampled_from(Detail), st.timedeltas(timedelta(0), timedelta(days=365 * 300)))
def test_the_rank_can_be_read_from_the_version(detail: Detail, since_1970: timedelta) -> None:
    assert rank_of(version(detail, datetime(1970, 1, 1, tzinfo=UTC) + since_1970)) == detail


def test_all_documents_of_a_record_have_one_version() -> None:
    harvested_at = START + timedelta(milliseconds=123)
    record = to_record(meeting(harvested_at=harvested_at), [stay()])
    assert record_version(record) == version(Detail.basic, harvested_at)
    assert record_version(record) % 1000 == 123


def test_a_record_without_any_instant_has_no_documents() -> None:
    with pytest.raises(ValueError, match="without any instant"):
        list(to_documents(to_record(meeting(start_time=None), [])))


def test_a_document_has_a_field_for_every_known_value_and_no_other() -> None:
    known = meeting(
        meeting_series_id="s",
        meeting_code="abc-mnop-xyz",
        topic="Weekly",
        host=Host(email="m@example.org"),
        harvested_at=START + timedelta(milliseconds=123),
        end_time=START + timedelta(hours=1),
    )
    documents = to_documents(to_record(known, [stay(user_name="Ada")]))
    first, second = (orjson.loads(encode(document)) for document in documents)
    assert first == {
        "document_id": "zoom:main:u",
        "@timestamp": "2026-11-20T09:00:00Z",
        "kind": "meeting",
        "vendor": "zoom",
        "account": "main",
        "uuid": "u",
        "meeting_series_id": "s",
        "meeting_code": "abc-mnop-xyz",
        "topic": "Weekly",
        "host": {"email": "m@example.org"},
        "start_time": "2026-11-20T09:00:00Z",
        "end_time": "2026-11-20T10:00:00Z",
        "period": {"gte": "2026-11-20T09:00:00Z", "lte": "2026-11-20T10:00:00Z"},
        "participant_sessions": 1,
        "participants": 1,
        "participant_seconds": 600,
        "detail": "basic",
        "harvested_at": "2026-11-20T09:00:00.123Z",
    }
    assert second == {
        "document_id": "zoom:main:u:k",
        "@timestamp": "2026-11-20T09:00:00Z",
        "kind": "session",
        "vendor": "zoom",
        "account": "main",
        "meeting": "u",
        "meeting_series_id": "s",
        "meeting_code": "abc-mnop-xyz",
        "topic": "Weekly",
        "host_email": "m@example.org",
        "meeting_timestamp": "2026-11-20T09:00:00Z",
        "stay": "meeting",
        "user_name": "Ada",
        "join_time": "2026-11-20T09:00:00Z",
        "leave_time": "2026-11-20T09:10:00Z",
        "period": {"gte": "2026-11-20T09:00:00Z", "lte": "2026-11-20T09:10:00Z"},
        "detail": "basic",
        "harvested_at": "2026-11-20T09:00:00.123Z",
    }


def test_a_session_that_ends_before_it_starts_has_no_period() -> None:
    *_, document = to_documents(to_record(meeting(), [stay((10, 0))]))
    assert "period" not in document


def test_keys_come_in_a_fixed_order() -> None:
    first, second = to_documents(full_harvest())
    assert list(first) == MEETING_KEYS
    assert list(second) == SESSION_KEYS


@pytest.mark.parametrize(
    "name", [name for name in Session.__struct_fields__ if name not in {"key", "quality"}]
)
def test_each_field_of_a_session_is_written_under_its_own_name(name: str) -> None:
    value = getattr(full_session(), name)
    known: dict[str, Any] = {name: value}
    sessions = [Session(key="k"), Session(key="k", **known)]
    _, without, with_it = to_documents(MeetingRecord(meeting=meeting(), sessions=sessions))
    changed = {key: with_it[key] for key in with_it if with_it[key] != without.get(key)}
    assert {**changed, "@timestamp": None} == {name: value, "@timestamp": None}


@pytest.mark.parametrize("place", [0, 1], ids=["meeting", "session"])
def test_the_header_contains_the_id_and_the_inputs_of_index_and_version(place: int) -> None:
    document = list(to_documents(full_harvest()))[place]
    found = HEADER.match(encode(document))
    assert found is not None
    document_id, members = found.groups()
    assert orjson.loads(document_id) == document["document_id"]
    time = "meeting_timestamp" if place else "@timestamp"
    names = ["kind", "detail", "harvested_at", time]
    assert orjson.loads(b"{" + members + b"}") == {
        name: orjson.loads(encode({name: document[name]}))[name] for name in names
    }


@given(st.text(min_size=1, max_size=8))
def test_the_header_never_ends_inside_an_id(uuid: str) -> None:
    for document in to_documents(to_record(meeting(uuid=uuid), [stay()])):
        line = encode(document)
        quoted = json.dumps(document["document_id"], ensure_ascii=False).encode("utf-8", "surrogatepass")
        found = HEADER.match(line)
        assert (found is not None) == (b"\\" not in line)
        assert found is None or found[1] == quoted


def test_instants_are_written_in_utc_and_characters_unescaped() -> None:
    line = encode(next(to_documents(full_harvest())))
    assert b'"@timestamp":"2026-11-20T09:30:00Z"' in line
    assert "会议".encode() in line


def test_a_lone_surrogate_and_a_huge_number_are_still_written() -> None:
    _, document, *_ = to_documents(spoiled(plain(1), user_name="\ud800", duration=2**70))
    line = encode(document)
    assert b'"user_name":"\\ud800"' in line
    assert b'"@timestamp":"2026-11-20T09:31:00Z"' in line
    assert str(2**70).encode() in line


def values_like(value: Any) -> st.SearchStrategy[Any]:
    """Values of the same type, or none."""
    by_type = {
        str: st.text(),
        bool: st.booleans(),
        int: st.integers(0, 2**63 - 1),
        datetime: st.datetimes(timezones=st.just(UTC)),
    }
    return st.none() | by_type.get(type(value), st.just(value))


def optional_fields(
    example: Meeting | Session, names: Iterable[str], *required: str
) -> dict[str, st.SearchStrategy[Any]]:
    return {name: values_like(getattr(example, name)) for name in names if name not in required}


sessions = st.builds(
    Session,
    key=st.text(min_size=1),
    stay=st.sampled_from(["meeting", "breakout"]),
    **optional_fields(full_session(), Session.__struct_fields__, "key", "stay"),
)
meetings = st.builds(
    Meeting,
    vendor=st.text(),
    account=st.text(),
    uuid=st.text(),
    detail=st.sampled_from(Detail),
    harvested_at=st.just(START),
    **optional_fields(
        full_harvest().meeting,
        [each.name for each in fields(Meeting)],
        *("vendor", "account", "uuid", "detail", "harvested_at"),
    ),
)
records = st.builds(MeetingRecord, meeting=meetings, sessions=st.lists(sessions, max_size=3)).filter(
    lambda record: record.timestamp is not None
)


def written(record: MeetingRecord) -> list[bytes]:
    """The documents of all groups, as lines."""
    lines, ends = bytearray(), [0]
    for group in group_documents(record):
        ends += group.append_to(lines)
    assert all(lines[end - 1 : end] == b"\n" for end in ends[1:])
    return [bytes(lines[start : end - 1]) for start, end in pairwise(ends)]


@given(records)
@example(full_harvest())
@example(plain(3))
def test_groups_write_the_documents_encoded(record: MeetingRecord) -> None:
    documents = list(to_documents(record))
    groups = list(group_documents(record))
    assert written(record) == [encode(each) for each in documents]
    ids = [orjson.loads(quoted_id) for group in groups for quoted_id in group.quoted_ids]
    assert ids == [each["document_id"] for each in documents]
    assert [group.kind for group in groups for _ in group.bodies] == [each["kind"] for each in documents]


def test_a_document_can_follow_a_line_with_its_id() -> None:
    (group,) = group_documents(MeetingRecord(meeting=meeting()))
    lines = bytearray(b"before\n")
    ends = group.append_to(lines, (b"id ", b".\n"))
    assert lines == b'before\nid "zoom:main:u".\n' + group.document(0) + b"\n"
    assert ends == [len(lines)]


def test_many_sessions_come_in_several_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents_module, "GROUP_SESSIONS", 2)
    record = MeetingRecord(meeting=meeting(), sessions=[Session(key=str(number)) for number in range(5)])
    assert [len(group.bodies) for group in group_documents(record)] == [1, 2, 2, 1]
    assert written(record) == list(map(encode, to_documents(record)))


def test_documents_can_be_taken_out_of_a_group() -> None:
    record = MeetingRecord(meeting=meeting(), sessions=[Session(key=str(number)) for number in range(4)])
    _, sessions = group_documents(record)
    _, first, second, third, fourth = map(encode, to_documents(record))
    some, all_of_them = sessions.without([0, 2]), sessions.without([])
    assert [some.document(place) for place in range(2)] == [second, fourth]
    assert [all_of_them.document(place) for place in range(4)] == [first, second, third, fourth]


def test_a_document_with_a_lone_surrogate_is_encoded() -> None:
    record = full_harvest()
    session = structs.replace(record.sessions[0], user_name="\ud800")
    record = replace(
        record, meeting=replace(record.meeting, uuid="\ud800", topic="\ud800"), sessions=(session,)
    )
    expected = [json.loads(encode(each)) for each in to_documents(record)]
    assert list(map(json.loads, written(record))) == expected


def test_a_huge_number_in_a_row_of_the_vendor_is_encoded() -> None:
    _, session = written(spoiled(full_harvest(), vendor_data={"n": 2**70}))
    assert json.loads(session)["vendor_data"] == {"n": 2**70}


def test_addresses_are_in_small_letters() -> None:
    host = Host(name="Mara", email="Mara.Lindqvist@Example.org")
    record = to_record(meeting(host=host), [stay(email="MARA.lindqvist@example.org")])
    first, second = to_documents(record)
    assert first["host"] == {"name": "Mara", "email": "mara.lindqvist@example.org"}
    assert (second["host_email"], second["email"]) == ("mara.lindqvist@example.org",) * 2
    other = to_record(meeting(host=replace(host, email="x@example.org")), [stay(email="y@example.org")])
    assert [d["document_id"] for d in to_documents(other)] == [d["document_id"] for d in (first, second)]
