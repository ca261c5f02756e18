"""Clusters that refuse the harvester: the message, the exit code, and that nothing is written where it must not be."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from connectors.errors import ConfigurationError, CredentialsError, HarvestError, OutputError, Unreachable
from harvester.sinks.elastic.check import check
from harvester.sinks.elastic.client import Client
from harvester.sinks.elastic.config import ElasticConfig
from harvester.sinks.elastic.loader import Loader
from harvester.state.rejects import Reject, Rejects
from tests.e2e.index_sandbox import RETRY, IndexSandbox, login
from tests.invented_meetings import many, plain, spoiled

SHORT = RETRY.within(1.0)


def refusal(load: Callable[[], Any], expected: type[HarvestError]) -> str:
    with pytest.raises(expected) as raised:
        load()
    return str(raised.value)


def as_user(sandbox: IndexSandbox, name: str, **more: Any) -> Loader:
    return sandbox.loader(**{**login(sandbox.node.users[name]), **more})


@contextmanager
def stranger(status: int, body: bytes, headers: dict[str, str]) -> Iterator[str]:
    """An HTTP server that always gives the same answer."""

    class Answers(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            for name, value in {**headers, "content-length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("status", [200, 404, 301])
def test_another_product_is_named_as_such(tmp_path: Path, status: int) -> None:
    page = b"<html>welcome</html>"
    with stranger(status, page, {"content-type": "text/html"}) as url:
        client = Client(ElasticConfig(host=url), time.monotonic)
        loader = Loader(client, Rejects(tmp_path, RETRY.now), SHORT)
        assert "is not Elasticsearch 8 or 9" in refusal(
            lambda: list(loader.load(many(1))), ConfigurationError
        )
        client.close()


def test_a_gateway_without_its_cluster_is_unreachable(tmp_path: Path) -> None:
    with stranger(502, b"bad gateway", {"content-type": "text/plain"}) as url:
        client = Client(ElasticConfig(host=url), time.monotonic)
        loader = Loader(client, Rejects(tmp_path, RETRY.now), SHORT)
        assert "HTTP 502" in refusal(lambda: list(loader.load(many(1))), Unreachable)
        client.close()


def test_an_address_without_a_server_is_unreachable_before_any_meeting_is_fetched(
    tmp_path: Path,
) -> None:
    with stranger(200, b"", {}) as url:
        pass

    def records() -> Iterator[Any]:
        raise AssertionError("asked for")
        yield

    client = Client(ElasticConfig(host=url), time.monotonic)
    loader = Loader(client, Rejects(tmp_path, RETRY.now), SHORT)
    assert "cannot be reached" in refusal(lambda: list(loader.load(records())), Unreachable)
    (result,) = check(client, SHORT)
    assert (result.status, result.exit_code) == ("failed", 69)
    client.close()


def test_a_read_only_index_says_what_to_do(sandbox: IndexSandbox) -> None:
    list(sandbox.loader().load(many(1)))
    sandbox.ask("PUT", f"/{sandbox.prefix}sessions-2026/_settings", {"index.blocks.write": True})
    words = refusal(lambda: list(sandbox.loader().load(many(2))), Unreachable)
    assert f"{sandbox.prefix}sessions-2026" in words
    assert "read-only" in words


def test_a_full_disk_ends_the_load_at_once_and_is_named(sandbox: IndexSandbox) -> None:
    list(sandbox.loader().load(many(1)))
    sandbox.ask(
        "PUT", f"/{sandbox.prefix}sessions-2026/_settings", {"index.blocks.read_only_allow_delete": True}
    )
    began = time.monotonic()
    words = refusal(lambda: list(sandbox.loader().load(many(2))), Unreachable)
    assert time.monotonic() - began < RETRY.limits.total_seconds / 2
    assert f"{sandbox.prefix}sessions-2026" in words
    assert "disk of a node is full" in words


def test_a_closed_index_is_not_taken_for_bad_documents(newest: IndexSandbox) -> None:
    list(newest.loader().load(many(1)))
    newest.ask("POST", f"/{newest.prefix}sessions-2026/_close")
    rejects = newest.rejects()
    assert "closed" in refusal(lambda: list(newest.loader(rejects).load(many(2))), Unreachable)
    assert len(rejects) == 0


def test_an_alias_with_the_name_of_an_index_is_refused_before_any_write(
    sandbox: IndexSandbox,
) -> None:
    theirs = f"{sandbox.prefix}theirs"
    sandbox.ask("PUT", f"/{theirs}", {"aliases": {f"{sandbox.prefix}sessions-2026": {}}})
    words = refusal(lambda: list(sandbox.loader().load(many(2))), ConfigurationError)
    assert "is an alias" in words
    assert sandbox.stored() == {}


def test_an_index_of_another_program_is_refused_before_any_write(sandbox: IndexSandbox) -> None:
    sandbox.ask(
        "PUT", f"/{sandbox.prefix}sessions-2026", {"mappings": {"properties": {"a": {"type": "long"}}}}
    )
    words = refusal(lambda: list(sandbox.loader().load(many(2))), ConfigurationError)
    assert "not created by the harvester" in words
    assert sandbox.stored() == {}


def test_an_index_where_the_read_alias_should_be_is_refused(newest: IndexSandbox) -> None:
    newest.ask("PUT", f"/{newest.prefix}meetings", {})
    refusal(lambda: list(newest.loader().load(many(2))), ConfigurationError)
    assert newest.stored() == {}


def test_another_index_period_is_refused(newest: IndexSandbox) -> None:
    list(newest.loader().load(many(1)))
    words = refusal(lambda: list(newest.loader(period="month").load(many(1))), ConfigurationError)
    assert "--index-period year" in words


def test_wrong_credentials_are_refused_and_not_printed(guarded: IndexSandbox) -> None:
    loader = guarded.loader(username="somebody", password="marked-secret")
    words = refusal(lambda: list(loader.load(many(1))), CredentialsError)
    assert "ES_API_KEY" in words
    assert "marked-secret" not in words
    assert "somebody" not in words


def test_a_password_outside_ascii_is_accepted(guarded: IndexSandbox) -> None:
    user = guarded.node.users["whole"]
    assert not user.password.isascii()
    assert sum(one.ok for one in as_user(guarded, "whole").load(many(2))) == 8
    results = {result.subject: result.status for result in check(guarded.client(**login(user)), SHORT)}
    assert results["Elasticsearch"] == "ok"


def test_create_index_and_write_are_enough_to_load(
    guarded: IndexSandbox, caplog: pytest.LogCaptureFixture
) -> None:
    loaded = list(as_user(guarded, "loader").load(many(5)))
    assert sum(one.ok for one in loaded) == 20
    assert len(guarded.stored()) == 20
    (message,) = caplog.messages
    assert "manage_index_templates" in message
    again = list(as_user(guarded, "loader").load(many(5)))
    assert sum(one.superseded for one in again) == 20


def test_the_same_rights_suffice_if_the_templates_exist(guarded: IndexSandbox) -> None:
    list(guarded.loader().load(many(1)))
    list(as_user(guarded, "loader").load(many(3)))
    guarded.hits()
    alias = guarded.ask("GET", f"/{guarded.prefix}sessions/_count").body["count"]
    assert alias == 9


def test_without_create_index_the_missing_right_is_named(guarded: IndexSandbox) -> None:
    words = refusal(lambda: list(as_user(guarded, "writer").load(many(1))), CredentialsError)
    assert f"create_index on {guarded.prefix}*" in words
    assert guarded.indices() == []


def test_write_alone_suffices_for_existing_indices(guarded: IndexSandbox) -> None:
    list(guarded.loader().load(many(1)))
    assert sum(one.ok for one in as_user(guarded, "writer").load(many(2))) == 4


def test_without_write_the_missing_right_is_named(guarded: IndexSandbox) -> None:
    list(guarded.loader().load(many(1)))
    words = refusal(lambda: list(as_user(guarded, "reader").load(many(2))), CredentialsError)
    assert f"write on {guarded.prefix}*" in words


def test_check_names_every_right(guarded: IndexSandbox) -> None:
    client = guarded.client(**login(guarded.node.users["loader"]))
    found = {result.subject: result.status for result in check(client, SHORT)}
    assert found == {
        "Elasticsearch": "ok",
        "Elasticsearch privilege create_index": "ok",
        "Elasticsearch privilege write": "ok",
        "Elasticsearch privilege read": "warning",
        "Elasticsearch privilege maintenance": "warning",
        "Elasticsearch privilege view_index_metadata": "warning",
        "Elasticsearch privilege manage_index_templates": "warning",
        "Elasticsearch templates": "warning",
    }
    assert {result.status for result in check(guarded.client(), SHORT)} == {"ok", "warning"}


def test_check_prints_the_version_and_the_templates(sandbox: IndexSandbox) -> None:
    loader = sandbox.loader()
    before = {result.subject: result for result in check(sandbox.client(), SHORT)}
    assert before["Elasticsearch"].message.endswith(f"version {sandbox.node.version}")
    assert "missing" in before["Elasticsearch templates"].message
    list(loader.load(many(1)))
    assert {result.status for result in check(sandbox.client(), SHORT)} == {"ok"}


def test_a_full_disk_under_the_rejects_ends_the_load_without_an_acknowledgement(
    newest: IndexSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Rejects, rejects: list[Reject]) -> None:
        if rejects:
            with self._database.transaction() as connection:
                connection.execute("PRAGMA max_page_count = 1")
                connection.execute("CREATE TABLE more (x)")

    monkeypatch.setattr(Rejects, "add", full)
    acknowledged = []
    with pytest.raises(OutputError):
        acknowledged.extend(newest.loader().load([spoiled(plain(1), duration=10**30)]))
    assert acknowledged == []
