"""The bare cost of Google's Reports: the rows of a day, the people, and the event of each conference."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any

import requests
from google.auth.exceptions import RefreshError
from google.auth.transport.requests import Request
from google.oauth2 import service_account

from benchmarks.baseline.client import SECONDS, THREADS, line, parsed

_SCOPES = "https://www.googleapis.com/auth/"
_reports = f"{os.environ['GOOGLE_ADMIN_API_URL']}/admin/reports/v1/activity/users/all/applications/meet"
_directory = f"{os.environ['GOOGLE_ADMIN_API_URL']}/admin/directory/v1/users"
_calendar = os.environ["GOOGLE_CALENDAR_API_URL"]
_key = service_account.Credentials.from_service_account_file(os.environ["GOOGLE_CREDENTIALS"])  # type: ignore[no-untyped-call]  # google-auth does not annotate this function
_local = threading.local()
_tokens: dict[tuple[str, str], str] = {}
_refused: set[str] = set()


def authorization(user: str, scope: str) -> dict[str, str]:
    if (user, scope) not in _tokens:
        acting = _key.with_subject(user).with_scopes([_SCOPES + scope])
        acting.refresh(Request())  # type: ignore[no-untyped-call]  # google-auth does not annotate this function
        _tokens[user, scope] = str(acting.token)
    return {"Authorization": f"Bearer {_tokens[user, scope]}"}


def answer(url: str, user: str, scope: str, **params: str) -> dict[str, Any]:
    if not hasattr(_local, "session"):
        _local.session = requests.Session()
    found = _local.session.get(url, params=params, headers=authorization(user, scope), timeout=SECONDS)
    return parsed(found.content)


def rows(url: str, key: str, scope: str, **params: str) -> Iterator[dict[str, Any]]:
    page = ""
    while True:
        more = {"pageToken": page} if page else {}
        body = answer(url, os.environ["GOOGLE_ADMIN"], scope, **params, **more)
        yield from body.get(key, ())
        page = body.get("nextPageToken", "")
        if not page:
            return


def event_of(row: dict[str, Any]) -> tuple[str, str] | None:
    values = {one["name"]: one.get("value") for one in row["events"][-1].get("parameters", ())}
    owner, event = values.get("organizer_email"), values.get("calendar_event_id")
    return (owner, event) if owner and event else None


def topic(event: tuple[str, str]) -> bytes:
    owner, name = event
    if owner in _refused:
        return b""
    try:
        return line(answer(f"{_calendar}/calendars/{owner}/events/{name}", owner, "calendar.events.readonly"))
    except RefreshError:  # suspended users cannot be impersonated
        _refused.add(owner)
        return b""


def main(first: date, last: date) -> None:
    day = timedelta(days=1)
    since, until = f"{first - day}T00:00:00.000Z", f"{last + day}T00:00:00.000Z"
    people = {person["primaryEmail"] for person in rows(
        _directory, "users", "admin.directory.user.readonly", customer="my_customer", maxResults="500"
    )}  # fmt: skip
    events: set[tuple[str, str]] = set()
    for row in rows(
        _reports, "items", "admin.reports.audit.readonly",
        eventName="call_ended", startTime=since, endTime=until, maxResults="1000",
    ):  # fmt: skip
        sys.stdout.buffer.write(line(row))
        found = event_of(row)
        if found is not None and found[0] in people:
            events.add(found)
    with ThreadPoolExecutor(THREADS) as pool:
        for text in pool.map(topic, sorted(events)):
            sys.stdout.buffer.write(text)


if __name__ == "__main__":
    main(date.fromisoformat(sys.argv[1]), date.fromisoformat(sys.argv[2]))
