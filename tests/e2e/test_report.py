"""The report in a real browser: it makes no request, runs no script, and is accessible."""

from __future__ import annotations

import base64
import re
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote

import pytest
from msgspec import structs
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from connectors import CONNECTORS
from connectors.attendance import to_record
from harvester.documents import encode, to_documents
from tests.e2e.browser import Browser, browser
from tests.e2e.harness import clean_environment, command
from tests.invented_meetings import full_harvest, full_session, plain, with_series

HOSTILE = "\"'><script>window.hacked=1</script><img src=http://127.0.0.1:9/x onerror=window.hacked=1><b style=color:red>\u202e=1+1"
INJECTED = '<script>window.hacked=1</script><img src="http://127.0.0.1:9/x" onerror="window.hacked=1"><p style="color:red">x</p>'


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as started:
        yield started


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`report.html` and `tables/` of documents with hostile texts only."""
    folder = tmp_path_factory.mktemp("report")
    texts = dict.fromkeys(
        ("user_name", "email", "app_version", "os", "country", "network_type", "topic"), HOSTILE
    )
    meeting, session = to_documents(full_harvest())
    evil = {"topic": HOSTILE, "host": {"name": HOSTILE, "email": HOSTILE}}
    start = full_harvest().meeting.start_time
    assert start is not None
    crowd = [
        structs.replace(
            full_session(), key=str(n), id=f"u{n}", join_time=start + timedelta(seconds=n), stay="meeting"
        )
        for n in range(60)
    ]
    found = [
        {**meeting, **evil, "vendor": HOSTILE, "uuid": HOSTILE},
        with_series({**session, **texts, "vendor": HOSTILE, "meeting": HOSTILE}),
        {**meeting, **evil},
        {**session, **texts},
        *to_documents(to_record(replace(full_harvest().meeting, uuid="crowd", vendor="webex"), crowd)),
        *(document for number in range(30) for document in to_documents(plain(number * 3000))),
    ]
    source = folder / "documents.ndjson"
    source.write_bytes(b"".join(encode(document) + b"\n" for document in found))
    words = (
        "report",
        str(source),
        "--people",
        "show",
        "--meeting",
        HOSTILE,
        "--title",
        HOSTILE,
        "--csv",
        str(folder / "tables"),
    )
    subprocess.run(
        command(*words, "-o", str(folder / "report.html")), check=True, env=clean_environment(), cwd=folder
    )
    small = [d for record in (full_harvest(), plain(1), plain(9_000)) for d in to_documents(record)]
    lines = b"".join(encode(document) + b"\n" for document in small)
    subprocess.run(
        command("report", "--people", "show", "-o", str(folder / "small.html")),
        input=lines,
        check=True,
        env=clean_environment(),
        cwd=folder,
    )
    return folder


@pytest.fixture
def page(chromium: Browser, folder: Path) -> Browser:
    chromium.size(1200)
    chromium.scheme("light")
    chromium.open(folder / "report.html")
    return chromium


def test_hostile_texts_cause_no_request_no_violation_and_no_message(page: Browser) -> None:
    for details in page.driver.find_elements(By.TAG_NAME, "summary")[:6]:
        details.click()
    assert page.requests() == []
    assert page.violations() == []
    assert page.messages() == []
    assert page.script("return window.hacked") is None
    assert page.count("svg") > 15


def test_the_policy_stops_markup_that_is_injected(chromium: Browser, folder: Path) -> None:
    """The control: without the policy the same markup runs, so the test above could fail."""
    html = (folder / "report.html").read_text(encoding="utf-8")
    guarded, open_ = folder / "guarded.html", folder / "open.html"
    guarded.write_text(html.replace("<header>", f"<header>{INJECTED}", 1), encoding="utf-8")
    without = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", html)
    open_.write_text(without.replace("<header>", f"<header>{INJECTED}", 1), encoding="utf-8")
    chromium.open(guarded)
    assert chromium.script("return window.hacked") is None
    assert chromium.requests() == []
    assert {name.partition("-")[0] for name in chromium.violations()} == {"script", "img", "style"}
    assert chromium.messages() != []
    chromium.open(open_)
    assert chromium.script("return window.hacked") == 1
    assert chromium.requests() == ["http://127.0.0.1:9/x"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 800, 1200, 1920, 2560])
def test_no_width_scrolls_sideways(page: Browser, width: int, scheme: str) -> None:
    page.size(width)
    page.scheme(scheme)
    page.script("document.querySelectorAll('details').forEach((each) => each.open = true)")
    assert page.script("return document.documentElement.scrollWidth <= innerWidth")
    assert (
        page.script("return getComputedStyle(document.body).backgroundColor")
        == {
            "light": "rgb(245, 247, 250)",
            "dark": "rgb(15, 21, 28)",
        }[scheme]
    )


def test_at_800_pixels_the_table_of_vendors_is_whole_and_below_a_shadow_shows_where_there_is_more(
    chromium: Browser, tmp_path: Path
) -> None:
    harvests = [
        replace(
            full_harvest(), meeting=replace(full_harvest().meeting, vendor=vendor, uuid=f"{vendor} {number}")
        )
        for vendor in CONNECTORS
        for number in range(100)
    ]
    lines = b"".join(encode(document) + b"\n" for each in harvests for document in to_documents(each))
    file = tmp_path / "vendors.html"
    subprocess.run(command("report", "-o", str(file)), input=lines, check=True, env=clean_environment())
    chromium.size(800)
    chromium.open(file)
    hidden = """
        const around = document.querySelector('table[data-name=vendors]').parentElement;
        return around.scrollWidth - around.clientWidth"""
    assert chromium.script(
        "return document.querySelectorAll('table[data-name=vendors] tbody tr').length"
    ) == len(CONNECTORS)
    assert chromium.script(hidden) == 0
    chromium.size(390)
    assert chromium.script(hidden) > 0
    assert (
        chromium.script("return getComputedStyle(document.querySelector('.scroll')).backgroundAttachment")
        == "local, local, scroll, scroll"
    )


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1200, "light")])
def test_axe_has_no_findings(chromium: Browser, folder: Path, width: int, scheme: str) -> None:
    """On a page of few rows: axe-core looks at every cell."""
    chromium.size(width)
    chromium.scheme(scheme)
    chromium.open(folder / "small.html")
    chromium.script("document.querySelectorAll('details').forEach((each) => each.open = true)")
    assert chromium.findings() == []


def test_without_script_everything_is_there(chromium: Browser, folder: Path) -> None:
    chromium.open(folder / "report.html")
    with_script = [chromium.count(selector) for selector in ("svg", "table", "details")]
    chromium.command("Emulation.setScriptExecutionDisabled", value=True)
    try:
        chromium.open(folder / "report.html")
        assert [chromium.count(selector) for selector in ("svg", "table", "details")] == with_script
        assert chromium.count("a.save") == 0
    finally:
        chromium.command("Emulation.setScriptExecutionDisabled", value=False)


def test_the_keyboard_sorts_tables_and_opens_details(page: Browser) -> None:
    head = page.driver.find_element(By.CSS_SELECTOR, "table[data-name=vendors] th:nth-child(2) button")
    cells = "return [...document.querySelectorAll('table[data-name=vendors] tbody tr')].map(r => +r.cells[1].textContent)"
    down = page.script(cells)
    head.send_keys(Keys.ENTER)
    assert page.script(cells) == sorted(down, reverse=True)
    head.send_keys(Keys.SPACE)
    assert page.script(cells) == sorted(down)
    summary = page.driver.find_element(By.TAG_NAME, "summary")
    summary.send_keys(Keys.ENTER)
    assert page.script("return document.querySelector('details').open")


def test_a_saved_table_is_the_file_of_the_command_line(page: Browser, folder: Path) -> None:
    page.script(
        "document.querySelectorAll('a.save').forEach(a => { a.addEventListener('click', e => e.preventDefault()); a.click() })"
    )
    saved = page.script("return [...document.querySelectorAll('a.save')].map(a => [a.download, a.href])")
    files = {path.name: path.read_bytes() for path in (folder / "tables").iterdir()}
    found = {name: unquote(href.partition(",")[2]).encode() for name, href in saved if name in files}
    assert len(found) > 8
    assert found == {name: files[name] for name in found}


def test_print_keeps_the_colours_of_keys_and_every_column(page: Browser) -> None:
    page.size(720)  # A4 between margins
    page.command("Emulation.setEmulatedMedia", media="print")
    try:
        key = "return getComputedStyle(document.querySelector('.key')).getPropertyValue('print-color-adjust')"
        assert page.script(key) == "exact"
        wider = """
            return [...document.querySelectorAll('section > .blocks > .block > .scroll > table')]
                .filter((table) => table.getBoundingClientRect().right > table.closest('section').getBoundingClientRect().right)
                .map((table) => table.dataset.name)"""
        assert page.script(wider) == []
    finally:
        page.command("Emulation.setEmulatedMedia", media="")


def test_it_prints_on_a_few_pages(page: Browser) -> None:
    pdf = base64.b64decode(page.driver.print_page())
    assert pdf.startswith(b"%PDF")
    assert 3 <= len(re.findall(rb"/Type\s*/Page\b", pdf)) <= 40
