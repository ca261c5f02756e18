"""Sending one batch: every class of answer, splitting, retries, and the ends of a load."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain, repeat
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import ConfigurationError, CredentialsError, Interrupted, Unreachable
from harvester.sinks.elastic.bulk import (
    ACTION_TAIL,
    MIN_REQUEST_BYTES,
    OK,
    REJECTED,
    SUPERSEDED,
    BulkSender,
    Operations,
    Results,
    Target,
    action_head,
    read_results,
)
from harvester.sinks.elastic.client import Response
from harvester.sinks.elastic.index_creation import Indices
from tests.unit.sinks.elastic.fake_elasticsearch import Scripted, Waits, items, refused, stored

INDEX = "harvester-sessions-2026"


def operations(count: int) -> Operations:
    head = action_head(INDEX, 20)
    lines = [head + b'"d%d"' % n + ACTION_TAIL + b'{"a":%d}\n' % n for n in range(count)]
    return Operations.of(lines, [INDEX], range(1, count + 1))


def send(client: Scripted, waits: Waits, count: int = 4, seconds: float = 60.0) -> Results:
    retry = waits.policy(seconds)
    return BulkSender(client, Indices(client, retry), retry).send(operations(count))


def in_turn(*answers: Response | Callable[[list[str]], Response]) -> Callable[[list[str]], Response]:
    """These answers, then success for ever."""
    left = chain(answers, repeat(stored))

    def answer(ids: list[str]) -> Response:
        response = next(left)
        return response(ids) if callable(response) else response

    return answer


def test_an_operation_has_index_id_version_document_and_line_of_the_input() -> None:
    both = operations(2)
    assert both.target(1) == Target(INDEX, "d1", 20)
    assert (both.source(1), both.input_lines[1], len(both)) == (b'{"a":1}', 2, 2)


@pytest.mark.parametrize(
    ("size", "count", "expected"), [(10**6, 3, 3), (1, 10, 1), (-1, 10, 1), (0, 1, 1), (70, 10, 1)]
)
def test_operations_are_split_where_they_reach_a_size_or_a_number(
    size: int, count: int, expected: int
) -> None:
    first, rest = operations(5).split(size=size, count=count)
    assert rest is not None
    assert (len(first), len(rest)) == (expected, 5 - expected)
    assert first.lines + rest.lines == operations(5).lines
    assert [*first.input_lines, *rest.input_lines] == [1, 2, 3, 4, 5]
    both = [part.target(place).document_id for part in (first, rest) for place in range(len(part))]
    assert both == ["d0", "d1", "d2", "d3", "d4"]


@given(st.integers(-10, 2_000), st.integers(1, 20), st.integers(1, 20))
def test_the_first_part_has_just_reached_the_size_or_the_number(size: int, count: int, number: int) -> None:
    first, rest = operations(number).split(size=size, count=count)
    assert (first.ends[-2] if len(first) > 1 else 0) < max(size, 1)
    assert len(first) <= count
    assert rest is None or len(first.lines) >= size or len(first) == count


@given(st.lists(st.integers(1, 4), min_size=1, max_size=5))
def test_merged_operations_are_those_of_all_parts(numbers: list[int]) -> None:
    parts = [operations(number) for number in numbers]
    merged = Operations.merge(parts)
    single = [
        (part.target(n), part.source(n), part.input_lines[n]) for part in parts for n in range(len(part))
    ]
    assert [(merged.target(n), merged.source(n), merged.input_lines[n]) for n in range(len(merged))] == single
    assert merged.lines == b"".join(part.lines for part in parts)


def test_a_stored_batch_takes_one_request_and_no_wait() -> None:
    client, waits = Scripted(stored), Waits()
    assert send(client, waits).outcomes == bytes([OK] * 4)
    assert (client.bulks, waits.seconds) == ([["d0", "d1", "d2", "d3"]], [])


def test_a_missing_index_is_created_once_before_the_first_write() -> None:
    client, retry = Scripted(stored), Waits().policy()
    bulk = BulkSender(client, Indices(client, retry), retry)
    bulk.send(operations(1))
    bulk.send(operations(1))
    assert client.requests == [("PUT", f"/{INDEX}")]


def test_every_item_has_its_own_outcome() -> None:
    response = [{"status": 201}, refused(409), refused(400, "document_parsing_exception"), refused(404)]
    results = send(Scripted(in_turn(items(response))), Waits())
    assert list(results.outcomes) == [OK, SUPERSEDED, REJECTED, REJECTED]
    assert results.kinds == {2: "document_parsing_exception", 3: "some_exception"}
    assert results.reasons[2] == "document_parsing_exception: because"


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_only_transient_failures_are_sent_again(status: int) -> None:
    response = items([{"status": 201}, refused(status), refused(400), refused(status)])
    client, waits = Scripted(in_turn(response)), Waits()
    assert list(send(client, waits).outcomes) == [OK, OK, REJECTED, OK]
    assert client.bulks[1:] == [["d1", "d3"]]
    assert len(waits.seconds) == 1


@pytest.mark.parametrize("status", [0, 429, 500, 502, 503, 504])
def test_a_request_that_failed_as_a_whole_is_sent_again(status: int) -> None:
    client, waits = Scripted(in_turn(Response(status=status), Response(status=status))), Waits()
    assert list(send(client, waits).outcomes) == [OK] * 4
    assert len(client.bulks) == 3


def test_nothing_is_sent_before_retry_after() -> None:
    waits = Waits()
    send(Scripted(in_turn(Response(status=429, retry_after="17"))), waits)
    (waited,) = waits.seconds
    assert 17 <= waited <= 18


def test_the_longest_wait_doubles_up_to_30_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.uniform", lambda low, high: high)
    waits = Waits()
    send(Scripted(in_turn(*[Response(status=503)] * 7)), waits, seconds=1_000)
    assert waits.seconds == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]


def test_retries_end_with_an_error_that_names_the_cluster() -> None:
    waits = Waits()
    with pytest.raises(Unreachable, match="cannot be reached; gave up after"):
        send(Scripted(lambda _: Response(status=0)), waits, seconds=20)
    assert sum(waits.seconds) <= 20


def test_progress_starts_the_total_time_again() -> None:
    def one_at_a_time(ids: list[str]) -> Response:
        return items([{"status": 201}] + [refused(429)] * (len(ids) - 1))

    waits = Waits()
    assert list(send(Scripted(one_at_a_time), waits, count=40, seconds=6).outcomes) == [OK] * 40


def test_a_cancelled_policy_interrupts_a_waiting_request() -> None:
    client, retry = Scripted(lambda _: Response(status=503)), Waits().policy()
    retry.cancelled.set()
    with pytest.raises(Interrupted):
        BulkSender(client, Indices(client, retry), retry).send(operations(1))


@pytest.mark.parametrize(("status", "kind"), [(400, "some_exception"), (413, "too_large")])
def test_a_refused_request_is_halved_until_the_culprit_is_alone(status: int, kind: str) -> None:
    def all_except_d5(ids: list[str]) -> Response:
        error = {"error": {"type": "some_exception", "reason": "r"}} if status == 400 else None
        return Response(status=status, body=error) if "d5" in ids else stored(ids)

    client = Scripted(all_except_d5)
    results = send(client, Waits(), count=16)
    assert [place for place, verdict in enumerate(results.outcomes) if verdict == REJECTED] == [5]
    assert results.kinds == {5: kind}
    assert len(client.bulks) == 9


def test_a_413_lowers_the_size_of_later_requests() -> None:
    client, retry = (
        Scripted(lambda ids: Response(status=413) if len(ids) > 2 else stored(ids)),
        Waits().policy(),
    )
    bulk = BulkSender(client, Indices(client, retry), retry)
    bulk.send(operations(4))
    assert bulk.max_request_bytes < 4 * 120


def test_an_item_that_keeps_failing_with_500_is_rejected() -> None:
    def breaking(ids: list[str]) -> Response:
        return items([refused(500) if one == "d1" else {"status": 201} for one in ids])

    client = Scripted(breaking)
    assert list(send(client, Waits()).outcomes) == [OK, REJECTED, OK, OK]
    assert len(client.bulks) == 4


def test_an_index_that_vanished_is_created_again() -> None:
    client = Scripted(in_turn(items([refused(404, "index_not_found_exception")] * 4)))
    assert list(send(client, Waits()).outcomes) == [OK] * 4
    assert client.requests == [("PUT", f"/{INDEX}")] * 2


@pytest.mark.parametrize(
    "body",
    [{}, {"errors": False}, {"errors": False, "items": []}, "<html>"],
    ids=["empty", "none", "few", "page"],
)
def test_an_incomplete_answer_is_retried(body: object) -> None:
    client = Scripted(in_turn(Response(status=200, body=body)))
    assert list(send(client, Waits()).outcomes) == [OK] * 4
    assert len(client.bulks) == 2


@pytest.mark.parametrize(
    ("item", "error", "word"),
    [
        (refused(401), CredentialsError, "rejected the credentials"),
        (
            refused(403, "security_exception", "action [indices:data/write/bulk]"),
            CredentialsError,
            "write on",
        ),
        (
            refused(403, "security_exception", "action [indices:admin/auto_create]"),
            CredentialsError,
            "create_index",
        ),
        (refused(403, "cluster_block_exception"), Unreachable, "read-only"),
        (
            refused(
                429,
                "cluster_block_exception",
                "[TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark",
            ),
            Unreachable,
            "disk of a node is full",
        ),
        (refused(400, "index_closed_exception"), Unreachable, "closed"),
    ],
)
def test_an_item_failure_that_concerns_all_documents_ends_the_load(
    item: dict, error: type, word: str
) -> None:
    with pytest.raises(error, match=word) as raised:
        send(Scripted(in_turn(items([{"status": 201}, item, item, item]))), Waits())
    assert "because" not in str(raised.value), "Elasticsearch's reasons may quote documents and users"


@pytest.mark.parametrize(
    ("status", "error"), [(401, CredentialsError), (403, CredentialsError), (404, ConfigurationError)]
)
def test_a_refused_account_or_address_ends_the_load(status: int, error: type) -> None:
    client = Scripted(in_turn(Response(status=status)))
    with pytest.raises(error):
        send(client, Waits())
    assert len(client.bulks) == 1


def failure(status: int, kind: str) -> Response:
    return Response(status=status, body={"error": {"type": kind, "reason": "because"}})


def test_a_full_disk_ends_the_load_at_once() -> None:
    waits = Waits()
    for answer in (
        failure(429, "cluster_block_exception"),
        items([refused(429, "cluster_block_exception")] * 4),
    ):
        with pytest.raises(Unreachable, match="disk of a node is full"):
            send(Scripted(lambda _, answer=answer: answer), waits)
    assert waits.seconds == []


def test_a_cluster_that_is_starting_is_waited_for() -> None:
    response = items([refused(503, "cluster_block_exception")] * 4)
    assert list(send(Scripted(in_turn(response)), Waits()).outcomes) == [OK] * 4


def test_a_request_too_large_for_the_memory_of_the_node_is_halved_after_a_pause() -> None:
    def breaking(ids: list[str]) -> Response:
        return failure(429, "circuit_breaking_exception") if len(ids) > 3 else stored(ids)

    client, waits = Scripted(breaking), Waits()
    assert list(send(client, waits, count=8).outcomes) == [OK] * 8
    assert [len(ids) for ids in client.bulks] == [8, 4, 2, 2, 4, 2, 2]
    assert len(waits.seconds) == 3


def test_a_breaker_lowers_the_size_of_later_requests_but_not_to_nothing() -> None:
    client, retry = Scripted(in_turn(failure(429, "circuit_breaking_exception"))), Waits().policy()
    bulk = BulkSender(client, Indices(client, retry), retry)
    bulk.send(operations(4))
    assert bulk.max_request_bytes == MIN_REQUEST_BYTES


def test_a_single_document_waits_for_memory_and_the_error_names_the_lack_of_it() -> None:
    breaking = failure(429, "circuit_breaking_exception")
    assert list(send(Scripted(in_turn(breaking, breaking)), Waits(), count=1).outcomes) == [OK]
    with pytest.raises(Unreachable, match="lacks memory"):
        send(Scripted(lambda _: breaking), Waits(), count=1)


def test_an_overloaded_cluster_is_waited_for_and_the_error_names_the_cause() -> None:
    with pytest.raises(Unreachable, match="overloaded: es_rejected_execution_exception"):
        send(
            Scripted(lambda ids: items([refused(429, "es_rejected_execution_exception")] * len(ids))), Waits()
        )


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {"items": 7},
        {"items": [7]},
        {"items": [{}]},
        {"items": [{"index": 7}]},
        {"items": [{"index": {"status": "201"}}]},
        {"items": [{"index": {}}]},
    ],
)
def test_an_answer_without_the_result_of_each_operation_has_no_results(body: Any) -> None:
    assert read_results(Response(status=200, body=body), 1) is None
