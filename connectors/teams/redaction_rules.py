"""Teams: which fields are removed from its rows before they are stored under `--raw`.

A call record has a link into its meeting (`joinWebUrl`), which names the thread and opens the meeting's lobby.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.row_redaction import RedactionRules, redact

RULES = RedactionRules(
    words=("joinweburl", "threadid"),
    titles=frozenset(("displayName", "subject")),
)


def redact_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row without what opens a meeting."""
    return redact(row, RULES)
