"""What Elasticsearch's answers mean for a lease and a log; tests/e2e/test_shared_state.py gets them from real nodes."""

from __future__ import annotations

import pytest

from connectors.errors import ConfigurationError, CredentialsError, HarvestError, Unreachable
from harvester.sinks.elastic import state_index
from harvester.sinks.elastic.client import AnswerTooLarge, Response
from harvester.sinks.elastic.state_index import StateIndex
from harvester.state.shared.store import Stored, Version
from tests.unit.sinks.elastic.fake_elasticsearch import Scripted, Waits, stored

SEEN = Version(seq_no=4, primary_term=2)
CHANGED = Response(status=201, body={"_seq_no": 5, "_primary_term": 2})
CONFLICT = Response(status=409, body={"error": {"type": "version_conflict_engine_exception"}})
MISSING = Response(status=404, body={"found": False})


def failure(status: int, kind: str, reason: str = "because") -> Response:
    return Response(status=status, body={"error": {"type": kind, "reason": reason}})


def cluster(answer: Response) -> Scripted:
    return Scripted(stored, lambda method, path: answer)


def test_a_document_is_read_with_its_version() -> None:
    body = {"_seq_no": 4, "_primary_term": 2, "_source": {"a": 1}}
    client = cluster(Response(status=200, body=body))
    assert StateIndex(client).get("lease-a") == Stored(body={"a": 1}, version=SEEN)
    assert client.requests == [("GET", "/harvester-state/_doc/lease-a")]


def test_a_missing_document_is_none() -> None:
    assert StateIndex(cluster(MISSING)).get("a") is None


def test_many_documents_come_in_the_order_of_their_names() -> None:
    docs = [{"_source": {"n": 1}}, {"found": False}, {"error": {"type": "index_not_found_exception"}}]
    client = cluster(Response(status=200, body={"docs": docs}))
    assert StateIndex(client).get_many(["a", "b", "c"]) == [{"n": 1}, None, None]


def test_a_page_that_is_too_large_is_read_in_halves() -> None:
    class Small(Scripted):
        def send(self, method: str, path: str, **options: object) -> Response:  # type: ignore[override]  # narrower
            body = options["body"]
            assert isinstance(body, dict)
            if len(body["ids"]) > 2:
                raise AnswerTooLarge("too large")
            return Response(status=200, body={"docs": [{"_source": {"name": each}} for each in body["ids"]]})

    index = StateIndex(Small(stored))
    assert index.get_many(list("abcde")) == [{"name": each} for each in "abcde"]


def test_changes_name_what_must_not_have_changed() -> None:
    client = cluster(CHANGED)
    index = StateIndex(client)
    new = Version(seq_no=5, primary_term=2)
    assert index.create("a", {}) == new
    assert index.replace("a", {}, SEEN) == new
    assert index.delete("a", SEEN)
    assert client.requests == [
        ("PUT", "/harvester-state/_doc/a?op_type=create"),
        ("PUT", "/harvester-state/_doc/a?if_seq_no=4&if_primary_term=2"),
        ("DELETE", "/harvester-state/_doc/a?if_seq_no=4&if_primary_term=2"),
    ]


def test_documents_are_removed_together() -> None:
    bodies: list[bytes] = []

    class Bulk(Scripted):
        def send(self, method: str, path: str, **options: object) -> Response:  # type: ignore[override]  # narrower
            assert (method, path) == ("POST", "/_bulk")
            body = options["body"]
            assert isinstance(body, bytes)
            bodies.append(body)
            return Response(status=200, body={"errors": True})  # one of them was missing

    StateIndex(Bulk(stored)).remove(["a", "b"])
    line = '{"delete":{"_index":"harvester-state","_id":"%s"}}\n'
    assert b"".join(bodies).decode() == line % "a" + line % "b"


def test_a_removal_without_an_answer_is_an_error() -> None:
    class Down(Scripted):
        def send(self, method: str, path: str, **options: object) -> Response:  # type: ignore[override]  # narrower
            return Response(status=503)

    with pytest.raises(Unreachable):
        StateIndex(Down(stored)).remove(["a"])


