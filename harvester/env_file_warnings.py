"""What is odd about a .env file: settings that nothing reads, and secrets that other users can read.

Reading its values is `harvester.config`'s work.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher, get_close_matches
from pathlib import Path

_NAME = re.compile(r"^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=", re.MULTILINE)
_SECRET = re.compile(r"(SECRET|KEY|PASSWORD|TOKEN|CREDENTIALS)$")
_SIMILAR = 0.85
_SIMILAR_FIRST_WORD = 0.7


def setting_names(path: Path) -> list[str]:
    """The names that the lines of the file set, in order."""
    try:
        return list(dict.fromkeys(_NAME.findall(path.read_text(encoding="utf-8-sig", errors="replace"))))
    except OSError:
        return []  # the error comes when the values are read


def unknown_settings(path: Path, known: Iterable[str], *, accepted: Iterable[str] = ()) -> Iterator[str]:
    """A message for each name in the file that is not among the known ones, and looks as if it should be.

    A name looks so if it begins as a known one does (`ZOOM_…`), or is similar to one. Other programs may have settings
    in the same file. `accepted`: names that need no warning.
    """
    names = {name for each in known for name in (each, f"{each}_FILE")}
    prefixes = {name.partition("_")[0] for name in names}
    for name in setting_names(path):
        if name in names or name in accepted:
            continue
        similar = _similar_name(name.upper(), names)
        if similar is not None:
            yield f"{path}: there is no setting {name}; did you mean {similar}?"
        elif name.partition("_")[0] in prefixes:
            yield f"{path}: there is no setting {name}"


def _similar_name(name: str, names: Iterable[str]) -> str | None:
    """Their first words must be similar, too: `ZOOM_CLIENT_ID` is not a spelling of `ROOMS_CLIENT_ID`."""
    first = name.partition("_")[0]
    alike = [
        each
        for each in sorted(names)
        if SequenceMatcher(None, first, each.partition("_")[0]).ratio() >= _SIMILAR_FIRST_WORD
    ]
    return next(iter(get_close_matches(name, alike, n=1, cutoff=_SIMILAR)), None)


def exposed_secrets(path: Path) -> str | None:
    """A message if every user of this machine can read the secrets in the file."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return None
    if not mode & stat.S_IROTH or not any(_SECRET.search(name) for name in setting_names(path)):
        return None
    return f"{path} holds secrets, and every user of this machine can read it: chmod 600 {path}"
