"""Removes what opens a meeting from a vendor's rows: passcodes, tokens, host keys, dial-in details and links.

One list of words for all vendors, because the next API version of one vendor may use the word of another. What differs
between vendors is data: `RedactionRules`, in each vendor's `redaction_rules.py`, with the source of each rule.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

SECRET_WORDS = (
    *("password", "passwd", "passcode", "pwd", "pin", "secret", "token", "apikey"),
    *("hostkey", "accesscode", "sipaddress", "sipaccess", "phoneaccess", "telephony", "dialin", "callin"),
    *("weblink", "joinlink", "startlink", "registerlink", "hangoutlink", "links", "entrypoint"),
    *("joinurl", "starturl", "joinuri", "meetinguri", "exporturi", "streamurl", "rtmp", "livestream"),
    *("registration", "agenda"),
)
"""A field is removed if its name, in lower case and without `_` and `-`, contains one of these words. `agenda` and
`registration` are free text and forms in which people write passcodes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RedactionRules:
    """How the rows of one vendor differ from the common rules."""

    words: tuple[str, ...] = ()
    """More words, in lower case, that mark a field of this vendor as secret."""
    fields: frozenset[str] = frozenset()
    """Fields to remove by their exact name."""
    titles: frozenset[str] = frozenset()
    """Fields that hold a name or a title. A link in one of these stays, since a person wrote it as part of the title;
    a link in any other field removes that field."""
    keep_flags: bool = False
    """Keep a boolean under a secret name: it says only whether there is a passcode (`hasPassword`)."""

    has_secret_name: Callable[[str], bool] = field(init=False, repr=False, compare=False)
    """Whether these rules remove a field by its name. Cached: the rows of a vendor have the same fields."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "has_secret_name", lru_cache(maxsize=4096)(self._has_secret_name))

    def _has_secret_name(self, key: str) -> bool:
        name = key.lower().replace("_", "").replace("-", "")
        return key in self.fields or any(word in name for word in (*SECRET_WORDS, *self.words))


_SCALARS = frozenset({str, int, float, bool, type(None)})


def redact(row: Mapping[str, Any], rules: RedactionRules) -> dict[str, Any]:
    """A copy of the row without secret fields and links, at any depth."""
    kept: dict[str, Any] = {}
    for key, value in row.items():
        if rules.has_secret_name(key):
            if rules.keep_flags and isinstance(value, bool):
                kept[key] = value
        elif isinstance(value, str):
            if "://" not in value or key in rules.titles:
                kept[key] = value
        else:
            kept[key] = redact_value(value, rules)
    return kept


def redact_value(value: Any, rules: RedactionRules) -> Any:
    """The same for a part of a row: an object, a list, or anything else as it is."""
    if (
        value.__class__ in _SCALARS
    ):  # a quick answer for the common case: rows of qualities hold many thousand samples
        return value
    if isinstance(value, Mapping):
        return redact(value, rules)
    if isinstance(value, list):
        return [
            item if item.__class__ is float else redact_value(item, rules)
            for item in value
            if item.__class__ is float or not _is_link(item)
        ]
    return value


def _is_link(value: Any) -> bool:
    return isinstance(value, str) and "://" in value
