"""Reproducible random numbers: the same words give the same numbers on every machine and in every process."""

from __future__ import annotations

from hashlib import blake2b
from random import Random


def number(*parts: str | int, size: int = 8) -> int:
    """Return a number of `size` bytes derived from these words."""
    return int.from_bytes(digest(*parts, size=size), "big")


def digest(*parts: str | int, size: int = 16) -> bytes:
    return blake2b("\x1f".join(map(str, parts)).encode("utf-8", "surrogatepass"), digest_size=size).digest()


def generator(*parts: str | int) -> Random:
    return Random(number(*parts))
