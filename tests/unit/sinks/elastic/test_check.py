"""The results of `check` without a cluster. Real nodes and roles are tested in tests/e2e/test_load_refused.py."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from connectors.base import CheckResult
from harvester.sinks.elastic.check import check
from harvester.sinks.elastic.client import Response
from harvester.sinks.elastic.templates import MADE_BY, index_definition
from tests.unit.fake_context import NOW
from tests.unit.sinks.elastic.fake_elasticsearch import CLUSTER, Scripted, Waits, stored

PRIVILEGES = ("create_index", "write", "read", "maintenance", "view_index_metadata")
Others = Callable[[str, str], Response | None]


def results(others: Others) -> dict[str, CheckResult]:
    return {result.subject: result for result in check(Scripted(stored, others), Waits().policy())}


def privileges(**held: bool) -> Others:
    body = {
        "index": {"harvester-*": {name: held.get(name, True) for name in PRIVILEGES}},
        "cluster": {"manage_index_templates": held.get("templates", True)},
    }
    return lambda method, path: (
        Response(status=200, body=body)
        if path.startswith("/_security")
        else Response(status=404 if "_template/" in path else 403)
    )


def test_wrong_credentials_are_the_only_result() -> None:
    (result,) = results(lambda method, path: Response(status=401)).values()
    assert (result.subject, result.status, result.exit_code) == ("Elasticsearch", "failed", 77)


def test_the_version_is_shown() -> None:
    found = results(
        lambda method, path: (
            Response(status=200, body={"version": {"number": "9.2.8"}})
            if path == "/"
            else Response(status=404)
        )
    )
    assert found["Elasticsearch"].message.endswith("version 9.2.8")


def test_serverless_fails() -> None:
    body = {"version": {"number": "9.3.0", "build_flavor": "serverless"}}
    (result,) = results(lambda method, path: Response(status=200, body=body)).values()
    assert (result.status, result.exit_code) == ("failed", 78)
    assert "Serverless" in result.message


def test_a_version_that_is_not_shown_is_unknown() -> None:
    found = results(lambda method, path: Response(status=403))
    assert found["Elasticsearch"].message.endswith("version unknown (the account may not ask)")


def test_a_required_privilege_fails_and_another_one_warns() -> None:
    found = results(privileges(write=False, maintenance=False, view_index_metadata=False, templates=False))
    status = {name: found[f"Elasticsearch privilege {name}"].status for name in PRIVILEGES}
    assert status == {
        "create_index": "ok",
        "write": "failed",
        "read": "ok",
        "maintenance": "warning",
        "view_index_metadata": "warning",
    }
    assert found["Elasticsearch privilege manage_index_templates"].status == "warning"


def test_switched_off_security_is_no_failure() -> None:
    missing = Response(
        status=400, body={"error": "no handler found for uri [/_security/...] and method [POST]"}
    )
    answers = privileges()
    found = results(lambda method, path: missing if path.startswith("/_security") else answers(method, path))
    assert found["Elasticsearch privileges"].status == "ok"


@pytest.mark.parametrize(
    "answer",
    [
        Response(status=400),
        Response(status=400, body={"error": {"type": "illegal_argument_exception"}}),
        Response(status=404, body={}),
        Response(status=200, body="hello"),
        Response(status=200, body={}),
        Response(status=200, body={"version": 9}),
        Response(status=418),
    ],
)
def test_a_server_that_gives_every_request_the_same_answer_does_not_work(answer: Response) -> None:
    (result,) = results(lambda method, path: answer).values()
    assert (result.status, result.exit_code) == ("failed", 78)
    assert "unexpected answer" in result.message


@pytest.mark.parametrize(
    "answer", [Response(status=400), Response(status=403), Response(status=200, body={})]
)
def test_unknown_privileges_are_a_failure(answer: Response) -> None:
    others = privileges()
    found = results(lambda method, path: answer if path.startswith("/_security") else others(method, path))
    assert found["Elasticsearch privileges"].status == "failed"


@pytest.mark.parametrize("path", ["_component_template", "/harvester-meetings*"])
@pytest.mark.parametrize("answer", [Response(status=400), Response(status=200, body=[])])
def test_an_unexpected_answer_about_templates_or_indices_is_a_failure(answer: Response, path: str) -> None:
    others = privileges()
    found = results(lambda method, asked: answer if path in asked else others(method, asked))
    assert [result.status for result in found.values()].count("failed") == 1


def test_missing_templates_are_a_warning() -> None:
    found = results(privileges())["Elasticsearch templates"]
    assert (found.status, found.exit_code) == ("warning", 78)
    assert found.message.startswith("missing: harvester-settings")


def test_indices_of_other_applications_and_blocked_ones_fail() -> None:
    def index(made_by: str, **settings: Any) -> dict[str, Any]:
        return {"mappings": {"_meta": {"made_by": made_by}}, "settings": {"index": settings}}

    indices = {
        "harvester-meetings-2025": index(MADE_BY, blocks={"write": "true"}),
        "harvester-meetings-2026": index(MADE_BY),
        "harvester-meetings-other": index("another"),
    }
    allowed = privileges()
    found = results(
        lambda method, path: (
            Response(status=200, body=indices)
            if path.startswith("/harvester-meetings*")
            else allowed(method, path)
        )
    )
    failed = {subject: result.exit_code for subject, result in found.items() if result.status == "failed"}
    assert failed == {
        "Elasticsearch index harvester-meetings-2025": 69,
        "Elasticsearch index harvester-meetings-other": 78,
    }


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        (f"harvester-sessions-{NOW:%Y}", "failed", 69),
        (f"harvester-sessions-{NOW:%Y-%m}", "failed", 69),
        ("harvester-sessions-2019", "warning", 69),
    ],
)
def test_a_closed_index_does_not_work(name: str, status: str, code: int) -> None:
    body = {
        name: {
            "mappings": {"_meta": {"made_by": MADE_BY}},
            "settings": {"index": {"uuid": "u", "verified_before_close": "true"}},
        }
    }
    allowed = privileges()
    found = results(
        lambda method, path: (
            Response(status=200, body=body)
            if path.startswith("/harvester-meetings*")
            else allowed(method, path)
        )
    )
    result = found[f"Elasticsearch index {name}"]
    assert (result.status, result.exit_code) == (status, code)
    assert f"POST /{name}/_open" in result.remedy


def mapped(*changes: Callable[[dict[str, Any]], Any]) -> dict[str, CheckResult]:
    """The results for an index of each year with shipped mappings that are changed."""
    indices = {}
    for year, change in enumerate(changes, 2020):
        mappings = deepcopy(index_definition(CLUSTER, "session")["mappings"])
        change(mappings["properties"])
        indices[f"harvester-sessions-{year}"] = {"mappings": mappings}
    allowed = privileges()
    return results(
        lambda method, path: (
            Response(status=200, body=indices) if "_mapping?" in path else allowed(method, path)
        )
    )


def test_a_field_that_existing_indices_lack_is_a_warning() -> None:
    found = mapped(
        lambda fields: fields.pop("email"), lambda fields: fields.pop("email"), lambda fields: None
    )
    warning = found["Elasticsearch mappings"]
    assert warning.status == "warning"
    assert warning.message.startswith(
        "fields are missing in harvester-sessions-2020, harvester-sessions-2021: email; their values"
    )
    assert warning.remedy == "`harvester templates install` adds them"


def test_a_field_that_is_mapped_differently_is_a_warning() -> None:
    warning = mapped(lambda fields: fields["email"].update(type="text"))["Elasticsearch mappings"]
    assert (warning.status, warning.message) == (
        "warning",
        "not as shipped in harvester-sessions-2020: email type",
    )
    assert "templates diff" in warning.remedy


def test_of_many_indices_and_fields_the_first_are_named() -> None:
    warning = mapped(*[lambda fields: [fields.pop(name) for name in [*fields][:9]]] * 5)[
        "Elasticsearch mappings"
    ]
    assert "harvester-sessions-2022 and 2 more: " in warning.message
    assert len(warning.message) < 250


def test_indices_as_shipped_and_those_of_others_are_no_warning() -> None:
    assert "Elasticsearch mappings" not in mapped(lambda fields: None)
    assert "Elasticsearch mappings" not in results(
        lambda method, path: (
            Response(status=200, body={"harvester-sessions-2020": {"mappings": {}}})
            if "_mapping?" in path
            else privileges()(method, path)
        )
    )
