"""Dates and options, resolved to a window of UTC time and a way of reading it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.models import Window
from harvester.pipeline.request import HarvestRequest, VendorOptions, days_window, resolve

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
UTC_ZONE = ZoneInfo("UTC")


def window(on: str = "", first: str = "", last: str = "", zone: ZoneInfo = UTC_ZONE) -> Window:
    days = [date.fromisoformat(day) if day else None for day in (on, first, last)]
    return days_window(*days, zone=zone, now=NOW)


def test_without_dates_a_run_reads_yesterday() -> None:
    assert window() == Window(
        start=datetime(2026, 11, 19, tzinfo=UTC), end=datetime(2026, 11, 20, tzinfo=UTC)
    )


def test_from_and_to_are_inclusive_and_to_defaults_to_yesterday() -> None:
    assert window(first="2026-11-01", last="2026-11-03").end == datetime(2026, 11, 4, tzinfo=UTC)
    assert window(first="2026-11-01").end == datetime(2026, 11, 20, tzinfo=UTC)


def test_a_day_begins_at_the_zones_midnight_and_may_have_25_hours() -> None:
    day = window(on="2026-10-25", zone=BERLIN)
    assert day.start == datetime(2026, 10, 24, 22, tzinfo=UTC)
    assert day.end - day.start == timedelta(hours=25)


def test_today_is_accepted_and_tomorrow_refused() -> None:
    assert NOW in window(on="2026-11-20")
    with pytest.raises(ValueError, match="is in the future"):
        window(on="2026-11-21")
    with pytest.raises(ValueError, match="is in the future"):
        window(first="2026-11-01", last="2026-11-21")


@pytest.mark.parametrize(
    ("given_days", "message"),
    [
        ({"first": "2026-11-03", "last": "2026-11-01"}, "is after"),
        ({"on": "2026-11-03", "first": "2026-11-01"}, "one or the other"),
        ({"last": "2026-11-03"}, "--to needs --from"),
    ],
)
def test_contradictions_are_refused(given_days: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        window(**given_days)


def request(**values: Any) -> HarvestRequest:
    return resolve(now=NOW, zone=UTC_ZONE, **values)


@pytest.mark.parametrize(
    ("values", "mode", "description"),
    [
        ({}, "nightly", "nightly"),
        ({"on": date(2026, 11, 3)}, "forced", "2026-11-03"),
        ({"first": date(2026, 11, 3)}, "backfill", "2026-11-03 to yesterday"),
        (
            {"first": date(2026, 11, 3), "last": date(2026, 11, 4), "force": True},
            "forced",
            "2026-11-03 to 2026-11-04 again",
        ),
        ({"options": VendorOptions(filtered=True)}, "nightly", "a part of yesterday"),
        ({"options": VendorOptions(filtered=True, upcoming_days=7)}, "upcoming", "the next 7 days"),
    ],
)
def test_dates_and_options_determine_the_mode_of_a_run(
    values: dict[str, Any], mode: str, description: str
) -> None:
    resolved = request(**values)
    assert (resolved.mode, resolved.description) == (mode, description)


def test_upcoming_days_begin_now() -> None:
    options = VendorOptions(filtered=True, upcoming_days=7)
    assert request(options=options).window == Window(start=NOW, end=NOW + timedelta(days=7))
    with pytest.raises(ValueError, match="from now on"):
        request(options=options, on=NOW.date())


def test_options_that_need_or_exclude_dates_are_checked() -> None:
    with pytest.raises(ValueError, match="--force is for a backfill"):
        request(force=True)
    with pytest.raises(ValueError, match="--lookback is for the nightly run"):
        request(lookback=2, on=NOW.date())
    assert request(lookback=2).lookback == timedelta(days=2)
    assert request().lookback is None, "as the connector has it"


def test_extras_are_what_every_meeting_is_fetched_with() -> None:
    options = VendorOptions(switches=frozenset({"qos"}), values={"user": ("a",)}, filtered=True)
    resolved = request(options=options, raw=True)
    assert resolved.extras == {"qos", "raw"}, "a filter is not kept with its meetings"
    assert resolved.filtered


@given(st.integers(1, 400), st.integers(1, 60))
def test_the_parts_of_a_window_follow_each_other_without_gap(days: int, step: int) -> None:
    whole = Window(start=NOW, end=NOW + timedelta(days=days))
    parts = list(whole.split(timedelta(days=step)))
    assert parts[0].start == whole.start
    assert parts[-1].end == whole.end
    assert all(a.end == b.start for a, b in pairwise(parts))
    assert all(part.end - part.start <= timedelta(days=step) for part in parts)


@pytest.mark.parametrize(
    ("zone", "today"), [("UTC", date(2026, 11, 20)), ("Pacific/Auckland", date(2026, 11, 21))]
)
def test_today_and_yesterday_are_days_of_the_zone(zone: str, today: date) -> None:
    now = datetime(2026, 11, 20, 13, tzinfo=UTC)
    for word, day in (("today", today), ("yesterday", today - timedelta(days=1))):
        request = resolve(now=now, zone=ZoneInfo(zone), on=word)
        assert request.window == Window.day(day, ZoneInfo(zone))
        assert request.description == str(day)
    backfill = resolve(now=now, zone=ZoneInfo(zone), first="yesterday", last="today")
    assert backfill.window == Window.days(today - timedelta(days=1), today, ZoneInfo(zone))


@pytest.mark.parametrize(
    ("day", "zone", "message"),
    [
        (date(1, 1, 1), "Asia/Tokyo", "before 2000"),
        (date(1999, 12, 31), "UTC", "before 2000"),
        (date(9999, 12, 31), "America/New_York", "in the future"),
        (date(2011, 12, 30), "Pacific/Apia", "there was no 2011-12-30 in Pacific/Apia"),
    ],
)
def test_days_that_no_zone_or_vendor_has_are_refused_in_words(day: date, zone: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        resolve(now=NOW, zone=ZoneInfo(zone), on=day)
    if day.year != 2011:
        with pytest.raises(ValueError, match=message):
            resolve(now=NOW, zone=ZoneInfo(zone), first=day)


@pytest.mark.parametrize(
    ("day", "zone", "hours"),
    [
        (date(2026, 3, 29), "Europe/Berlin", 23),
        (date(2026, 10, 25), "Europe/Berlin", 25),
        (date(2026, 4, 24), "Africa/Cairo", 23),  # midnight itself does not exist
        (date(2026, 4, 5), "Australia/Lord_Howe", 24.5),
    ],
)
def test_a_day_with_a_change_of_clocks_has_23_or_25_hours(day: date, zone: str, hours: float) -> None:
    window = resolve(now=NOW, zone=ZoneInfo(zone), on=day).window
    assert window.end - window.start == timedelta(hours=hours)


def test_options_of_the_account_and_of_the_command_are_joined() -> None:
    of_account = VendorOptions(switches=frozenset({"qos"}), values={"a": ("1",), "b": ("2",)})
    given = VendorOptions(
        switches=frozenset({"series"}), values={"b": ("3",)}, filtered=True, upcoming_days=4
    )
    assert of_account.joined(given) == VendorOptions(
        switches=frozenset({"qos", "series"}),
        values={"a": ("1",), "b": ("3",)},
        filtered=True,
        upcoming_days=4,
    )
    assert VendorOptions().joined(of_account) == of_account


def test_a_request_asks_for_what_every_run_of_the_account_asks_for() -> None:
    request = resolve(now=NOW, zone=ZoneInfo("UTC"), options=VendorOptions(switches=frozenset({"series"})))
    joined = request.of_account(VendorOptions(switches=frozenset({"qos"})), raw=True)
    assert joined.extras == {"series", "qos", "raw"}
    assert joined.window == request.window
    assert request.of_account(VendorOptions(), raw=False) == request
