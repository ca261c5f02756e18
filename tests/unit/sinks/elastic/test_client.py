"""Retries, and the errors that refusals become. Real answers are tested against real nodes in tests/e2e."""

from __future__ import annotations

import re
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import chain, repeat
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from connectors.errors import ConfigurationError, CredentialsError, Interrupted, Unreachable
from harvester.sinks.elastic.client import PING_SECONDS, Client, ErrorCause, Response, wait_before_retry
from harvester.sinks.elastic.config import ElasticConfig
from tests.unit.sinks.elastic.fake_elasticsearch import Scripted, Waits, stored
from tests.unit.tls_server import Authority, tls_server

URL = "http://127.0.0.1:9200"


def client(*responses: Response) -> Scripted:
    """Answers with these responses in turn, and repeats the last one."""
    turn: Iterator[Response] = chain(responses, repeat(responses[-1]))
    return Scripted(stored, lambda method, path: next(turn))


@pytest.mark.parametrize("status", [0, 429, 500, 502, 503, 504])
def test_a_transient_status_is_retried(status: int) -> None:
    waits = Waits()
    asked = client(Response(status=status), Response(status=200))
    assert asked.request(waits.policy(), "GET", "/x").ok
    assert len(asked.requests) == 2
    assert len(waits.seconds) == 1


@pytest.mark.parametrize("status", [200, 400, 403, 404, 405])
def test_any_other_status_is_returned_at_once(status: int) -> None:
    asked = client(Response(status=status))
    assert asked.request(Waits().policy(), "GET", "/x").status == status
    assert len(asked.requests) == 1


def test_ping_gives_up_long_before_other_requests() -> None:
    waits = Waits()
    with pytest.raises(Unreachable, match=f"Elasticsearch at {URL} cannot be reached; gave up after"):
        client(Response(status=0)).ping(waits.policy(10_000))
    assert sum(waits.seconds) <= PING_SECONDS


def test_ping_accepts_a_server_that_does_not_show_its_root() -> None:
    for status in (403, 405):
        client(Response(status=status)).ping(Waits().policy())


def test_ping_reports_wrong_credentials() -> None:
    with pytest.raises(CredentialsError, match=r"rejected the credentials \(401\): check ES_API_KEY"):
        client(Response(status=401)).ping(Waits().policy())


