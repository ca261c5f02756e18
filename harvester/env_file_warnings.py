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
_SIMILAR_WORD = 0.75


def setting_names(path: Path) -> list[str]:
    """The names that the lines of the file set, in order."""
    try:
        return list(dict.fromkeys(_NAME.findall(path.read_text(encoding="utf-8-sig", errors="replace"))))
    except OSError:
        return []  # whoever reads the values reports it


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
        # ROOMS_CLIENT_ID is no other spelling of ZOOM_CLIENT_ID: the first word has to be similar, too.
        candidates = {other for other in names if _first_words_are_similar(name.upper(), other)}
        similar = get_close_matches(name.upper(), sorted(candidates), n=1, cutoff=_SIMILAR)
        if similar:
            yield f"{path}: there is no setting {name}; did you mean {similar[0]}?"
        elif name.partition("_")[0] in prefixes:
            yield f"{path}: there is no setting {name}"


def _first_words_are_similar(one: str, other: str) -> bool:
    return SequenceMatcher(a=one.partition("_")[0], b=other.partition("_")[0]).ratio() >= _SIMILAR_WORD


def exposed_secrets(path: Path) -> str | None:
    """A message if every user of this machine can read the secrets in the file."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return None
    if not mode & stat.S_IROTH or not any(_SECRET.search(name) for name in setting_names(path)):
        return None
    return f"{path} holds secrets, and every user of this machine can read it: chmod 600 {path}"
