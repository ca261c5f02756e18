"""The bare cost of Microsoft Teams: a listing of call records, and for each meeting its sessions with their segments."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import requests

from benchmarks.baseline.client import SECONDS, THREADS, Token, get, line, parsed

_base = f"{os.environ['TEAMS_API_URL']}/v1.0"


def request_token() -> str:
    answer = requests.post(
        f"{os.environ['TEAMS_LOGIN_URL']}/{os.environ['TEAMS_TENANT_ID']}/oauth2/v2.0/token",
        data={
            "grant_type": "client_credentials",
            "client_id": os.environ["TEAMS_CLIENT_ID"],
            "client_secret": os.environ["TEAMS_CLIENT_SECRET"],
            "scope": "https://graph.microsoft.com/.default",
        },
        timeout=SECONDS,
    )
    return str(answer.json()["access_token"])


_token = Token(request_token)


def rows(url: str, **params: str) -> Iterator[dict[str, Any]]:
    following: str | None = url
    while following:
        body = parsed(get(following, _token, params, absent={404}).content)
        yield from body.get("value", ())  # none if the record is too young
        following, params = body.get("@odata.nextLink"), {}


def whole(meeting: dict[str, Any]) -> bytes:
    found = rows(f"{_base}/communications/callRecords/{meeting['id']}/sessions", **{"$expand": "segments"})
    return b"".join(map(line, [meeting, *found]))


def main(first: date, last: date) -> None:
    start, end = (datetime.combine(day, time(), UTC) for day in (first, last + timedelta(days=1)))
    wanted = f"startDateTime ge {start:%Y-%m-%dT%H:%M:%SZ} and startDateTime lt {end:%Y-%m-%dT%H:%M:%SZ}"
    records = rows(f"{_base}/communications/callRecords", **{"$filter": wanted})
    meetings = [record for record in records if record["type"] == "groupCall"]
    with ThreadPoolExecutor(THREADS) as pool:
        for text in pool.map(whole, meetings):
            sys.stdout.buffer.write(text)


if __name__ == "__main__":
    main(date.fromisoformat(sys.argv[1]), date.fromisoformat(sys.argv[2]))
