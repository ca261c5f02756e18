"""Requests to Parley's API, at the permitted rate."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from connectors.base import Context
from connectors.endpoint import Endpoint
from connectors.errors import BrokenResponse
from connectors.http import Api
from connectors.paging import page_token, paginate
from connectors.parsing import as_dicts
from connectors.rate_limit import RateLimiter
from harvester_example.endpoints import CALLS_PER_SECOND, MEETING, MEETINGS, STAYS, VENDOR

Row = dict[str, Any]


class ParleyClient:
    """Safe for all threads. `share`: the fraction of the rate limit to use."""

    def __init__(self, api: Api, share: float, context: Context) -> None:
        self._api = api
        self.limiter = RateLimiter(context, calls=CALLS_PER_SECOND, share=share)

    def meetings(self, start: str, end: str) -> Iterator[Row]:
        """The meetings that started in [start, end), both in ISO 8601."""
        return self._rows(MEETINGS, "meetings", MEETINGS.template, {"from": start, "to": end})

    def meeting(self, uuid: str) -> Row:
        row = self._api.get(MEETING.call, MEETING.path(uuid), limiter=self.limiter)
        if not isinstance(row, dict) or row.get("id") != uuid:
            raise BrokenResponse(f"{VENDOR}: {MEETING.call}: a response without the meeting")
        return row

    def stays(self, uuid: str) -> list[Row]:
        return list(self._rows(STAYS, "stays", STAYS.path(uuid), {}))

    def _rows(self, endpoint: Endpoint, key: str, path: str, params: dict[str, str]) -> Iterator[Row]:
        """The rows of every page. `key`: the list in the response."""

        def request(token: str) -> Row:
            asked = {**params, "page": token} if token else params
            body = self._api.get(endpoint.call, path, params=asked, limiter=self.limiter)
            if not isinstance(body, dict) or not isinstance(body.get(key), list):
                raise BrokenResponse(f"{VENDOR}: {endpoint.call}: a response without `{key}`")
            return body

        pages = paginate(
            request,
            lambda page: page_token(page.get("next"), call=endpoint.call),
            lambda page: as_dicts(page[key]),
            call=f"{VENDOR}: {endpoint.call}",
        )
        for page in pages:
            yield from as_dicts(page[key])
