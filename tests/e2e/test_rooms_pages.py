"""The board and the door panels of `harvester rooms serve` in a real browser."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest

from tests.e2e.browser import Browser, browser
from tests.e2e.rooms_bench import Bench, free_port, http, rooms_bench, wait_for

SIZES = [(800, 480), (1280, 800), (390, 844)]
PAGES = ["/", "/room/Aurora", f"/room/{quote('Købmand')}"]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as started:
        yield started


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Bench, str]]:
    """Rooms in the present, since the page compares the age of its data with the browser's clock."""
    now = datetime.now(UTC).replace(microsecond=0)
    with rooms_bench(tmp_path_factory.mktemp("pages"), rooms=15, now=now) as bench:
        port = free_port()
        bench.rooms.channels.delivery.forward = f"http://127.0.0.1:{port}"
        words = ("serve", "--meet", "--push", "https://rooms.example.org", "--port", str(port))
        with bench.running(*words):
            url = f"http://127.0.0.1:{port}"
            wait_for(lambda: is_ready(bench, url))
            yield bench, url


def is_ready(bench: Bench, url: str) -> bool:
    try:
        return http(url + "/healthz")[0] == 200 and len(bench.rooms.channels.rows()) == 15
    except OSError:
        return False


def show(page: Browser, url: str) -> None:
    page.driver.get_log("browser")
    page.driver.get_log("performance")
    page.driver.get(url)


def text(page: Browser) -> str:
    found: str = page.script("return document.body.innerText")
    return found


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", PAGES)
def test_every_page_fits_and_is_accessible(
    path: str, scheme: str, width: int, height: int, chromium: Browser, served: tuple[Bench, str]
) -> None:
    _, url = served
    chromium.size(width, height)
    chromium.scheme(scheme)
    show(chromium, url + path)
    assert chromium.messages() == []
    assert chromium.violations() == []
    assert {address.removeprefix(url).partition("?")[0] for address in chromium.requests()} <= {
        "/static/rooms.css", "/static/rooms.js", "/events", quote(path), path,
        *PAGES, *map(quote, PAGES),  # the page shown before may still have refreshed itself
    }  # fmt: skip
    assert chromium.script("return document.documentElement.scrollWidth <= window.innerWidth")
    if path != "/":
        assert chromium.script("return document.documentElement.scrollHeight <= window.innerHeight")


@pytest.mark.parametrize("path", ["/", "/room/Aurora"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_has_no_findings(path: str, scheme: str, chromium: Browser, served: tuple[Bench, str]) -> None:
    _, url = served
    chromium.size(1280, 800)
    chromium.scheme(scheme)
    show(chromium, url + path)
    assert chromium.findings() == []


def test_the_board_shows_the_truth_of_every_room(chromium: Browser, served: tuple[Bench, str]) -> None:
    bench, url = served
    chromium.size(1280, 800)

    def is_true() -> bool:
        show(chromium, url + "/")
        shown = chromium.script(
            "return Object.fromEntries([...document.querySelectorAll('.card')].map("
            "card => [card.querySelector('h2').innerText, card.innerText]))"
        )
        truth = bench.truth(bench.now())
        return shown.keys() == truth.keys() and all(
            (state["text"] if state["busy"] else "Free") in shown[room] for room, state in truth.items()
        )

    wait_for(is_true)  # at once, unless a meeting starts or ends just now


def test_a_change_appears_on_open_pages_at_once(chromium: Browser, served: tuple[Bench, str]) -> None:
    """By server-sent events: the page itself is reloaded every half minute only."""
    bench, url = served
    for path in ("/", "/room/Birch"):
        show(chromium, url + path)
        title = f"Shown on {path}"
        start = bench.now()
        began = time.monotonic()
        bench.rooms.control.put(
            room="Birch", id="shown12345", summary=title, start=start.isoformat(),
            end=(start + timedelta(hours=1)).isoformat(),
        )  # fmt: skip
        wait_for(lambda: title in text(chromium), 25)  # noqa: B023  # waits within the loop
        assert time.monotonic() - began < 25
        assert chromium.messages() == []


def test_a_room_to_which_no_one_joined_is_yellow_and_accessible(
    chromium: Browser, served: tuple[Bench, str]
) -> None:
    bench, url = served
    start = bench.now()
    calendar = bench.rooms.store.named("Glacier")
    for event in calendar.events():
        calendar.cancel(event.id, 0)
    organizer = next(each.organizer for each in bench.rooms.store.named("Aurora").events())
    bench.rooms.control.put(
        room="Glacier", summary="Quarterly", code="nob-odyc-ame", organizer=organizer,
        start=(start - timedelta(minutes=2)).isoformat(), end=(start + timedelta(hours=2)).isoformat(),
    )  # fmt: skip
    show(chromium, url + "/room/Glacier")
    wait_for(lambda: "No one has joined the meeting yet" in text(chromium))
    colour = "return getComputedStyle(document.querySelector('main')).backgroundColor"
    for width, height in SIZES:
        for scheme in ("light", "dark"):
            chromium.size(width, height)
            chromium.scheme(scheme)
            show(chromium, url + "/room/Glacier")
            assert chromium.count("main.panel.waiting") == 1
            assert chromium.script(colour) == "rgb(245, 184, 0)"
            assert chromium.findings() == []
            assert chromium.script("return document.documentElement.scrollHeight <= window.innerHeight")


def test_hostile_titles_are_text(chromium: Browser, served: tuple[Bench, str]) -> None:
    bench, url = served
    start = bench.now()
    title = "<img src=x onerror=alert(1)><script>document.title='owned'</script>"
    bench.rooms.control.put(
        room="Cedar", summary=title, start=start.isoformat(), end=(start + timedelta(hours=1)).isoformat()
    )
    show(chromium, url + "/room/Cedar")
    wait_for(lambda: title in text(chromium))
    assert chromium.script("return document.title") != "owned"
    assert chromium.script("return document.querySelectorAll('#live img, #live script').length") == 0
    assert chromium.violations() == []


def test_without_script_the_page_is_complete_and_reloads_itself(
    chromium: Browser, served: tuple[Bench, str]
) -> None:
    bench, url = served
    chromium.command("Emulation.setScriptExecutionDisabled", value=True)
    try:
        show(chromium, url + "/")
        assert chromium.count(".card") == 15
        assert chromium.count("noscript meta[http-equiv=refresh], head > meta[http-equiv=refresh]") == 1
        show(chromium, url + "/room/Aurora")
        assert chromium.count("main.panel") == 1
    finally:
        chromium.command("Emulation.setScriptExecutionDisabled", value=False)
    assert bench.truth(bench.now())
