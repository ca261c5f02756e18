from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from connectors.errors import ConfigurationError, CredentialsError, Unreachable
from harvester.sinks.elastic.client import Client, Response
from harvester.sinks.elastic.deletion import Deletion, MissingPrivileges, delete_documents
from tests.unit.sinks.elastic.fake_elasticsearch import CLUSTER, Item, Waits, refused

INDEX = "harvester-sessions-2026"
DELETIONS = [Deletion(INDEX, f"d{number}", 20) for number in range(4)]
DELETED: Item = {"status": 200}


class Deleting(Client):
    """`answer` gets the ids of each bulk request."""

    def __init__(self, answer: Callable[[list[str]], Response]) -> None:
        self.config = CLUSTER
        self.actions: list[list[dict[str, Any]]] = []
        self._answer = answer

    def bulk(self, body: bytes) -> Response:
        self.actions.append([orjson.loads(line)["delete"] for line in body.splitlines()])
        return self._answer([action["_id"] for action in self.actions[-1]])


def results(*items: Item) -> Response:
    return Response(status=200, body={"errors": True, "items": [{"delete": item} for item in items]})


def delete(client: Deleting, waits: Waits | None = None) -> list[Deletion]:
    return list(delete_documents(client, (waits or Waits()).policy(), DELETIONS))


def test_only_deleted_documents_are_returned() -> None:
    client = Deleting(lambda ids: results(DELETED, refused(404), refused(409), DELETED))
    assert delete(client) == [DELETIONS[0], DELETIONS[3]]


def test_a_deletion_names_index_id_and_version() -> None:
    client = Deleting(lambda ids: results(*[DELETED] * len(ids)))
    list(delete_documents(client, Waits().policy(), [Deletion(INDEX, "d", 7, "external_gte")]))
    assert client.actions == [[{"_index": INDEX, "_id": "d", "version": 7, "version_type": "external_gte"}]]


def test_nothing_to_delete_makes_no_request() -> None:
    client = Deleting(lambda ids: results())
    assert list(delete_documents(client, Waits().policy(), [])) == []
    assert client.actions == []


def test_only_failed_items_are_retried() -> None:
    def busy_once(ids: list[str]) -> Response:
        first = len(client.actions) == 1
        return results(*[refused(429) if first and name in {"d1", "d2"} else DELETED for name in ids])

    client, waits = Deleting(busy_once), Waits()
    assert sorted(delete(client, waits)) == DELETIONS
    assert [[action["_id"] for action in part] for part in client.actions] == [
        ["d0", "d1", "d2", "d3"],
        ["d1", "d2"],
    ]
    assert len(waits.seconds) == 1


def test_a_request_that_is_too_large_is_halved() -> None:
    client = Deleting(lambda ids: Response(status=413) if len(ids) > 1 else results(*[DELETED] * len(ids)))
    assert delete(client) == DELETIONS


@pytest.mark.parametrize("response", [Response(status=503), Response(status=200, body={"items": []})])
def test_a_cluster_that_never_recovers_is_given_up(response: Response) -> None:
    with pytest.raises(Unreachable, match="gave up after"):
        delete(Deleting(lambda ids: response))


@pytest.mark.parametrize(
    ("response", "error"),
    [
        (results(*[refused(403, "security_exception")] * 4), MissingPrivileges),
        (results(*[refused(403, "cluster_block_exception")] * 4), Unreachable),
        (results(*[refused(400, "index_closed_exception")] * 4), Unreachable),
        (results(*[refused(400, "illegal_argument_exception")] * 4), ConfigurationError),
        (Response(status=401), CredentialsError),
        (Response(status=403), MissingPrivileges),
        (Response(status=413), ConfigurationError),
    ],
)
def test_a_refusal_that_no_retry_changes_ends_it(response: Response, error: type[Exception]) -> None:
    with pytest.raises(error) as raised:
        delete(Deleting(lambda ids: response))
    assert "because" not in str(raised.value)


def failure(kind: str) -> Response:
    return Response(status=429, body={"error": {"type": kind, "reason": "because"}})


@pytest.mark.parametrize("whole", [True, False])
def test_a_full_disk_ends_the_deletions_at_once(whole: bool) -> None:
    answer = failure("cluster_block_exception")
    waits = Waits()
    with pytest.raises(Unreachable, match="disk of a node is full"):
        delete(
            Deleting(
                lambda ids: (
                    answer if whole else results(*[refused(429, "cluster_block_exception")] * len(ids))
                )
            ),
            waits,
        )
    assert waits.seconds == []


def test_deletions_too_large_for_the_memory_of_the_node_are_halved_after_a_pause() -> None:
    def breaking(ids: list[str]) -> Response:
        return failure("circuit_breaking_exception") if len(ids) > 2 else results(*[DELETED] * len(ids))

    client, waits = Deleting(breaking), Waits()
    assert delete(client, waits) == DELETIONS
    assert [len(actions) for actions in client.actions] == [4, 2, 2]
    assert len(waits.seconds) == 1
