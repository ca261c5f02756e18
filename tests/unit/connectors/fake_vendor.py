"""A vendor behind `responses`: its answers by path and query, and the requests that it received."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

import responses
from requests import PreparedRequest

from connectors.base import Settings

Answer = tuple[int, dict[str, str], str]
"""Status, headers and body."""


class FakeVendor:
    """Each list of answers is given in turn, the last one for ever."""

    path_prefix: ClassVar[str]
    """The start of every path, which tests leave out."""
    unknown: ClassVar[dict[str, Any]]
    """The body of the 404 for anything that is not set up."""

    def __init__(self, http: responses.RequestsMock, *base_urls: str) -> None:
        self.http = http
        self.answers: list[tuple[str, dict[str, str], list[Answer]]] = []
        hosts = "|".join(map(re.escape, base_urls))
        http.add_callback(responses.GET, re.compile(f"({hosts})/.*"), callback=self.answer)

    def on(
        self,
        path: str,
        *bodies: Any,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        **query: str,
    ) -> None:
        """Every item of `query`, by `parameter`, must be in the request. The latest match answers."""
        wanted = {self.parameter(name): value for name, value in query.items()}
        given = [
            (status, dict(headers or {}), body if isinstance(body, str) else json.dumps(body))
            for body in bodies
        ]
        self.answers.insert(0, (path, wanted, given))

    def then(
        self, path: str, *answers: tuple[int, Any], headers: Mapping[str, str] | None = None, **query: str
    ) -> None:
        """Answers with a status each."""
        self.on(path, *(body for _, body in answers), headers=headers, **query)
        given = self.answers[0][2]
        given[:] = [(status, sent, body) for (status, _), (_, sent, body) in zip(answers, given, strict=True)]

    def forget(self) -> None:
        self.answers.clear()

    def answer(self, request: PreparedRequest) -> Answer:
        path, query = self.split(request)
        for wanted_path, wanted, given in self.answers:
            if wanted_path in {"", path} and wanted.items() <= query.items():
                return given.pop(0) if len(given) > 1 else given[0]
        return 404, {}, json.dumps(self.unknown)

    @property
    def asked(self) -> list[tuple[str, dict[str, str]]]:
        """Path and query of every GET so far."""
        return [self.split(call.request) for call in self.http.calls if call.request.method == "GET"]

    def asked_for(self, path: str) -> list[dict[str, str]]:
        return [query for asked, query in self.asked if asked == path]

    @classmethod
    def split(cls, request: PreparedRequest) -> tuple[str, dict[str, str]]:
        """Path and query."""
        parts = urlsplit(str(request.url))
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        return cls.decoded(parts.path).removeprefix(cls.path_prefix), query

    @staticmethod
    def parameter(name: str) -> str:
        """The name of a parameter of the query; `from_` is `from`."""
        return name.rstrip("_")

    @staticmethod
    def decoded(path: str) -> str:
        return unquote(path)


def settings_of(
    defaults: Mapping[str, str], options: Iterable[str], *, raw: bool, share: float, values: Mapping[str, str]
) -> Settings:
    """An empty value leaves a setting out."""
    return Settings(
        values={name: value for name, value in {**defaults, **values}.items() if value},
        options=frozenset(options),
        raw=raw,
        rate_share=share,
    )
