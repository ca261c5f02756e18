"""Parley, simulated: an invented company's meetings of the last days, on a local port.

    python -m harvester_example.simulator > parley.env

It prints the settings that point the harvester at it, and serves until it is stopped.
"""

from __future__ import annotations

import json
import signal
import sys
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, time, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from threading import Event, Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

CLIENT_ID, CLIENT_SECRET = "inventedParleyClient", "inventedParleySecret"  # invented
PAGE_SIZE = 10
TOPICS = ("Stand-up", "Budget", "Interview", "Design review")
PEOPLE = ("Ada Okafor", "Bram Visser", "Chiara Conti", "Dev Patel", "Ewa Nowak")

Row = dict[str, Any]
Now = Callable[[], datetime]


def machine_now() -> datetime:
    return datetime.now(UTC)


class Account:
    """Nine meetings a day, each with every person; one of them leaves and comes back."""

    def __init__(self, now: Now, days: int) -> None:
        self.now = now
        self.tokens: set[str] = set()
        self._numbers = count(1)
        today = datetime.combine(now().date(), time(), UTC)
        starts = [
            today - timedelta(days=day, hours=-hour) for day in range(days, -1, -1) for hour in range(8, 17)
        ]
        self._meetings = [self._meeting(number, start) for number, start in enumerate(starts)]

    def issue_token(self) -> str:
        token = f"parley-token-{next(self._numbers)}"
        self.tokens.add(token)
        return token

    def meetings(self, start: str, end: str) -> list[Row]:
        now = self.now().isoformat()
        return [row for row in self._meetings if start <= row["started"] < end and row["ended"] <= now]

    def meeting(self, identifier: str) -> Row | None:
        return next((row for row in self._meetings if row["id"] == identifier), None)

    def stays(self, meeting: Row) -> list[Row]:
        start, end = (datetime.fromisoformat(meeting[name]) for name in ("started", "ended"))
        rows = [self._stay(meeting, number, name, start, end) for number, name in enumerate(PEOPLE)]
        middle = start + (end - start) / 2
        rows[1]["left"] = middle.isoformat()
        rows.append(self._stay(meeting, 1, PEOPLE[1], middle + timedelta(minutes=2), end, again=True))
        return rows

    @staticmethod
    def _meeting(number: int, start: datetime) -> Row:
        host = PEOPLE[number % len(PEOPLE)]
        return {
            "id": f"pm-{number:05}",
            "topic": TOPICS[number % len(TOPICS)],
            "host": {"name": host, "email": _email(host)},
            "started": start.isoformat(),
            "ended": (start + timedelta(minutes=45)).isoformat(),
            "join_link": f"https://parley.example/j/{number}?pwd={CLIENT_SECRET}",
            "passcode": CLIENT_SECRET,
        }

    @staticmethod
    def _stay(
        meeting: Row, number: int, name: str, start: datetime, end: datetime, again: bool = False
    ) -> Row:
        return {
            "stay_id": f"{meeting['id']}-{number}{'-again' if again else ''}",
            "name": name,
            "email": _email(name),
            "device": "browser",
            "address": f"192.0.2.{number + 1}",
            "joined": start.isoformat(),
            "left": end.isoformat(),
        }


def _email(name: str) -> str:
    return f"{name.lower().replace(' ', '.')}@parley.example"


def respond(account: Account, method: str, target: str, authorization: str) -> tuple[int, Row]:
    """The status and the body of a response."""
    parts = urlsplit(target)
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    if (method, parts.path) == ("POST", "/token"):
        pair = b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if authorization != f"Basic {pair}":
            return 401, {"error": "invalid_client"}
        return 200, {"access_token": account.issue_token(), "token_type": "bearer", "expires_in": 3600}
    if authorization.removeprefix("Bearer ") not in account.tokens:
        return 401, {"error": "invalid_token"}
    match parts.path.strip("/").split("/"):
        case ["meetings"]:
            start, end = query["from"].replace("Z", "+00:00"), query["to"].replace("Z", "+00:00")
            return 200, _page("meetings", account.meetings(start, end), query)
        case ["meetings", identifier] if meeting := account.meeting(identifier):
            return 200, meeting
        case ["meetings", identifier, "stays"] if meeting := account.meeting(identifier):
            return 200, _page("stays", account.stays(meeting), query)
    return 404, {"error": "not_found"}


def _page(key: str, rows: list[Row], query: dict[str, str]) -> Row:
    start = int(query.get("page", "0"))
    end = start + PAGE_SIZE
    return {key: rows[start:end], "next": str(end) if end < len(rows) else None}


@contextmanager
def serving(now: Now = machine_now, days: int = 7) -> Iterator[dict[str, str]]:
    """Serves until the end of the block; yields the settings that point the harvester at it."""
    account = Account(now, days)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._respond("GET")

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", "0")))
            self._respond("POST")

        def _respond(self, method: str) -> None:
            status, body = respond(account, method, self.path, self.headers.get("Authorization", ""))
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def date_time_string(self, _timestamp: float | None = None) -> str:
            return format_datetime(now(), usegmt=True)

        def log_message(self, *_args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield {
            "PARLEY_CLIENT_ID": CLIENT_ID,
            "PARLEY_CLIENT_SECRET": CLIENT_SECRET,
            "PARLEY_API_URL": f"http://127.0.0.1:{server.server_port}",
        }
        server.shutdown()
        thread.join()


def main() -> None:
    stopped = Event()
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with serving() as settings:
        sys.stdout.write("".join(f"{name}={value}\n" for name, value in settings.items()))
        sys.stdout.flush()
        stopped.wait()


if __name__ == "__main__":
    main()
