"""The groups' tokens: had for all groups in one call, kept in the store, and had anew when one is no longer taken.

`POST auth/ietfservice/tokens` is sent as the datatracker's own client sends it (`ietf/utils/meetecho.py`, 2024): no
`Authorization`, the credentials in the body. How long a token lives, and what is said of a group that is unknown, is not
documented; so a group that is left out of an answer is refused, and where the whole call is, each group is asked for alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import timedelta
from threading import RLock
from typing import Any

from connectors.base import Context, Token
from connectors.errors import BrokenResponse, CredentialsError
from connectors.http import Api
from connectors.meetecho.endpoints import TOKENS, VENDOR
from connectors.meetecho.errors import MeetechoRefused
from connectors.rate_limit import RateLimiter

CALL = f"POST {TOKENS}"

STORED_LIFE = timedelta(hours=1)
"""After which a token is no longer taken out of the store; until then, whether it is still good is Meetecho's to say."""

RENEW_INTERVAL_SECONDS = 60.0
"""A token that is refused so soon after it was had is not had again."""

_TOKEN = re.compile(r"[\x21-\x7e]+")


class GroupTokens:
    """Safe for many threads."""

    def __init__(
        self,
        api: Api,
        limiter: RateLimiter,
        context: Context,
        *,
        client: str,
        secret: str,
        groups: Sequence[str],
    ) -> None:
        self._api = api
        self._pace = limiter
        self._context = context
        self._client = client
        self._secret = secret
        self._groups = tuple(groups)
        self._known: dict[str, str | None] = {}
        self._had_at: dict[str, float] = {}
        self._lock = RLock()

    def get(self, group: str) -> str:
        """The group's token. Refused where Meetecho gives none; CredentialsError where it gives none to anybody."""
        with self._lock:
            if group not in self._known:
                self._have(self._lacking(group))
            token = self._known.get(group)
        if token is None:
            raise MeetechoRefused(f"{VENDOR}: {CALL}: no token for one of MEETECHO_GROUPS")
        return token

    def renew(self, group: str, refused: str) -> bool:
        """Whether there is another token than the refused one now: all are had anew, unless this one just was."""
        with self._lock:
            if self._known.get(group) == refused:
                if self._context.elapsed() - self._had_at.get(group, float("-inf")) < RENEW_INTERVAL_SECONDS:
                    return False
                self._have(list(dict.fromkeys((*self._groups, group))))
            return self._known.get(group) is not None

    def refused_groups(self) -> list[str]:
        """Asked now, for all groups: those that get none. CredentialsError where it is all of them."""
        with self._lock:
            self._have(list(self._groups))
            return [group for group in self._groups if self._known.get(group) is None]

    def _lacking(self, group: str) -> list[str]:
        """The groups that neither this run nor the store has a token for; the store's are taken over."""
        for name in dict.fromkeys((*self._groups, group)):
            kept = None if name in self._known else self._context.tokens.read(self._name(name))
            if kept is not None and kept.expires_at > self._context.now() and _TOKEN.fullmatch(kept.access):
                self._known[name] = kept.access
        return [name for name in dict.fromkeys((*self._groups, group)) if name not in self._known]

    def _have(self, groups: Sequence[str]) -> None:
        if not groups:
            return
        with self._context.tokens.locked("meetecho"):
            told = self._told(groups)
            for group in groups:
                token = told.get(group)
                self._known[group] = token
                self._had_at[group] = self._context.elapsed()
                if token is not None:
                    until = self._context.now() + STORED_LIFE
                    self._context.tokens.write(self._name(group), Token(access=token, expires_at=until))

    def _told(self, groups: Sequence[str]) -> dict[str, str]:
        """Tokens by group, without those of groups that are refused: one must stop no other. CredentialsError where it
        is who we are that is refused (401), or every group that there is."""
        try:
            return self._ask(groups)
        except MeetechoRefused as error:
            status = error.status
        told: dict[str, str] = {}
        if status != 401 and len(groups) > 1:
            for group in groups:
                told |= self._alone(group)
        others = (token for group, token in self._known.items() if group not in groups)
        if status == 401 or not (told or any(others)):
            raise self._unknown(status)
        return told

    def _alone(self, group: str) -> dict[str, str]:
        try:
            return self._ask([group])
        except MeetechoRefused:
            return {}

    def _ask(self, groups: Sequence[str]) -> dict[str, str]:
        asked = {"client": self._client, "secret": self._secret, "wgs": list(groups)}
        body = self._api.request(
            "POST",
            CALL,
            TOKENS,
            data=json.dumps(asked, allow_nan=False).encode(),
            headers={"Content-Type": "application/json"},
            limiter=self._pace,
        )
        tokens = body.get("tokens") if isinstance(body, dict) else None
        if tokens == []:  # an empty mapping, as PHP spells it
            tokens = {}
        if not isinstance(tokens, dict):
            raise BrokenResponse(f"{VENDOR}: {CALL}: an answer without `tokens`")
        return {group: tokens[group] for group in groups if _is_token(tokens.get(group))}

    def _unknown(self, status: int | None) -> CredentialsError:
        return CredentialsError(
            f"{VENDOR}: {CALL}: refused ({status}): look at MEETECHO_CLIENT_ID and MEETECHO_CLIENT_SECRET, and whether "
            "MEETECHO_GROUPS are groups that they are for; without both of them the datatracker alone is read"
        )

    def _name(self, group: str) -> str:
        return f"meetecho-{self._client}-{group}"


def _is_token(value: Any) -> bool:
    return isinstance(value, str) and _TOKEN.fullmatch(value) is not None
