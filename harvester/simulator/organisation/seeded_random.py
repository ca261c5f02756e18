"""Chance that can be repeated: the same words give the same dice, on every machine and in every process."""

from __future__ import annotations

from hashlib import blake2b
from random import Random


def number(*words: str | int, size: int = 8) -> int:
    """A number of `size` bytes out of these words."""
    return int.from_bytes(digest(*words, size=size), "big")


def digest(*words: str | int, size: int = 16) -> bytes:
    return blake2b("\x1f".join(map(str, words)).encode("utf-8", "surrogatepass"), digest_size=size).digest()


def dice(*words: str | int) -> Random:
    return Random(number(*words))
