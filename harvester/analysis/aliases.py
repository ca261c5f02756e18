"""Who is who. Documents never change: an alias applies to the output only.

Within a meeting, `connectors/attendance.py` distinguishes people, so that a meeting has as many rows as `participants`.
Across meetings and vendors, people are distinguished by e-mail, else by the vendor's id, else by name.
An alias comes before both. It also stands for everyone with the e-mail of the person that it names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import translate
from pathlib import Path

from harvester.analysis import safe_csv

Known = tuple[str | None, str | None, str | None]
"""Name, e-mail and id of a session's participant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    pattern: str
    """A name, an e-mail or an id; * and ? stand for any characters and for one. Case does not matter."""
    person: str
    """The name or the e-mail of the person."""


def read_aliases(path: Path) -> list[Alias]:
    """Raises ConfigurationError if the file has not the columns pattern and person."""
    rows = safe_csv.read(path, ("pattern", "person"))
    return [Alias(pattern=pattern, person=person) for pattern, person in rows if person]


class AliasTable:
    """Finds the person for a session's participant. Exact patterns come first, then those with * or ?, as in the file."""

    def __init__(self, aliases: Iterable[Alias]) -> None:
        self._exact: dict[str, str] = {}
        self._wild: list[tuple[re.Pattern[str], str]] = []
        self._persons: dict[str, str] = {}
        for alias in aliases:
            pattern = alias.pattern.casefold()
            person = self._persons.setdefault(alias.person.casefold(), alias.person)
            if re.search(r"[*?]", pattern):
                self._wild.append((re.compile(translate(pattern.replace("[", "[[]"))), person))
            else:
                self._exact.setdefault(pattern, person)
        for folded, person in self._persons.items():
            self._exact.setdefault(folded, person)

    def resolve(self, known: Sequence[Known]) -> dict[Known, str]:
        """The person for each of these to whom an alias applies."""
        found = {each: person for each in known if (person := self._find(each)) is not None}
        addresses: dict[str, str] = {}
        for (name, email, _), person in found.items():
            if email is not None and person.casefold() in {email.casefold(), (name or "").casefold()}:
                addresses.setdefault(email.casefold(), person)
        for each in known:
            if each not in found and each[1] is not None and each[1].casefold() in addresses:
                found[each] = addresses[each[1].casefold()]
        return found

    def _find(self, known: Known) -> str | None:
        texts = [text.casefold() for text in known if text is not None]
        for text in texts:
            if text in self._exact:
                return self._exact[text]
        return next((person for pattern, person in self._wild if any(map(pattern.match, texts))), None)
