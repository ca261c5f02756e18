"""Seals ids that a later run needs to ask a vendor again: encrypted in the state, as themselves for the vendor only."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESSIV

SEALED = "sealed:"
PERSONAL_HINTS = ("user",)
"""The members of `MeetingRef.hint` that name a person."""


class Sealer:
    """Encrypts with the first of its keys, and opens what was sealed with any of them. Equal texts give equal results."""

    def __init__(self, keys: Callable[[], Sequence[bytes]]) -> None:
        """`keys`: called when they are needed for the first time."""
        self._keys = keys

    @cached_property
    def _ciphers(self) -> list[AESSIV]:
        from cryptography.hazmat.primitives.ciphers.aead import AESSIV

        return [AESSIV(hmac.digest(key, b"sealed hints", "sha512")) for key in self._keys()]

    def seal(self, text: str) -> str | None:
        """`None` if there is no key."""
        if text.startswith(SEALED) or not self._ciphers:
            return text if text.startswith(SEALED) else None
        sealed = self._ciphers[0].encrypt(text.encode("utf-8", "surrogatepass"), [])
        return SEALED + base64.urlsafe_b64encode(sealed).decode("ascii")

    def open(self, text: str) -> str | None:
        """The text that was sealed, or that never was; `None` if it was sealed with another key."""
        if not text.startswith(SEALED):
            return text
        from cryptography.exceptions import InvalidTag

        for cipher in self._ciphers:
            with suppress(InvalidTag, ValueError):
                opened = cipher.decrypt(base64.urlsafe_b64decode(text.removeprefix(SEALED)), [])
                return opened.decode("utf-8", "surrogatepass")
        return None


def map_hint(hint: Mapping[str, Any], change: Callable[[str], str | None]) -> Mapping[str, Any]:
    """The hint with its personal members changed, and without those for which there is nothing to keep."""
    if not any(isinstance(hint.get(name), str) for name in PERSONAL_HINTS):
        return hint
    changed = dict(hint)
    for name in PERSONAL_HINTS:
        if isinstance(value := hint.get(name), str):
            kept = change(value)
            if kept is None:
                del changed[name]
            else:
                changed[name] = kept
    return changed
