"""Tests which faults occur, how often, and that they end."""

from __future__ import annotations

import json
from collections import Counter

from starlette.types import Receive, Scope, Send

from harvester.simulator.clock import SimulatedClock
from harvester.simulator.faults import _WEIGHTS, MAX_IN_A_ROW, TRANSPORT, FaultInjector
from tests.unit.simulator.clients import NOW, Answer, send_request

BODY = b'{"rows": [1, 2, 3]}'


class Transport:
    """Records how it was closed."""

    def __init__(self) -> None:
        self.ends: list[str] = []

    def get_extra_info(self, _name: str) -> None:
        return None

    def abort(self) -> None:
        self.ends.append("abort")

    def close(self) -> None:
        self.ends.append("close")


async def fine(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"19")]})
    await send({"type": "http.response.body", "body": BODY})


class Bench:
    """Faults at a speed without waits, around an application that always succeeds."""

    def __init__(self, probability: float) -> None:
        clock = SimulatedClock(NOW, speed=1e9)
        self.faults = FaultInjector(fine, probability=probability, seed=5, clock=clock)
        self.transport = Transport()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.faults({**scope, "extensions": {TRANSPORT: self.transport}}, receive, send)

    def send_request(self, path: str, query: str = "") -> Answer | None:
        """Return the answer, None if the connection broke before the headers."""
        try:
            return send_request(self, path, query=query)
        except IndexError:
            return None


