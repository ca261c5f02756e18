"""The bare cost of Zoom's Dashboard."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any
from urllib.parse import quote

import requests

from benchmarks.baseline.client import SECONDS, THREADS, Token, get, line, parsed

_base = os.environ["ZOOM_API_URL"]


def request_token() -> str:
    answer = requests.post(
        os.environ["ZOOM_TOKEN_URL"],
        data={"grant_type": "account_credentials", "account_id": os.environ["ZOOM_ACCOUNT_ID"]},
        auth=(os.environ["ZOOM_CLIENT_ID"], os.environ["ZOOM_CLIENT_SECRET"]),
        timeout=SECONDS,
    )
    return str(answer.json()["access_token"])


_token = Token(request_token)


def rows(path: str, key: str, **params: str) -> Iterator[dict[str, Any]]:
    next_page = ""
    while True:
        page = {**params, "page_size": "300", "next_page_token": next_page}
        answer = get(_base + path, _token, page, absent={404})
        body = parsed(answer.content)
        yield from body.get(key, ())  # none if the meeting has been deleted
        next_page = body.get("next_page_token", "")
        if not next_page:
            return


def participants(listed: tuple[str, str]) -> bytes:
    uuid, which = listed
    path = quote(uuid, safe="")
    if uuid.startswith("/") or "//" in uuid:
        path = quote(path, safe="")
    found = rows(f"/metrics/meetings/{path}/participants", "participants", type=which)
    return b"".join(map(line, found))


def main(first: date, last: date) -> None:
    day = timedelta(days=1)
    wide = {"from": (first - day).isoformat(), "to": (last + day).isoformat()}
    days = {(first + day * n).isoformat() for n in range((last - first).days + 1)}
    for status in ("active", "inactive"):
        for _ in rows("/users", "users", status=status):
            pass

    def listed() -> Iterator[tuple[str, str]]:
        for which in ("past", "pastOne"):
            for row in rows("/metrics/meetings", "meetings", type=which, **wide):
                if not row["start_time"] or row["start_time"][:10] in days:
                    yield row["uuid"], which

    with ThreadPoolExecutor(THREADS) as pool:
        for text in pool.map(participants, list(listed())):
            sys.stdout.buffer.write(text)


if __name__ == "__main__":
    main(date.fromisoformat(sys.argv[1]), date.fromisoformat(sys.argv[2]))
