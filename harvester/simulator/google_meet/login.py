"""Google's consent page: a person allows a program what it asks for, and the program exchanges a code for tokens.

As RFC 6749 and 7636 have it; a code is good once and for ten minutes. Whoever signs in is the one who called the most
conferences, and no administrator.
"""

from __future__ import annotations

import secrets
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from html import escape
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from harvester.simulator.google_meet.access import EVERY_SCOPE
from harvester.simulator.google_meet.error_responses import Refusal

CLIENT_ID = "123456789012-invented.apps.googleusercontent.com"
CLIENT_SECRET = "inventedGoogleSecretNobodyHas"
CODE_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Page:
    """A page, or where the browser is sent on to."""

    html: str
    location: str = ""


@dataclass(frozen=True, slots=True)
class _Code:
    issued: float
    scopes: frozenset[str]
    redirect: str
    challenge: str
    method: str


class Consent:
    """`user`: the address of whoever signs in."""

    def __init__(self, user: str) -> None:
        self._user = user
        self._codes: dict[str, _Code] = {}

    def page(self, method: str, query: str, form: bytes, now: float) -> Page:
        asked = dict(parse_qsl(query))
        _check(asked)
        if method != "POST":
            wanted = "".join(f"<li>{escape(name)}</li>" for name in asked.get("scope", "").split())
            return Page(
                '<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>Simulated sign-in</title>'
                f"<p>A program would like:</p><ul>{wanted}</ul>"
                f'<form method="post" action="?{escape(query)}">'
                f'<button name="decision" value="allow">Sign in as {escape(self._user)}</button>'
                '<button name="decision" value="deny">Deny</button></form>'
            )
        state = {"state": asked["state"]} if "state" in asked else {}
        if dict(parse_qsl(form.decode("utf-8", "replace"))).get("decision") != "allow":
            return Page("", _with(asked["redirect_uri"], {"error": "access_denied", **state}))
        code = secrets.token_urlsafe(24)
        self._codes[code] = _Code(
            now,
            frozenset(asked["scope"].split()),
            asked["redirect_uri"],
            asked.get("code_challenge", ""),
            asked.get("code_challenge_method", "plain"),
        )
        return Page("", _with(asked["redirect_uri"], {"code": code, "scope": asked["scope"], **state}))

    def exchanged(self, asked: Mapping[str, str], now: float) -> frozenset[str]:
        """The scopes that were allowed, for a code that is spent by that."""
        code = self._codes.pop(asked.get("code", ""), None)
        if code is None or now - code.issued > CODE_SECONDS:
            raise Refusal(400, "Malformed auth code.", oauth="invalid_grant")
        if asked.get("redirect_uri") != code.redirect:
            raise Refusal(400, "Bad Request", oauth="redirect_uri_mismatch")
        verifier = asked.get("code_verifier", "")
        hashed = urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=")
        if code.challenge and code.challenge != (hashed if code.method == "S256" else verifier):
            raise Refusal(400, "Invalid code verifier.", oauth="invalid_grant")
        return code.scopes


def client(auth_uri: str, token_uri: str) -> dict[str, Any]:
    """The content of an OAuth client's file, of a desktop application."""
    return {
        "installed": {
            "client_id": CLIENT_ID,
            "project_id": "invented-project",
            "auth_uri": auth_uri,
            "token_uri": token_uri,
            "client_secret": CLIENT_SECRET,
            "redirect_uris": ["http://localhost"],
        }
    }


def authenticated(headers: Mapping[str, str], asked: Mapping[str, str]) -> None:
    """The client's id and secret in the body, or as HTTP Basic."""
    kind, _, text = headers.get("authorization", "").partition(" ")
    basic: tuple[str, ...] = ()
    if kind.lower() == "basic":
        try:
            basic = tuple(b64decode(text).decode().split(":", 1))
        except ValueError:
            basic = ()
    in_body = asked.get("client_id"), asked.get("client_secret")
    if (CLIENT_ID, CLIENT_SECRET) not in {in_body, basic}:
        raise Refusal(401, "The OAuth client was not found.", oauth="invalid_client")


def _check(asked: Mapping[str, str]) -> None:
    redirect = urlsplit(asked.get("redirect_uri", ""))
    if asked.get("client_id") != CLIENT_ID:
        raise Refusal(401, "The OAuth client was not found.", oauth="invalid_client")
    if redirect.scheme != "http" or redirect.hostname not in {"localhost", "127.0.0.1", "::1"}:
        raise Refusal(400, "The redirect URI is not one of this client's.", oauth="redirect_uri_mismatch")
    if asked.get("response_type") != "code":
        raise Refusal(400, "The response type is not supported.", oauth="unsupported_response_type")
    scopes = set(asked.get("scope", "").split())
    if not scopes or scopes - set(EVERY_SCOPE):
        raise Refusal(400, "Some requested scopes were invalid.", oauth="invalid_scope")


def _with(redirect: str, told: Mapping[str, str]) -> str:
    return f"{redirect}{'&' if urlsplit(redirect).query else '?'}{urlencode(told)}"
