from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connectors.parsing import (
    MAX_RETRY_AFTER_SECONDS,
    as_dict,
    as_dicts,
    as_list,
    as_number,
    as_text,
    format_milliseconds,
    parse_clock_seconds,
    parse_http_date,
    parse_instant,
    parse_retry_after,
    response_date,
    seconds_between,
    truncate_to_milliseconds,
    unique_rows,
)

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
TEXTS = st.text("0123456789:-+.,/ TZWGMT²٣eéinsm", max_size=32)
INSTANTS = st.timedeltas(timedelta(days=-46_000), timedelta(days=2_000_000)).map(lambda apart: NOW + apart)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-20T09:00:00Z", NOW),
        ("2026-11-20T09:00:00", NOW),
        ("2026-11-20T10:00:00+01:00", NOW),
        ("2026-11-20T09:00:00.5Z", NOW + timedelta(milliseconds=500)),
        ("2026-11-20T09:00:00.123456789Z", NOW + timedelta(microseconds=123_456)),
        ("2026-11-20", NOW.replace(hour=0)),
        ("", None),
        (None, None),
        (1_700_000_000, None),
        ("12/22/2021 16:20", None),
        ("2026-13-01T00:00:00Z", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("0001-01-01T00:00:00Z", None),
        ("1899-12-31T23:59:59Z", None),
        ("9999-12-31T23:59:59Z", None),
        ("9999-12-31T23:59:59-01:00", None),
    ],
)
def test_instants(text: object, expected: datetime | None) -> None:
    found = parse_instant(text)
    assert found == expected
    assert found is None or found.tzinfo is UTC


@given(TEXTS)
def test_no_text_makes_reading_an_instant_fail(text: str) -> None:
    found = parse_instant(text)
    assert found is None or found.tzinfo is UTC


@given(INSTANTS)
def test_an_instant_in_milliseconds_is_read_again(when: datetime) -> None:
    text = format_milliseconds(when)
    assert len(text) == len("2026-11-20T09:00:00.000Z")
    assert parse_instant(text) == when.replace(microsecond=when.microsecond // 1000 * 1000)


@given(INSTANTS.filter(lambda when: 2 < when.year < 9998), st.integers(-14, 14))
def test_milliseconds_are_the_same_in_every_zone(when: datetime, hours: int) -> None:
    assert format_milliseconds(when.astimezone(timezone(timedelta(hours=hours)))) == format_milliseconds(when)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("00:56", 56),
        ("16:08", 968),
        ("01:00:00", 3600),
        ("25:00:01", 90_001),
        (" 4 mins ", 240),
        ("1 min", 60),
        ("2 minutes", 120),
        ("1 day, 1:00:00", 90_000),
        ("2 days, 0:30:05", 174_605),
        ("1 day", None),
        ("", None),
        ("12", None),
        ("-1:00", None),
        ("1:2:3:4", None),
        (None, None),
        (12, None),
    ],
)
def test_durations_as_on_a_clock(text: object, seconds: int | None) -> None:
    assert parse_clock_seconds(text) == seconds


@given(TEXTS)
@example("9" * 5000 + ":00")
@example("²:00")
@example("٣:00")
@example("12:00\n")
def test_no_text_makes_reading_a_duration_fail(text: str) -> None:
    found = parse_clock_seconds(text)
    assert found is None or found >= 0


@given(st.integers(0, 500), st.integers(0, 59), st.integers(0, 59))
def test_a_clock_of_any_hours_is_read(hours: int, minutes: int, seconds: int) -> None:
    assert (
        parse_clock_seconds(f"{hours:02}:{minutes:02}:{seconds:02}") == hours * 3600 + minutes * 60 + seconds
    )


def test_seconds_between_are_whole_and_never_negative() -> None:
    assert seconds_between(NOW, NOW + timedelta(seconds=1.9)) == 1
    assert seconds_between(NOW, NOW) == 0
    assert seconds_between(NOW, NOW - timedelta(seconds=1)) is None
    assert seconds_between(None, NOW) is seconds_between(NOW, None) is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        ("0.5", 0.5),
        ("-3", 0),
        (" 7 ", 7),
        ("2026-11-20T10:00:00Z", 3600),
        ("2020-01-01T00:00:00Z", 0),
        ("Fri, 20 Nov 2026 10:00:00 GMT", 3600),
        ("", None),
        (None, None),
        ("soon", None),
        ("inf", None),
        ("nan", None),
        ("Fri, 99 Nov 2026 10:00:00 GMT", None),
    ],
)
def test_retry_after_in_every_spelling(value: str | None, seconds: float | None) -> None:
    assert parse_retry_after(value, NOW) == seconds


