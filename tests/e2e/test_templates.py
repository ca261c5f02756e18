"""The shipped templates on real nodes: every field is mapped and found, the ECS names answer, nothing is guessed."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from typing import Any

import orjson
import pytest

from connectors.errors import ConfigurationError, CredentialsError
from harvester.documents import encode, to_documents
from harvester.sinks.elastic import mapping_diff, templates
from tests.e2e.harness import Harvester
from tests.e2e.index_sandbox import RETRY, IndexSandbox, login
from tests.invented_meetings import full_harvest, many, with_series

NOT_INDEXED = ("quality.audio_in.series",)


def leaves(value: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Every field of a document; a flattened field and a range are one field."""
    for key, inner in value.items():
        dotted = f"{path}{key}"
        if isinstance(inner, Mapping) and dotted not in {"vendor_data", "period", *NOT_INDEXED}:
            yield from leaves(inner, f"{dotted}.")
        else:
            yield dotted


def full_documents() -> list[dict[str, Any]]:
    return [orjson.loads(encode(with_series(document))) for document in to_documents(full_harvest())]


def load_full(sandbox: IndexSandbox) -> None:
    lines = [[orjson.dumps(document)] for document in full_documents()]
    for _ in sandbox.loader()._load_blocks(lines):
        pass


@pytest.mark.parametrize("installed", [True, False], ids=["templates", "no templates"])
def test_every_field_is_mapped_and_found(
    sandbox: IndexSandbox, installed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not installed:
        monkeypatch.setattr(templates, "install_missing", lambda *_: None)
    load_full(sandbox)
    stored = sandbox.stored()
    assert len(stored) == 2
    for document, kind in zip(full_documents(), ("meetings", "sessions"), strict=True):
        paths = [path for path in leaves(document) if path not in NOT_INDEXED]
        assert len(paths) > 100
        caps = sandbox.ask("GET", f"/{sandbox.prefix}{kind}-2026/_field_caps?fields=*").body["fields"]
        assert set(paths) <= set(caps)
        assert sandbox.found(document["document_id"], paths) == set(paths)
    assert [
        hit for hit in sandbox.hits({"exists": {"field": "_ignored"}}) if hit["_source"]["kind"] == "session"
    ] == []


def test_no_field_is_ever_mapped_by_guess(newest: IndexSandbox) -> None:
    for _ in newest.loader()._load_blocks([[orjson.dumps({**full_documents()[0], "new": {"field": 1}})]]):
        pass
    caps = newest.ask("GET", f"/{newest.prefix}meetings-2026/_field_caps?fields=*").body["fields"]
    assert not any(name.startswith("new") for name in caps)
    assert next(iter(newest.stored().values()))["new"] == {"field": 1}


@pytest.mark.parametrize(
    "query",
    [
        {"term": {"user.email": "grace@example.org"}},
        {"term": {"user.full_name": "Grace Example"}},
        {"term": {"user.id": "u1"}},
        {"term": {"user.roles": "attendee"}},
        {"term": {"client.ip": "192.0.2.0/24"}},
        {"term": {"client.geo.city_name": "Springfield"}},
        {"range": {"event.start": {"gte": "2026-11-20T09:31:00Z", "lt": "2026-11-20T09:32:00Z"}}},
        {"range": {"event.end": {"gt": "2026-11-20T10:19:00Z", "lte": "2026-11-20T10:20:00Z"}}},
        {"term": {"user_agent.name": "Zoom Workplace"}},
        {"term": {"user_agent.version": "6.2.11"}},
        {"term": {"user_agent.os.full": "Windows 11"}},
        {"term": {"user_agent.device.name": "Windows"}},
        {"term": {"vendor_data.user_id": "16778240"}},
        {"range": {"period": {"gte": "2026-11-20T10:00:00Z", "lte": "2026-11-20T10:00:00Z"}}},
        {"match": {"topic": "ÜNÏCÖDÉ"}},
        {"range": {"quality.audio_in.latency_ms.worst": {"gt": 80}}},
    ],
    ids=lambda query: next(iter(next(iter(query.values())))),
)
def test_fields_and_their_ecs_names_answer_queries(newest: IndexSandbox, query: dict[str, Any]) -> None:
    load_full(newest)
    assert "session" in {hit["_source"]["kind"] for hit in newest.hits(query)}


def test_a_first_load_installs_them_and_the_read_aliases_answer(
    sandbox: IndexSandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="harvester")
    list(sandbox.loader().load(many(3)))
    assert "templates installed" in caplog.messages[0]
    for kind, count in (("meetings", 3), ("sessions", 9)):
        sandbox.hits()
        assert sandbox.ask("GET", f"/{sandbox.prefix}{kind}/_count").body["count"] == count
    caplog.clear()
    list(sandbox.loader().load(many(3)))
    assert caplog.messages == [], "nothing to report the second time"


def test_after_an_installation_there_is_no_difference(sandbox: IndexSandbox) -> None:
    client = sandbox.client()
    missing = list(templates.diff_templates(client, RETRY))
    assert [difference.template for difference in missing] == [
        t.name for t in templates.shipped(client.config)
    ]
    templates.install(client, RETRY)
    assert list(templates.diff_templates(client, RETRY)) == []
    templates.install(client, RETRY)


def test_a_change_made_by_hand_is_shown_field_by_field(
    sandbox: IndexSandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="harvester")
    client = sandbox.client()
    templates.install(client, RETRY)
    template = next(t for t in templates.shipped(client.config) if t.name.endswith("settings"))
    body = orjson.loads(orjson.dumps(template.body))
    body["template"]["settings"]["index"]["gc_deletes"] = "1m"
    client.send("PUT", template.path, body=body)
    (difference,) = templates.diff_templates(client, RETRY)
    assert difference.field == "template.settings.index.gc_deletes"
    assert (difference.shipped, difference.installed) == ("24h", "1m")
    assert difference.template.endswith("settings")
    caplog.clear()
    list(sandbox.loader().load(many(1)))
    assert "templates diff" in caplog.messages[0]


def test_existing_indices_are_compared_field_by_field(sandbox: IndexSandbox) -> None:
    client = sandbox.client()
    other = orjson.loads(orjson.dumps(templates.index_definition(client.config, "session")))
    properties = other["mappings"]["properties"]
    properties["duration"] = {"type": "keyword"}
    properties["mood"] = {"type": "keyword"}
    del properties["email"]
    del properties["user"]
    del properties["quality"]["properties"]["cpu_pct"]["properties"]["mean"]
    assert sandbox.ask("PUT", f"/{sandbox.prefix}sessions-2025", other).ok
    sandbox.ask("PUT", f"/{sandbox.prefix}sessions-2025-mine", {})
    list(sandbox.loader().load(many(1)))  # made as shipped, with templates by now
    found = {d.field: d for d in mapping_diff.diff_mappings(client, RETRY)}
    assert (found["duration type"].installed, found["duration type"].shipped) == ("keyword", "long")
    assert (found["email"].installed, found["email"].shipped) == (None, "keyword")
    assert found["quality.cpu_pct.mean"].installed is None
    assert found["user.email"].installed is None
    assert not any("mood" in field for field in found)
    assert len([field for field in found if "email" in field]) == 2
    assert {difference.template for difference in found.values()} == {f"{sandbox.prefix}sessions-2025"}


def words(ended: subprocess.CompletedProcess[bytes]) -> list[list[str]]:
    """The words of each line of stdout."""
    return [line.split() for line in ended.stdout.decode().splitlines()]


def test_the_command_reports_differences_and_exits_accordingly(newest: IndexSandbox) -> None:
    harvester = Harvester(newest.folder, {"ES_HOST": newest.node.url, "ES_INDEX_PREFIX": newest.prefix})
    before = harvester("templates", "diff")
    assert before.returncode == 65
    assert [f"{newest.prefix}settings", "not", "installed"] in words(before)
    assert "harvester templates install" in before.stdout.decode()
    assert "None" not in before.stdout.decode()
    assert harvester("templates", "install").returncode == 0
    assert harvester("templates", "diff").returncode == 0
    newest.ask("PUT", f"/{newest.prefix}meetings-2025", {"mappings": {"properties": {}}})
    newest.ask("PUT", f"/{newest.prefix}meetings-2025/_mapping", {"dynamic": True})
    after = harvester("templates", "diff")
    assert after.returncode == 65
    assert [f"{newest.prefix}meetings-2025", "dynamic", "true", "false"] in words(after)
    assert "an existing index keeps its mappings" in after.stdout.decode()


def old_index(sandbox: IndexSandbox, name: str, made_by: str = templates.MADE_BY) -> None:
    """An index of an earlier version, which had no `email` and two fields less within objects."""
    old = orjson.loads(orjson.dumps(templates.index_definition(sandbox.client().config, "session")))
    old["mappings"]["_meta"]["made_by"] = made_by
    properties = old["mappings"]["properties"]
    properties["duration"] = {"type": "keyword"}
    properties["mood"] = {"type": "keyword"}
    del properties["email"]
    del properties["user"]
    del properties["topic"]["fields"]
    del properties["quality"]["properties"]["cpu_pct"]["properties"]["mean"]
    assert sandbox.ask("PUT", f"/{sandbox.prefix}{name}", old).ok


def test_after_an_upgrade_check_warns_and_install_adds_the_missing_fields(sandbox: IndexSandbox) -> None:
    name, closed = f"{sandbox.prefix}sessions-2026", f"{sandbox.prefix}sessions-2025"
    foreign = f"{sandbox.prefix}sessions-2024"
    for index in (name, closed):
        old_index(sandbox, index.removeprefix(sandbox.prefix))
    old_index(sandbox, "sessions-2024", made_by="another")
    assert sandbox.ask("POST", f"/{closed}/_close").ok
    document = next(each for each in full_documents() if each["kind"] == "session")
    assert sandbox.ask("PUT", f"/{name}/_doc/before", {**document, "document_id": "before"}).ok
    harvester = Harvester(sandbox.folder, {"ES_HOST": sandbox.node.url, "ES_INDEX_PREFIX": sandbox.prefix})
    shown = harvester("check").stdout.decode()
    assert f"warning Elasticsearch mappings: fields are missing in {closed}, {name}: email, quality" in shown
    assert f"warning Elasticsearch mappings: not as shipped in {closed}, {name}: duration type" in shown
    assert "`harvester templates install` adds them" in shown

    ended = harvester("templates", "install")
    assert ended.returncode == 0
    said = ended.stderr.decode()
    for index in (name, closed):
        (line,) = [line for line in said.splitlines() if line.startswith(f"added to {index}: ")]
        assert {"email", "user.email", "topic.keyword", "quality.cpu_pct.mean"} <= set(
            line.partition(": ")[2].split(", ")
        )
    assert foreign not in said
    live = sandbox.ask("GET", f"/{name}/_mapping").body[name]["mappings"]["properties"]
    assert (live["duration"], live["mood"]) == ({"type": "keyword"}, {"type": "keyword"})
    remaining = list(mapping_diff.diff_mappings(sandbox.client(), RETRY, with_foreign=False))
    assert {(each.template, each.field) for each in remaining} == {
        (name, "duration type"),
        (closed, "duration type"),
    }
    assert "fields are missing" not in harvester("check").stdout.decode()
    assert "added" not in harvester("templates", "install").stderr.decode()

    assert sandbox.ask("PUT", f"/{name}/_doc/after", {**document, "document_id": "after"}).ok
    assert len(sandbox.hits()) == 2
    paths = ["email", "user.email", "topic.keyword", "quality.cpu_pct.mean"]
    assert sandbox.found("after", paths) == set(paths)
    assert sandbox.found("before", paths) == set(), "as the documentation says"


def test_without_the_right_to_change_mappings_the_templates_are_installed_all_the_same(
    guarded: IndexSandbox,
) -> None:
    old_index(guarded, "sessions-2026")
    names = {"ES_HOST": guarded.node.url, "ES_INDEX_PREFIX": guarded.prefix}

    def install(user: str) -> subprocess.CompletedProcess[bytes]:
        found = guarded.node.users[user]
        harvester = Harvester(
            guarded.folder, {**names, "ES_USERNAME": found.name, "ES_PASSWORD": found.password}
        )
        return harvester("templates", "install")

    ended = install("installer")
    said = ended.stderr.decode()
    assert ended.returncode == 0
    assert f"installed {guarded.prefix}sessions" in said
    assert f"{guarded.prefix}sessions-2026 lacks " in said
    assert f"it needs the privilege manage on {guarded.prefix}*" in said
    assert "added to" not in said
    assert f"added to {guarded.prefix}sessions-2026: " in install("admin").stderr.decode()


def test_without_the_right_to_see_mappings_it_is_named(guarded: IndexSandbox) -> None:
    list(guarded.loader().load(many(1)))
    with pytest.raises(CredentialsError, match="view_index_metadata"):
        list(mapping_diff.diff_mappings(guarded.client(**login(guarded.node.users["reader"])), RETRY))


def test_another_period_is_refused_and_changes_nothing(sandbox: IndexSandbox) -> None:
    templates.install(sandbox.client(), RETRY)
    with pytest.raises(ConfigurationError, match="--index-period year"):
        templates.install(sandbox.client(period="month"), RETRY)
    assert list(templates.diff_templates(sandbox.client(), RETRY)) == []


def test_a_template_of_another_program_is_not_replaced(newest: IndexSandbox) -> None:
    path = f"/_index_template/{newest.prefix}sessions"
    theirs = {"index_patterns": [f"{newest.prefix}other-*"], "priority": 1}
    newest.ask("PUT", path, theirs)
    with pytest.raises(ConfigurationError, match="not created by the harvester"):
        templates.install(newest.client(), RETRY)
    assert newest.ask("GET", f"/_component_template/{newest.prefix}shared").status == 404


def test_the_version_of_a_deleted_document_is_remembered_for_a_day(newest: IndexSandbox) -> None:
    list(newest.loader().load(many(1)))
    settings = newest.ask("GET", f"/{newest.prefix}sessions-2026/_settings").body
    assert settings[f"{newest.prefix}sessions-2026"]["settings"]["index"]["gc_deletes"] == "24h"