class Counting(Bench):
    """Counts the requests that reach the application."""

    def __init__(self, probability: float) -> None:
        super().__init__(probability)
        self.reached = 0
        self.faults._app = self.count

    async def count(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.reached += 1
        await fine(scope, receive, send)


def good(answer: Answer | None) -> bool:
    return answer is not None and answer.status == 200 and answer.content == BODY


def test_a_call_fails_at_most_three_times_in_a_row() -> None:
    bench = Bench(1.0)
    for path in ("/a", "/b"):
        outcomes = [good(bench.send_request(path)) for _ in range(3 * (MAX_IN_A_ROW + 1))]
        late = bench.faults.injected["late"]
        assert outcomes.count(True) in range(3, 4 + late)
        assert all(outcomes[MAX_IN_A_ROW :: MAX_IN_A_ROW + 1])


def test_about_the_requested_fraction_fails() -> None:
    bench = Bench(0.2)
    for number in range(500):
        bench.send_request(f"/meetings/{number}/participants")
    assert 70 < sum(bench.faults.injected.values()) < 130


def test_every_kind_of_fault_occurs() -> None:
    bench = Bench(0.9)
    seen: Counter[str] = Counter()
    for number in range(400):
        answer = bench.send_request(f"/meetings/{number}/participants")
        seen["broken" if answer is None else f"{answer.status} {answer.headers.get('content-type', '')}"] += 1
    assert set(bench.faults.injected) == set(_WEIGHTS)
    assert {"403 text/html; charset=UTF-8", "502 text/html; charset=UTF-8", "500 application/json"} <= set(
        seen
    )
    assert {"broken", "429 application/json", "200 application/json"} <= set(seen)
    assert {"abort", "close"} <= set(bench.transport.ends)


def test_a_firewall_blocks_only_participants_and_only_once() -> None:
    bench = Bench(0.9)
    statuses: Counter[tuple[str, int]] = Counter()
    for _ in range(100):
        for path in ("/users", "/meetings/1/participants"):
            if answer := bench.send_request(path):
                nonsense = answer.status == 200 and answer.content[:8] == b'{"code":'
                statuses[path, 403 if nonsense else answer.status] += 1
    assert statuses["/users", 403] == 0
    assert statuses["/meetings/1/participants", 403] == 1


def test_webex_errors_have_webexs_format_and_each_meeting_is_blocked_once() -> None:
    bench = Bench(0.9)
    path = "/webex/v1/meetingParticipants"
    blocked: Counter[str] = Counter()
    for number in range(600):
        meeting = f"m{number % 6}"
        answer = bench.send_request(path, f"meetingId={meeting}&max=100")
        if answer is None:
            continue
        assert not (
            answer.status == 200 and answer.content[:8] == b'{"code":'
        )  # only Zoom sends an error in a 200
        assert b"page_count" not in answer.content
        if answer.status in {429, 500}:
            assert "trackingId" in answer.body
        blocked[meeting] += answer.status == 403
    assert set(blocked.values()) == {1}
    assert bench.faults.injected["error in a 200"] == 0
    for _ in range(200):
        answer = bench.send_request("/webex-analytics/v1/meeting/qualities", "meetingId=m1")
        assert answer is None or answer.status != 403


def test_google_errors_have_googles_format() -> None:
    bench = Bench(0.9)
    statuses: Counter[int] = Counter()
    for number in range(1500):
        answer = bench.send_request(f"/google/meet/v2/conferenceRecords/{number % 5}/participants")
        if answer is None:
            continue
        assert b"page_count" not in answer.content
        assert not (answer.status == 200 and answer.content[:8] == b'{"code":')
        if answer.status in {429, 500}:
            assert answer.body["error"]["status"] in {"RESOURCE_EXHAUSTED", "INTERNAL"}
        statuses[answer.status] += 1
    assert statuses[403] == 5
    assert statuses[500] > 0


def test_errors_of_teams_have_its_format_and_each_record_is_blocked_once() -> None:
    bench = Bench(0.9)
    statuses: Counter[int] = Counter()
    for number in range(1500):
        answer = bench.send_request(f"/teams/graph/v1.0/communications/callRecords/{number % 5}/sessions")
        if answer is None:
            continue
        assert b"page_count" not in answer.content
        if answer.status in {429, 503}:
            assert answer.body["error"]["code"] in {"TooManyRequests", "ServiceUnavailable"}
        statuses[answer.status] += 1
    assert statuses[403] == 5
    assert statuses[503] > 0
    for _ in range(200):
        answer = bench.send_request("/teams/graph/v1.0/communications/callRecords")
        assert answer is None or answer.status != 403


def test_the_same_seed_breaks_the_same_calls() -> None:
    def run() -> dict[str, int]:
        bench = Bench(0.3)
        for number in range(200):
            bench.send_request(f"/meetings/{number}/participants")
        return dict(bench.faults.injected)

    assert run() == run()


def test_without_probability_nothing_fails() -> None:
    bench = Bench(0.0)
    assert all(good(bench.send_request("/users")) for _ in range(50))


def test_the_simulators_own_pages_never_fail() -> None:
    bench = Bench(1.0)
    assert all(
        json.loads((bench.send_request("/_simulator/traffic") or Answer(0, {}, b"0")).content)
        for _ in range(20)
    )


def test_datatracker_errors_have_its_format_and_each_sessions_attendance_is_blocked_once() -> None:
    bench = Bench(0.9)
    blocked: Counter[tuple[str, int]] = Counter()
    pages = 0
    for number in range(600):
        for path in ("/api/v1/meeting/attended/", "/api/v1/meeting/session/", "/meetecho/api/v1/x"):
            answer = bench.send_request(path, f"session={number % 6}&offset={number}")
            if answer is None:
                continue
            if answer.status == 403:
                blocked[path, number % 6] += 1
            elif answer.status == 500:
                assert (b"error_message" in answer.content) is path.startswith("/api")
            pages += answer.status == 200 and answer.content.startswith(b"<!DOCTYPE html>")
    assert {path for path, _ in blocked} == {"/api/v1/meeting/attended/"}
    assert set(blocked.values()) == {1}
    assert pages > 10


def test_errors_for_decks_have_the_datatrackers_format() -> None:
    bench = Bench(0.9)
    seen = set()
    for number in range(400):
        answer = bench.send_request(f"/api/meeting/session/{number}/materials")
        if answer is not None and answer.content:
            seen.add((answer.status, answer.content[:16]))
    assert (500, b'{"error_message"') in seen
    assert (200, b'{"url":null,"sli') in seen
    assert not any(content.startswith((b'{"code"', b'{"page_count"')) for _, content in seen)


def test_a_request_that_changes_something_is_not_carried_out_if_it_is_refused_for_its_rate() -> None:
    bench = Counting(0.9)
    statuses = Counter[int]()
    for number in range(400):
        before = bench.reached
        try:
            answer = send_request(bench, f"/meetings/{number}", method="POST")
        except IndexError:  # the connection broke
            assert bench.reached == before + 1
            continue
        statuses[answer.status] += 1
        assert bench.reached == before + (answer.status != 429)
    assert statuses[429] > 5
    for number in range(400):
        bench.send_request(f"/meetings/{number}")
    assert bench.reached == 800 - statuses[429]
