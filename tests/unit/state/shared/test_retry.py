from __future__ import annotations

import pytest

from connectors.errors import LeaseLost, Unreachable
from harvester.state.shared.retry import RETRY_SECONDS, StoreRetry


def test_a_request_without_an_answer_is_sent_again_after_a_while() -> None:
    answers = iter([Unreachable("no connection"), Unreachable("no connection"), "stored"])
    waits: list[float] = []

    def request() -> str:
        answer = next(answers)
        if isinstance(answer, Unreachable):
            raise answer
        return str(answer)

    assert StoreRetry(require=lambda: None, wait=waits.append).send(request) == "stored"
    assert waits == [RETRY_SECONDS, RETRY_SECONDS]


def test_nothing_is_sent_without_the_lease() -> None:
    sent: list[int] = []

    def require() -> None:
        raise LeaseLost("another worker may go on")

    with pytest.raises(LeaseLost):
        StoreRetry(require=require, wait=lambda _seconds: None).send(lambda: sent.append(1))
    assert sent == []


def test_a_reader_gives_up() -> None:
    sent: list[int] = []

    def request() -> None:
        sent.append(1)
        raise Unreachable("no connection")

    retry = StoreRetry(require=lambda: None, wait=lambda _seconds: None, tries=3)
    with pytest.raises(Unreachable):
        retry.send(request)
    assert len(sent) == 3
