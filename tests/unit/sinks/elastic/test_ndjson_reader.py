"""Lines to operations, with and without decoding, and lines that are not documents."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from datetime import timedelta

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.models import Detail
from connectors.parsing import format_milliseconds
from harvester.documents import encode, record_version, to_documents, version
from harvester.sinks.elastic import ndjson_reader as lines_module
from harvester.sinks.elastic.bulk import Operations, Target
from harvester.sinks.elastic.config import ElasticConfig
from harvester.sinks.elastic.ndjson_reader import BadLine, LineReader, TooLong, read_blocks
from tests.invented_meetings import HARVESTED, full_harvest, plain
from tests.unit.fake_context import NOW

DOCUMENTS = [orjson.loads(encode(d)) for record in (full_harvest(), plain(1)) for d in to_documents(record)]
BASE = DOCUMENTS[0]


def read(*lines: bytes | TooLong, period: str = "year") -> tuple[Operations, list[BadLine]]:
    bad: list[BadLine] = []
    cluster = ElasticConfig(host="http://localhost", period=period)  # type: ignore[arg-type]  # one of the two
    return LineReader(cluster, NOW).operations(list(lines), bad), bad


def sources(operations: Operations) -> list[bytes]:
    return [operations.source(position) for position in range(len(operations))]


def why(line: bytes) -> str:
    operations, bad = read(line)
    assert len(operations) == 0
    return bad[0].reason


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document["kind"])
def test_a_decoded_line_gives_the_same_operation_as_an_undecoded_one(
    document: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = encode(document)
    long = json.dumps(dict(sorted(document.items())), ensure_ascii=True).encode()
    (one, _), (other, _) = read(short), read(long)
    kind = document["kind"]
    rank = Detail[document["detail"]]
    expected = Target(f"harvester-{kind}s-2026", document["document_id"], version(rank, HARVESTED))
    assert one.target(0) == other.target(0) == expected
    assert one.index_names == other.index_names == {expected.index_name}
    assert (sources(one), sources(other)) == ([short], [long])


def test_lines_of_the_harvester_are_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[bytes] = []
    decode = lines_module._parse
    monkeypatch.setattr(lines_module, "_parse", lambda line: decoded.append(line) or decode(line))
    operations, _ = read(*[encode(document) for document in DOCUMENTS])
    assert len(operations) == len(DOCUMENTS)
    assert all(len(part) < 200 for part in decoded), "only the few fields that index and version come from"


@given(st.text(min_size=1), st.sampled_from(["meeting", "session"]))
def test_every_id_is_preserved(document_id: str, kind: str) -> None:
    document = {**DOCUMENTS[1 if kind == "session" else 0], "document_id": document_id}
    operations, bad = read(orjson.dumps(document))
    if len(document_id.encode()) > 512:
        assert bad[0].reason == "document_id is longer than 512 bytes"
    else:
        assert operations.target(0).document_id == document_id
        assert operations.lines.count(b"\n") == 2


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document["kind"])
def test_a_byte_order_mark_before_any_line_is_ignored(document: dict) -> None:
    """Files that begin with one were concatenated."""
    line = encode(document)
    operations, bad = read(b"\xef\xbb\xbf" + line, b"\xef\xbb\xbf" + line)
    assert bad == []
    assert sources(operations) == [line, line]


@given(st.binary())
def test_no_line_raises(line: bytes) -> None:
    operations, bad = read(line)
    assert len(operations) + len(bad) == (1 if line.removeprefix(b"\xef\xbb\xbf").strip() else 0)


@pytest.mark.parametrize("kind", [0, 1])
@pytest.mark.parametrize("encoded", [encode, lambda document: json.dumps(document).encode()])
def test_a_harvest_of_more_than_a_day_ahead_is_refused(kind: int, encoded: Callable[..., bytes]) -> None:
    """Its version would beat all true harvests until then."""
    document = dict(DOCUMENTS[kind])
    document["harvested_at"] = format_milliseconds(NOW + timedelta(hours=25))
    _, bad = read(encoded(document))
    assert bad[0].reason.startswith("harvested_at is more than a day ahead")
    assert bad[0].document_id == document["document_id"]
    document["harvested_at"] = format_milliseconds(NOW + timedelta(hours=23))
    assert read(encoded(document))[1] == []


def test_the_index_follows_the_meeting_not_the_session() -> None:
    session = {
        **DOCUMENTS[1],
        "@timestamp": "2027-01-01T00:30:00Z",
        "meeting_timestamp": "2026-12-31T23:30:00Z",
    }
    operations, _ = read(orjson.dumps(session), period="month")
    assert operations.index_names == {"harvester-sessions-2026-12"}


def test_the_index_of_an_instant_in_another_zone_is_that_of_utc() -> None:
    operations, _ = read(orjson.dumps({**BASE, "@timestamp": "2027-01-01T00:30:00+02:00"}))
    assert operations.index_names == {"harvester-meetings-2026"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"document_id": None}, "no document_id"),
        ({"document_id": ""}, "no document_id"),
        ({"document_id": 7}, "document_id is not a string"),
        ({"kind": "webinar"}, "kind is neither meeting nor session"),
        ({"@timestamp": "2026-13-01T00:00:00Z"}, "@timestamp is not an instant"),
        ({"@timestamp": ""}, "no @timestamp"),
        ({"detail": "Full"}, "detail is not scheduled, live, basic or full"),
        ({"harvested_at": "now"}, "harvested_at is not an instant"),
        ({"harvested_at": "1960-01-01T00:00:00Z", "detail": "scheduled"}, "harvested_at is before 1970"),
        ({"@timestamp": "0001-01-01T00:00:00Z"}, "@timestamp is not between 2000 and 2032"),
        ({"@timestamp": "1999-12-31T23:59:59Z"}, "@timestamp is not between 2000 and 2032"),
        ({"@timestamp": "2033-01-01T00:00:00Z"}, "@timestamp is not between 2000 and 2032"),
        ({"@timestamp": "9999-12-31T23:59:59Z"}, "@timestamp is not between 2000 and 2032"),
        ({"document_id": "x" * 513}, "document_id is longer than 512 bytes"),
    ],
)
def test_a_missing_or_wrong_field_is_named_without_its_value(change: dict, words: str) -> None:
    assert why(encode({**BASE, **change})) == words


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"{", "not JSON in UTF-8"),
        (b'{"document_id":"\xff"}', "not JSON in UTF-8"),
        (b"[]", "not a JSON object"),
        (b"null", "not a JSON object"),
        (b"NaN", "not JSON in UTF-8"),
    ],
)
def test_a_line_that_is_no_document_is_kept_with_its_digest(line: bytes, words: str) -> None:
    _, (bad,) = read(b"", line)
    assert (bad.number, bad.reason, bad.text) == (2, words, line)
    assert bad.sha256 == hashlib.sha256(line).hexdigest()


def test_a_bad_line_keeps_its_id_if_that_is_usable() -> None:
    _, (kind,) = read(orjson.dumps({**BASE, "kind": "webinar"}))
    assert (kind.document_id, kind.version) == (BASE["document_id"], version(Detail.full, HARVESTED))
    _, (detail,) = read(orjson.dumps({**BASE, "detail": "fuller"}))
    assert (detail.document_id, detail.version) == (BASE["document_id"], 0)
    _, (too_long,) = read(orjson.dumps({**BASE, "document_id": "x" * 513}))
    assert too_long.document_id == ""


def test_blank_lines_are_counted() -> None:
    lines = LineReader(ElasticConfig(host="http://localhost"), NOW)
    assert len(lines.operations([b"", b" \r", encode(BASE), b"", b"nonsense"], [])) == 1
    assert (lines.line_number, lines.blank) == (5, 3)


def test_carriage_returns_empty_lines_and_a_byte_order_mark_are_tolerated() -> None:
    line = encode(BASE)
    operations, bad = read(b"\xef\xbb\xbf" + line + b"\r", b"\r", b"", b"   ", line)
    assert (operations.input_lines, sources(operations)) == ([1, 5], [line, line])
    assert bad == []


class Dripping(io.BytesIO):
    """A pipe that gives a few bytes at a time."""

    def read1(self, size: int | None = -1, /) -> bytes:
        return super().read1(7)


@pytest.mark.parametrize(
    "text", [b"", b"a", b"a\n", b"a\nbb", b"a\n\nbb\n", b"0123456789" * 9 + b"\nx\n" + b"y" * 30]
)
def test_lines_are_whole_however_they_arrive(text: bytes) -> None:
    expected = text.removesuffix(b"\n").split(b"\n") if text else []
    for stream in (io.BytesIO(text), Dripping(text)):
        assert [line for block in read_blocks(stream) for line in block] == expected


def test_an_oversized_line_is_skipped_and_the_next_one_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines_module, "LINE_BYTES", 50)
    endless = b"x" * 200
    read_lines = [line for block in read_blocks(Dripping(endless + b"\nnext")) for line in block]
    assert read_lines == [TooLong(sha256=hashlib.sha256(endless).hexdigest()), b"next"]
    _, (bad,) = read(read_lines[0])
    assert (bad.text, bad.sha256) == (b"", hashlib.sha256(endless).hexdigest())


def test_lines_have_the_versions_of_their_records() -> None:
    record = plain(3)
    operations, _ = read(*[encode(document) for document in to_documents(record)])
    assert {operations.target(n).version for n in range(len(operations))} == {record_version(record)}
    assert format_milliseconds(HARVESTED).encode() in operations.source(0)


# Lines that are treated


def test_a_line_is_treated_whether_it_looks_like_the_harvesters_or_not() -> None:
    own = encode(BASE)
    other = json.dumps(dict(sorted(BASE.items()))).encode()
    reader = LineReader(
        ElasticConfig(host="http://localhost"), NOW, lambda document: {**document, "topic": "treated"}
    )
    operations = reader.operations([own, other, b""], [])
    assert [json.loads(source)["topic"] for source in sources(operations)] == ["treated", "treated"]
    plain_operations, _ = read(own, other)
    assert [operations.target(n) for n in range(2)] == [plain_operations.target(n) for n in range(2)]


def test_a_line_that_is_left_out_is_counted_and_one_that_is_no_document_is_kept_without_text() -> None:
    bad: list[BadLine] = []
    reader = LineReader(ElasticConfig(host="http://localhost"), NOW, lambda _: None)
    operations = reader.operations([encode(BASE), b"{no JSON", b'{"document_id": "x"}'], bad)
    assert (len(operations), reader.left_out, reader.line_number) == (0, 1, 3)
    assert [each.text for each in bad] == [b"", b""]
    assert bad[0].sha256 == hashlib.sha256(b"{no JSON").hexdigest()
