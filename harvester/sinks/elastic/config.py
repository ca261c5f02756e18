"""Connection settings of a cluster, and the names of the harvester's indices, aliases and templates on it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Literal
from urllib.parse import urlsplit

from connectors.base import DEFAULT_MAX_BYTES
from connectors.errors import ConfigurationError

Kind = Literal["meeting", "session", "booking", "room"]
Period = Literal["year", "month"]

ID_BYTES = 512
"""Elasticsearch's limit; one longer `_id` makes it refuse the whole bulk request."""

# Elasticsearch refuses index names with an upper-case letter or one of \ / * ? " < > | , # :
_PREFIX = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")

_API_KEY = re.compile(r"[\x21-\x7e]+")
_UNSENDABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters, and bytes of the environment that are not UTF-8, which Python reads as lone surrogates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ElasticConfig:
    """Raises ConfigurationError for a value that cannot be used. Makes no request."""

    host: str
    """A URL; the default port is 9200 for http and 443 for https."""
    api_key: str | None = field(default=None, repr=False)
    """In its encoded form; instead of `username` and `password`."""
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    ca_certs: str | None = None
    prefix: str = "harvester-"
    period: Period = "year"
    """One index per year or per month of the meeting."""
    max_response_bytes: int = DEFAULT_MAX_BYTES
    """The largest answer that is accepted, after decompression."""

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.host)
            usable = parts.scheme in {"http", "https"} and parts.hostname and (parts.port or True)
        except ValueError:
            usable = False
        if not usable:
            raise ConfigurationError("ES_HOST is not a URL like https://elasticsearch.example.org:9200")
        if parts.username or parts.password:
            raise ConfigurationError(
                "ES_HOST contains a user name or password; use ES_USERNAME and ES_PASSWORD"
            )
        if not _PREFIX.fullmatch(self.prefix):
            raise ConfigurationError(
                "ES_INDEX_PREFIX may contain lower-case letters, digits, '-', '_' and '.', like harvester-"
            )
        if self.period not in {"year", "month"}:
            raise ConfigurationError("the index period must be year or month")
        if self.api_key and (self.username or self.password):
            raise ConfigurationError("ES_API_KEY and ES_USERNAME are both set; remove one of them")
        self._check_credentials()
        if bool(self.username) != bool(self.password):
            raise ConfigurationError(
                "ES_USERNAME and ES_PASSWORD must be set together; one of them is missing"
            )

    def _check_credentials(self) -> None:
        """Refuse what cannot be sent in a header. No message contains a value."""
        if self.api_key and not _API_KEY.fullmatch(self.api_key):
            raise ConfigurationError(
                "ES_API_KEY contains white space or characters outside ASCII: copy the key in its encoded form"
            )
        for name, value in (("ES_USERNAME", self.username), ("ES_PASSWORD", self.password)):
            if value and _UNSENDABLE.search(value):
                raise ConfigurationError(f"{name} contains a control character or is not UTF-8")
        if self.username and ":" in self.username:
            raise ConfigurationError("ES_USERNAME contains a colon, which no user name may have")

    @property
    def url(self) -> str:
        """With the port and without a query: for messages, and as the name of the cluster in the state folder."""
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

    @property
    def state_index(self) -> str:
        """The index of the state that workers share."""
        return f"{self.prefix}state"

    def kind_of(self, index: str) -> Kind:
        """The kind of documents in one of the harvester's indices."""
        if index == self.alias("room"):
            return "room"
        kinds: tuple[Kind, ...] = ("meeting", "booking")
        return next((kind for kind in kinds if index.startswith(f"{self.alias(kind)}-")), "session")

    @property
    def index_patterns(self) -> list[str]:
        """Patterns that match every index of the harvester, and possibly others, which `is_own_index` excludes."""
        return [f"{self.prefix}meetings-*", f"{self.prefix}sessions-*"]

    @property
    def booking_pattern(self) -> str:
        """The same for bookings of rooms; `is_booking_index` excludes other indices."""
        return f"{self.prefix}bookings-*"

    def is_booking_index(self, name: str) -> bool:
        return bool(_own_index(self.prefix, "bookings").fullmatch(name))

    def is_own_index(self, name: str) -> bool:
        """Whether the harvester names an index like this, unlike a copy such as harvester-sessions-2026-before-the-move."""
        return bool(_own_index(self.prefix, "meetings|sessions").fullmatch(name))


@cache
def _own_index(prefix: str, names: str) -> re.Pattern[str]:
    return re.compile(rf"{re.escape(prefix)}({names})-\d{{4}}(-\d{{2}})?")
