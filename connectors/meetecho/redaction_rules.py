"""Meetecho and the datatracker: which fields are removed from a record before it is stored under `--raw`.

People write links and codes of other services into the free-text fields of a session (`ietf/meeting/models.py` of
https://github.com/ietf-tools/datatracker, 2026). A room's `deletion_token` is never read at all, see `room_rows.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.row_redaction import RedactionRules, redact

RULES = RedactionRules(
    words=("email",),
    fields=frozenset(("remote_instructions", "comments", "agenda_note")),
    titles=frozenset(("name", "title", "ascii", "plain")),
    keep_flags=True,  # `on_agenda` says only whether a session is listed
)


def redact_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """The record without what opens a meeting or a room, and without e-mail addresses."""
    return redact(row, RULES)
