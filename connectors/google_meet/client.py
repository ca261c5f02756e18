"""Asking Google: googleapiclient builds every request, the project's HTTP layer sends it.

The library's own transport is not used: it is not safe for threads, and its retries know no `Retry-After`
(https://github.com/googleapis/google-api-python-client/blob/main/docs/thread_safety.md). What it builds is an address, a
method, headers and a body, of which it knows the rules: quoting, path patterns, repeated parameters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from threading import RLock
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from googleapiclient.discovery import build
from googleapiclient.http import HttpRequest

from connectors.base import Context, Settings
from connectors.errors import BrokenResponse, VendorError
from connectors.google_meet.auth import GoogleTokens
from connectors.google_meet.endpoints import SERVICES, VENDOR, Service
from connectors.google_meet.errors import response_classifier
from connectors.http import Api, paginate
from connectors.rate_limit import CombinedLimiter, Limiter, RateLimiter

Row = Mapping[str, Any]

MAX_URL_LENGTH = 2048
"""Beyond it, a GET is sent as a POST that says it is one: so does the library."""

RESTARTS = 3
"""How often a listing is begun again because its page token was refused, before that is an error."""

_SESSIONS_OWN = frozenset({"user-agent", "accept-encoding", "accept"})


class PageTokenRefused(VendorError):
    """The next page is refused (400, 410): page tokens live for a time that is not documented everywhere."""


class _Unused:
    """Where the library wants a transport; it is never asked for anything."""

    def close(self) -> None:
        pass


class GoogleClient:
    """Safe for many threads."""

    def __init__(self, settings: Settings, tokens: GoogleTokens, context: Context) -> None:
        self._settings = settings
        self._tokens = tokens
        self._context = context
        self._lock = RLock()
        self._apis: dict[str, Api] = {}
        self._services: dict[str, Any] = {}
        self._resources: dict[tuple[str, str], Any] = {}
        self._paces: dict[tuple[str, str], Limiter] = {}
        self._projects = {
            s.scope: self._pace(s.per_minute_project) for s in SERVICES if s.per_minute_project is not None
        }

    def call(self, service: Service, subject: str, path: str, method: str, **params: Any) -> dict[str, Any]:
        """One answer. `path`: the resource with dots between its parts (`conferenceRecords.participants`); `subject`:
        as whom. Raises VendorError for parameters that the library does not take for an id."""
        try:
            built: HttpRequest = getattr(self._resource(service, path), method)(**params)
        except TypeError:
            raise VendorError(
                f"{VENDOR}: {path}.{method}: an id that is none, by the API's own description", status=400
            ) from None
        call = str(built.methodId).partition(".")[2]
        verb, address, sent, body = _told(built)
        answer = self._api(service).send(
            verb,
            call,
            address,
            data=body,
            headers=sent,
            limiter=self._pace_of(service, subject),
            auth=self._tokens.auth_for(service, subject),
        )
        if not isinstance(answer.body, dict):
            raise BrokenResponse(f"{VENDOR}: {call}: an answer that is no object")
        return answer.body

    def pages(
        self, service: Service, subject: str, path: str, rows: str, **params: Any
    ) -> Iterator[list[Row]]:
        """Page by page, from the first to the one without a next. A page may be empty, and an answer without the list
        is an empty one: Google leaves out what is empty. Raises PageRefused for a page token that is not taken."""
        call = f"{VENDOR}: {path}.list"

        def ask(token: str) -> dict[str, Any]:
            more = {"pageToken": token} if token else {}
            try:
                return self.call(service, subject, path, "list", **params, **more)
            except VendorError as error:
                if token and error.status in {400, 410}:
                    raise PageTokenRefused(str(error), status=error.status) from None
                raise

        for page in paginate(ask, lambda answer: str(answer.get("nextPageToken") or ""), call=call):
            yield rows_in(page, rows, call)

    def all_rows(self, service: Service, subject: str, path: str, rows: str, **params: Any) -> list[Row]:
        """Every row of a listing; after a refused page token from its beginning."""
        for left in reversed(range(RESTARTS + 1)):
            try:
                return [row for page in self.pages(service, subject, path, rows, **params) for row in page]
            except PageTokenRefused:
                if not left:
                    raise
        raise AssertionError("the last round returns or raises")

    def _resource(self, service: Service, path: str) -> Any:
        """The library makes a class for every resource whenever it is asked for one: it is asked once."""
        key = service.scope, path
        found = self._resources.get(key)
        if found is None:
            with self._lock:
                found = self._service(service)
                for part in path.split("."):
                    found = getattr(found, part)()
                self._resources[key] = found
        return found

    def _service(self, service: Service) -> Any:
        found = self._services.get(service.scope)
        if found is None:
            found = build(
                service.name,
                service.version,
                http=_Unused(),  # without it, or credentials, the library looks for some by itself
                static_discovery=True,
                cache_discovery=False,
                client_options={"api_endpoint": self.url(service) + "/"},
            )
            self._services[service.scope] = found
        return found

    def _api(self, service: Service) -> Api:
        with self._lock:
            if service.scope not in self._apis:
                self._apis[service.scope] = Api(
                    VENDOR,
                    self.url(service),
                    self._context,
                    classify=response_classifier(service, self._context),
                )
            return self._apis[service.scope]

    def url(self, service: Service) -> str:
        return (self._settings.get(service.setting) or service.url).rstrip("/")

    def _pace_of(self, service: Service, subject: str) -> Limiter:
        key = service.scope, subject
        found = self._paces.get(key)
        if found is None:
            with self._lock:
                found = self._paces.get(key)
                if found is None:
                    own = self._pace(service.per_minute_user)
                    project = self._projects.get(service.scope)
                    found = self._paces[key] = own if project is None else CombinedLimiter(own, project)
        return found

    def _pace(self, a_minute: int) -> RateLimiter:
        return RateLimiter(self._context, calls=a_minute, per=60.0, share=self._settings.rate_share)


def _told(built: HttpRequest) -> tuple[str, str, dict[str, str], bytes | None]:
    """Method, address, headers and body of what the library built."""
    headers = {name: value for name, value in built.headers.items() if name.lower() not in _SESSIONS_OWN}
    body = None if built.body is None else str(built.body).encode()
    if built.method != "GET" or len(built.uri) <= MAX_URL_LENGTH:
        return built.method, built.uri, headers, body
    parts = urlsplit(built.uri)
    headers |= {"x-http-method-override": "GET", "content-type": "application/x-www-form-urlencoded"}
    return "POST", urlunsplit(parts._replace(query="")), headers, parts.query.encode("ascii")


def rows_in(page: Row, name: str, call: str) -> list[Row]:
    rows: Sequence[Any] = page.get(name, [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise BrokenResponse(f"{call}: an answer whose `{name}` is no list of objects")
    return rows
