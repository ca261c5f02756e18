"""What opens a meeting must not leave the connector: it is taken out of a row as soon as it is here.

Webex sends passwords, host keys, access codes and links that hold them with every meeting. Its own list of "sensitive
attributes" is in the description of `GET /admin/meetings/{meetingId}`, which leaves them out
(https://github.com/webex/webex-openapi-specs, 2026-05); `agenda` is one of them, for what people write into it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_NAMED = (
    *("password", "passcode", "secret", "token", "hostkey", "accesscode", "pin", "telephony"),
    *("weblink", "sipaddress", "dialin", "callin", "registration", "registerlink", "joinlink", "startlink"),
    *("livestream", "rtmp", "streamurl", "links", "agenda"),
)
_TEXTS = frozenset({"title", "displayName", "hostDisplayName", "name"})
"""What people wrote, and may be anything; addresses elsewhere are links."""


def redact_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row without what opens a meeting, by its name or because it is a link, at any depth."""
    return {key: _cleaned(value) for key, value in row.items() if not _opens(key, value)}


def _cleaned(value: Any) -> Any:
    if isinstance(value, Mapping):
        return redact_row(value)
    if isinstance(value, list):
        return [_cleaned(item) for item in value if not (isinstance(item, str) and "://" in item)]
    return value


def _opens(key: str, value: Any) -> bool:
    name = key.lower()
    if isinstance(value, bool):
        return False  # whether there is one (`hasRegistration`), and not the thing itself
    if any(part in name for part in _NAMED):
        return True
    return isinstance(value, str) and "://" in value and key not in _TEXTS
