"""Checks the value of one setting: text, token, URL. Messages have the setting's name, and never the value."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from urllib.parse import urlsplit

from connectors.errors import ConfigurationError
from connectors.parsing import is_loopback


def checked_text(name: str, value: str) -> str:
    """The value, if it is text in one line; JSON may have several.

    Raises ConfigurationError with the name, never with the value.
    """
    if any("\ud800" <= character <= "\udfff" for character in value):  # how Python reads other bytes
        raise ConfigurationError(f"{name} is not UTF-8")
    permitted = "\t\r\n" if value.startswith("{") else ""
    if any(unicodedata.category(character) == "Cc" and character not in permitted for character in value):
        raise ConfigurationError(f"{name} contains a line break or another control character: remove it")
    return value


def checked_token(name: str, value: str) -> str:
    """The value, if it is an id, a key or a token. Raises ConfigurationError with the name, never with the value."""
    if not re.fullmatch(r"[\x21-\x7e]+", value):
        raise ConfigurationError(
            f"{name} contains white space or characters outside ASCII: copy it again from where it was issued"
        )
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        raise ConfigurationError(f"{name} has quotation marks around it: remove them")
    return value


def checked_url(name: str, value: str, *, http_anywhere: bool = False) -> str:
    """The URL, without a trailing slash; ConfigurationError unless it is https, or http to this machine.

    `http_anywhere`: http is accepted for other machines as well.
    """
    if "://" not in value:
        raise ConfigurationError(
            f"{name} does not begin with https:// or http://: put https:// before it, or http:// if the server has no TLS"
        )
    try:
        parts = urlsplit(value)
        usable = parts.scheme in {"http", "https"} and is_host(parts.hostname or "") and parts.port != 0
    except ValueError:
        usable = False
    if not usable or not value.isprintable() or re.search(r"[\s\"'<>\\]", value):
        raise ConfigurationError(
            f"{name} is not a URL like https://host.example.org, or http:// to this machine"
        )
    if parts.username or parts.password:
        raise ConfigurationError(f"{name} contains a user name or password; set them separately")
    if parts.query or parts.fragment:
        raise ConfigurationError(f"{name} must end before the ? or #")
    if parts.scheme == "http" and not http_anywhere and not is_loopback(value):
        raise ConfigurationError(f"{name} must be https:// unless it is an address of this machine")
    return value.rstrip("/")


def heartbeat_url(value: str, source: str = "HARVESTER_HEARTBEAT") -> str:
    """Raises ConfigurationError if it cannot be pinged. `source`: the setting or option."""
    return checked_url(source, value, http_anywhere=True)


def is_host(host: str) -> bool:
    """Whether it is an IP address, or a name whose labels have a permitted length, also in another script."""
    if ":" in host:
        return True  # an IPv6 address, which `urlsplit` has checked
    try:
        labels = host.removesuffix(".").encode("idna").split(b".")
    except UnicodeError:
        return False
    return all(re.fullmatch(rb"[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?", label) for label in labels)


def is_nearby(url: str) -> bool:
    """Whether the host is this machine, has a private address, or has a name without a dot, as containers do."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return "." not in host
