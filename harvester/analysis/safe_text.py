"""Texts from outside, as a page may show them."""

from __future__ import annotations

import re
import unicodedata

MAX_LENGTH = 80
_TITLES = {
    "zoom": "Zoom",
    "webex": "Webex",
    "teams": "Microsoft Teams",
    "google-meet": "Google Meet",
    "meetecho": "Meetecho",
}


def clean(text: str) -> str:
    """One line of at most 80 characters without control, bidi-override, surrogate and private characters."""
    shown = "".join(
        each
        for each in text
        if unicodedata.category(each) not in {"Cc", "Cf", "Cs", "Co", "Cn"} or each in " \n\t\u200d"
    )
    line = re.sub(r"\s+", " ", shown).strip()
    return line if len(line) <= MAX_LENGTH else line[: MAX_LENGTH - 1].rstrip() + "…"


def vendor_title(vendor: str) -> str:
    return _TITLES.get(vendor) or clean(vendor) or "unnamed"


def vendor_class(vendor: str) -> str:
    """Part of a CSS name: never a text from outside."""
    return vendor if vendor in _TITLES else "other"
