"""What goes wrong, how often, and never for ever."""

from __future__ import annotations

import json
from collections import Counter

from starlette.types import Receive, Scope, Send

from harvester.simulator.calendar import Calendar
from harvester.simulator.faults import _WEIGHTS, IN_A_ROW, TRANSPORT, Faults
from tests.unit.simulator.client import NOW, Answered, ask

BODY = b'{"rows": [1, 2, 3]}'


class Transport:
    """Notes how it was closed."""

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
    """Faults with a speed at which nobody waits, around an application that always answers well."""

    def __init__(self, probability: float) -> None:
        calendar = Calendar(NOW, speed=1e9)
        self.faults = Faults(fine, probability=probability, seed=5, calendar=calendar)
        self.transport = Transport()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.faults({**scope, "extensions": {TRANSPORT: self.transport}}, receive, send)

    def ask(self, path: str, query: str = "") -> Answered | None:
        """None where the connection broke before anything was said."""
        try:
            return ask(self, path, query=query)
        except IndexError:
            return None


def good(answer: Answered | None) -> bool:
    return answer is not None and answer.status == 200 and answer.content == BODY


def test_a_call_fails_at_most_three_times_in_a_row() -> None:
    bench = Bench(1.0)
    for path in ("/a", "/b"):
        outcomes = [good(bench.ask(path)) for _ in range(3 * (IN_A_ROW + 1))]
        late = bench.faults.injected["late"]
        assert outcomes.count(True) in range(3, 4 + late)
        assert all(outcomes[IN_A_ROW :: IN_A_ROW + 1])


def test_the_part_that_goes_wrong_is_about_the_one_asked_for() -> None:
    bench = Bench(0.2)
    for number in range(500):
        bench.ask(f"/meetings/{number}/participants")
    assert 70 < sum(bench.faults.injected.values()) < 130


def test_everything_that_can_go_wrong_does() -> None:
    bench = Bench(0.9)
    seen: Counter[str] = Counter()
    for number in range(400):
        answer = bench.ask(f"/meetings/{number}/participants")
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
            if answer := bench.ask(path):
                nonsense = answer.status == 200 and answer.content[:8] == b'{"code":'
                statuses[path, 403 if nonsense else answer.status] += 1
    assert statuses["/users", 403] == 0
    assert statuses["/meetings/1/participants", 403] == 1


def test_at_webex_a_firewall_blocks_each_meeting_once_and_errors_are_webexs() -> None:
    bench = Bench(0.9)
    path = "/webex/v1/meetingParticipants"
    blocked: Counter[str] = Counter()
    for number in range(600):
        meeting = f"m{number % 6}"
        answer = bench.ask(path, f"meetingId={meeting}&max=100")
        if answer is None:
            continue
        assert not (answer.status == 200 and answer.content[:8] == b'{"code":')  # an error in a 200 is Zoom's
        assert b"page_count" not in answer.content
        if answer.status in {429, 500}:
            assert "trackingId" in answer.body
        blocked[meeting] += answer.status == 403
    assert set(blocked.values()) == {1}
    assert bench.faults.injected["error in a 200"] == 0
    for _ in range(200):
        answer = bench.ask("/webex-analytics/v1/meeting/qualities", "meetingId=m1")
        assert answer is None or answer.status != 403


def test_at_google_errors_are_googles() -> None:
    bench = Bench(0.9)
    statuses: Counter[int] = Counter()
    for number in range(1500):
        answer = bench.ask(f"/google/meet/v2/conferenceRecords/{number % 5}/participants")
        if answer is None:
            continue
        assert b"page_count" not in answer.content
        assert not (answer.status == 200 and answer.content[:8] == b'{"code":')
        if answer.status in {429, 500}:
            assert answer.body["error"]["status"] in {"RESOURCE_EXHAUSTED", "INTERNAL"}
        statuses[answer.status] += 1
    assert statuses[403] == 5
    assert statuses[500] > 0


def test_the_same_seed_breaks_the_same_calls() -> None:
    def run() -> dict[str, int]:
        bench = Bench(0.3)
        for number in range(200):
            bench.ask(f"/meetings/{number}/participants")
        return dict(bench.faults.injected)

    assert run() == run()


def test_nothing_breaks_where_nothing_is_to() -> None:
    bench = Bench(0.0)
    assert all(good(bench.ask("/users")) for _ in range(50))


def test_the_simulators_own_pages_never_break() -> None:
    bench = Bench(1.0)
    assert all(
        json.loads((bench.ask("/_simulator/traffic") or Answered(0, {}, b"0")).content) for _ in range(20)
    )


def test_at_the_datatracker_a_firewall_blocks_the_attendance_of_a_session_once_and_errors_are_its_own() -> (
    None
):
    bench = Bench(0.9)
    blocked: Counter[tuple[str, int]] = Counter()
    pages = 0
    for number in range(600):
        for path in ("/api/v1/meeting/attended/", "/api/v1/meeting/session/", "/meetecho/api/v1/x"):
            answer = bench.ask(path, f"session={number % 6}&offset={number}")
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
