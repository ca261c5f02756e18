"""The figures and sentences at the head of the page, and the facts below them: what is zero, what is one, what is not known."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from msgspec import structs

from connectors.models import MeetingRecord
from harvester.analysis import safe_svg
from harvester.analysis.headline import figures, sentences
from harvester.analysis.report_data import ReportData
from harvester.analysis.sections import sections
from tests.invented_meetings import full_harvest, plain
from tests.unit.analysis import test_figures
from tests.unit.analysis.record_strategies import documents

ONE = re.compile(r"(?<![\d,.:-])1 (\w+)")
"""What is counted once."""


def data(*records: MeetingRecord, **totals: object) -> ReportData:
    found = test_figures.figures(documents([*records] or [full_harvest(), plain(1)]))
    return replace(found, totals={**found.totals, **totals})


def texts(shown: ReportData) -> Iterator[str]:
    """All sentences of the page."""
    yield from (text for _, text in figures(shown))
    yield from sentences(shown)
    for section in sections(shown):
        yield from section.intro
        yield from section.facts
        yield from (meeting.summary for meeting in section.meetings)


@pytest.fixture(autouse=True)
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safe_svg, "draw", lambda _spec, label: f'<svg aria-label="{label}"/>')


def test_what_is_counted_once_has_a_singular() -> None:
    numbers = [name for name, value in data().totals.items() if isinstance(value, int | float)]
    once = data(**dict.fromkeys([*numbers, "median_people"], 1), missed_at="zoom", unattested_at="zoom")
    once = replace(once, read=replace(once.read, unreadable=1, lines=1, bookings=1, superseded=1))
    found = list(texts(once))
    nouns = [noun for text in found for noun in ONE.findall(text)]
    assert {"meeting", "person", "booking", "document", "line", "planned"} <= {*nouns}
    assert [noun for noun in nouns if noun.endswith("s") or noun == "people"] == []
    assert "1 meeting lasted more than a day." in found
    assert "Still going on when harvested: 1 meeting." in found


def test_what_is_zero_is_no_finding() -> None:
    numbers = [name for name, value in data().totals.items() if isinstance(value, int) and name != "sized"]
    none = data(**dict.fromkeys(numbers, 0))
    assert [text for text in [*sentences(none), *_facts(none)] if re.search(r"\b0 ", text)] == []


def _facts(shown: ReportData) -> list[str]:
    return [fact for section in sections(shown) for fact in section.facts]


@pytest.mark.parametrize(
    ("one", "missed", "text"),
    [
        (2, 0, "2 meetings (20 %) had only one person."),
        (0, 3, "3 planned meetings had no participants."),
        (1, 1, "1 meeting (10 %) had only one person; 1 planned meeting had no participants."),
    ],
)
def test_meetings_of_one_person_or_none_are_a_sentence(one: int, missed: int, text: str) -> None:
    found = sentences(data(one_person=one, missed=missed, sized=10, missed_at="zoom"))
    assert text in found


@pytest.mark.parametrize(
    ("size", "label"),
    [
        (None, "median length of a meeting"),
        (1, "median length of a meeting; median size: 1 person"),
        (2.5, "median length of a meeting; median size: 2.5 people"),
        (6.0, "median length of a meeting; median size: 6 people"),
    ],
)
def test_the_medians_are_called_so(size: float | None, label: str) -> None:
    assert label in [text for _, text in figures(data(median_people=size))]


@pytest.mark.parametrize(
    ("vendor", "reason"),
    [
        ("zoom", "no quality was harvested; harvest Zoom with --qos"),
        ("webex", "no quality was harvested"),
    ],
)
def test_without_quality_the_reason_is_that_none_was_harvested(vendor: str, reason: str) -> None:
    record = full_harvest()
    meeting = replace(record.meeting, vendor=vendor, quality=None)
    stays = [structs.replace(each, quality=None) for each in record.sessions]
    found = figures(data(replace(record, meeting=meeting, sessions=stays)))
    assert found[-1] == ("–", f"of the sessions were poor: {reason}")
