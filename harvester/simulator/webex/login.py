"""Webex's OAuth endpoints: the login page, the exchange of codes and refresh tokens, the device grant.

https://developer.webex.com/docs/login-with-webex; PKCE comes on top of the client's secret, never instead of it.
"""

from __future__ import annotations

import secrets
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from html import escape
from re import fullmatch
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from harvester.simulator.webex.access import Terms
from harvester.simulator.webex.error_responses import NO_TOKEN, Refusal
from harvester.simulator.webex.request import parameters
from harvester.simulator.webex.tokens import CLIENT_ID, CLIENT_SECRET, Tokens, invalid_grant

CODE_SECONDS = 300.0
DEVICE_SECONDS = 300
DEVICE_INTERVAL = 2
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Page:
    """What a browser gets: a page, or the way to another one."""

    html: str = ""
    location: str = ""


@dataclass(frozen=True, slots=True)
class _Code:
    issued: float
    redirect: str
    scopes: frozenset[str]
    challenge: str
    method: str


@dataclass(slots=True)
class _Device:
    issued: float
    scopes: frozenset[str]
    polled: float
    answer: str = "authorization_pending"


class Login:
    """`user`: who signs in."""

    def __init__(self, tokens: Tokens, terms: Terms, user: str) -> None:
        self._tokens = tokens
        self._granted = frozenset(terms.granted)
        self._user = user
        self._codes: dict[str, _Code] = {}
        self._devices: dict[str, _Device] = {}
        self._user_codes: dict[str, str] = {}

    def authorize(self, method: str, query: str, form: bytes) -> Page:
        """The login page, and what its buttons do. Refusal where there is nobody to be sent back to."""
        asked = parameters(query)
        redirect = asked.get("redirect_uri", "")
        if asked.get("client_id") != CLIENT_ID:
            raise Refusal(400, "The requested client_id is invalid.", error="invalid_client")
        if not _registered(redirect):
            raise Refusal(400, "The redirect_uri is not registered.", error="invalid_request")
        told = {"state": asked["state"]} if "state" in asked else {}
        error = self._refused(asked)
        if error:
            return Page(location=_with(redirect, {"error": error, **told}))
        if method != "POST" and asked.get("prompt") != "none":
            return Page(html=_login_page(self._user, query, asked["scope"]))
        if method == "POST" and dict(parse_qsl(form.decode())).get("decision") == "deny":
            return Page(location=_with(redirect, {"error": "access_denied", **told}))
        code = secrets.token_urlsafe(24)
        self._codes[code] = _Code(
            self._tokens.now(),
            redirect,
            frozenset(asked["scope"].split()),
            asked.get("code_challenge", ""),
            asked.get("code_challenge_method", "plain"),
        )
        return Page(location=_with(redirect, {"code": code, **told}))

    def _refused(self, asked: Mapping[str, str]) -> str:
        if asked.get("response_type") != "code":
            return "unsupported_response_type"
        scopes = frozenset(asked.get("scope", "").split())
        if not scopes or not scopes <= self._granted:
            return "invalid_scope"
        return "" if asked.get("code_challenge_method", "plain") in {"plain", "S256"} else "invalid_request"

    def access_token(self, headers: Mapping[str, str], form: bytes) -> dict[str, Any]:
        asked = _form(headers, form)
        _authenticated(headers, asked)
        grant = asked.get("grant_type")
        if grant == "refresh_token":
            return self._tokens.refreshed(asked.get("refresh_token", ""))
        if grant != "authorization_code":
            raise Refusal(400, "The grant_type is not supported.", error="unsupported_grant_type")
        code = self._codes.pop(asked.get("code", ""), None)  # good once, whatever comes of it
        if code is None or self._tokens.now() - code.issued > CODE_SECONDS:
            raise invalid_grant("The code is invalid or expired.")
        if asked.get("redirect_uri") != code.redirect:
            raise invalid_grant("The redirect_uri is not the one that the code was given for.")
        if code.challenge and not _proven(code, asked.get("code_verifier", "")):
            raise invalid_grant("The code_verifier does not fit the code_challenge.")
        return self._tokens.issued(code.scopes)

    def device_authorize(self, headers: Mapping[str, str], form: bytes, base: str) -> dict[str, Any]:
        asked = _form(headers, form)
        if asked.get("client_id") != CLIENT_ID:
            raise Refusal(400, "The requested client_id is invalid.", error="invalid_client")
        scopes = frozenset(asked.get("scope", "").split())
        if not scopes or not scopes <= self._granted:
            raise Refusal(400, "The requested scope is invalid.", error="invalid_scope")
        device, user = secrets.token_urlsafe(24), f"{secrets.randbelow(10**6):06}"
        self._devices[device] = _Device(self._tokens.now(), scopes, self._tokens.now() - DEVICE_INTERVAL)
        self._user_codes[user] = device
        return {
            "device_code": device,
            "user_code": user,
            "verification_uri": f"{base}/device/verify",
            "verification_uri_complete": f"{base}/device/verify?userCode={user}",
            "expires_in": DEVICE_SECONDS,
            "interval": DEVICE_INTERVAL,
        }

    def verify(self, method: str, query: str, form: bytes) -> Page:
        """The page where the six digits are typed; the simulator's own, Webex's is on another host."""
        asked = {**dict(parse_qsl(query)), **dict(parse_qsl(form.decode()))}
        device = self._devices.get(self._user_codes.get(asked.get("userCode", ""), ""))
        if method == "POST" and device is not None:
            device.answer = "access_denied" if asked.get("decision") == "deny" else ""
            return Page(html=_page("Thank you", "<p>You may close this page.</p>"))
        return Page(html=_page("Activate a device", _code_form(asked.get("userCode", ""))))

    def device_token(self, headers: Mapping[str, str], form: bytes) -> dict[str, Any]:
        """Polled until somebody has signed in: 428 until then, 400 for whoever asks too often."""
        asked = _form(headers, form)
        if _basic(headers) != (CLIENT_ID, CLIENT_SECRET):
            raise Refusal(401, NO_TOKEN, error="invalid_client")
        if asked.get("grant_type") != DEVICE_GRANT:
            raise Refusal(400, "The grant_type is not supported.", error="unsupported_grant_type")
        device, now = self._devices.get(asked.get("device_code", "")), self._tokens.now()
        if device is None or now - device.issued > DEVICE_SECONDS:
            raise invalid_grant("The device_code is invalid or expired.")
        hurried, device.polled = now - device.polled < DEVICE_INTERVAL, now
        if hurried:
            raise Refusal(400, "Polled too often.", error="slow_down")
        if device.answer == "authorization_pending":
            raise Refusal(428, "The authorization is pending.", error=device.answer)
        if device.answer:
            raise Refusal(400, "The user has denied access.", error=device.answer)
        del self._devices[asked["device_code"]]
        return self._tokens.issued(device.scopes)


