from __future__ import annotations

from typing import Any

import pytest

from connectors.errors import ConfigurationError, CredentialsError, HarvestError, Unreachable
from harvester.sinks.elastic.client import Response
from harvester.sinks.elastic.index_creation import Indices, TooManyNewIndices, any_exists, index_uuids
from tests.unit.sinks.elastic.fake_elasticsearch import Scripted, Waits, stored

NAME = "harvester-meetings-2026"


def failure(status: int, kind: str) -> Response:
    return Response(status=status, body={"error": {"type": kind, "reason": "because"}})


MANY = [f"harvester-meetings-{year}" for year in range(2000, 2013)]
EXISTS = failure(400, "resource_already_exists_exception")


def mapping(**meta: str) -> Response:
    return Response(status=200, body={NAME: {"mappings": {"_meta": meta}}})


def cluster(**answers: Response) -> Scripted:
    """Answers by method."""
    return Scripted(stored, lambda method, path: answers.get(method))


def ensure(client: Scripted) -> None:
    Indices(client, Waits().policy()).ensure([NAME])


def test_a_missing_index_is_created_once() -> None:
    client = cluster()
    indices = Indices(client, Waits().policy())
    indices.ensure([NAME])
    indices.ensure([NAME])
    assert client.requests == [("PUT", f"/{NAME}")]
    indices.forget(NAME)
    indices.ensure([NAME])
    assert client.requests == [("PUT", f"/{NAME}")] * 2


def test_an_index_of_the_harvester_is_used() -> None:
    ensure(cluster(PUT=EXISTS, GET=mapping(made_by="meeting-harvester", period="year")))


def test_an_index_that_may_not_be_examined_is_trusted() -> None:
    ensure(cluster(PUT=EXISTS, GET=Response(status=403)))


@pytest.mark.parametrize(
    ("answers", "error", "words"),
    [
        (
            {"PUT": EXISTS, "GET": mapping(made_by="another")},
            ConfigurationError,
            "not created by the harvester",
        ),
        (
            {"PUT": EXISTS, "GET": mapping(made_by="meeting-harvester", period="month")},
            ConfigurationError,
            "--index-period month",
        ),
        ({"PUT": EXISTS, "GET": Response(status=200, body={"x": {}})}, ConfigurationError, "is an alias"),
        ({"PUT": failure(400, "invalid_index_name_exception")}, ConfigurationError, "is an alias"),
        ({"PUT": failure(400, "invalid_alias_name_exception")}, ConfigurationError, "another application"),
        ({"PUT": failure(400, "illegal_argument_exception")}, ConfigurationError, "refuses to create"),
        ({"PUT": failure(403, "cluster_block_exception")}, Unreachable, "read-only"),
        ({"PUT": failure(429, "cluster_block_exception")}, Unreachable, "disk of a node is full"),
        (
            {"PUT": failure(403, "security_exception"), "HEAD": Response(status=404)},
            CredentialsError,
            "needs the privileges create_index and write",
        ),
    ],
)
def test_an_unusable_index_is_refused(answers: dict[str, Any], error: type[HarvestError], words: str) -> None:
    with pytest.raises(error, match=words) as raised:
        ensure(cluster(**answers))
    assert "because" not in str(raised.value)


@pytest.mark.parametrize("head", [Response(status=403), Response(status=200)])
def test_without_create_index_an_existing_index_is_used(head: Response) -> None:
    examined = mapping(made_by="meeting-harvester")
    ensure(cluster(PUT=failure(403, "security_exception"), HEAD=head, GET=examined))


@pytest.mark.parametrize(("status", "exists"), [(200, True), (403, True), (404, False)])
def test_indices_may_exist_unless_the_cluster_denies_it(status: int, exists: bool) -> None:
    assert any_exists(cluster(HEAD=Response(status=status)), Waits().policy()) is exists


def test_too_many_new_indices_are_refused_before_one_is_created() -> None:
    client = cluster(HEAD=Response(status=404))
    with pytest.raises(
        TooManyNewIndices, match=r"more than 12 .* from harvester-meetings-2000 .*2012: .* --yes"
    ):
        Indices(client, Waits().policy(), max_new=12).ensure(MANY)
    assert {method for method, _ in client.requests} == {"HEAD"}


def test_new_indices_are_counted_over_all_batches() -> None:
    indices = Indices(cluster(HEAD=Response(status=404)), Waits().policy(), max_new=12)
    for name in MANY[:12]:
        indices.ensure([name])
    with pytest.raises(TooManyNewIndices):
        indices.ensure(MANY[12:])


@pytest.mark.parametrize("head", [200, 403])
def test_existing_indices_are_not_counted_as_new(head: int) -> None:
    examined = {name: {"mappings": {"_meta": {"made_by": "meeting-harvester"}}} for name in MANY}
    client = cluster(HEAD=Response(status=head), PUT=EXISTS, GET=Response(status=200, body=examined))
    Indices(client, Waits().policy(), max_new=12).ensure(MANY)


def test_any_number_of_indices_may_be_created_without_a_limit() -> None:
    client = cluster()
    Indices(client, Waits().policy()).ensure(MANY)
    assert len(client.requests) == 13


def test_serverless_is_named_as_not_supported() -> None:
    reason = "Settings [index.gc_deletes] are not available when running in serverless mode"
    refusal = Response(status=400, body={"error": {"type": "illegal_argument_exception", "reason": reason}})
    with pytest.raises(ConfigurationError, match="Serverless.*not supported"):
        ensure(cluster(PUT=refusal))


def test_the_limit_of_shards_is_named_as_the_cause() -> None:
    reason = (
        "Validation Failed: 1: this action would add [2] shards, but this cluster currently has [1000]/[1000] maximum "
        "normal shards open;"
    )
    full = Response(status=400, body={"error": {"type": "validation_exception", "reason": reason}})
    with pytest.raises(ConfigurationError, match="limit of shards"):
        ensure(cluster(PUT=full))


def test_uuids_of_other_indices_with_the_prefix_are_left_out() -> None:
    settings = {"settings": {"index": {"uuid": "u"}}}
    body = {NAME: settings, f"{NAME}-copy": settings}
    assert index_uuids(cluster(GET=Response(status=200, body=body)), Waits().policy()) == {NAME: "u"}


@pytest.mark.parametrize(("status", "found"), [(403, None), (404, {})])
def test_uuids_are_unknown_without_the_privilege(status: int, found: object) -> None:
    assert index_uuids(cluster(GET=Response(status=status)), Waits().policy()) == found
