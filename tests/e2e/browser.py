"""Headless Chromium, and what it reports of a page: requests, violations of the page's policy, messages."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

_WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => window.violations.push(event.violatedDirective));
"""


class Browser:
    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def open(self, page: Path) -> None:
        self.driver.get_log("performance")
        self.driver.get_log("browser")
        self.driver.get(page.as_uri())

    def command(self, name: str, **arguments: Any) -> Any:
        return self.driver.execute_cdp_cmd(name, arguments)

    def script(self, code: str) -> Any:
        return self.driver.execute_script(code)

    def requests(self) -> list[str]:
        """The URLs that the page has requested, without its own and without those that its policy blocked."""
        sent: dict[str, str] = {}
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            parameters = message["params"]
            if message["method"] == "Network.requestWillBeSent":
                sent[parameters["requestId"]] = parameters["request"]["url"]
            if message["method"] == "Network.loadingFailed" and parameters.get("blockedReason") == "csp":
                sent.pop(parameters["requestId"], None)
        return [
            url for url in sent.values() if url != self.driver.current_url and urlsplit(url).scheme != "data"
        ]

    def violations(self) -> list[str]:
        found: list[str] = self.script("return window.violations")
        return found

    def messages(self) -> list[str]:
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def size(self, width: int, height: int = 900) -> None:
        self.command(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )

    def scheme(self, name: str) -> None:
        self.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])

    def findings(self) -> list[str]:
        """What axe-core finds wrong with the page."""
        self.script(files("axe_core_python").joinpath("axe.min.js").read_text(encoding="utf-8"))
        result = self.driver.execute_async_script("const done = arguments[0]; axe.run().then(done)")
        return [f"{found['id']}: {found['nodes'][0]['html'][:200]}" for found in result["violations"]]

    def count(self, selector: str) -> int:
        """How many elements match, without any script."""
        root = self.command("DOM.getDocument")["root"]["nodeId"]
        return len(self.command("DOM.querySelectorAll", nodeId=root, selector=selector)["nodeIds"])


@contextmanager
def browser() -> Iterator[Browser]:
    """Skips the test if there is no Chromium, and none could be installed (`make browser`)."""
    found = os.environ.get("CHROMEDRIVER") or shutil.which("chromedriver")
    if found is None:
        pytest.skip(
            "NOT CHECKED: the tests of the report need Chromium and its driver: apt-get install chromium chromium-driver, or name a "
            "chromedriver in CHROMEDRIVER"
        )
    options = webdriver.ChromeOptions()
    for word in (
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--hide-scrollbars",
        "--disable-gpu",
    ):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(executable_path=found))
    try:
        driver.set_script_timeout(60)
        started = Browser(driver)
        started.command("Page.addScriptToEvaluateOnNewDocument", source=_WATCH)
        yield started
    finally:
        driver.quit()
