"""The shipped templates without a cluster: names filled in, every field of the model mapped, no keyword too long."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

import pytest

from connectors.errors import ConfigurationError
from connectors.models import Host, Meeting, Session
from connectors.quality import MEASURES, STREAMS
from harvester.sinks.elastic import templates
from harvester.sinks.elastic.client import Response
from harvester.sinks.elastic.config import ElasticConfig, Kind
from tests.unit.sinks.elastic.fake_elasticsearch import Scripted, Waits, stored

CLUSTER = ElasticConfig(host="http://localhost", prefix="our-", period="month")


def properties(kind: Kind) -> dict[str, Any]:
    mapped: dict[str, Any] = templates.index_definition(CLUSTER, kind)["mappings"]["properties"]
    return mapped


def types(mapping: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every mapped leaf with its definition, fields within fields too."""
    for name, definition in mapping.items():
        if "type" in definition:
            yield f"{path}{name}", definition
        yield from types(definition.get("properties", {}), f"{path}{name}.")
        yield from types(definition.get("fields", {}), f"{path}{name}.")


def test_names_and_period_are_filled_in() -> None:
    shown = templates.shipped(CLUSTER)
    assert [template.path for template in shown] == [
        "/_component_template/our-settings",
        "/_component_template/our-shared",
        "/_component_template/our-quality",
        "/_index_template/our-meetings",
        "/_index_template/our-sessions",
        "/_index_template/our-bookings",
        "/_index_template/our-rooms",
    ]
    assert "{" not in "".join(str(value) for t in shown for value in (t.name, t.body.get("index_patterns")))
    sessions, bookings, rooms = (template.body for template in shown[-3:])
    assert sessions["index_patterns"] == ["our-sessions-*"]
    assert sessions["composed_of"] == ["our-settings", "our-shared", "our-quality"]
    assert sessions["template"]["aliases"] == {"our-sessions": {}}
    assert bookings["index_patterns"] == ["our-bookings-*"]
    assert rooms["index_patterns"] == ["our-rooms"]
    assert {template.body["_meta"]["period"] for template in shown} == {"month"}


@pytest.mark.parametrize(
    ("kind", "names"),
    [("meeting", [f.name for f in fields(Meeting)]), ("session", Session.__struct_fields__)],
)
def test_every_field_of_the_model_is_mapped(kind: Kind, names: Sequence[str]) -> None:
    mapped = properties(kind)
    assert {*names} - {"key"} <= set(mapped)
    assert {"document_id", "@timestamp", "kind", "detail", "harvested_at", "period"} <= set(mapped)
    assert set(mapped["quality"]["properties"]) == {*STREAMS, "cpu_pct"}
    assert set(mapped["quality"]["properties"]["video_in"]["properties"]) == {*MEASURES, "series"}


def test_every_field_of_the_host_is_mapped() -> None:
    assert set(properties("meeting")["host"]["properties"]) == {f.name for f in fields(Host)}


@pytest.mark.parametrize("kind", ["meeting", "session"])
def test_no_keyword_can_refuse_a_document_by_its_length(kind: Kind) -> None:
    for name, definition in types(properties(kind)):
        if definition["type"] in {"keyword", "flattened"}:
            assert definition["ignore_above"] == 8191, name


@pytest.mark.parametrize("kind", ["meeting", "session"])
def test_every_alias_points_to_a_field_and_mapping_is_never_dynamic(kind: Kind) -> None:
    mapped = dict(types(properties(kind)))
    aliases = {
        name: definition["path"] for name, definition in mapped.items() if definition["type"] == "alias"
    }
    assert "event.start" in aliases
    assert set(aliases.values()) <= set(mapped)
    definition = templates.index_definition(CLUSTER, kind)
    assert definition["mappings"]["dynamic"] is False
    assert "aliases" not in definition, "creating an alias takes more rights than writing does"


@pytest.mark.parametrize("kind", ["meeting", "session"])
def test_series_are_stored_but_not_indexed(kind: Kind) -> None:
    for stream in STREAMS:
        series = properties(kind)["quality"]["properties"][stream]["properties"]["series"]
        assert series == {"type": "object", "enabled": False}


def test_serverless_is_named_as_not_supported() -> None:
    reason = "Settings [index.gc_deletes] are not available when running in serverless mode"
    refusal = Response(status=400, body={"error": {"type": "illegal_argument_exception", "reason": reason}})
    client = Scripted(stored, lambda method, path: refusal if method == "PUT" else None)
    with pytest.raises(ConfigurationError, match="Serverless.*not supported"):
        templates.install(client, Waits().policy())


def installed(kind: str, others: Mapping[str, Any] | None = None, *, without: str = "") -> Response:
    """The answer to a request for the templates of one kind, all as shipped; `others`: bodies by name."""
    known = {
        t.name: t.body for t in templates.shipped(CLUSTER) if f"/_{kind}/" in t.path and t.name != without
    }
    found = [{"name": name, kind: body} for name, body in {**known, **(others or {})}.items()]
    return Response(status=200, body={f"{kind}s": found})


COMPONENTS = installed("component_template")


def cluster(components: Response, indices: Response) -> Scripted:
    def answer(method: str, path: str) -> Response | None:
        if method != "GET":
            return None
        return components if path.startswith("/_component_template") else indices

    return Scripted(stored, answer, CLUSTER)


def test_installed_templates_are_read_with_one_request_for_each_kind() -> None:
    another = {"our-other": {"index_patterns": ["our-other-*"]}}
    client = cluster(COMPONENTS, installed("index_template", another))
    assert templates.install_missing(client, Waits().policy()) is None
    assert client.requests == [("GET", "/_component_template/our-*"), ("GET", "/_index_template/our-*")]


def test_one_missing_template_has_all_of_them_installed() -> None:
    client = cluster(COMPONENTS, installed("index_template", without="our-sessions"))
    assert "installed" in (templates.install_missing(client, Waits().policy()) or "")
    assert [path for method, path in client.requests if method == "PUT"] == [
        template.path for template in templates.shipped(CLUSTER)
    ]


def test_a_template_of_another_application_with_this_name_is_not_replaced() -> None:
    foreign = {"our-rooms": {"index_patterns": ["our-rooms"], "_meta": {"made_by": "another"}}}
    client = cluster(COMPONENTS, installed("index_template", foreign))
    with pytest.raises(ConfigurationError, match="our-rooms .* was not created by the harvester"):
        templates.install(client, Waits().policy())
    assert "PUT" not in [method for method, _ in client.requests]


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"component_templates": {}},
        {"component_templates": [1]},
        {"component_templates": [{"name": "our-x"}]},
    ],
)
def test_an_answer_of_another_shape_is_unexpected(body: Any) -> None:
    client = cluster(Response(status=200, body=body), installed("index_template"))
    with pytest.raises(ConfigurationError, match=r"our-\*.*unexpected|unexpected answer"):
        templates.install_missing(client, Waits().policy())
