"""Requests to Google: googleapiclient builds every request, and the project's HTTP layer sends it.

The library's own transport is not used: it is not thread-safe, and its retries ignore `Retry-After`
(https://github.com/googleapis/google-api-python-client/blob/main/docs/thread_safety.md). It
builds URL, method, headers and body by the rules of each API: quoting, path patterns, repeated parameters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from threading import Lock, RLock
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from googleapiclient.discovery import build
from googleapiclient.http import HttpRequest

from connectors.base import Context, Settings
from connectors.errors import BrokenResponse, VendorError
from connectors.google_meet.auth import GoogleTokens
from connectors.google_meet.endpoints import REPORTS, SERVICES, VENDOR, Service
from connectors.google_meet.errors import response_classifier
from connectors.http import Api
from connectors.paging import page_token, paginate
from connectors.rate_limit import CombinedLimiter, Limiter
from connectors.retry import VENDOR_LIMITS, RetryLimits

Row = Mapping[str, Any]

MAX_URL_LENGTH = 2048
"""A longer GET is sent as a POST with `x-http-method-override`, as the library does it."""

RESTARTS = 3
"""How often a listing starts again because its page token was refused, before that is an error."""

_SESSION_HEADERS = frozenset({"user-agent", "accept-encoding", "accept"})


class PageTokenRefused(VendorError):
    """The next page is refused (400, 410): page tokens expire after a time that is not documented for every API."""


class _UnusedTransport:
    """Passed to the library, which requires a transport; it is never used."""

    def close(self) -> None:
        pass


class GoogleClient:
    """Safe for all threads."""

    def __init__(
        self,
        settings: Settings,
        tokens: GoogleTokens,
        context: Context,
        limits: RetryLimits = VENDOR_LIMITS,
    ) -> None:
        self._settings = settings
        self._limits = limits
        self._tokens = tokens
        self._context = context
        self._lock = RLock()
        self._apis: dict[str, Api] = {}
        self._resources: dict[tuple[str, str], Any] = {}
        self._limiters: dict[tuple[tuple[str, str], str], Limiter] = {}
        self._project_limiters = {
            (s.name, s.version): self._new_limiter(f"{s.name} {s.version}", s.per_minute_project)
            for s in SERVICES
            if s.per_minute_project is not None
        }

    def call(self, service: Service, subject: str, path: str, method: str, **params: Any) -> dict[str, Any]:
        """The JSON object of one response; empty for a response without content. `path`: the resource, such as
        `conferenceRecords.participants`; `subject`: the user to act for. Raises VendorError for an id that the library
        refuses."""
        return self._call(service, subject, path, method, params, idempotent=True)

    def call_once(
        self, service: Service, subject: str, path: str, method: str, **params: Any
    ) -> dict[str, Any]:
        """Like `call`, for what must not be done twice: sent again only if Google did not process it (429)."""
        return self._call(service, subject, path, method, params, idempotent=False)

    def _call(
        self,
        service: Service,
        subject: str,
        path: str,
        method: str,
        params: Mapping[str, Any],
        *,
        idempotent: bool,
    ) -> dict[str, Any]:
        try:
            built: HttpRequest = getattr(self._resource(service, path), method)(**params)
        except TypeError:
            raise VendorError(
                f"{VENDOR}: {path}.{method}: an invalid id according to the API's description", status=400
            ) from None
        call = str(built.methodId).partition(".")[2]
        verb, url, headers, body = _parts(built)
        response = self._api(service).send(
            verb,
            call,
            url,
            data=body,
            headers=headers,
            limiter=self._limiter_for(service, subject),
            auth=self._tokens.auth_for(service, subject),
            idempotent=idempotent,
        )
        if response.status == 204 and built.method != "GET":
            return {}
        if not isinstance(response.body, dict) or "error" in response.body:
            raise BrokenResponse(
                f"{VENDOR}: {call}: a response that is not a JSON object, or an error ({response.status})"
            )
        return response.body

    def pages(
        self, service: Service, subject: str, path: str, rows: str, **params: Any
    ) -> Iterator[list[Row]]:
        """The rows page by page. A page may be empty; a response without the list is an empty page, since Google omits
        empty fields. Raises PageTokenRefused if a page token is refused."""
        call = f"{VENDOR}: {path}.list"

        def get_page(token: str) -> dict[str, Any]:
            next_page = {"pageToken": token} if token else {}
            try:
                return self.call(service, subject, path, "list", **params, **next_page)
            except VendorError as error:
                if token and error.status in {400, 410}:
                    raise PageTokenRefused(str(error), status=error.status) from None
                raise

        def next_token(page: Row) -> str:
            # Reports is the only service that is asked for all fields of a page.
            if service is REPORTS and "kind" not in page:
                raise BrokenResponse(f"{call}: a response without `kind`")
            return page_token(page.get("nextPageToken"), call=call)

        for page in paginate(get_page, next_token, lambda page: rows_in(page, rows, call), call=call):
            yield rows_in(page, rows, call)

    def all_rows(self, service: Service, subject: str, path: str, rows: str, **params: Any) -> list[Row]:
        """Every row of a listing, which starts again if its page token is refused."""
        for restarts in reversed(range(RESTARTS + 1)):
            try:
                return [row for page in self.pages(service, subject, path, rows, **params) for row in page]
            except PageTokenRefused:
                if not restarts:
                    raise
        raise AssertionError("the last round returns or raises")

    def _resource(self, service: Service, path: str) -> Any:
        key = service.scope, path
        found = self._resources.get(key)
        if found is None:
            found = self._resources[key] = _resource(service.name, service.version, self.url(service), path)
        return found

    def _api(self, service: Service) -> Api:
        with self._lock:
            if service.scope not in self._apis:
                self._apis[service.scope] = Api(
                    VENDOR,
                    self.url(service),
                    self._context,
                    classify=response_classifier(service, self._context),
                    limits=self._limits,
                )
            return self._apis[service.scope]

    def url(self, service: Service) -> str:
        return (self._settings.get(service.setting) or service.url).rstrip("/")

    def _limiter_for(self, service: Service, subject: str) -> Limiter:
        api = service.name, service.version
        key = api, subject
        found = self._limiters.get(key)
        if found is None:
            with self._lock:
                found = self._limiters.get(key)
                if found is None:
                    own = self._new_limiter(" ".join((*api, subject)), service.per_minute_user)
                    project = self._project_limiters.get(api)
                    found = self._limiters[key] = own if project is None else CombinedLimiter(own, project)
        return found

    def _new_limiter(self, name: str, a_minute: int) -> Limiter:
        return self._context.limiters.get(
            name, self._context, calls=a_minute, per=60.0, share=self._settings.rate_share
        )


_BUILDING = Lock()


def _resource(name: str, version: str, url: str, path: str) -> Any:
    """The library's object for a resource. It holds no credentials, so all clients of the process share it."""
    with _BUILDING:
        return _built(name, version, url, path)


