"""One call of a vendor's REST API: its path, and the name that messages use for it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    template: str
    """The path, with ids as `{name}`."""

    @property
    def call(self) -> str:
        """The name that messages use; it never contains an id."""
        return f"GET {self.template}"

    def path(self, *ids: str) -> str:
        """The path with these ids, encoded, in the order of the template."""
        values = iter(ids)
        return re.sub(r"\{\w+\}", lambda _: self.encode_id(next(values)), self.template)

    @staticmethod
    def encode_id(identifier: str) -> str:
        """An id as one segment of a path."""
        return quote(identifier, safe="")
