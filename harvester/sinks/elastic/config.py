"""Which cluster, as whom, and what our indices, aliases and templates are called there."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from urllib.parse import urlsplit

from connectors.errors import ConfigurationError

Kind = Literal["meeting", "session"]
Period = Literal["year", "month"]

ID_BYTES = 512
"""Elasticsearch's limit; one longer `_id` makes it refuse the whole bulk request."""

# What an index name may hold; an upper-case letter or one of \ / * ? " < > | , # : would be refused there.
_PREFIX = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ElasticConfig:
    """`host`: a URL; without a port 9200 is meant for http and 443 for https. Building one makes no request.

    `api_key` in its encoded form, or `username` and `password`. `period`: one index per year or month of the
    meeting. ConfigurationError for what cannot be used.
    """

    host: str
    api_key: str | None = field(default=None, repr=False)
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    ca_certs: str | None = None
    prefix: str = "harvester-"
    period: Period = "year"

    def __post_init__(self) -> None:
        parts = urlsplit(self.host)
        try:
            usable = parts.scheme in {"http", "https"} and parts.hostname and (parts.port or True)
        except ValueError:
            usable = False
        if not usable:
            raise ConfigurationError("ES_HOST is not a URL like https://elasticsearch.example.org:9200")
        if parts.username or parts.password:
            raise ConfigurationError("ES_HOST holds a user name or password; use ES_USERNAME and ES_PASSWORD")
        if not _PREFIX.fullmatch(self.prefix):
            raise ConfigurationError(
                "ES_INDEX_PREFIX is made of lower-case letters, digits, '-', '_' and '.', like harvester-"
            )
        if self.period not in {"year", "month"}:
            raise ConfigurationError("the index period is year or month")
        if self.api_key and (self.username or self.password):
            raise ConfigurationError("ES_API_KEY and ES_USERNAME are both set; keep one of them")
        if bool(self.username) != bool(self.password):
            raise ConfigurationError("ES_USERNAME and ES_PASSWORD belong together; one of them is not set")

    @property
    def url(self) -> str:
        """With the port spelled out and without a query: fit for messages, and the name of the cluster in the state."""
        parts = urlsplit(self.host)
        port = parts.port or (443 if parts.scheme == "https" else 9200)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        return f"{parts.scheme}://{host}:{port}{parts.path.rstrip('/')}"

    def alias(self, kind: Kind) -> str:
        """The read alias over all indices of one kind."""
        return f"{self.prefix}{kind}s"

    def index(self, kind: Kind, when: datetime) -> str:
        """The index of one kind for the meeting's `@timestamp`, an aware instant in UTC."""
        return self.index_of(kind, f"{when.year:04d}", f"{when.month:02d}")

    def index_of(self, kind: Kind, year: str, month: str) -> str:
        period = year if self.period == "year" else f"{year}-{month}"
        return f"{self.prefix}{kind}s-{period}"

    def kind_of(self, index: str) -> Kind:
        """The kind of documents that one of our indices holds."""
        return "meeting" if index.startswith(f"{self.prefix}meetings-") else "session"
