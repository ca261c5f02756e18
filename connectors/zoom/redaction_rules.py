"""Zoom: which fields of its rows are removed before they are stored under `--raw`.

Zoom's meetings hold `password`, `h323_password`, `pstn_password`, `encrypted_password`, and `join_url` and `start_url` with
a passcode or a host's token in them; `/users` returns a `host_key` if it is asked for, and `/users/{id}/meetings` a
`join_url` and an `agenda` (https://developers.zoom.us/docs/api/, Meetings and Users, 2025-06). The rows of the Dashboard
and the Reports document none of these, but Zoom adds fields to them several times a year.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.row_redaction import RedactionRules, redact

RULES = RedactionRules(
    titles=frozenset(
        ("topic", "host", "host_name", "name", "user_name", "display_name", "first_name", "last_name")
    ),
    keep_flags=True,
)


def redact_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row without what opens a meeting."""
    return redact(row, RULES)
