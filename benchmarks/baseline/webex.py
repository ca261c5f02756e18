"""The bare cost of Webex: a listing, and for each meeting its participants and its quality."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import requests

from benchmarks.baseline.client import SECONDS, THREADS, Token, get, line, parsed

_base = os.environ["WEBEX_API_URL"]
_analytics = os.environ["WEBEX_ANALYTICS_URL"]


def request_token() -> str:
    answer = requests.post(
        f"{_base}/access_token",
        data={
            "grant_type": "refresh_token",
            "client_id": os.environ["WEBEX_CLIENT_ID"],
            "client_secret": os.environ["WEBEX_CLIENT_SECRET"],
            "refresh_token": os.environ["WEBEX_REFRESH_TOKEN"],
        },
        timeout=SECONDS,
    )
    return str(answer.json()["access_token"])


_token = Token(request_token)


def rows(url: str, **params: str) -> Iterator[dict[str, Any]]:
    following: str | None = url
    while following:
        answer = get(following, _token, params)
        yield from parsed(answer.content).get("items", ())
        following, params = answer.links.get("next", {}).get("url"), {}


def whole(meeting: dict[str, Any]) -> bytes:
    uuid = meeting["id"]
    found = [*rows(f"{_base}/meetingParticipants", meetingId=uuid, max="100", hostEmail=meeting["hostEmail"])]
    if meeting["state"] == "ended":
        answer = get(f"{_analytics}/meeting/qualities", _token, {"meetingId": uuid, "max": "1000"})
        found += parsed(answer.content)["items"]
    return b"".join(map(line, found))


def main(first: date, last: date) -> None:
    day = timedelta(days=1)
    start = datetime.combine(first, time(), UTC)
    meetings = rows(
        f"{_base}/meetings",
        meetingType="meeting",
        max="100",
        **{"from": start.isoformat(), "to": datetime.combine(last + day, time(), UTC).isoformat()},
    )
    with ThreadPoolExecutor(THREADS) as pool:
        for text in pool.map(whole, {meeting["id"]: meeting for meeting in meetings}.values()):
            sys.stdout.buffer.write(text)


if __name__ == "__main__":
    main(date.fromisoformat(sys.argv[1]), date.fromisoformat(sys.argv[2]))
