from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.errors import BrokenResponse, Gone, NotReady, VendorError
from connectors.models import MeetingRef, Reason, Window
from connectors.teams import Teams
from connectors.teams.endpoints import KEPT, LATENCY, RETENTION
from connectors.teams.listing import missing_error, until_available
from tests.unit.fake_context import NOW, FakeContext
from tests.unit.teams.fake_api import API, DAY, DIRECT, RECORD, RECORDS, Tenant, data, page, record_row, ref

Build = Callable[..., Teams]
STARTED = datetime(2026, 11, 20, 9, tzinfo=UTC)


def listed(connector: Teams, window: Window = DAY) -> list[MeetingRef]:
    return [ref for ref in connector.meetings(window) if isinstance(ref, MeetingRef)]


def test_a_day_is_listed_by_its_start(teams: Build, tenant: Tenant) -> None:
    tenant.has_a_meeting()
    (found,) = listed(teams())
    assert (found.uuid, found.start_time) == (RECORD, datetime(2026, 11, 20, 9, 0, 0, 216988, UTC))
    assert tenant.asked_for(RECORDS) == [
        {"$filter": "startDateTime ge 2026-11-20T00:00:00Z and startDateTime lt 2026-11-21T00:00:00Z"}
    ]


def test_the_hint_has_the_version_and_the_end(teams: Build, tenant: Tenant) -> None:
    tenant.has_a_meeting()
    (found,) = listed(teams())
    assert found.hint == {"version": 1, "end": "2026-11-20T10:00:00.216988+00:00"}


def test_instants_within_a_second_are_in_the_listing(teams: Build, tenant: Tenant) -> None:
    start = datetime(2026, 11, 20, 9, 0, 0, 500_000, UTC)
    rows = [
        record_row(name, startDateTime=f"2026-11-20T09:00:{at}Z")
        for name, at in (("a", "00.4"), ("b", "00.5"), ("c", "59.999999"))
    ]
    tenant.on(RECORDS, page(*rows))
    window = Window(start=start, end=start + timedelta(seconds=59, microseconds=499_999))
    assert [found.uuid for found in listed(teams(), window)] == ["b"]
    assert tenant.asked_for(RECORDS)[0]["$filter"] == (
        "startDateTime ge 2026-11-20T09:00:00Z and startDateTime lt 2026-11-20T09:01:00Z"
    )


@pytest.mark.parametrize("kind", ["peerToPeer", "unknown", "unknownFutureValue", "meeting"])
def test_only_group_calls_are_listed_without_calls(teams: Build, tenant: Tenant, kind: str) -> None:
    tenant.on(RECORDS, page(record_row("other", type=kind), record_row()))
    assert [found.uuid for found in listed(teams())] == [RECORD]
    assert [found.uuid for found in listed(teams("calls"))] == ["other", RECORD]


def test_calls_of_two_people_are_listed_with_calls(teams: Build, tenant: Tenant) -> None:
    tenant.has_a_meeting()
    assert [found.uuid for found in listed(teams("calls"))] == [RECORD, DIRECT]


def test_a_record_on_two_pages_is_listed_once(teams: Build, tenant: Tenant) -> None:
    link = f"{API}{RECORDS}?$skiptoken=2"
    tenant.on(RECORDS, page(record_row(), link=link))
    tenant.on(RECORDS, page(record_row(version=2), record_row("b")), skiptoken="2")
    assert [found.uuid for found in listed(teams())] == [RECORD, "b"]


def test_nothing_older_than_the_retention_is_asked_for(
    teams: Build, tenant: Tenant, context: FakeContext
) -> None:
    oldest = context.now() - RETENTION
    assert listed(teams(), Window(start=oldest - timedelta(days=1), end=oldest)) == []
    assert tenant.asked == []
    tenant.on(RECORDS, page())
    listed(teams(), Window(start=oldest - timedelta(hours=2), end=oldest + timedelta(hours=2)))
    assert tenant.asked_for(RECORDS)[0]["$filter"].startswith(f"startDateTime ge {oldest:%Y-%m-%dT%H:%M:%SZ}")


def test_a_higher_version_is_a_change(teams: Build, tenant: Tenant) -> None:
    tenant.on(RECORDS, page(record_row(version=1)), page(record_row(version=2)))
    connector = teams()
    assert listed(connector)[0].digest != listed(connector)[0].digest


