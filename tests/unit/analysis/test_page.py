"""The page: escaped and hidden texts, odd input, and the same bytes for the same documents."""

from __future__ import annotations

import json
import re
import resource
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from itertools import combinations
from math import dist
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from connectors import CONNECTORS
from connectors.attendance import to_record
from connectors.errors import ConfigurationError
from connectors.models import Session, session_key
from harvester.analysis import room_blocks, safe_svg
from harvester.analysis.page import policy, render
from harvester.analysis.safe_svg import rebuilt
from harvester.analysis.safe_text import clean, vendor_class
from tests.invented_meetings import full_harvest, full_session, plain, with_series
from tests.unit.analysis.record_strategies import documents
from tests.unit.analysis.test_figures import figures
from tests.unit.analysis.test_room_figures import CODES, WEEK, booked_at, held_at

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(1)>\u202e{{7*7}}'


def page(found: list[Any], **more: Any) -> str:
    script = more.pop("script", True)
    return render(figures(found, **more), title=more.pop("title", None), script=script)


_DRAWINGS: dict[str, str] = {}


@pytest.fixture(autouse=True)
def drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of the same documents share most of their charts, and each takes longer to draw than the rest of its page."""
    draw = safe_svg.draw

    def drawn(spec: Mapping[str, Any], label: str) -> str:
        chart = json.dumps([spec, label])
        if chart not in _DRAWINGS:
            _DRAWINGS[chart] = draw(spec, label)
        return _DRAWINGS[chart]

    monkeypatch.setattr(safe_svg, "draw", drawn)


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes most of the time of a page, and these tests look at the rest."""
    monkeypatch.setattr(safe_svg, "draw", lambda _spec, label: f'<svg aria-label="{label}"/>')


def test_hostile_texts_are_escaped_everywhere() -> None:
    meeting, session = documents([full_harvest()])
    texts = dict.fromkeys(
        ("user_name", "email", "app_version", "os", "country", "network_type", "topic"), HOSTILE
    )
    evil = [
        {
            **meeting,
            "vendor": HOSTILE,
            "uuid": HOSTILE,
            "topic": HOSTILE,
            "host": {"name": HOSTILE, "email": HOSTILE},
        },
        with_series({**session, "vendor": HOSTILE, "meeting": HOSTILE, **texts}),
    ]
    html = page(evil, meetings=[HOSTILE])
    assert "<script>alert" not in html
    assert "<img" not in html
    assert "\u202e" not in html
    assert "49" not in re.findall(r"<bdi>(.*?)</bdi>", html)
    assert html.count("<script>") == 1
    assert "&lt;script&gt;" in html


def test_people_are_in_the_page_only_on_request() -> None:
    found = documents([full_harvest()])
    hidden, shown = page(found, shows_people=False), page(found)
    names = ["Grace", "grace@", "ada@", "Ada Example", "Planning", "Ünïcödé"]
    assert [name for name in names if name in hidden] == []
    assert "Participant 1" in hidden
    assert [name for name in ("Grace", "Planning", "Ada Example") if name not in shown] == []
    assert "It holds personal data" in shown
    assert "192.0.2.7" not in shown


@pytest.mark.slow
def test_the_same_documents_in_another_order_give_the_same_bytes() -> None:
    found = documents([full_harvest(), plain(1), plain(2)])
    first = page(found)
    assert page(found[::-1]) == first
    assert page(found) == first


@pytest.mark.slow
def test_the_same_chart_gives_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    draw, charts = safe_svg.draw, []
    monkeypatch.setattr(safe_svg, "draw", lambda *chart: charts.append(chart) or draw(*chart))
    page(documents([full_harvest(), plain(1), plain(2)]))
    monkeypatch.undo()
    assert charts
    for chart in charts:
        assert safe_svg.draw(*chart) == draw(*chart)


@pytest.mark.slow
@pytest.mark.usefixtures("undrawn")
def test_every_vendor_has_a_page_without_the_figures_it_lacks() -> None:
    for vendor in ("zoom", "webex", "google-meet", "meetecho", "unheard-of"):
        found = [{**document, "vendor": vendor} for document in documents([plain(1), plain(2)])]
        html = page(found)
        assert "How well did it work?" not in html
        assert 'class="key c-' + vendor_class(vendor) in html


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("kept", ["meeting", "session"])
def test_only_meetings_and_only_sessions_have_a_page(kept: str) -> None:
    html = page([document for document in documents([plain(1), full_harvest()]) if document["kind"] == kept])
    assert "2 meetings" in html or ">2<" in html


@pytest.mark.usefixtures("undrawn")
def test_without_times_nothing_is_drawn_as_zero() -> None:
    record = plain(1)
    bare = replace(
        record.meeting, start_time=None, end_time=None, scheduled_start_time=record.meeting.start_time
    )
    stays = [Session(key=session_key("a"), user_name="A", join_time=record.meeting.start_time)]
    html = page(documents([to_record(bare, stays)]))
    assert "How many meetings run at once?" not in html
    assert "<dd>–</dd>" in html