def test_a_long_wait_is_logged_and_the_last_error_says_what_to_check(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("random.uniform", lambda least, most: (least + most) / 2)
    state = Waits().policy(20.0).start()
    with pytest.raises(Unreachable) as raised:
        while True:
            wait_before_retry(state, f"Elasticsearch at {URL} cannot be reached")
    assert set(caplog.messages) == {f"Elasticsearch at {URL} cannot be reached; retrying for up to 20 s"}
    message = str(raised.value)
    assert "cannot be reached; gave up after 6 tries in 16 s" in message
    assert message.endswith("running and that ES_HOST is right, then run the same command again")


def test_a_cancelled_wait_is_interrupted() -> None:
    policy = Waits().policy()
    policy.cancelled.set()
    with pytest.raises(Interrupted):
        wait_before_retry(policy.start(), "busy")


@pytest.mark.parametrize("retry_after", ["17", "Sat, 21 Nov 2026 06:00:17 GMT"])
def test_a_wait_is_at_least_as_long_as_the_server_requests(retry_after: str) -> None:
    waits = Waits()
    wait_before_retry(waits.policy().start(), "busy", retry_after)
    (seconds,) = waits.seconds
    assert 17 <= seconds <= 18


@pytest.mark.parametrize(
    ("reason", "privilege"),
    [
        ("action [indices:data/write/bulk] is unauthorized", "the privilege write on harvester-*"),
        ("action [indices:data/read/search] is unauthorized", "the privilege read on harvester-*"),
        ("action [indices:admin/auto_create] is unauthorized", "the privilege create_index on harvester-*"),
        ("action [indices:admin/refresh] is unauthorized", "the privilege maintenance on harvester-*"),
        (
            "action [indices:admin/index_template/put] is unauthorized",
            "the cluster privilege manage_index_templates",
        ),
        ("no", "the privileges create_index and write on harvester-*"),
    ],
)
def test_a_403_names_the_missing_privilege_and_never_the_user(reason: str, privilege: str) -> None:
    cause = ErrorCause(403, "security_exception", f"{reason} for user [marked]")
    error = client(Response(status=200)).error_for(cause)
    assert isinstance(error, CredentialsError)
    assert str(error).endswith(f"it needs {privilege}")
    assert "marked" not in str(error)


def test_a_block_is_no_missing_privilege() -> None:
    cause = ErrorCause(403, "cluster_block_exception", "marked")
    error = client(Response(status=200)).error_for(cause, "harvester-meetings-2026")
    assert isinstance(error, Unreachable)
    assert f"the index harvester-meetings-2026 at {URL} is read-only" in str(error)


@pytest.mark.parametrize("body", [None, "no", {}, {"error": "no"}, {"error": {"type": 7, "reason": []}}])
def test_an_error_without_a_cause_has_empty_texts(body: object) -> None:
    assert Response(status=400, body=body).cause == ErrorCause(400, "", "")


class Answering(BaseHTTPRequestHandler):
    """An Elasticsearch that answers every request with a marked secret."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = b'{"marked": "secret"}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Elastic-Product", "Elasticsearch")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        pass


def test_debug_messages_name_requests_without_query_body_and_credentials(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG", logger="harvester")
    with HTTPServer(("127.0.0.1", 0), Answering) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        with closing(
            Client(
                ElasticConfig(host=url, username="marked-user", password="marked-password"), time.monotonic
            )
        ) as real:
            assert real.send("POST", "/x/_search", params={"marked": "1"}, body={"marked": 1}).ok
        server.shutdown()
    own = [record.getMessage() for record in caplog.records if record.name.startswith("harvester.")]
    assert [re.sub(r"[0-9]+ ms", "N ms", message) for message in own] == [
        "Elasticsearch: POST /x/_search: 200 in N ms"
    ]
    with closing(
        Client(ElasticConfig(host="http://127.0.0.1:9", api_key="marked-key"), time.monotonic)
    ) as nowhere:
        nowhere.send("GET", "/x?marked=query")
    assert caplog.messages[-1] == "Elasticsearch: GET /x: no response"


@pytest.mark.parametrize(
    ("settings", "header"),
    [
        ({"username": "pound", "password": "päss-£"}, "Basic " + b64encode("pound:päss-£".encode()).decode()),
        ({"api_key": "aWQ6a2V5=="}, "ApiKey aWQ6a2V5=="),
        ({}, None),
    ],
)
def test_credentials_are_sent_as_utf_8(settings: dict[str, str], header: str | None) -> None:
    received: list[str | None] = []

    class Recording(Answering):
        def do_POST(self) -> None:
            received.append(self.headers["Authorization"])
            super().do_POST()

    with HTTPServer(("127.0.0.1", 0), Recording) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        with closing(Client(ElasticConfig(host=url, **settings), time.monotonic)) as real:  # type: ignore[arg-type]  # texts
            assert real.send("POST", "/x", body={}).ok
        server.shutdown()
    assert received == [header]


@pytest.mark.parametrize(
    "host", ["http://a..b:9200", "http://" + "a" * 70, "http://ho st:9200", "http://[::1"]
)
def test_a_host_that_is_no_host_name_is_a_configuration_error(host: str) -> None:
    with (
        pytest.raises(ConfigurationError, match="ES_HOST"),
        closing(Client(ElasticConfig(host=host), time.monotonic)) as real,
    ):
        real.ping(Waits().policy(1))


@pytest.mark.parametrize(
    ("certificate", "trusted", "words"),
    [
        ({"days": (-3, -1)}, True, "has expired"),
        ({"days": (1, 3)}, True, "is not valid yet"),
        ({"host": "es.example.org"}, True, "is for another"),
        ({"host": "127.0.0.2"}, True, "is for another"),
        ({"self_signed": True}, False, "is self-signed.*ES_CA_CERTS"),
        ({}, False, "is from an unknown certificate authority.*ES_CA_CERTS"),
        (None, False, "needs http://"),
    ],
)
def test_the_fault_of_a_certificate_is_named(
    tmp_path: Path, certificate: dict[str, Any] | None, trusted: bool, words: str
) -> None:
    authority = Authority(tmp_path)
    file = authority.server_file(**certificate) if certificate is not None else None
    with tls_server(file) as port:
        ca_certs = str(authority.file) if trusted else None
        config = ElasticConfig(host=f"https://127.0.0.1:{port}", ca_certs=ca_certs)
        with closing(Client(config, time.monotonic)) as real, pytest.raises(ConfigurationError, match=words):
            real.send("GET", "/")


@pytest.mark.parametrize("variable", [None, "REQUESTS_CA_BUNDLE"])
def test_an_authority_is_named_by_a_setting_or_by_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str | None
) -> None:
    authority = Authority(tmp_path)
    if variable is not None:
        monkeypatch.setenv(variable, str(authority.file))
    with tls_server(authority.server_file()) as port:
        ca_certs = None if variable else str(authority.file)
        with closing(
            Client(ElasticConfig(host=f"https://127.0.0.1:{port}", ca_certs=ca_certs), time.monotonic)
        ) as real:
            assert real.send("GET", "/").ok


def test_a_ca_file_that_does_not_exist_names_the_setting(tmp_path: Path) -> None:
    for host in ("https://es.example.org", "http://es.example.org"):
        with pytest.raises(ConfigurationError, match="ES_CA_CERTS"):
            Client(ElasticConfig(host=host, ca_certs=str(tmp_path / "missing")), time.monotonic)


def test_a_proxy_is_used_for_other_hosts_with_the_configured_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    received: list[tuple[str, str | None]] = []

    class Proxy(Answering):
        def do_POST(self) -> None:
            received.append((self.path, self.headers["Authorization"]))
            super().do_POST()

    netrc = tmp_path / "netrc"
    netrc.write_text("machine es.example.org login other password other\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with HTTPServer(("127.0.0.1", 0), Proxy) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{server.server_address[1]}")
        with closing(
            Client(ElasticConfig(host="http://es.example.org:9200", api_key="key"), time.monotonic)
        ) as real:
            assert real.send("POST", "/x", body={}).ok
        server.shutdown()
    assert received == [("http://es.example.org:9200/x", "ApiKey key")]


def test_this_machine_is_reached_without_a_proxy_and_a_dead_proxy_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with HTTPServer(("127.0.0.1", 0), Answering) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        with closing(
            Client(ElasticConfig(host=f"http://127.0.0.1:{server.server_address[1]}"), time.monotonic)
        ) as real:
            assert real.send("POST", "/x", body={}).ok
        server.shutdown()
    named = pytest.raises(Unreachable, match="through the proxy that HTTP_PROXY or HTTPS_PROXY names")
    with closing(Client(ElasticConfig(host="http://es.example.org"), time.monotonic)) as real, named:
        real.request(Waits().policy(1), "POST", "/x", body={})
