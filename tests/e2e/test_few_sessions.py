"""A vendor that answers with an empty list of participants, or with rows without values, for meetings that it gave in full
before: the index keeps them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from harvester.simulator import server
from harvester.simulator.google_meet.options import GoogleOptions
from tests.e2e.harness import Harvester
from tests.e2e.index_sandbox import IndexSandbox
from tests.e2e.simulator_in_process import Vendors

pytestmark = pytest.mark.with_templates

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAYS = ["--from", "2026-11-18", "--to", "2026-11-19"]
HOUR = timedelta(hours=1)
Call = tuple[str, tuple[str, ...]]
"""How its path ends, and the lists in its responses."""
CALLS: dict[str, Call] = {
    "zoom": ("/participants", ("participants",)),
    "webex": ("/meetingParticipants", ("items",)),
    "google-meet": ("/participants", ("participants",)),
    "meetecho": ("/attended/", ("objects",)),
}
REPORTS = ("/applications/meet", ("items",))
"""The call of Google's Reports, and the list in its responses."""


class EmptyLists:
    """Empties the lists in the responses to one call, and sets their counts to 0."""

    def __init__(self, app: ASGIApp, call: Call) -> None:
        self._app = app
        self._path, self._names = call

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].endswith(self._path):
            await self._app(scope, receive, send)
            return
        start: dict[str, Any] = {}
        body = b""

        async def collect(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                start = dict(message)
            else:
                body += message.get("body", b"")

        await self._app(scope, receive, collect)
        if start["status"] == 200:
            body = json.dumps(self._changed(json.loads(body))).encode()
            kept = [(name, value) for name, value in start["headers"] if name.lower() not in DROPPED]
            start["headers"] = [*kept, (b"content-length", b"%d" % len(body))]
        await send(start)
        await send({"type": "http.response.body", "body": body})

    def _changed(self, body: dict[str, Any]) -> dict[str, Any]:
        return self._emptied(body)

    def _emptied(self, body: dict[str, Any]) -> dict[str, Any]:
        for name in self._names:
            if name in body:
                body[name] = []
        body.pop("next_page_token", None)
        body.pop("nextPageToken", None)
        if "total_records" in body:
            body["total_records"] = 0
        if "meta" in body:
            body["meta"] = {**body["meta"], "total_count": 0, "next": None}
        return body


class HollowRows(EmptyLists):
    """Leaves nothing in the rows of the responses to one call but what identifies a row."""

    def _changed(self, body: dict[str, Any]) -> dict[str, Any]:
        for name in self._names:
            body[name] = [
                {field: value if field in IDENTITY else None for field, value in row.items()}
                for row in body.get(name, [])
            ]
        return body


IDENTITY = {"id", "user_id", "join_time", "status", "bo_mtg_id", "session", "name"}
"""With null, these would make another session, or an answer that no connector takes for one."""

DROPPED = {b"content-length", b"content-encoding", b"link"}


@contextmanager
def emptied(call: Call, kind: type[EmptyLists] = EmptyLists) -> Iterator[None]:
    class Poor(server.Simulator):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.app = kind(self.app, call)

    with patch.object(server, "Simulator", Poor):
        yield


def run(harvester: Harvester, vendor: str, *words: str) -> dict[str, Any]:
    path = harvester.folder / "summary.json"
    ended = harvester(vendor, *words, "--summary-json", str(path))
    assert ended.returncode == 0, ended.stderr.decode()
    (summary,) = json.loads(path.read_text())["vendors"]
    found: dict[str, Any] = summary
    return found


def sessions(sandbox: IndexSandbox) -> int:
    return sum(document["kind"] == "session" for document in sandbox.stored().values())


@pytest.mark.parametrize(
    ("vendor", "reason"),
    [
        ("webex", "sessions missing"),
        ("zoom", "values missing"),
    ],  # Webex' rows have other ids without their devices
)
def test_rows_without_values_replace_nothing_the_first_time(
    newest: IndexSandbox, tmp_path: Path, vendor: str, reason: str
) -> None:
    options: dict[str, Any] = {
        "seed": 11, "size": 20, "days": 3, "now": NOW, "speed": 200.0, "vendors": (vendor,),
    }  # fmt: skip
    served = Vendors(tmp_path, options)
    with served.at(30 * HOUR) as vendors:
        assert run(vendors.pointed(newest), vendor, *DAYS)["doubted"] == 0
    stored = newest.stored()
    with emptied(CALLS[vendor], HollowRows), served.at(31 * HOUR) as vendors:
        poor = run(vendors.pointed(newest), vendor, *DAYS, "--force")
    assert poor["doubted"] > 3
    assert poor["pending_by_reason"][reason] > 3
    for identity, document in newest.stored().items():
        assert document.keys() >= stored[identity].keys()
    with served.at(54 * HOUR) as vendors:
        healed = run(vendors.pointed(newest), vendor, *DAYS)
    assert (healed["doubted"], healed["confirmed_fewer"], healed["fewer_values"]) == (0, 0, 0)
    assert newest.stored().keys() == stored.keys()


@pytest.mark.parametrize("vendor", sorted(CALLS))
def test_empty_lists_replace_nothing_the_first_time_and_everything_the_second_time(
    newest: IndexSandbox, tmp_path: Path, vendor: str
) -> None:
    options: dict[str, Any] = {
        "seed": 11, "size": 40, "days": 3, "now": NOW, "speed": 200.0, "vendors": (vendor,),
        **({"google_source": "meet"} if vendor == "google-meet" else {}),
    }  # fmt: skip
    more = {"GOOGLE_SOURCE": "meet"} if vendor == "google-meet" else {}
    served = Vendors(tmp_path, options)
    with served.at(30 * HOUR) as vendors:
        first = run(vendors.pointed(newest, **more), vendor, *DAYS)
    stored = newest.stored()
    assert sessions(newest) > 20
    assert first["doubted"] == 0
    with emptied(CALLS[vendor]), served.at(31 * HOUR) as vendors:
        poor = run(vendors.pointed(newest, **more), vendor, *DAYS, "--force")
    assert poor["doubted"] > 5
    assert poor["pending"] >= poor["doubted"]
    assert newest.stored().keys() == stored.keys()
    with served.at(54 * HOUR) as vendors:
        healed = run(vendors.pointed(newest, **more), vendor, *DAYS)
    assert (healed["doubted"], healed["confirmed_fewer"]) == (0, 0)
    assert newest.stored().keys() == stored.keys()
    with emptied(CALLS[vendor]), served.at(55 * HOUR) as vendors:
        run(vendors.pointed(newest, **more), vendor, *DAYS, "--force")
    with emptied(CALLS[vendor]), served.at(78 * HOUR) as vendors:
        last = run(vendors.pointed(newest, **more), vendor, *DAYS)
    assert last["confirmed_fewer"] > 5
    # Webex still has the quality of each meeting, which becomes sessions with other ids.
    left = newest.stored().keys() & stored.keys()
    assert len(left) < len(stored) / 2


def test_verify_misses_nothing_on_days_of_which_reports_is_suddenly_empty(
    newest: IndexSandbox, tmp_path: Path
) -> None:
    options: dict[str, Any] = {
        "seed": 11, "size": 40, "days": 3, "now": NOW, "speed": 200.0, "vendors": ("google-meet",),
        "google": GoogleOptions(ids="other"),
    }  # fmt: skip
    served = Vendors(tmp_path, options)
    with served.at(30 * HOUR) as vendors:
        run(vendors.pointed(newest), "google-meet", *DAYS)
    with emptied(REPORTS), served.at(31 * HOUR) as vendors:
        ended = vendors.pointed(newest)("verify", "google-meet", "--json", *DAYS)
    (found,) = json.loads(ended.stdout)["vendors"]
    assert "missing" not in {finding["kind"] for finding in found["findings"]}
    assert any("reports 2026-11-18" in message for message in found["failures"])
