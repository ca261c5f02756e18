"""Requests and output that are the same for every vendor."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Collection, Mapping
from typing import Any

import orjson
import requests

THREADS = 8
SECONDS = 60

_local = threading.local()


class Token:
    """An access token for all threads. It is renewed when it has expired: simulated hours pass in seconds."""

    def __init__(self, request: Callable[[], str]) -> None:
        self._request = request
        self._lock = threading.Lock()
        self.value = request()

    def renew(self, expired: str) -> None:
        with self._lock:
            if self.value == expired:
                self.value = self._request()


def get(
    url: str, token: Token, params: Mapping[str, str] | None = None, *, absent: Collection[int] = ()
) -> requests.Response:
    """The response. Raises HTTPError for any error but those in `absent`, which say that there is nothing."""
    used = token.value
    response = _send(url, used, params)
    if response.status_code == 401:
        token.renew(used)
        response = _send(url, token.value, params)
    if response.status_code not in absent:
        response.raise_for_status()
    return response


def _send(url: str, token: str, params: Mapping[str, str] | None) -> requests.Response:
    if not hasattr(_local, "session"):  # one for each thread
        _local.session = requests.Session()
    session: requests.Session = _local.session
    return session.get(url, params=params, headers={"Authorization": f"Bearer {token}"}, timeout=SECONDS)


def parsed(content: bytes) -> dict[str, Any]:
    try:
        found: dict[str, Any] = orjson.loads(content)
    except orjson.JSONDecodeError:  # a lone surrogate, on one page of thousands
        found = json.loads(content)
    return found


def line(row: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(row) + b"\n"
    except orjson.JSONEncodeError:
        return json.dumps(row).encode() + b"\n"
