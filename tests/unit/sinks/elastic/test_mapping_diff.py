from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from connectors.errors import ConfigurationError, CredentialsError
from harvester.sinks.elastic.client import Response
from harvester.sinks.elastic.mapping_diff import diff_mappings
from harvester.sinks.elastic.templates import index_definition
from tests.unit.sinks.elastic.fake_elasticsearch import CLUSTER, Scripted, Waits, stored

INDEX = "harvester-sessions-2026"
ALLOWED = Response(status=200, body={"has_all_requested": True})


def differences(
    indices: dict[str, Any], rights: Response = ALLOWED, status: int = 200
) -> list[tuple[Any, ...]]:
    def others(method: str, path: str) -> Response:
        return rights if method == "POST" else Response(status=status, body=indices)

    found = diff_mappings(Scripted(stored, others), Waits().policy())
    return [(each.template, each.field, each.shipped, each.installed) for each in found]


@pytest.fixture
def mappings() -> dict[str, Any]:
    return deepcopy(index_definition(CLUSTER, "session")["mappings"])


def test_an_index_with_the_shipped_mappings_has_no_difference(mappings: dict[str, Any]) -> None:
    assert differences({INDEX: {"mappings": mappings}}) == []


def test_a_missing_field_is_one_difference(mappings: dict[str, Any]) -> None:
    del mappings["properties"]["email"]
    assert differences({INDEX: {"mappings": mappings}}) == [(INDEX, "email", "keyword", None)]


def test_another_type_is_a_difference_and_an_additional_field_is_not(mappings: dict[str, Any]) -> None:
    mappings["properties"]["duration"] = {"type": "keyword"}
    mappings["properties"]["additional"] = {"type": "keyword"}
    assert differences({INDEX: {"mappings": mappings}}) == [(INDEX, "duration type", "long", "keyword")]


def test_only_indices_with_the_names_of_the_harvester_are_compared() -> None:
    assert differences({f"{INDEX}-before-the-move": {"mappings": {}}}) == []


@pytest.mark.parametrize(
    ("rights", "status"), [(Response(status=200, body={"has_all_requested": False}), 200), (ALLOWED, 403)]
)
def test_a_missing_privilege_is_named(rights: Response, status: int) -> None:
    with pytest.raises(CredentialsError, match=r"view_index_metadata on harvester-\*"):
        differences({}, rights, status)


def test_any_other_refusal_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match="refuses to return its mappings: 404"):
        differences({}, status=404)
