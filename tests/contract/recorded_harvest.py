"""The answers of the simulated vendors to one harvest, to be given again with changes: as they are, or with odd values."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from requests.structures import CaseInsensitiveDict

import connectors
from connectors.base import Connector, ResponseLimits, Settings
from connectors.errors import HarvestError
from connectors.limited_transport import LimitedSession
from connectors.models import MeetingRecord, MeetingRef, SkippedPartition, Window
from harvester.config import Environment
from harvester.documents import encode, record_version, to_documents
from tests.unit.fake_context import FakeContext

SHOWN = datetime(2026, 11, 20, 12, tzinfo=UTC)
WINDOW = Window(start=SHOWN.replace(hour=0) - timedelta(days=2), end=SHOWN)

MOST_ROWS = 3
"""A longer list is cut to so many rows, so that a harvest is quick."""

REREAD = 2
"""So many meetings are fetched again as a later run does: without the row that the listing had."""

Path = tuple[str | int, ...]
Change = Callable[[str, Any], Any]
"""The body to give instead of this one, in answer to a request for this URL."""


@dataclass
class Outcome:
    """What a harvest listed, fetched, and said."""

    listed: set[str] = field(default_factory=set)
    fetched: list[MeetingRecord] = field(default_factory=list)
    errors: list[HarvestError] = field(default_factory=list)
    skipped: list[SkippedPartition] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

    @property
    def said(self) -> set[str]:
        """Everything that a run would report."""
        return {*map(str, self.errors), *(skip.partition for skip in self.skipped), *self.notices}


class RecordedVendor:
    """One vendor's answers, recorded in a harvest with every option."""

    def __init__(self, name: str, values: Mapping[str, str]) -> None:
        self._name = name
        self._values = values
        self._answers: dict[tuple[str, str], tuple[int, Mapping[str, str], Any]] = {}
        with pytest.MonkeyPatch.context() as patch:
            send = LimitedSession.exchange

            def record(
                session: LimitedSession, request: requests.Request, limits: ResponseLimits, **more: Any
            ) -> tuple[requests.Response, bytearray]:
                response, content = send(session, request, limits, **more)
                body = json.loads(content) if content else None
                headers = {key: value for key, value in response.headers.items() if key.lower() != "link"}
                self._answers[_key(request)] = response.status_code, headers, _cut(body)
                return _answer(*self._answers[_key(request)])

            patch.setattr(LimitedSession, "exchange", record)
            self._harvest()
        self.usual = self.harvest(lambda _url, body: body)

    @property
    def places(self) -> list[tuple[str, Path]]:
        """Every place in the answers: the URL and the path in its body."""
        return [(url, path) for (_, url), (_, _, body) in self._answers.items() for path in _paths(body, ())]

    def value_at(self, url: str, path: Path) -> Any:
        body = next(body for (_, known), (_, _, body) in self._answers.items() if known == url)
        for step in path:
            body = body[step]
        return body

    def harvest(self, change: Change) -> Outcome:
        """The harvest with changed answers. What was not asked for in the recorded harvest is not found."""

        def replay(
            _session: LimitedSession, request: requests.Request, _limits: ResponseLimits, **_more: Any
        ) -> tuple[requests.Response, bytearray]:
            status, headers, body = self._answers.get(_key(request), (404, {}, {"error": "not found"}))
            return _answer(status, headers, change(_key(request)[1], json.loads(json.dumps(body))))

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(LimitedSession, "exchange", replay)
            return self._harvest()

    def _harvest(self) -> Outcome:
        context, outcome = FakeContext(SHOWN), Outcome()
        connector = self._build(context)
        refs = {ref.uuid: ref for ref in _listed(connector, outcome)}
        outcome.listed = set(refs)
        again = [replace(ref, row=None) for ref in list(refs.values())[:REREAD]]
        for ref in (*refs.values(), *again):
            try:
                connector.estimate_requests(ref)
                record = connector.fetch(ref)
            except HarvestError as error:
                outcome.errors.append(error)
            else:
                _check(record)
                outcome.fetched.append(record)
        outcome.notices = context.notices
        return outcome

    def _build(self, context: FakeContext) -> Connector:
        kind = connectors.load(self._name)
        values = Environment(values=self._values).of(kind.settings)
        options = frozenset(option.name for option in kind.options if not option.filters)
        return kind(Settings(values=values, options=options, raw=True, rate_share=1.0), context)


def change_places(changes: Mapping[tuple[str, Path], Any]) -> Change:
    """Other values at these places: URLs and paths in their bodies."""

    def change(url: str, body: Any) -> Any:
        for (where, path), value in changes.items():
            if where == url:
                body = _put(body, path, value)
        return body

    return change


def _put(body: Any, path: Path, value: Any) -> Any:
    """The body with this value at this place, if the place is still there."""
    if not path:
        return value
    part = body
    for step in path[:-1]:
        if not _has(part, step):
            return body
        part = part[step]
    if _has(part, path[-1]):
        part[path[-1]] = value
    return body


def _has(part: Any, step: str | int) -> bool:
    if isinstance(part, list):
        return isinstance(step, int) and step < len(part)
    return isinstance(part, dict) and step in part


def _listed(connector: Connector, outcome: Outcome) -> Iterator[MeetingRef]:
    try:
        for part in WINDOW.split(connector.max_window):
            for item in connector.meetings(part):
                if isinstance(item, SkippedPartition):
                    outcome.skipped.append(item)
                else:
                    assert item.uuid
                    json.dumps(dict(item.hint))
                    yield item
    except HarvestError as error:
        outcome.errors.append(error)


def _check(record: MeetingRecord) -> None:
    """It can be stored: every document is JSON with an id of its own, and has no value that Elasticsearch refuses."""
    documents = [json.loads(encode(document)) for document in to_documents(record)]
    assert len({document["document_id"] for document in documents}) == len(documents)
    for document in documents:
        document.pop("vendor_data", None)
        for value in _values(document):
            assert value not in (None, "") or value == 0
            assert not isinstance(value, int) or -(2**63) <= value < 2**63
    assert record_version(record)


def _values(part: Any) -> Collection[Any]:
    if isinstance(part, dict):
        return [value for name, each in part.items() if name != "series" for value in _values(each)]
    return [value for each in part for value in _values(each)] if isinstance(part, list) else [part]


def _key(request: requests.Request) -> tuple[str, str]:
    return request.method, f"{request.url}?{request.params}" if request.params else request.url


def _answer(status: int, headers: Mapping[str, str], body: Any) -> tuple[requests.Response, bytearray]:
    response = requests.Response()
    response.status_code, response.headers = status, CaseInsensitiveDict(headers)
    return response, bytearray(b"" if body is None else json.dumps(body).encode())


def _cut(body: Any) -> Any:
    """The first rows of each list, as if it had no more."""
    if isinstance(body, list):
        return [_cut(each) for each in body[:MOST_ROWS]]
    if not isinstance(body, dict):
        return body
    lists = [each for each in body.values() if isinstance(each, list) and len(each) > MOST_ROWS]
    cut = {name: _cut(each) for name, each in body.items()}
    if lists:
        for token in ("next_page_token", "nextPageToken", "@odata.nextLink"):
            cut.pop(token, None)
        if "total_records" in cut:
            cut["total_records"] = MOST_ROWS
        if isinstance(cut.get("meta"), dict):
            cut["meta"] = {**cut["meta"], "total_count": MOST_ROWS, "next": None}
    return cut


def _paths(part: Any, above: Path) -> Iterator[Path]:
    yield above
    steps = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
    for step, each in steps:
        yield from _paths(each, (*above, step))
