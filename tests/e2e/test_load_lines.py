"""NDJSON lines into a real Elasticsearch: the same documents as from harvests, and every kind of poison."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
from io import BytesIO
from pathlib import Path

import orjson
import pytest

from connectors.errors import ConfigurationError
from connectors.models import MeetingRecord
from harvester.documents import encode, to_documents
from harvester.sinks.elastic.index_creation import index_uuids
from harvester.sinks.elastic.loader import Loader, LoadProgress
from tests.e2e.harness import HANGS_SECONDS, Harvester, command
from tests.e2e.index_sandbox import RETRY, IndexSandbox
from tests.invented_meetings import full_harvest, many, plain


def lines_of(*records: MeetingRecord) -> list[bytes]:
    return [encode(d) for harvest in records for d in to_documents(harvest)]


def load(loader: Loader, lines: list[bytes], end: bytes = b"\n") -> tuple[LoadProgress, dict[int, str]]:
    """The last word, and every refusal by its line."""
    refused: dict[int, str] = {}
    for so_far in loader.load_lines(BytesIO(end.join(lines) + end)):
        refused.update({one.line: one.reason for one in so_far.rejected_lines})
    return so_far, refused


def test_lines_become_the_same_documents_as_their_harvests(sandbox: IndexSandbox) -> None:
    records = [full_harvest(), *many(30)]
    list(sandbox.loader().load(records))
    direct = {(hit["_index"], hit["_id"], hit["_version"]): hit["_source"] for hit in sandbox.hits()}
    sandbox.delete_indices()
    answer, refused = load(sandbox.loader(), lines_of(*records))
    assert {(hit["_index"], hit["_id"], hit["_version"]): hit["_source"] for hit in sandbox.hits()} == direct
    assert (answer.ok, answer.lines, refused) == (len(direct), len(direct), {})


def test_lines_with_sorted_keys_and_spaces_are_the_same_documents(newest: IndexSandbox) -> None:
    lines = lines_of(full_harvest(), plain(1))
    shuffled = [json.dumps(json.loads(line), indent=None, sort_keys=True).encode() for line in lines]
    load(newest.loader(), lines)
    answer, _ = load(newest.loader(), shuffled, end=b"\r\n\n")
    assert answer.superseded == len(lines)


def changed(key: str, value: object) -> bytes:
    """A meeting that would be fine but for one field."""
    document = orjson.loads(lines_of(plain(7))[0])
    return orjson.dumps({**document, "document_id": f"zoom:main:{key}", key: value})


GOOD = lines_of(plain(7))[0]
POISON = {
    "an object where a scalar is": (changed("duration", {"a": 1}), "document_parsing_exception"),
    "a bad date": (changed("start_time", "yesterday"), "document_parsing_exception"),
    "a date in the wrong place": (changed("@timestamp", "yesterday"), "@timestamp is not an instant"),
    "a long overflow": (
        changed("duration", 10**18).replace(b"0" * 18, b"0" * 30),
        "document_parsing_exception",
    ),
    "an id over 512 bytes": (changed("document_id", "ü" * 300), "document_id is longer than 512 bytes"),
    "not a number": (GOOD.replace(b'"topic":"Planning"', b'"duration":NaN'), "document_parsing_exception"),
    "a torn line": (GOOD[:-30], "document_parsing_exception"),
    "a line torn at its start": (GOOD[30:], "not JSON in UTF-8"),
    "bad UTF-8": (GOOD.replace(b"Planning", b"Plan\xff\xfe"), "document_parsing_exception"),
    "an id in bad UTF-8": (GOOD.replace(b"meeting-7", b"meeting-\xff"), "not JSON in UTF-8"),
    "a key twice": (GOOD.replace(b'"vendor":', b'"topic":"x","vendor":'), "document_parsing_exception"),
    "nesting over 1,000": (
        GOOD.replace(b'"topic":"Planning"', b'"vendor_data":' + b'{"a":' * 1_100 + b"1" + b"}" * 1_100),
        "document_parsing_exception",
    ),
    "two objects": (GOOD + b"{}", "illegal_argument_exception"),
    "an unknown detail": (changed("detail", "fuller"), "detail is not scheduled, live, basic or full"),
    "no kind": (changed("kind", None), "no kind"),
    "a list": (b"[1]", "not a JSON object"),
    "no object at all": (b"harvester: command not found", "not JSON in UTF-8"),
}
ACCEPTED = {
    "a NUL": changed("topic", "a\0b"),
    "year 9999": changed("end_time", "9999-12-31T23:59:59Z"),
    "a lone surrogate": GOOD.replace(b"Planning", b"\\ud800").replace(b"meeting-7", b"meeting-8"),
    "an endless word": changed("meeting_code", "x" * 100_000),
    "no IP address": changed("ip_address", "unknown"),
    "a word for a truth": changed("recording", "perhaps"),
    "an unknown field": changed("mood", "good"),
}


@pytest.mark.parametrize("name", POISON)
def test_poison_is_named_by_its_line_and_kept_and_the_rest_is_loaded(newest: IndexSandbox, name: str) -> None:
    poison, why = POISON[name]
    rejects = newest.rejects()
    answer, refused = load(newest.loader(rejects), [*lines_of(plain(1)), poison, *lines_of(plain(2))])
    assert refused == {5: why}
    assert (answer.ok, answer.rejected) == (8, 1)
    assert [document for _, document in rejects.documents()] == [poison]
    row = next(iter(rejects.rows()))
    assert (row.origin, row.reason.startswith(why)) == ("line 5", True)


def test_all_poison_at_once_spoils_nothing_else(sandbox: IndexSandbox) -> None:
    rejects = sandbox.rejects()
    bad = [line for line, _ in POISON.values()]
    answer, refused = load(sandbox.loader(rejects), [*bad, *lines_of(*many(50))])
    assert refused == {number: why for number, (_, why) in enumerate(POISON.values(), 1)}
    assert answer.ok == 200
    assert len(sandbox.stored()) == 200


def test_documents_that_only_look_malformed_are_stored(sandbox: IndexSandbox) -> None:
    answer, refused = load(sandbox.loader(), list(ACCEPTED.values()))
    assert refused == {}
    assert answer.ok == len(ACCEPTED)


def in_years(*years: int) -> list[bytes]:
    return [
        orjson.dumps(
            {
                **orjson.loads(GOOD),
                "document_id": f"zoom:main:{year}",
                "@timestamp": f"{year:04d}-06-01T00:00:00Z",
            }
        )
        for year in years
    ]


def test_lines_of_many_years_create_only_a_few_indices(newest: IndexSandbox) -> None:
    rejects = newest.rejects()
    lines = in_years(*range(1, 10_000, 7))
    with pytest.raises(ConfigurationError, match="more than 12 new indices"):
        for _ in newest.loader(rejects).load_lines(
            BytesIO(b"\n".join(in_years(*range(2000, 2013)))), max_new_indices=12
        ):
            pass
    assert newest.indices() == []
    answer, _ = load(newest.loader(rejects), lines)
    assert 0 < answer.ok <= 5
    assert answer.rejected == len(lines) - answer.ok
    assert len(newest.indices()) == answer.ok


def test_an_index_that_was_deleted_and_created_again_has_another_uuid(sandbox: IndexSandbox) -> None:
    list(sandbox.loader().load(many(1)))
    first = index_uuids(sandbox.client(), RETRY)
    assert first is not None
    assert sorted(first) == sandbox.indices()
    sandbox.ask("DELETE", f"/{sandbox.prefix}sessions-2026")
    list(sandbox.loader().load(many(1)))
    second = index_uuids(sandbox.client(), RETRY)
    assert second is not None
    assert [name for name in first if first[name] != second[name]] == [f"{sandbox.prefix}sessions-2026"]


def test_replaying_after_the_mapping_was_mended_empties_the_rejects(newest: IndexSandbox) -> None:
    rejects = newest.rejects()
    mended = changed("duration", 12)
    load(newest.loader(rejects), [changed("duration", {"a": 1}), b"nonsense"])
    assert len(rejects) == 2
    for _ in newest.loader(rejects).replay():
        pass
    assert [(row.attempts, row.origin) for row in rejects.rows()] == [(2, "line 2"), (2, "line 1")]
    load(newest.loader(rejects), [mended])
    assert [row.document_id[:7] for row in rejects.rows()] == ["sha256:"]
    assert rejects.drop() == 1


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_terminal_on_which_nothing_is_typed_is_read_until_a_signal(
    newest: IndexSandbox, sent: signal.Signals, code: int
) -> None:
    terminal, end = pty.openpty()
    harvester = Harvester(newest.folder, {"ES_HOST": newest.node.url, "ES_INDEX_PREFIX": newest.prefix})
    process = subprocess.Popen(
        command("load", "-"),
        stdin=end,
        stderr=subprocess.PIPE,
        env=harvester.environment(),
        cwd=harvester.folder,
    )
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(4)
    resident = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())
    process.send_signal(sent)
    _, errors = process.communicate(timeout=HANGS_SECONDS)
    os.close(terminal)
    os.close(end)
    assert process.returncode == code, errors
    assert b"Traceback" not in errors
    assert resident is not None
    assert int(resident[1]) < 200_000


def test_a_line_that_never_ends_is_refused(newest: IndexSandbox) -> None:
    harvester = Harvester(newest.folder, {"ES_HOST": newest.node.url, "ES_INDEX_PREFIX": newest.prefix})
    ended = harvester("load", "/dev/zero")
    assert ended.returncode == 64, ended.stderr
    assert b"Traceback" not in ended.stderr