def test_a_conflict_changes_nothing() -> None:
    index = StateIndex(cluster(CONFLICT))
    assert index.create("a", {}) is None
    assert index.replace("a", {}, SEEN) is None
    assert not index.delete("a", SEEN)


def test_a_document_that_is_gone_cannot_be_deleted() -> None:
    assert not StateIndex(cluster(MISSING)).delete("a", SEEN)


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (Response(status=0), Unreachable, "cannot be reached"),
        (failure(429, "es_rejected_execution_exception"), Unreachable, "busy"),
        (failure(503, "unavailable_shards_exception"), Unreachable, "busy"),
        (failure(429, "cluster_block_exception"), Unreachable, "disk of a node is full"),
        (failure(403, "cluster_block_exception"), Unreachable, "read-only"),
        (failure(401, "security_exception"), CredentialsError, "rejected the credentials"),
        (
            failure(403, "security_exception", "[indices:data/read/get]"),
            CredentialsError,
            "privilege read on",
        ),
        (failure(400, "mapper_parsing_exception"), ConfigurationError, "mapper_parsing_exception"),
        (failure(404, "index_not_found_exception"), ConfigurationError, "the index was deleted"),
        (Response(status=200, body={}), ConfigurationError, "unexpected answer"),
    ],
)
def test_what_is_no_answer_is_an_error(answer: Response, error: type[HarvestError], words: str) -> None:
    with pytest.raises(error, match=words):
        StateIndex(cluster(answer)).create("a", {})


EXISTS = failure(400, "resource_already_exists_exception")


def mapping(**meta: str) -> Response:
    return Response(status=200, body={"harvester-state": {"mappings": {"_meta": meta}}})


def by_method(**answers: Response) -> Scripted:
    return Scripted(stored, lambda method, path: answers.get(method))


@pytest.mark.parametrize(
    "answers",
    [
        {"PUT": Response(status=200, body={})},
        {"PUT": EXISTS, "GET": mapping(made_by="meeting-harvester")},
        {"PUT": EXISTS, "GET": failure(403, "security_exception")},
        {"PUT": failure(403, "security_exception"), "HEAD": Response(status=200)},
        {"PUT": failure(403, "security_exception"), "HEAD": Response(status=403)},
    ],
)
def test_the_index_is_created_or_used(answers: dict[str, Response]) -> None:
    StateIndex(by_method(**answers)).ensure(Waits().policy())


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ({"PUT": EXISTS, "GET": mapping(made_by="another")}, ConfigurationError),
        ({"PUT": EXISTS, "GET": Response(status=200, body={"x": {}})}, ConfigurationError),
        ({"PUT": failure(403, "security_exception"), "HEAD": Response(status=404)}, CredentialsError),
        ({"PUT": failure(400, "validation_exception")}, ConfigurationError),
    ],
)
def test_an_index_that_is_not_the_harvester_s_is_refused(
    answers: dict[str, Response], error: type[HarvestError]
) -> None:
    with pytest.raises(error):
        StateIndex(by_method(**answers)).ensure(Waits().policy())


def test_pools_are_found_by_their_leases_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_index, "PAGE", 2)
    names, asked = ["webex-1", "zoom-1", "zoom-2"], []

    class Searched(Scripted):
        def send(self, method: str, path: str, **options: object) -> Response:  # type: ignore[override]  # narrower
            query = options["body"]
            asked.append((method, path))
            if query is None:
                return failure(403, "security_exception")
            assert isinstance(query, dict)
            assert query["query"] == {"term": {"kind": "lease"}}
            after = query.get("search_after", [""])[0]
            hits = [{"_source": {"pool": name}} for name in names if name > after][:2]
            return Response(status=200, body={"hits": {"hits": hits}})

    assert StateIndex(Searched(stored)).pools() == names
    searches = [("POST", "/harvester-state/_search")] * 2
    assert asked == [("POST", "/harvester-state/_refresh"), *searches]


def test_without_the_index_there_are_no_pools() -> None:
    assert StateIndex(cluster(MISSING)).pools() == []
