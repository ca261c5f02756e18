"""What is added to the mappings of existing indices. Real nodes are asked in tests/e2e/test_templates.py."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from connectors.errors import CredentialsError
from harvester.sinks.elastic.client import Response
from harvester.sinks.elastic.missing_fields import MissingFields, add_missing_fields
from harvester.sinks.elastic.templates import index_definition
from tests.unit.sinks.elastic.fake_elasticsearch import CLUSTER, Scripted, Waits, stored

INDEX = "harvester-sessions-2026"
ALLOWED = Response(status=200, body={"has_all_requested": True})
DONE = Response(status=200, body={"acknowledged": True})


class Indices(Scripted):
    """Indices with these mappings, and the bodies of what is put into them."""

    def __init__(self, *, rights: Response = ALLOWED, answer: Response = DONE, **mappings: Any) -> None:
        super().__init__(stored, self._answer)
        self._rights = rights
        self._put = answer
        self._mappings = {f"harvester-{name}": {"mappings": value} for name, value in mappings.items()}
        self.bodies: dict[str, Any] = {}

    def _answer(self, method: str, path: str) -> Response:
        if method == "PUT":
            return self._put
        return self._rights if method == "POST" else Response(status=200, body=self._mappings)

    def send(self, method: str, path: str, *, body: Any = None, **more: Any) -> Response:
        if method == "PUT":
            self.bodies[path] = body
        return super().send(method, path, body=body, **more)

    def added(self) -> list[MissingFields]:
        return list(add_missing_fields(self, Waits().policy()))


@pytest.fixture
def mappings() -> dict[str, Any]:
    return deepcopy(index_definition(CLUSTER, "session")["mappings"])


def sessions(mappings: dict[str, Any], **more: Any) -> Indices:
    return Indices(**{"sessions-2026": mappings}, **more)


def test_an_index_that_lacks_nothing_is_left_alone(mappings: dict[str, Any]) -> None:
    mappings["properties"]["mine"] = {"type": "keyword"}
    indices = sessions(mappings)
    assert (indices.added(), indices.bodies) == ([], {})


def test_only_what_is_missing_is_added_at_its_place(mappings: dict[str, Any]) -> None:
    shipped = deepcopy(mappings["properties"])
    properties = mappings["properties"]
    del properties["email"]
    del properties["user"]["properties"]["email"]
    del properties["topic"]["fields"]
    properties["topic"]["analyzer"] = "mine"
    indices = sessions(mappings)
    (added,) = indices.added()
    assert added.index == INDEX
    assert set(added.fields) == {"email", "user.email", "topic.keyword"}
    assert indices.bodies == {
        f"/{INDEX}/_mapping": {
            "properties": {
                "email": shipped["email"],
                "user": {"properties": {"email": shipped["user"]["properties"]["email"]}},
                "topic": {"type": "text", "analyzer": "mine", "fields": shipped["topic"]["fields"]},
            }
        }
    }


@pytest.mark.parametrize("there", [{"type": "keyword"}, {"properties": {"mine": {"type": "long"}}}])
def test_a_field_that_is_mapped_differently_is_never_sent(
    mappings: dict[str, Any], there: dict[str, Any]
) -> None:
    mappings["properties"]["topic"] = there
    indices = sessions(mappings)
    assert (indices.added(), indices.bodies) == ([], {})


def test_an_object_that_is_a_plain_field_here_is_never_sent(mappings: dict[str, Any]) -> None:
    mappings["properties"]["user"] = {"type": "keyword"}
    indices = sessions(mappings)
    assert (indices.added(), indices.bodies) == ([], {})


def test_indices_of_others_are_left_alone(mappings: dict[str, Any]) -> None:
    del mappings["properties"]["email"]
    foreign = {**mappings, "_meta": {"made_by": "another"}}
    indices = Indices(**{"sessions-2026": foreign, "sessions-2026-before-the-move": mappings})
    assert (indices.added(), indices.bodies) == ([], {})


@pytest.mark.parametrize(
    ("status", "error", "reason"),
    [
        (403, {"type": "security_exception", "reason": "no"}, "the privilege manage on harvester-*"),
        (
            400,
            {"type": "illegal_argument_exception", "reason": "Limit of total fields"},
            "Limit of total fields",
        ),
        (403, {"type": "cluster_block_exception", "reason": "index [x] blocked"}, "is read-only"),
    ],
)
def test_a_refusal_is_named_and_the_other_indices_go_on(
    mappings: dict[str, Any], status: int, error: dict[str, str], reason: str
) -> None:
    del mappings["properties"]["email"]
    answer = Response(status=status, body={"error": error})
    indices = Indices(answer=answer, **{"sessions-2025": mappings, "sessions-2026": mappings})
    found = indices.added()
    assert [each.index for each in found] == ["harvester-sessions-2025", INDEX]
    for each in found:
        assert each.fields == ("email",)
        assert reason in each.refusal


def test_without_the_privilege_to_see_the_mappings_nothing_is_sent(mappings: dict[str, Any]) -> None:
    indices = sessions(mappings, rights=Response(status=200, body={"has_all_requested": False}))
    with pytest.raises(CredentialsError, match="view_index_metadata"):
        indices.added()
    assert indices.bodies == {}
