"""Webex: which fields are removed from its rows. Every row is redacted as soon as it is read.

Webex sends passwords, host keys, access codes and links that contain them with every meeting. Its own list of "sensitive
attributes" is in the description of `GET /admin/meetings/{meetingId}`, which leaves them out
(https://github.com/webex/webex-openapi-specs, 2026-05). `agenda` is one of them, because people write passcodes into it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.row_redaction import RedactionRules, redact

RULES = RedactionRules(
    titles=frozenset(("title", "displayName", "hostDisplayName", "name")),
    keep_flags=True,
)


def redact_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row without what opens a meeting."""
    return redact(row, RULES)