@lru_cache(maxsize=64)
def _built(name: str, version: str, url: str, path: str) -> Any:
    """Cached because the library reads the API's whole description, and builds a class for each resource."""
    if path:
        parent, _, last = path.rpartition(".")
        return getattr(_built(name, version, url, parent), last)()
    return build(
        name,
        version,
        http=_UnusedTransport(),  # otherwise the library looks for credentials by itself
        static_discovery=True,
        cache_discovery=False,
        client_options={"api_endpoint": f"{url}/"},
    )


def _parts(built: HttpRequest) -> tuple[str, str, dict[str, str], bytes | None]:
    """Method, URL, headers and body of the request that the library built."""
    headers = {name: value for name, value in built.headers.items() if name.lower() not in _SESSION_HEADERS}
    body = None if built.body is None else str(built.body).encode()
    if built.method != "GET" or len(built.uri) <= MAX_URL_LENGTH:
        return built.method, built.uri, headers, body
    parts = urlsplit(built.uri)
    headers |= {"x-http-method-override": "GET", "content-type": "application/x-www-form-urlencoded"}
    return "POST", urlunsplit(parts._replace(query="")), headers, parts.query.encode("ascii")


_PAGE_FIELDS = frozenset({"kind", "etag", "nextPageToken", "nextSyncToken", "timeZone"})


def rows_in(page: Row, name: str, call: str) -> list[Row]:
    """The rows of a page. Raises BrokenResponse if it has no list, and fields that a page without rows has not."""
    rows: Sequence[Any] = page.get(name, [] if page.keys() <= _PAGE_FIELDS else None)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise BrokenResponse(f"{call}: a response whose `{name}` is not a list of objects")
    return rows
