from __future__ import annotations

from typing import Any

import pytest

from connectors.errors import ConfigurationError, CredentialsError, HarvestError, Unreachable
from harvester.sinks.elastic.client import Response
from harvester.sinks.elastic.indices import Indices, any_exists
from tests.unit.sinks.elastic.fake_elasticsearch import Scripted, Waits, stored

NAME = "harvester-meetings-2026"


def failure(status: int, kind: str) -> Response:
    return Response(status=status, body={"error": {"type": kind, "reason": "because"}})


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
