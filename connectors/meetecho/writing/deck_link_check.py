"""Whether the URL of each deck answers. Meetecho may fetch a deck while it answers the request that names it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from urllib.parse import urljoin, urlsplit

import requests

from connectors.concurrency import ordered_map
from connectors.meetecho.writing.desired_state import Deck
from connectors.proxies_and_certificates import network_settings

SECONDS = 5.0
MAX_REDIRECTS = 3
CONCURRENCY = 4

_LOGIN_WORDS = ("login", "signin", "sign-in", "sso")


LinkCheck = Callable[[Sequence[Deck]], list[str]]
"""What is wrong with the decks, a line for each that does not answer."""


def check_links(decks: Sequence[Deck], *, concurrency: int = CONCURRENCY) -> list[str]:
    """Requests the URL of each deck, without credentials, and reads no more than the head of the answer.

    A deck answers with 2xx within 5 seconds, after at most three redirects on the same host, none of them to a login.
    """
    if not decks:
        return []
    problems = ordered_map(_problem, decks, workers=max(1, concurrency), name="deck")
    return [
        f"deck {deck.id} ({deck.title}): {problem}"
        for deck, problem in zip(decks, problems, strict=True)
        if problem is not None
    ]


def _problem(deck: Deck) -> str | None:
    url = deck.url
    for _ in range(MAX_REDIRECTS + 1):
        try:
            status, location = _head(url)
        except requests.Timeout:
            return "its URL does not answer in time"
        except (requests.RequestException, ValueError):
            return "its URL does not answer"
        if not 300 <= status < 400 or location is None:
            return None if 200 <= status < 300 else f"its URL answers with status {status}"
        target = urljoin(url, location)
        if urlsplit(target)[:2] != urlsplit(url)[:2]:
            return "its URL redirects to another host"
        if any(word in urlsplit(target).path.lower() for word in _LOGIN_WORDS):
            return "its URL redirects to a login"
        url = target
    return f"its URL redirects more than {MAX_REDIRECTS} times"


def _head(url: str) -> tuple[int, str | None]:
    """The status and the `Location` of the answer to a GET."""
    settings = network_settings(url)
    with requests.Session() as session:
        session.trust_env = False
        session.headers["User-Agent"] = "meeting-harvester"
        with session.get(
            url,
            timeout=SECONDS,
            allow_redirects=False,
            stream=True,
            proxies=dict(settings.proxies),
            verify=settings.ca_bundle or True,
        ) as response:
            return response.status_code, response.headers.get("Location")
