"""The groups' tokens: requested for all groups in one call, stored, and requested again when one is refused.

`POST auth/ietfservice/tokens` is sent as the datatracker's own client sends it (`ietf/utils/meetecho.py`, 2024): no
`Authorization`, the credentials in the body. How long a token is valid and what the response for an unknown group is are not
documented. So a group that is missing in the response counts as refused, and if the whole call is refused, each group's
token is requested alone. A group has its own token, so this is not a `connectors.oauth.TokenCache`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from threading import RLock
from typing import Any

from connectors.base import Context, Token
from connectors.errors import BrokenResponse, CredentialsError
from connectors.http import Api, Auth
from connectors.meetecho.endpoints import TOKENS, VENDOR
from connectors.meetecho.errors import MeetechoRefused
from connectors.rate_limit import Limiter
from connectors.response_decisions import Response

CALL = f"POST {TOKENS}"

STORED_LIFE = timedelta(hours=1)
"""A stored token is used for this long; Meetecho may refuse it earlier."""

RENEW_INTERVAL_SECONDS = 60.0
"""A token that is refused within this time after it was requested is not requested again."""

_TOKEN = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class GroupAuth:
    """The `Authorization` header with a group's token or a deletion token. The datatracker's client spells `bearer` in lower
    case.
    """

    token: str = field(repr=False)

    def header(self) -> str:
        return f"bearer {self.token}"

    def renew(self, refused: str) -> None:
        """Never called: `send_with_group_token` handles refusals itself."""


class GroupTokens:
    """Safe for all threads."""

    def __init__(
        self,
        api: Api,
        limiter: Limiter,
        context: Context,
        *,
        client: str,
        secret: str,
        groups: Sequence[str],
    ) -> None:
        self._api = api
        self._limiter = limiter
        self._context = context
        self._client = client
        self._secret = secret
        self._groups = tuple(groups)
        self._tokens: dict[str, str | None] = {}
        self._requested_at: dict[str, float] = {}
        self._lock = RLock()

    def get(self, group: str) -> str:
        """The group's token. Raises MeetechoRefused if Meetecho issues none, CredentialsError if it issues none for any
        group."""
        with self._lock:
            if group not in self._tokens:
                self._request(self._without_token(group))
            token = self._tokens.get(group)
        if token is None:
            raise MeetechoRefused(f"{VENDOR}: {CALL}: no token for one of MEETECHO_GROUPS")
        return token

    def renew(self, group: str, refused: str) -> bool:
        """Requests the tokens again, unless this one is only just new. Returns whether the group now has another token than
        the refused one."""
        with self._lock:
            if self._tokens.get(group) == refused:
                if (
                    self._context.elapsed() - self._requested_at.get(group, float("-inf"))
                    < RENEW_INTERVAL_SECONDS
                ):
                    return False
                self._request(list(dict.fromkeys((*self._groups, group))))
            return self._tokens.get(group) is not None

    def refused_groups(self) -> list[str]:
        """Requests the tokens of all groups. Returns the groups that get none; raises CredentialsError if none does."""
        with self._lock:
            self._request(list(self._groups))
            return [group for group in self._groups if self._tokens.get(group) is None]

    def _without_token(self, group: str) -> list[str]:
        """Takes over the stored tokens. Returns the groups that still have none."""
        for name in dict.fromkeys((*self._groups, group)):
            kept = None if name in self._tokens else self._context.tokens.read(self._stored_name(name))
            if kept is not None and kept.expires_at > self._context.now() and _TOKEN.fullmatch(kept.access):
                self._tokens[name] = kept.access
        return [name for name in dict.fromkeys((*self._groups, group)) if name not in self._tokens]

    def _request(self, groups: Sequence[str]) -> None:
        if not groups:
            return
        with self._context.tokens.locked("meetecho"):
            tokens = self._request_tokens(groups)
            for group in groups:
                token = tokens.get(group)
                self._tokens[group] = token
                self._requested_at[group] = self._context.elapsed()
                if token is not None:
                    until = self._context.now() + STORED_LIFE
                    self._context.tokens.write(
                        self._stored_name(group), Token(access=token, expires_at=until)
                    )

    def _request_tokens(self, groups: Sequence[str]) -> dict[str, str]:
        """The tokens by group, without the refused groups, so that one does not stop the others. Raises CredentialsError
        if the credentials are refused (401), or every group is."""
        try:
            return self._send(groups)
        except MeetechoRefused as error:
            status = error.status
        tokens: dict[str, str] = {}
        if status != 401 and len(groups) > 1:
            for group in groups:
                tokens |= self._request_alone(group)
        others = (token for group, token in self._tokens.items() if group not in groups)
        if status == 401 or not (tokens or any(others)):
            raise self._credentials_error(status)
        return tokens

    def _request_alone(self, group: str) -> dict[str, str]:
        try:
            return self._send([group])
        except MeetechoRefused:
            return {}

    def _send(self, groups: Sequence[str]) -> dict[str, str]:
        request = {"client": self._client, "secret": self._secret, "wgs": list(groups)}
        body = self._api.request(
            "POST",
            CALL,
            TOKENS,
            data=json.dumps(request, allow_nan=False).encode(),
            headers={"Content-Type": "application/json"},
            limiter=self._limiter,
        )
        tokens = body.get("tokens") if isinstance(body, dict) else None
        if tokens == []:  # an empty object as PHP encodes it
            tokens = {}
        if not isinstance(tokens, dict):
            raise BrokenResponse(f"{VENDOR}: {CALL}: a response without `tokens`")
        return {group: tokens[group] for group in groups if _is_token(tokens.get(group))}

    def _credentials_error(self, status: int | None) -> CredentialsError:
        return CredentialsError(
            f"{VENDOR}: {CALL}: refused ({status}): check MEETECHO_CLIENT_ID and MEETECHO_CLIENT_SECRET, and whether "
            "they cover MEETECHO_GROUPS; if both are unset, only the datatracker is read"
        )

    def _stored_name(self, group: str) -> str:
        return f"meetecho-{self._client}-{group}"


def send_with_group_token(tokens: GroupTokens, group: str, send: Callable[[Auth], Response]) -> Response:
    """Send a request with the group's token, and once more with a new one if it is refused. Raises MeetechoRefused."""
    token = tokens.get(group)
    try:
        return send(GroupAuth(token))
    except MeetechoRefused as error:
        if error.status not in {401, 403} or not tokens.renew(group, token):
            raise
    return send(GroupAuth(tokens.get(group)))


def _is_token(value: Any) -> bool:
    return isinstance(value, str) and _TOKEN.fullmatch(value) is not None
