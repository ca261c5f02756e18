"""Tokens in the shared state: sealed with HARVESTER_STATE_KEY, or left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import orjson

from connectors.errors import ConfigurationError
from harvester.state.shared.row_changes import Change

KEY_SETTING = "HARVESTER_STATE_KEY"
TOKENS = "tokens"
"""The table with tokens: name and token."""


class TokenSealer:
    """Seals what an account's database has of tokens before it leaves the machine.

    Without a key, a token that can be requested again stays on this machine, and one with a refresh token, which may exist
    only once, is refused.
    """

    def __init__(self, keys: str | None) -> None:
        """`keys`: Fernet keys, separated by commas: the first seals, all open. Raises ConfigurationError for others."""
        from cryptography.fernet import Fernet, MultiFernet

        try:
            found = [Fernet(key.strip()) for key in keys.split(",")] if keys else []
        except ValueError:
            raise ConfigurationError(
                f"{KEY_SETTING} is not a Fernet key, which is 32 bytes in URL-safe base64: make one with "
                '`python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"`'
            ) from None
        self._fernet = MultiFernet(found) if found else None

    @property
    def has_key(self) -> bool:
        return self._fernet is not None

    def seal(self, changes: Iterable[Change]) -> Iterator[Change]:
        """The changes as they may be shared. Raises ConfigurationError for a refresh token without a key."""
        return (sealed for change in changes if (sealed := self._seal(change)) is not None)

    def open(self, changes: Iterable[Change]) -> list[Change]:
        """The changes as they were. Raises ConfigurationError if the key does not fit."""
        return [self._open(change) for change in changes]

    def seal_text(self, text: str) -> str:
        """Raises ConfigurationError without a key."""
        if self._fernet is None:
            raise needs_key()
        return self._fernet.encrypt(text.encode()).decode("ascii")

    def open_text(self, sealed: str, what: str) -> str:
        """`what`: for the message. Raises ConfigurationError if the key does not fit."""
        from cryptography.fernet import InvalidToken

        if self._fernet is None:
            raise needs_key()
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken:
            raise ConfigurationError(
                f"{KEY_SETTING} does not open {what} of the shared state: set the key of the other workers"
            ) from None

    def _seal(self, change: Change) -> Change | None:
        table, key, row = change
        if table != TOKENS or row is None:
            return change
        name, token = row
        if self._fernet is None:
            if orjson.loads(token)["refresh"] is not None:
                raise needs_key()
            return None
        return [table, key, [name, self.seal_text(token)]]

    def _open(self, change: Change) -> Change:
        table, key, row = change
        if table != TOKENS or row is None:
            return change
        if self._fernet is None:
            raise ConfigurationError(
                f"the shared state has sealed tokens: set {KEY_SETTING} to the key of the other workers"
            )
        name, sealed = row
        return [table, key, [name, self.open_text(str(sealed), "the tokens")]]


def without_tokens(changes: Iterable[Change]) -> list[Change]:
    """The changes for a reader, who needs no key."""
    return [change for change in changes if change[0] != TOKENS]


def needs_key() -> ConfigurationError:
    return ConfigurationError(
        f"a refresh token may be shared between workers only if it is sealed: set {KEY_SETTING}, the same for all workers"
    )
