"""Google's login page: a user grants scopes to a program, which exchanges a code for tokens.

As in RFC 6749 and RFC 7636; a code is valid once and for ten minutes. The user is the one without admin
rights who hosted the most conferences.
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

from harvester.simulator.google_meet.error_responses import ErrorResponse
from harvester.simulator.google_meet.scopes import EVERY_SCOPE

CLIENT_ID = "123456789012-invented.apps.googleusercontent.com"
CLIENT_SECRET = "inventedGoogleSecretNobodyHas"
CODE_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Page:
    """A page, or a redirect."""

    html: str
    location: str = ""


@dataclass(frozen=True, slots=True)
class _Code:
    issued: float
    scopes: frozenset[str]
    redirect: str
    challenge: str
    method: str


class Login:
    """`user` is the e-mail address of the person who signs in."""

    def __init__(self, user: str) -> None:
        self._user = user
        self._codes: dict[str, _Code] = {}

    def authorize(self, method: str, query: str, form: bytes, now: float) -> Page:
        parameters = dict(parse_qsl(query))
        _check_request(parameters)
        if method != "POST":
            scope_items = "".join(f"<li>{escape(name)}</li>" for name in parameters.get("scope", "").split())
            return Page(
                '<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>Simulated sign-in</title>'
                f"<p>A program would like:</p><ul>{scope_items}</ul>"
                f'<form method="post" action="?{escape(query)}">'
                f'<button name="decision" value="allow">Sign in as {escape(self._user)}</button>'
                '<button name="decision" value="deny">Deny</button></form>'
            )
        state = {"state": parameters["state"]} if "state" in parameters else {}
        if dict(parse_qsl(form.decode("utf-8", "replace"))).get("decision") != "allow":
            return Page("", _redirect_url(parameters["redirect_uri"], {"error": "access_denied", **state}))
        code = secrets.token_urlsafe(24)
        self._codes[code] = _Code(
            now,
            frozenset(parameters["scope"].split()),
            parameters["redirect_uri"],
            parameters.get("code_challenge", ""),
            parameters.get("code_challenge_method", "plain"),
        )
        return Page(
            "",
            _redirect_url(parameters["redirect_uri"], {"code": code, "scope": parameters["scope"], **state}),
        )

    def exchange_code(self, parameters: Mapping[str, str], now: float) -> frozenset[str]:
        """Return the granted scopes for a code, and invalidate the code."""
        code = self._codes.pop(parameters.get("code", ""), None)
        if code is None or now - code.issued > CODE_SECONDS:
            raise ErrorResponse(400, "Malformed auth code.", oauth="invalid_grant")
        if parameters.get("redirect_uri") != code.redirect:
            raise ErrorResponse(400, "Bad Request", oauth="redirect_uri_mismatch")
        verifier = parameters.get("code_verifier", "")
        hashed = urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=")
        if code.challenge and code.challenge != (hashed if code.method == "S256" else verifier):
            raise ErrorResponse(400, "Invalid code verifier.", oauth="invalid_grant")
        return code.scopes


def client_file(auth_uri: str, token_uri: str) -> dict[str, Any]:
    """Return the content of a desktop application's OAuth client file."""
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


def check_client(headers: Mapping[str, str], parameters: Mapping[str, str]) -> None:
    """Check the client's id and secret, in the body or as HTTP Basic."""
    kind, _, text = headers.get("authorization", "").partition(" ")
    basic: tuple[str, ...] = ()
    if kind.lower() == "basic":
        try:
            basic = tuple(b64decode(text).decode().split(":", 1))
        except ValueError:
            basic = ()
    in_body = parameters.get("client_id"), parameters.get("client_secret")
    if (CLIENT_ID, CLIENT_SECRET) not in {in_body, basic}:
        raise ErrorResponse(401, "The OAuth client was not found.", oauth="invalid_client")


def _check_request(parameters: Mapping[str, str]) -> None:
    redirect = urlsplit(parameters.get("redirect_uri", ""))
    if parameters.get("client_id") != CLIENT_ID:
        raise ErrorResponse(401, "The OAuth client was not found.", oauth="invalid_client")
    if redirect.scheme != "http" or redirect.hostname not in {"localhost", "127.0.0.1", "::1"}:
        raise ErrorResponse(
            400, "The redirect URI is not one of this client's.", oauth="redirect_uri_mismatch"
        )
    if parameters.get("response_type") != "code":
        raise ErrorResponse(400, "The response type is not supported.", oauth="unsupported_response_type")
    scopes = set(parameters.get("scope", "").split())
    if not scopes or scopes - set(EVERY_SCOPE):
        raise ErrorResponse(400, "Some requested scopes were invalid.", oauth="invalid_scope")


def _redirect_url(redirect: str, parameters: Mapping[str, str]) -> str:
    return f"{redirect}{'&' if urlsplit(redirect).query else '?'}{urlencode(parameters)}"