@given(INSTANTS.filter(lambda when: 1900 < when.year < 9999))
def test_both_dates_of_retry_after_mean_the_same(when: datetime) -> None:
    whole = when.replace(microsecond=0)
    http = format_datetime(whole, usegmt=True)
    assert parse_retry_after(http, NOW) == parse_retry_after(whole.isoformat(), NOW)


@given(TEXTS)
@example("Fri, 31 Dec 9999 23:59:59 -2359")
@example("9999-12-31T23:59:59-23:59")
@example("Mon, 01 Jan 0001 00:00:00 +2359")
@example("1e300")
@example("9" * 5000)
@example("Sat, 21 Nov " + "9" * 5000 + " 06:00:30 GMT")
def test_no_text_makes_reading_a_date_or_retry_after_fail(text: str) -> None:
    found = parse_retry_after(text, NOW)
    assert found is None or 0 <= found <= MAX_RETRY_AFTER_SECONDS
    assert NOW + timedelta(seconds=found or 0)
    instant = parse_http_date(text)
    assert instant is None or instant.tzinfo is UTC


@pytest.mark.parametrize(
    ("value", "text"),
    [("a", "a"), (" ", " "), (7, "7"), ("", None), (None, None), (True, None), (1.5, None), ([], None)],
)
def test_texts_and_ids_are_read_as_text(value: object, text: str | None) -> None:
    assert as_text(value) == text


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (1, 1.0),
        (0, 0.0),
        (-1.5, -1.5),
        ("1", None),
        (True, None),
        (None, None),
        (float("nan"), None),
        (float("inf"), None),
        (10**12, 1e12),
        (-(10**12), -1e12),
        (1e13, None),
        (2**63, None),
        (-1e308, None),
    ],
)
def test_only_numbers_of_a_possible_size_are_numbers(value: object, number: float | None) -> None:
    assert as_number(value) == number


@pytest.mark.parametrize("value", [None, "text", 1, True, {"a": 1}, [1, {"a": 1}, None, [], {"b": 2}]])
def test_another_type_than_expected_is_empty(value: object) -> None:
    assert as_dict(value) == (value if isinstance(value, dict) else {})
    assert as_list(value) == (value if isinstance(value, list) else [])
    assert as_dicts(value) == ([{"a": 1}, {"b": 2}] if isinstance(value, list) else [])


def test_harvest_times_have_milliseconds() -> None:
    berlin = timezone(timedelta(hours=1))
    instant = datetime(2026, 11, 20, 10, 0, 0, 123_999, tzinfo=berlin)
    assert truncate_to_milliseconds(instant) == NOW.replace(microsecond=123_000)
    assert truncate_to_milliseconds(instant).tzinfo is UTC


def test_rows_that_repeat_are_dropped_and_rows_that_differ_stay() -> None:
    rows = [{"id": 1, "x": 1}, {"id": 2}, {"id": 1, "x": 1}, {"id": 1, "x": 2}]
    assert unique_rows(rows, lambda row: str(row["id"])) == [{"id": 1, "x": 1}, {"id": 1, "x": 2}, {"id": 2}]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Date": "Fri, 20 Nov 2026 09:00:00 GMT"}, NOW),
        ({"Date": "Fri, 20 Nov 2026 10:00:00 +0100"}, NOW),
        ({"Date": "Fri, 20 Nov 2026 09:00:00 -0000"}, NOW),
        ({"Date": "Fri, 20 Nov 2026 08:50:00 GMT", "Age": "600"}, NOW),
        ({"Date": "Fri, 20 Nov 2026 09:00:00 GMT", "Age": "600, 600"}, None),
        ({"Date": "Fri, 20 Nov 2026 09:00:00 GMT", "Age": "-5"}, None),
        ({"Date": "Thu, 01 Jan 1970 00:00:00 GMT"}, None),
        ({"Date": "Fri, 31 Dec 9999 23:59:59 -0900"}, None),
        ({"Date": "yesterday"}, None),
        ({"Date": ""}, None),
        ({"Age": "600"}, None),
        ({}, None),
    ],
)
def test_the_date_of_a_response(headers: dict[str, str], expected: datetime | None) -> None:
    assert response_date(headers) == expected


@given(TEXTS, st.none() | TEXTS)
def test_no_header_makes_reading_the_date_of_a_response_fail(date: str, age: str | None) -> None:
    headers = {"Date": date} if age is None else {"Date": date, "Age": age}
    found = response_date(headers)
    assert found is None or found.tzinfo is UTC
