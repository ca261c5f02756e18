"""Webex's OAuth endpoints: login page, exchange of codes and refresh tokens, device grant.

Source: https://developer.webex.com/docs/login-with-webex. PKCE is used in addition to the client secret,
never instead of it.
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

from harvester.simulator.webex.error_responses import NO_TOKEN, ErrorResponse
from harvester.simulator.webex.options import WebexOptions
from harvester.simulator.webex.request import query_parameters
from harvester.simulator.webex.tokens import CLIENT_ID, CLIENT_SECRET, Tokens, invalid_grant

CODE_SECONDS = 300.0
DEVICE_SECONDS = 300
DEVICE_INTERVAL = 2
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Page:
    """What a browser receives: a page or a redirect."""

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
    """`user` is the person who signs in."""

    def __init__(self, tokens: Tokens, options: WebexOptions, user: str) -> None:
        self._tokens = tokens
        self._granted = frozenset(options.granted)
        self._user = user
        self._codes: dict[str, _Code] = {}
        self._devices: dict[str, _Device] = {}
        self._user_codes: dict[str, str] = {}

    def authorize(self, method: str, query: str, form: bytes) -> Page:
        """Answer the login page and its buttons.

        Raises ErrorResponse if there is no valid URI to redirect to.
        """
        parameters = query_parameters(query)
        redirect = parameters.get("redirect_uri", "")
        if parameters.get("client_id") != CLIENT_ID:
            raise ErrorResponse(400, "The requested client_id is invalid.", error="invalid_client")
        if not _is_registered(redirect):
            raise ErrorResponse(400, "The redirect_uri is not registered.", error="invalid_request")
        state = {"state": parameters["state"]} if "state" in parameters else {}
        error = self._authorization_error(parameters)
        if error:
            return Page(location=_redirect_url(redirect, {"error": error, **state}))
        if method != "POST" and parameters.get("prompt") != "none":
            return Page(html=_login_page(self._user, query, parameters["scope"]))
        if method == "POST" and dict(parse_qsl(form.decode())).get("decision") == "deny":
            return Page(location=_redirect_url(redirect, {"error": "access_denied", **state}))
        code = secrets.token_urlsafe(24)
        self._codes[code] = _Code(
            self._tokens.now(),
            redirect,
            frozenset(parameters["scope"].split()),
            parameters.get("code_challenge", ""),
            parameters.get("code_challenge_method", "plain"),
        )
        return Page(location=_redirect_url(redirect, {"code": code, **state}))

    def _authorization_error(self, parameters: Mapping[str, str]) -> str:
        if parameters.get("response_type") != "code":
            return "unsupported_response_type"
        scopes = frozenset(parameters.get("scope", "").split())
        if not scopes or not scopes <= self._granted:
            return "invalid_scope"
        return (
            "" if parameters.get("code_challenge_method", "plain") in {"plain", "S256"} else "invalid_request"
        )

    def access_token(self, headers: Mapping[str, str], form: bytes) -> dict[str, Any]:
        parameters = _form(headers, form)
        _check_client(headers, parameters)
        grant = parameters.get("grant_type")
        if grant == "refresh_token":
            return self._tokens.refresh(parameters.get("refresh_token", ""))
        if grant != "authorization_code":
            raise ErrorResponse(400, "The grant_type is not supported.", error="unsupported_grant_type")
        code = self._codes.pop(parameters.get("code", ""), None)  # a code is valid once, whatever the outcome
        if code is None or self._tokens.now() - code.issued > CODE_SECONDS:
            raise invalid_grant("The code is invalid or expired.")
        if parameters.get("redirect_uri") != code.redirect:
            raise invalid_grant("The redirect_uri is not the one that the code was given for.")
        if code.challenge and not _verifier_matches(code, parameters.get("code_verifier", "")):
            raise invalid_grant("The code_verifier does not fit the code_challenge.")
        return self._tokens.issue(code.scopes)

    def device_authorize(self, headers: Mapping[str, str], form: bytes, base: str) -> dict[str, Any]:
        parameters = _form(headers, form)
        if parameters.get("client_id") != CLIENT_ID:
            raise ErrorResponse(400, "The requested client_id is invalid.", error="invalid_client")
        scopes = frozenset(parameters.get("scope", "").split())
        if not scopes or not scopes <= self._granted:
            raise ErrorResponse(400, "The requested scope is invalid.", error="invalid_scope")
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
        """Answer the page for the six-digit code; the simulator's own, since Webex's page is on another host."""
        parameters = {**dict(parse_qsl(query)), **dict(parse_qsl(form.decode()))}
        device = self._devices.get(self._user_codes.get(parameters.get("userCode", ""), ""))
        if method == "POST" and device is not None:
            device.answer = "access_denied" if parameters.get("decision") == "deny" else ""
            return Page(html=_page("Thank you", "<p>You may close this page.</p>"))
        return Page(html=_page("Activate a device", _code_form(parameters.get("userCode", ""))))

    def device_token(self, headers: Mapping[str, str], form: bytes) -> dict[str, Any]:
        """Answer a poll: 428 until the user has signed in, 400 if polled too often."""
        parameters = _form(headers, form)
        if _basic(headers) != (CLIENT_ID, CLIENT_SECRET):
            raise ErrorResponse(401, NO_TOKEN, error="invalid_client")
        if parameters.get("grant_type") != DEVICE_GRANT:
            raise ErrorResponse(400, "The grant_type is not supported.", error="unsupported_grant_type")
        device, now = self._devices.get(parameters.get("device_code", "")), self._tokens.now()
        if device is None or now - device.issued > DEVICE_SECONDS:
            raise invalid_grant("The device_code is invalid or expired.")
        too_fast, device.polled = now - device.polled < DEVICE_INTERVAL, now
        if too_fast:
            raise ErrorResponse(400, "Polled too often.", error="slow_down")
        if device.answer == "authorization_pending":
            raise ErrorResponse(428, "The authorization is pending.", error=device.answer)
        if device.answer:
            raise ErrorResponse(400, "The user has denied access.", error=device.answer)
        del self._devices[parameters["device_code"]]
        return self._tokens.issue(device.scopes)


def _is_registered(redirect: str) -> bool:
    """Return whether the redirect URI is registered: any on this machine is."""
    url = urlsplit(redirect)
    return url.scheme == "http" and url.hostname in {"localhost", "127.0.0.1", "::1"} and not url.fragment


def _redirect_url(redirect: str, parameters: Mapping[str, str]) -> str:
    return f"{redirect}{'&' if urlsplit(redirect).query else '?'}{urlencode(parameters)}"


def _form(headers: Mapping[str, str], form: bytes) -> dict[str, str]:
    if not headers.get("content-type", "").startswith(_FORM):
        raise ErrorResponse(415, "The body must be a form.", error="invalid_request")
    return dict(parse_qsl(form.decode("utf-8", "replace")))


def _check_client(headers: Mapping[str, str], parameters: Mapping[str, str]) -> None:
    """Check the client's id and secret, in the body or as HTTP Basic."""
    in_body = parameters.get("client_id"), parameters.get("client_secret")
    if (CLIENT_ID, CLIENT_SECRET) not in {in_body, _basic(headers)}:
        raise ErrorResponse(401, "The client's credentials are invalid.", error="invalid_client")


def _basic(headers: Mapping[str, str]) -> tuple[str, str]:
    kind, _, encoded = headers.get("authorization", "").partition(" ")
    try:
        client, _, secret = b64decode(encoded).decode().partition(":")
    except ValueError:
        return "", ""
    return (client, secret) if kind.lower() == "basic" else ("", "")


def _verifier_matches(code: _Code, verifier: str) -> bool:
    if not fullmatch(r"[A-Za-z0-9._~-]{43,128}", verifier):
        return False
    methods: dict[str, Callable[[str], str]] = {"plain": str, "S256": _sha256_challenge}
    return methods[code.method](verifier) == code.challenge


def _sha256_challenge(verifier: str) -> str:
    return urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=")


def _login_page(user: str, query: str, scope: str) -> str:
    scope_items = "".join(f"<li>{escape(name)}</li>" for name in scope.split())
    buttons = (
        f'<form method="post" action="?{escape(query)}">'
        f'<button name="decision" value="allow">Sign in as {escape(user)}</button>'
        '<button name="decision" value="deny">Deny</button></form>'
    )
    return _page(
        "Sign in to the simulated Webex", f"<p>A program would like:</p><ul>{scope_items}</ul>{buttons}"
    )


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
