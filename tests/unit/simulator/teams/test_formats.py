from __future__ import annotations

import pytest

from harvester.simulator.teams.formats import TICKS, duration, join_url, parse_stamp, stamp

WHOLE = 1_582_656_741 * TICKS


@pytest.mark.parametrize(
    ("ticks", "text"),
    [
        (WHOLE, "2020-02-25T18:52:21Z"),
        (WHOLE + 2_169_889, "2020-02-25T18:52:21.2169889Z"),
        (WHOLE + 5_000_000, "2020-02-25T18:52:21.5Z"),
        (WHOLE + 1, "2020-02-25T18:52:21.0000001Z"),
    ],
)
def test_an_instant_is_written_and_read(ticks: int, text: str) -> None:
    assert stamp(ticks) == text
    assert parse_stamp(text) == ticks


@pytest.mark.parametrize("text", ["2020-02-25", "2020-02-25T18:52:21", "2020-02-25T18:52:21.12345678Z", "Z"])
def test_other_texts_are_no_instant(text: str) -> None:
    with pytest.raises(ValueError, match="."):
        parse_stamp(text)


def test_durations_are_seconds() -> None:
    assert [duration(ms) for ms in (61, 0, 1500.5, None)] == ["PT0.061S", "PT0S", "PT1.5005S", None]
    assert duration(16, long=True) == "P0DT0H0M0.016S"


def test_a_link_names_thread_tenant_and_organizer() -> None:
    link = join_url("ab", "t-1", "o-1")
    assert link.startswith("https://teams.microsoft.com/l/meetup-join/19%3ameeting_ab%40thread.v2/0?context=")
    assert link.endswith("%7b%22tid%22%3a%22t-1%22%2c%22oid%22%3a%22o-1%22%7d")
