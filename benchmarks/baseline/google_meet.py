"""The bare cost of Google's Reports: the rows of a day, the people, and the event of each conference."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any

from google.auth.exceptions import RefreshError
from google.auth.transport.requests import Request
from google.oauth2 import service_account

from benchmarks.baseline.client import THREADS, Token, get, line, parsed

_SCOPES = "https://www.googleapis.com/auth/"
_reports = f"{os.environ['GOOGLE_ADMIN_API_URL']}/admin/reports/v1/activity/users/all/applications/meet"
_directory = f"{os.environ['GOOGLE_ADMIN_API_URL']}/admin/directory/v1/users"
_calendar = os.environ["GOOGLE_CALENDAR_API_URL"]
_key = service_account.Credentials.from_service_account_file(os.environ["GOOGLE_CREDENTIALS"])
_tokens: dict[tuple[str, str], Token] = {}
_refused: set[str] = set()


def token(user: str, scope: str) -> Token:
    """The token for acting as a user."""

    def request_token() -> str:
        acting = _key.with_subject(user).with_scopes([_SCOPES + scope])
        acting.refresh(Request())
        return str(acting.token)

    if (user, scope) not in _tokens:
        _tokens[user, scope] = Token(request_token)
    return _tokens[user, scope]


def answer(
    url: str, user: str, scope: str, params: Mapping[str, str] | None = None, *, absent: Collection[int] = ()
) -> dict[str, Any]:
    return parsed(get(url, token(user, scope), params, absent=absent).content)


def rows(url: str, key: str, scope: str, **params: str) -> Iterator[dict[str, Any]]:
    page = ""
    while True:
        more = {"pageToken": page} if page else {}
        body = answer(url, os.environ["GOOGLE_ADMIN"], scope, {**params, **more})
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
        url = f"{_calendar}/calendars/{owner}/events/{name}"
        return line(answer(url, owner, "calendar.events.readonly", absent={403, 404, 410}))
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
