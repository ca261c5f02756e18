"""Spreads accounts over chunks, each of which one process harvests. Accounts of one quota pool are always in one chunk.

Where a pool goes depends on nothing but the pool and the number of chunks, so every caller gets the same answer: an account
that comes or goes moves no other, and one more chunk takes an equal share from each of those before it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from hashlib import sha256

from harvester.pipeline.quota_pool import QuotaPool


def split_into_chunks(accounts: Iterable[tuple[str, QuotaPool]], count: int) -> list[list[str]]:
    """`count` lists of these names, in the order given. With few accounts, some lists are empty."""
    chunks: list[list[str]] = [[] for _ in range(count)]
    for name, pool in accounts:
        chunks[chunk_number(pool, count)].append(name)
    return chunks


def chunk_number(pool: QuotaPool, count: int) -> int:
    """From 0 to `count` - 1."""
    text = json.dumps([pool.vendor, pool.api_url, pool.name, pool.account])
    return jump_hash(int.from_bytes(sha256(text.encode()).digest()[:8], "big"), count)


def jump_hash(key: int, buckets: int) -> int:
    """The jump consistent hash of Lamping and Veach (arXiv:1406.2294). `key` has 64 bits."""
    bucket, following = 0, 0
    while following < buckets:
        bucket = following
        key = (key * 2862933555777941757 + 1) % 2**64
        following = int((bucket + 1) * (2**31 / ((key >> 33) + 1)))
    return bucket
