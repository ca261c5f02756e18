"""Keeps secrets out of what is logged: whatever settings mark as secret is replaced in every message. With `HARVESTER_PII`,
so is every e-mail address.

Vendors' rows are redacted elsewhere, in `connectors/row_redaction.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable

MINIMUM_SECRET = 8
"""Shorter secrets are not redacted: `wrong`, `test` or `1234` are words of ordinary messages, and replacing them would
garble the message and reveal the secret. Messages are written without secrets in the first place; redaction is the
second line of defence, for secrets of a reasonable length."""


class Redactor:
    """Replaces secrets in text with `***`. Only whole occurrences count, not parts of a longer word."""

    def __init__(self) -> None:
        self._secrets: set[str] = set()
        self.treat: Callable[[str], str] | None = None
        """Replaces what is personal in a message."""

    def add(self, secret: str) -> None:
        if len(secret) >= MINIMUM_SECRET:
            self._secrets.add(secret)

    def __call__(self, text: str) -> str:
        for secret in sorted(self._secrets, key=len, reverse=True):  # one may contain another
            text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", "***", text)
        return text if self.treat is None else self.treat(text)
