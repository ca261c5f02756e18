"""Hostile answers in place of Elasticsearch's. tests/e2e/test_hostile_answers.py measures memory."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import elastic_transport
import pytest

from connectors.base import ResponseLimits
from connectors.errors import Unreachable
from connectors.json_body import MAX_DEPTH, BodyRefused, contains_too_deep
from harvester.sinks.elastic.client import ANSWER_SHARE, Client, Response
from harvester.sinks.elastic.config import ElasticConfig
from harvester.sinks.elastic.response_limits import limited_serializers
from tests.unit.connectors.hostile_server import CHUNKED, HEAD, Answer, endless, gzip_bomb, send, serve

MEGABYTE = 1_000_000
SECONDS = 1.0
GENUINE = HEAD + b"X-Elastic-Product: Elasticsearch\r\n"


@contextmanager
def asked(answer: Answer, seconds: float = 60.0) -> Iterator[Callable[[], Response]]:
    """Sends a request to a server that answers like this."""
    with serve(answer) as url:
        config = ElasticConfig(host=url, max_response_bytes=MEGABYTE)
        with closing(Client(config, time.monotonic, seconds=seconds)) as client:
            yield lambda: client.send("POST", "/_search", body={})


def sized(body: bytes) -> Answer:
    return send(GENUINE + b"Content-Length: %d\r\n\r\n" % len(body) + body)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(send(gzip_bomb(16)), id="gzip bomb"),
        pytest.param(endless(b" " * 65_536, GENUINE + b"\r\n"), id="endless body"),
        pytest.param(endless(b"1000\r\n" + b" " * 4096 + b"\r\n", CHUNKED), id="endless chunks"),
        pytest.param(sized(b" " * 2 * MEGABYTE), id="large body"),
    ],
)
def test_an_answer_that_is_too_large_is_refused_at_once(answer: Answer) -> None:
    with asked(answer) as ask, pytest.raises(Unreachable, match="more than 1 MB.*HARVESTER_MAX_RESPONSE_MB"):
        ask()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("head", "part"),
    [
        pytest.param(GENUINE + b"\r\n", b" ", id="body"),
        pytest.param(GENUINE + b"X: ", b"y", id="headers"),
        pytest.param(CHUNKED, b"0", id="chunk size"),
        pytest.param(b"", b"1", id="status"),
    ],
)
def test_an_answer_that_never_ends_ends_in_time(head: bytes, part: bytes) -> None:
    with asked(endless(part, head, pause=0.05), SECONDS) as ask:
        response = ask()
    assert response.status == 0
    assert response.problem == f"an answer that takes longer than {SECONDS * ANSWER_SHARE:g} s"


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(endless(b"X: y\r\n", GENUINE), id="endless headers"),
        pytest.param(send(CHUNKED + b"-5\r\n"), id="negative chunk"),
        pytest.param(send(b"no HTTP\r\n\r\n"), id="no HTTP"),
    ],
)
def test_an_answer_that_is_not_http_is_named(answer: Answer) -> None:
    with asked(answer) as ask:
        assert ask() == Response(status=0, problem="an answer that is not HTTP")


@pytest.mark.parametrize("body", [b"<html>", b'{"a":', b"\xff\xfe"])
def test_a_body_that_is_not_json_is_named_and_tried_again(body: bytes) -> None:
    with asked(sized(body)) as ask:
        response = ask()
    assert (response.status, response.from_elasticsearch) == (502, False)
    assert response.problem == "an answer that is not JSON"


def test_an_empty_body_is_no_problem() -> None:
    with asked(sized(b"")) as ask:
        assert ask() == Response(status=200)


def test_values_that_are_nested_too_deeply_are_cut_off() -> None:
    with asked(sized(b'{"flat":1,"deep":' + b"[" * 250 + b"]" * 250 + b"}")) as ask:
        body = ask().body
    assert body["flat"] == 1
    assert contains_too_deep(body["deep"])


@pytest.mark.parametrize("depth", [MAX_DEPTH, 900])
def test_the_serializers_limit_depth_and_memory(depth: int) -> None:
    serializers = limited_serializers(ResponseLimits(max_bytes=4 * MEGABYTE))
    for serializer in serializers.values():
        assert contains_too_deep(serializer.loads(b"[" * depth + b"]" * depth)) == (depth > MAX_DEPTH)
        with pytest.raises(BodyRefused):
            serializer.loads(b"[" + b"[]," * MEGABYTE + b"0]")
        with pytest.raises(elastic_transport.SerializationError):
            serializer.loads(b"{")


STORED = b'{"index":{"status":201}}'


@pytest.mark.parametrize(
    "body",
    [
        b'{"errors":false,"items":[%b]}' % b",".join([STORED] * 3),
        b'{"errors":false,"items":[%b]}' % STORED,
        b'{"errors":false,"items":[]}',
        b'{"errors":false,"items":[%b,{"index":{"status":200}}]}' % STORED,
        b'{"errors":true,"items":[%b,{"index":{"status":409}}]}' % STORED,
        b'{"errors":false,"items":[%b ]}' % STORED,
        b'{"took":1,"errors":false,"items":[%b]}' % STORED,
    ],
)
def test_a_bulk_answer_is_read_as_json_whether_or_not_everything_is_new(body: bytes) -> None:
    for serializer in limited_serializers(ResponseLimits()).values():
        assert serializer.loads(body) == json.loads(body)


def test_a_bulk_body_is_sent_as_it_is() -> None:
    serializers = limited_serializers(ResponseLimits())
    body = b'{"index":{}}\n{}\n'
    assert serializers["application/vnd.elasticsearch+x-ndjson"].dumps(body) is body
