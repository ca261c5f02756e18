"""What an answer may do to the transport. Answers of tens of megabytes are in `tests/e2e/test_hostile_answers.py`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from socket import socket
from time import monotonic
from typing import Any

import pytest
import requests
from hypothesis import example, given
from hypothesis import strategies as st

from connectors.base import ResponseLimits
from connectors.errors import BrokenResponse, CredentialsError, Unreachable, VendorError
from connectors.http import Api
from connectors.limited_transport import LimitedSession
from connectors.response_decisions import default_decision
from tests.unit.connectors.hostile_server import (
    CHUNKED,
    HEAD,
    send,
    serve,
)
from tests.unit.fake_context import FakeContext


@pytest.fixture
def context() -> FakeContext:
    found = FakeContext()
    found.response_limits = ResponseLimits(max_bytes=1_000_000, seconds=10)
    return found


def request(url: str, context: FakeContext) -> object:
    api = Api("Vendor", url, context, classify=lambda response: default_decision(response, context.now()))
    return api.get("GET /things", "/things")


@pytest.mark.parametrize(
    "content",
    [
        b"HTTP/1.1 twohundred OK\r\n\r\n{}",
        b"220 mail.example.org ESMTP\r\n\r\n",
        HEAD + b"Content-Length: 2, 3\r\n\r\n{}",
        CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n",
        CHUNKED + b"-5\r\n{}\r\n0\r\n\r\n",
        HEAD + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
        HEAD + b"X: y\r\n" * 200 + b"\r\n{}",
        HEAD + b"X: " + b"y" * 70_000 + b"\r\n\r\n{}",
    ],
    ids=[
        "status",
        "mail",
        "two lengths",
        "chunk size",
        "negative chunk",
        "not gzip",
        "headers",
        "long header",
    ],
)
def test_an_answer_that_is_not_http_fails_one_call(content: bytes, context: FakeContext) -> None:
    with serve(send(content)) as url, pytest.raises(BrokenResponse):
        request(url, context)


@pytest.mark.parametrize("content", [b"", HEAD + b"Content-Length: 9\r\n\r\n{}", CHUNKED + b"2\r\n{}\r\n"])
def test_a_connection_that_ends_early_is_unreachable(content: bytes, context: FakeContext) -> None:
    with serve(send(content)) as url, pytest.raises(Unreachable):
        request(url, context)


@pytest.mark.parametrize(
    "content_type", ["text/html; charset", "application/json; charset=nonsense", ";;=", ""]
)
def test_the_content_type_does_not_decide_whether_json_is_read(
    content_type: str, context: FakeContext
) -> None:
    answer = f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: 2\r\n\r\n{{}}".encode()
    with serve(send(answer)) as url:
        assert request(url, context) == {}


@pytest.mark.parametrize("location", ["http://[", "\xff\xfe", "//", "http://elsewhere.example/", ""])
def test_the_location_of_a_redirect_is_never_read(location: str, context: FakeContext) -> None:
    head = b"HTTP/1.1 302 Found\r\nLocation: " + location.encode("latin-1") + b"\r\nContent-Length: 0\r\n\r\n"
    with serve(send(head)) as url, pytest.raises(VendorError) as error:
        request(url, context)
    assert error.value.status == 302


class Replies:
    """The next bytes of a server."""

    def __init__(self) -> None:
        self.content = b""

    def __call__(self, connection: socket) -> None:
        connection.sendall(self.content)


@pytest.fixture(scope="module")
def replies() -> Iterator[tuple[Replies, Api]]:
    found, context = Replies(), FakeContext()
    with serve(found) as url:
        yield (
            found,
            Api("Vendor", url, context, classify=lambda answer: default_decision(answer, context.now())),
        )


header_values = st.text(
    st.characters(min_codepoint=1, max_codepoint=255, exclude_characters="\r\n"), max_size=40
)


@given(
    name=st.sampled_from(
        [
            *(
                "Retry-After",
                "Date",
                "Link",
                "Content-Type",
                "Location",
                "Content-Length",
                "Content-Encoding",
            ),
            *("Transfer-Encoding", "Set-Cookie", "Connection", "Content-Disposition", "Trailer"),
        ]
    ),
    value=header_values,
    status=st.sampled_from([200, 204, 302, 304, 401, 403, 429, 503]),
)
@example(name="Content-Type", value="text/html; charset", status=200)
@example(name="Retry-After", value="1e300", status=429)
@example(name="Date", value="Fri, 31 Dec 9999 23:59:59 -2359", status=200)
@example(name="Content-Length", value="9" * 5000, status=200)
@example(name="Content-Length", value="-1", status=200)
@example(name="Content-Encoding", value="gzip,gzip,gzip,gzip,gzip,gzip,gzip", status=200)
@example(name="Transfer-Encoding", value="chunked", status=200)
@example(name="Set-Cookie", value="a=b; expires=Fri, 99-Foo-99999 99:99:99", status=200)
def test_no_header_ends_in_another_error(
    replies: tuple[Replies, Api], name: str, value: str, status: int
) -> None:
    server, api = replies
    server.content = f"HTTP/1.1 {status} Some\r\n{name}: {value}\r\n\r\n{{}}".encode("latin-1")
    with contextlib.suppress(VendorError, Unreachable, CredentialsError):
        api.get("GET /things", "/things", attempts=1)


def test_a_connection_is_used_again_after_an_answer() -> None:
    connections: list[int] = []

    def answer(connection: socket) -> None:
        connections.append(connection.fileno())
        for _ in range(3):
            connection.sendall(HEAD + b"Content-Length: 2\r\n\r\n{}")
            if not connection.recv(65_536):
                return

    with serve(answer) as url:
        session = LimitedSession(monotonic)
        for _ in range(3):
            _, content = exchange(session, f"{url}/x")
            assert content == b"{}"
        session.close()
    assert len(connections) == 1


def test_cookies_are_not_kept() -> None:
    received: list[bytes] = []

    def answer(connection: socket) -> None:
        for _ in range(2):
            connection.sendall(HEAD + b"Set-Cookie: a=b; Path=/\r\nContent-Length: 2\r\n\r\n{}")
            received.append(connection.recv(65_536))

    with serve(answer) as url:
        session = LimitedSession(monotonic)
        for _ in range(2):
            exchange(session, url)
        session.close()
    assert b"GET /" in received[0]
    assert not [request for request in received if b"cookie" in request.lower()]


def test_headers_of_a_request_replace_those_of_the_session() -> None:
    received: list[bytes] = []

    def answer(connection: socket) -> None:
        connection.sendall(HEAD + b"Content-Length: 2\r\n\r\n{}")
        received.append(connection.recv(65_536))
        connection.sendall(HEAD + b"Content-Length: 2\r\n\r\n{}")

    with serve(answer) as url:
        session = LimitedSession(monotonic, headers={"Accept": "text/plain", "X-Kept": "yes"})
        for _ in range(2):  # the server of the tests reads the first one itself
            exchange(session, url, headers={"Accept": "application/json"})
        session.close()
    (request,) = received
    assert b"Accept: application/json\r\n" in request
    assert b"X-Kept: yes\r\n" in request
    assert b"text/plain" not in request


def test_a_session_that_was_closed_connects_again() -> None:
    clients: list[object] = []

    def answer(connection: socket) -> None:
        clients.append(connection.getpeername())
        connection.sendall(HEAD + b"Content-Length: 2\r\n\r\n{}")

    with serve(answer) as url:
        session = LimitedSession(monotonic)
        for _ in range(2):
            assert exchange(session, url)[1] == b"{}"
            session.close()
    assert len(set(clients)) == 2


def exchange(session: LimitedSession, url: str, **options: Any) -> tuple[requests.Response, bytearray]:
    return session.exchange(requests.Request("GET", url, **options), ResponseLimits(), timeout=(5, 5))
