"""Requests and output that are the same for every vendor."""

from __future__ import annotations

import json
import threading
from typing import Any

import orjson
import requests

THREADS = 8
SECONDS = 60

_local = threading.local()


def session(authorization: str) -> requests.Session:
    """One for each thread."""
    if not hasattr(_local, "session"):
        _local.session = requests.Session()
        _local.session.headers["Authorization"] = authorization
    found: requests.Session = _local.session
    return found


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
