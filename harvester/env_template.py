"""The text of a `.env` file: settings with their values, and a comment on each that says what it is and where to get it."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from connectors.base import Setting

WIDTH = 110

HEAD = """\
# Settings of the harvester. Any NAME can be given as NAME_FILE=/path/to/file instead; use this for secrets.
# A value is one line. Settings that begin with # are not set; they show their default, if there is one.
"""

_PLAIN = re.compile(r"[A-Za-z0-9_.,:/@%+=~-]+")
"""Values that need no quotation marks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    title: str
    settings: Sequence[Setting]


def env_text(sections: Iterable[Section], values: Mapping[str, str] | None = None) -> str:
    """Every setting of these sections: those that have a value, and the others commented out."""
    return "\n".join([HEAD, *("\n".join(_lines(section, values or {})) for section in sections)])


def _lines(section: Section, values: Mapping[str, str]) -> Iterator[str]:
    yield f"# --- {section.title} ".ljust(WIDTH, "-")
    yield ""
    for setting, text in described(section.settings):
        yield from textwrap.wrap(text, WIDTH - 2, initial_indent="# ", subsequent_indent="# ")
        if setting.name in values:
            yield f"{setting.name}={quoted(values[setting.name])}"
        else:
            yield f"# {setting.name}={setting.default if _is_value(setting.default) else ''}"
    yield ""


def described(settings: Iterable[Setting]) -> Iterator[tuple[Setting, str]]:
    """Each setting with its description; where to get it is said once for settings that come from the same place."""
    said = ""
    for setting in settings:
        yield setting, _description(setting, says_where=setting.how_to_get != said)
        said = setting.how_to_get


def _description(setting: Setting, *, says_where: bool) -> str:
    parts = [f"{setting.help[:1].upper()}{setting.help[1:]}"]
    if setting.required:
        parts.append(f"Required, unless {setting.alternative} is set" if setting.alternative else "Required")
    if setting.choices:
        parts.append(f"One of {', '.join(setting.choices)}")
    if setting.default and not _is_value(setting.default):
        parts.append(f"The default is {setting.default}")
    if setting.how_to_get and says_where:
        parts.append(f"Get it {setting.how_to_get}")
    return " ".join(f"{part.removesuffix('.')}." for part in parts)


def _is_value(default: str | None) -> bool:
    """Whether the default is a value, and not a description of one."""
    return default is not None and " " not in default


def quoted(value: str) -> str:
    """The value as `harvester.env_file` reads it back."""
    if _PLAIN.fullmatch(value):
        return value
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
