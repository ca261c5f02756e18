"""The ids of hosts, by their addresses."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from connectors.zoom import Zoom
from tests.unit.fake_context import FakeContext
from tests.unit.zoom.fake_api import DASHBOARD, Account, data, meeting_row, page, ref

Build = Callable[..., Zoom]


PARTICIPANTS = "/metrics/meetings/abc%3D%3D/participants"


def test_hosts_are_read_once_for_many_threads(zoom: Build, account: Account) -> None:
    account.on("/users", data("users"), status_="active")
    account.on(PARTICIPANTS, data("metrics_participants"))
    connector = zoom()
    with ThreadPoolExecutor(8) as pool:
        records = list(pool.map(connector.fetch, [ref(meeting_row())] * 24))
    assert {record.meeting.host.host_id for record in records if record.meeting.host} == {"u-mara"}
    assert [asked["status"] for asked in account.asked_for("/users")] == ["active", "inactive"]
    assert account.tokens == 1


def test_missing_scope_for_users_is_reported_and_leaves_host_id_absent(
    zoom: Build, account: Account, context: FakeContext
) -> None:
    account.on(PARTICIPANTS, page("participants"))
    record = zoom(scope=DASHBOARD).fetch(ref(meeting_row()))
    assert record.meeting.host is not None
    assert record.meeting.host.host_id is None
    assert account.asked_for("/users") == []
    assert sum("user:read:list_users:admin" in notice for notice in context.notices) == 1


def test_without_scopes_in_the_token_the_response_decides(
    zoom: Build, account: Account, context: FakeContext
) -> None:
    account.on(PARTICIPANTS, page("participants"))
    account.on(
        "/users",
        {"code": 4711, "message": "does not contain scopes:[user:read:list_users:admin]"},
        status=400,
    )
    connector = zoom(scope="")
    for _ in range(2):
        assert connector.fetch(ref(meeting_row())).meeting.host.host_id is None  # type: ignore[union-attr]  # set above
    assert len(account.asked_for("/users")) == 1
    assert sum("user:read:list_users:admin" in notice for notice in context.notices) == 1
