"""Downloads one file over HTTPS: resumed where it broke off, checked against its SHA-256, complete or not there at all."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import requests

TRIES = 5
TIMEOUT_SECONDS = 60.0
CHUNK_BYTES = 1 << 16
"""What comes in pieces of this size is kept, one after the other, when the connection breaks."""

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class DownloadError(RuntimeError):
    """The message names the URL and what went wrong."""


def download(url: str, target: Path, sha256: str) -> None:
    """Download `url` to `target`, whose folder exists. Raises DownloadError.

    The part received so far is in `target` + `.part`; a later call resumes it. Proxies and CA files are taken from the
    environment. One process at a time may call this for one target.
    """
    if not _is_safe(url):
        raise DownloadError(f"{url}: only https is accepted, and http for this machine")
    part = target.with_name(target.name + ".part")
    for attempt in range(1, TRIES + 1):
        try:
            _fetch_rest(url, part)
            break
        except requests.HTTPError as error:
            raise DownloadError(f"{url}: status {error.response.status_code}") from None
        except requests.RequestException as error:
            if attempt == TRIES:
                raise DownloadError(f"{url}: {type(error).__name__} after {TRIES} attempts") from None
    found = _digest_of(part)
    if found != sha256:
        part.unlink()
        raise DownloadError(f"{url}: the SHA-256 of what came is {found}, not {sha256}")
    part.replace(target)


def _is_safe(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)


def _fetch_rest(url: str, part: Path) -> None:
    """Append the missing bytes to `part`; start over if the server sends the whole file."""
    had = part.stat().st_size if part.exists() else 0
    headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={had}-"} if had else {})}
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_SECONDS) as answer:
        if answer.status_code == requests.codes.requested_range_not_satisfiable:
            return  # nothing is missing; whether it is the right file, the digest decides
        answer.raise_for_status()
        resumed = answer.status_code == requests.codes.partial_content
        with part.open("ab" if resumed else "wb") as file:
            for chunk in answer.iter_content(CHUNK_BYTES):
                file.write(chunk)


def _digest_of(part: Path) -> str:
    digest = hashlib.sha256()
    with suppress(FileNotFoundError), part.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
