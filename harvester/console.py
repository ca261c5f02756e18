"""What must not be printed, whatever a message is made of."""

from __future__ import annotations

import re

SHORTEST = 8
"""A shorter secret is not looked for: `wrong`, `test` or `1234` are words and numbers of ordinary messages, and to blot
them out would garble what is said and tell that this very word is the secret. Messages are made without secrets in the
first place; this is the second line of defence, for secrets that deserve the name."""


class Redactor:
    """Secrets, and texts without them. Only whole occurrences count: a part of a longer word is not the secret."""

    def __init__(self) -> None:
        self._secrets: set[str] = set()

    def add(self, secret: str) -> None:
        if len(secret) >= SHORTEST:
            self._secrets.add(secret)

    def __call__(self, text: str) -> str:
        for secret in sorted(self._secrets, key=len, reverse=True):  # one may hold another
            text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", "***", text)
        return text