def test_nothing_at_all_says_so() -> None:
    assert "There is no meeting that was held" in page([])


@pytest.mark.slow
def test_600_people_at_once_and_a_meeting_of_three_years_fit() -> None:
    record = plain(1)
    start = record.meeting.start_time
    assert start is not None
    crowd = [
        structs.replace(
            full_session(),
            key=str(n),
            id=f"u{n}",
            stay="meeting",
            breakout_id=None,
            join_time=start,
            leave_time=start + timedelta(minutes=20),
        )
        for n in range(600)
    ]
    html = page(
        documents(
            [
                to_record(record.meeting, crowd),
                replace(plain(2), meeting=replace(plain(2).meeting, start_time=start - timedelta(days=1100))),
            ]
        )
    )
    assert "560 more are in the table" in html
    assert re.search(r">\w{3} 2024<", html)


@pytest.mark.usefixtures("undrawn")
def test_the_script_can_be_left_out() -> None:
    html = page(documents([plain(1)]), script=False)
    assert "<script" not in html
    assert "script-src" not in html
    assert "script-src 'sha256-" in policy("a{}", "1")


def test_no_style_link_or_handler_is_in_the_page() -> None:
    html = page(documents([full_harvest(), plain(1)]))
    body = html.partition("</style>")[2].partition("<script>")[0]
    assert not re.search(r"\s(style|on\w+|src)=", body)
    assert re.findall(r'href="(?!#)', body) == []


def test_a_drawing_is_rebuilt_from_the_allow_list() -> None:
    drawing = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 10 10" onload="x()">'
        '<script>x()</script><style>*{}</style><a xlink:href="javascript:x()"><text>link</text></a><foreignObject/>'
        '<g><path d="M0,0h5" fill="url(http://x)" style="fill:red" onclick="x()" id="i"/><text fill="var(--zoom)">A&lt;b&gt;</text></g>'
        '<image href="http://x"/></svg>'
    )
    assert rebuilt(drawing, 'A "chart"') == (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 10 10" width="10" role="img" aria-label=\'A "chart"\'>'
        '<g><path d="M0,0h5"/><text fill="var(--zoom)">A&lt;b&gt;</text></g></svg>'
    )
    with pytest.raises(ValueError, match="not a drawing"):
        rebuilt("<html/>", "")


@given(st.text())
def test_clean_text_is_one_short_line_without_control_characters(text: str) -> None:
    cleaned = clean(text)
    assert len(cleaned) <= 80
    assert not re.search("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", cleaned)
    assert clean(cleaned) == cleaned


def test_an_unknown_vendor_never_becomes_a_class() -> None:
    assert vendor_class('x" onload="') == "other"


@pytest.mark.slow
@pytest.mark.usefixtures("undrawn")
def test_series_are_drawn_over_time(tmp_path: Path) -> None:
    meeting, session = documents([full_harvest()])
    assert "Each stream over time" in page([meeting, with_series(session)], meetings=[meeting["uuid"]])
    without = page([meeting, session])
    assert "Each stream, session by session" in without
    assert "as long as it lasted, at the height of its average" in without


def colours(style: str) -> dict[str, str]:
    return dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6})", style))


def luminance(colour: str) -> float:
    parts = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def style_colours(scheme: str) -> dict[str, str]:
    style = (Path(safe_svg.__file__).parent / "page.css").read_text(encoding="utf-8")
    light, _, dark = style.partition("prefers-color-scheme: dark")
    return colours(light) | (colours(dark) if scheme == "dark" else {})


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_has_enough_contrast(scheme: str) -> None:
    found = style_colours(scheme)
    pairs = [(ink, ground) for ink in ("text", "muted", "link") for ground in ("card", "page")]
    pairs += [(f"heat-ink-{n}", f"heat-{n}") for n in range(7)]
    for ink, ground in pairs:
        high, low = sorted((luminance(found[ink]), luminance(found[ground])), reverse=True)
        assert (high + 0.05) / (low + 0.05) >= 4.5, (ink, ground)


SIGHTS = {
    "normal": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "no red": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "no green": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.01182, 0.04294, 0.968881),
    ),
    "no blue": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.3039),
    ),
}
"""How people with each kind of cones missing see linear RGB: Machado, Oliveira and Fernandes 2009, severity 1."""


def seen(colour: str, sight: str) -> tuple[float, float, float]:
    """A colour in CIELAB, as it is seen."""
    parts = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    red, green, blue = (
        min(1.0, max(0.0, sum(part * c for part, c in zip(row, linear, strict=True))))
        for row in SIGHTS[sight]
    )
    x = (0.4124564 * red + 0.3575761 * green + 0.1804375 * blue) / 0.95047
    y = 0.2126729 * red + 0.7151522 * green + 0.072175 * blue
    z = (0.0193339 * red + 0.119192 * green + 0.9503041 * blue) / 1.08883
    a, b, c = (t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116 for t in (x, y, z))
    return 116 * b - 16, 500 * (a - b), 200 * (b - c)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("sight", SIGHTS)
