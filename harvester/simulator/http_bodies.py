"""HTTP helpers shared by all vendors: fast JSON encoding and reading of request bodies."""

from __future__ import annotations

import json
from typing import Any

import orjson
from starlette.types import Receive


def encode_json(body: dict[str, Any]) -> bytes:
    """Encode as JSON; a lone surrogate becomes a `\\ud83d` escape, which stricter encoders refuse to write.

    Values of type bytes are inserted as JSON without encoding them again.
    """
    try:
        return orjson.dumps(body, default=orjson.Fragment)
    except TypeError:
        return json.dumps(body, default=orjson.loads).encode()


async def read_body(receive: Receive) -> bytes:
    """Return the whole request body."""
    parts: list[bytes] = []
    more = True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)