def test_nothing_but_the_version_is_a_change(teams: Build, tenant: Tenant) -> None:
    later = record_row(lastModifiedDateTime="2026-11-22T00:00:00Z", modalities=["audio"])
    tenant.on(RECORDS, page(record_row()), page(later))
    connector = teams()
    assert listed(connector)[0].digest == listed(connector)[0].digest


def test_a_lower_version_than_the_stored_one_is_no_change(
    teams: Build, tenant: Tenant, context: FakeContext
) -> None:
    tenant.on(RECORDS, page(record_row(version=3)), page(record_row(version=2)))
    connector = teams()
    (stored,) = listed(connector)
    context.in_journal[RECORD] = STARTED, dict(stored.hint)
    (again,) = listed(connector)
    assert again.digest == stored.digest
    assert again.hint["version"] == 3


@pytest.mark.parametrize("version", ["12", 12])
def test_a_version_may_be_a_text(teams: Build, tenant: Tenant, version: Any) -> None:
    tenant.on(RECORDS, page(record_row(version=version)))
    assert listed(teams())[0].hint["version"] == 12


@pytest.mark.parametrize("version", [None, True, 1.5, "x", "9" * 30])
def test_without_a_version_any_change_counts(teams: Build, tenant: Tenant, version: Any) -> None:
    tenant.on(RECORDS, page(record_row(version=version)), page(record_row(version=version, modalities=[])))
    connector = teams()
    before, after = listed(connector)[0], listed(connector)[0]
    assert "version" not in before.hint
    assert before.digest != after.digest


@pytest.mark.parametrize(
    "changes", [{"id": None}, {"id": ""}, {"id": []}, {"type": None}, {"type": {}}, {"type": ""}]
)
def test_a_row_without_an_id_or_a_type_is_broken(
    teams: Build, tenant: Tenant, changes: dict[str, Any]
) -> None:
    tenant.on(RECORDS, page({**record_row(), **changes}))
    with pytest.raises(BrokenResponse, match="a row without an id"):
        listed(teams())


def test_a_record_without_a_start_is_listed(teams: Build, tenant: Tenant) -> None:
    tenant.on(RECORDS, page(record_row(startDateTime=None)))
    assert listed(teams())[0].start_time is None


def test_a_record_from_the_journal_is_requested(teams: Build, tenant: Tenant) -> None:
    tenant.on(f"{RECORDS}/{RECORD}", data("call_records")["value"][0])
    assert teams().listing.head(ref())["version"] == 1


@pytest.mark.parametrize("row", [None, record_row(endDateTime="2026-11-20T10:00:00Z")])
def test_the_age_of_the_call_decides_what_not_found_means(row: dict[str, Any] | None) -> None:
    listed_ref = replace(ref(row), start_time=STARTED)
    ended = datetime(2026, 11, 20, 10, tzinfo=UTC)
    young = missing_error(listed_ref, ended + LATENCY - timedelta(seconds=1))
    assert isinstance(young, NotReady)
    assert (young.reason, young.until) == (Reason.settling, ended + LATENCY)
    old = missing_error(listed_ref, ended + LATENCY)
    assert isinstance(old, VendorError)
    assert old.status == 404
    assert isinstance(missing_error(listed_ref, STARTED + KEPT - timedelta(seconds=1)), VendorError)
    gone = missing_error(listed_ref, STARTED + KEPT)
    assert isinstance(gone, Gone)
    assert gone.reason is Reason.expired


def test_a_record_that_is_too_young_is_asked_for_every_half_hour() -> None:
    ended = datetime(2026, 11, 20, 10, tzinfo=UTC)
    now = ended + timedelta(minutes=5)
    assert until_available(ref(), now) == now + timedelta(minutes=30)
    assert until_available(ref(), ended + timedelta(minutes=140)) == ended + LATENCY


def test_a_record_of_unknown_age_is_not_given_up() -> None:
    unknown = replace(ref(), hint={}, start_time=None)
    assert isinstance(missing_error(unknown, NOW), NotReady)


@pytest.mark.parametrize("body", [{"value": []}, {"id": None}])
def test_an_answer_about_no_call_replaces_none(teams: Build, tenant: Tenant, body: object) -> None:
    tenant.on(f"{RECORDS}/{RECORD}", body)
    with pytest.raises(BrokenResponse, match="without an id"):
        teams().fetch(ref(None))