def test_the_colours_of_vendors_differ_for_every_kind_of_sight(scheme: str, sight: str) -> None:
    """A difference of 25 is that of blue and purple; 2 is just visible side by side."""
    found = style_colours(scheme)
    for one, other in combinations(sorted(CONNECTORS), 2):
        assert dist(seen(found[one], sight), seen(found[other], sight)) > 25, (one, other)


def test_a_limit_is_neither_dashed_nor_in_a_colour_of_a_vendor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Medians are dashed, and lines of vendors have their colours."""
    specs: list[Mapping[str, Any]] = []
    monkeypatch.setattr(
        safe_svg, "draw", lambda spec, label: specs.append(spec) or f"<svg aria-label={label!r}/>"
    )
    page(documents([full_harvest()]))
    (latency,) = (spec for spec in specs if spec.get("title") == "Latency, ms")
    limit, *lines = latency["layer"]
    rule, text = limit["layer"]
    assert rule["mark"]["type"] == "rule"
    assert rule["mark"]["color"] == "var(--muted)"
    assert "strokeDash" not in rule["mark"]
    assert limit["data"]["values"] == [{"limit": 300, "text": "poor from 300"}]
    assert text["encoding"]["text"] == {"field": "text"}
    dashed = [line for line in lines if line["mark"]["strokeDash"] != [1, 0]]
    assert 0 < len(dashed) < len(lines)
    assert {line["encoding"]["color"]["field"] for line in lines} == {"colour"}


@pytest.mark.usefixtures("undrawn")
def test_the_sentences_do_not_repeat_the_figures_above_them() -> None:
    html = page(documents([full_harvest(), plain(1), plain(2)]))
    shown = {value for value in re.findall(r"<dd>(.*?)</dd>", html) if "%" in value}
    sentences = re.findall(
        r"<li>(.*?)</li>", html.partition('<ul class="sentences">')[2].partition("</ul>")[0]
    )
    assert shown
    assert sentences
    assert [sentence for sentence in sentences for value in shown if value in sentence] == []
    assert sentences[0].startswith("The busiest moment was ")


@pytest.mark.slow
@pytest.mark.usefixtures("undrawn")
def test_a_page_without_bookings_says_so_and_one_with_bookings_does_not() -> None:
    words = "There are no bookings of rooms among the documents"
    without = page(documents([plain(1)]))
    assert words in without
    assert "How are the rooms used?" not in without
    only = page([booked_at(0).document()])
    assert words not in only
    assert "How are the rooms used?" in only
    assert "There are no conferences of Google Meet" in only
    outside = page([booked_at(24 * 100).document(), *documents([plain(1)])])
    assert "No booking of a room is within the days of this report; on other days: 1 booking." in outside


@pytest.mark.slow
def test_rooms_have_charts_and_tables_and_hostile_names_are_escaped() -> None:
    found = [
        booked_at(0).document() | {"room": HOSTILE, "topic": HOSTILE, "host": {"name": HOSTILE}},
        booked_at(1, number=2).document() | {"calendar": HOSTILE, "room": HOSTILE},
        *documents([held_at(-1, CODES[1], 1), held_at(24, CODES[1], 2)]),
    ]
    html = page(found, selection=WEEK)
    assert "<script>alert" not in html
    assert "<img" not in html
    assert "\u202e" not in html
    for name in (
        "rooms",
        "bookings-and-meetings",
        "rooms-by-hour-of-the-week",
        "room-hours",
        "booked-and-never-held",
    ):
        assert f'<table data-name="{name}">' in html
    for label in ("Working hours booked by room", "Share of rooms booked, by weekday and hour"):
        assert f'aria-label="{label}"' in html
    assert "2 of 2 bookings of a room with a Meet code (100 %) were never held" in html
    assert page(found[::-1], selection=WEEK) == html


@pytest.mark.usefixtures("undrawn")
def test_a_long_list_of_bookings_is_cut_in_the_page_and_whole_in_the_tables(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(room_blocks, "MAX_LISTED", 3)
    booked = [booked_at(hours, number=hours).document() for hours in range(5)]
    data = figures(
        [*booked, *documents([held_at(-1, CODES[1], 1), held_at(24, CODES[1], 2)])], selection=WEEK
    )
    assert data.room_use is not None
    assert len(data.room_use.never_held.rows) == 5
    html = render(data, title=None, script=False)
    listed = html.partition('<table data-name="booked-and-never-held">')[2].partition("</table>")[0]
    assert listed.count("<tr>") == 1 + 3
    assert "Mon 16 Nov 2026 14:00" in listed  # the last one
    assert "The last 3 of 5; --csv writes all of them." in html


def test_too_little_address_space_is_named_before_the_library_ends_the_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    safe_svg.require_address_space.cache_clear()
    monkeypatch.setattr(resource, "getrlimit", lambda _kind: (8 * 10**9, resource.RLIM_INFINITY))
    with pytest.raises(ConfigurationError, match=r"ulimit -v unlimited"):
        safe_svg.draw({}, "a chart")
    monkeypatch.undo()
    safe_svg.require_address_space()
