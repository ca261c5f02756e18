"""Pings of a monitor: their content, and failures that do not disturb the run."""

from __future__ import annotations

from collections.abc import Iterator
from time import monotonic

import pytest

from harvester.heartbeat import MAX_BYTES, Heartbeat, tail
from tests.unit.http_receiver import Receiver, absent_url, receiving

UUID = "0f1e2d3c-marked-uuid"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    given = Receiver()
    given.gate.set()
    with receiving(given):
        yield given


def ping(url: str, exit_code: int = 0, log: str = "", *, longest_wait: float = 30.0) -> None:
    heartbeat = Heartbeat(url=url, longest_wait=longest_wait)
    heartbeat.start()
    heartbeat.end(exit_code, log)


def test_a_success_is_pinged_without_the_log(receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    ping(receiver.url, 0, "harmless")
    assert receiver.received == [(f"/ping/{UUID}/start", b""), (f"/ping/{UUID}", b"")]
    assert caplog.messages == []


@pytest.mark.parametrize("exit_code", [65, 77, 143])
def test_a_failure_is_pinged_with_its_exit_code_and_the_log(receiver: Receiver, exit_code: int) -> None:
    ping(receiver.url, exit_code, "zoom: refüsed")
    assert receiver.received[1] == (f"/ping/{UUID}/{exit_code}", "zoom: refüsed".encode())


def warning(caplog: pytest.LogCaptureFixture) -> str:
    (message,) = caplog.messages
    assert "marked" not in message
    assert "the run itself is not affected" in message
    return message


@pytest.mark.parametrize("status", [302, 404, 500])
def test_a_receiver_that_fails_is_a_warning(
    receiver: Receiver, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.status, receiver.location = status, receiver.url.replace(UUID, "elsewhere")
    ping(receiver.url)
    assert f"(status {status})" in warning(caplog)
    assert receiver.paths == [f"/ping/{UUID}/start", f"/ping/{UUID}"], "no redirect is followed"


def test_an_absent_receiver_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with absent_url() as url:
        ping(url)
    assert "(no connection)" in warning(caplog)


def test_a_slow_receiver_delays_the_end_no_longer_than_permitted(caplog: pytest.LogCaptureFixture) -> None:
    with receiving(Receiver()) as receiver:
        began = monotonic()
        ping(receiver.url, longest_wait=0.3)
        assert monotonic() - began < 20, "it answers after a minute"
    assert "no answer within 0 s" in warning(caplog)


def test_the_log_is_cut_between_lines() -> None:
    log = "\n".join(f"line {number} é" for number in range(3_000))
    sent = tail(log)
    assert MAX_BYTES - 20 < len(sent) <= MAX_BYTES
    assert log.endswith("\n" + sent.decode())
    assert tail("short\nlog") == b"short\nlog"


@pytest.mark.parametrize("end", ["", "\n"])
def test_a_long_line_is_cut_between_characters(end: str) -> None:
    sent = tail("é" * MAX_BYTES + end)
    assert MAX_BYTES - 2 <= len(sent) <= MAX_BYTES
    assert set(sent.decode()) <= {"é", "\n"}


def test_half_a_character_in_a_file_name_is_escaped() -> None:
    assert tail("\udce9") == b"\\udce9"