def _registered(redirect: str) -> bool:
    """An integration's redirect URIs are listed one by one; any on this machine counts as one of this integration's."""
    told = urlsplit(redirect)
    return told.scheme == "http" and told.hostname in {"localhost", "127.0.0.1", "::1"} and not told.fragment


def _with(redirect: str, told: Mapping[str, str]) -> str:
    return f"{redirect}{'&' if urlsplit(redirect).query else '?'}{urlencode(told)}"


def _form(headers: Mapping[str, str], form: bytes) -> dict[str, str]:
    if not headers.get("content-type", "").startswith(_FORM):
        raise Refusal(415, "The body must be a form.", error="invalid_request")
    return dict(parse_qsl(form.decode("utf-8", "replace")))


def _authenticated(headers: Mapping[str, str], asked: Mapping[str, str]) -> None:
    """The client's id and secret in the body, or as HTTP Basic."""
    in_body = asked.get("client_id"), asked.get("client_secret")
    if (CLIENT_ID, CLIENT_SECRET) not in {in_body, _basic(headers)}:
        raise Refusal(401, "The client's credentials are invalid.", error="invalid_client")


def _basic(headers: Mapping[str, str]) -> tuple[str, str]:
    kind, _, encoded = headers.get("authorization", "").partition(" ")
    try:
        client, _, secret = b64decode(encoded).decode().partition(":")
    except ValueError:
        return "", ""
    return (client, secret) if kind.lower() == "basic" else ("", "")


def _proven(code: _Code, verifier: str) -> bool:
    if not fullmatch(r"[A-Za-z0-9._~-]{43,128}", verifier):
        return False
    methods: dict[str, Callable[[str], str]] = {"plain": str, "S256": _hashed}
    return methods[code.method](verifier) == code.challenge


def _hashed(verifier: str) -> str:
    return urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=")


def _login_page(user: str, query: str, scope: str) -> str:
    wanted = "".join(f"<li>{escape(name)}</li>" for name in scope.split())
    buttons = (
        f'<form method="post" action="?{escape(query)}">'
        f'<button name="decision" value="allow">Sign in as {escape(user)}</button>'
        '<button name="decision" value="deny">Deny</button></form>'
    )
    return _page("Sign in to the simulated Webex", f"<p>A program would like:</p><ul>{wanted}</ul>{buttons}")


def _code_form(code: str) -> str:
    return (
        f'<form method="post" action="?"><input name="userCode" value="{escape(code)}">'
        '<button name="decision" value="allow">Activate</button>'
        '<button name="decision" value="deny">Deny</button></form>'
    )


def _page(title: str, body: str) -> str:
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>'
        f"<body><h1>{title}</h1>{body}</body></html>"
    )
