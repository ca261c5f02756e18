"""The people who were expected."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from harvester.analysis import safe_csv
from harvester.analysis.aliases import Known


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    email: str | None
    name: str | None


def read_roster(path: Path) -> list[Expected]:
    """Rows of e-mail and name, each person once. Raises UnusableFile if a row has neither."""
    people = []
    for first, second in safe_csv.read(path, ("email", "name")):
        # A list of names alone is a roster too.
        email, name = (first, second) if "@" in first else ("", second or first)
        people.append(Expected(email=email.lower() or None, name=name or None))
    return list(dict.fromkeys(people))


class Roster:
    """Finds the place on the roster of a session's participant: by e-mail, else by name if one of the two has no e-mail."""

    def __init__(self, people: Iterable[Expected]) -> None:
        self.people = list(people)
        self._emails: dict[str, int] = {}
        self._names: dict[str, int] = {}
        for place, person in enumerate(self.people):
            if person.email is not None:
                self._emails.setdefault(person.email, place)
            if person.name is not None:
                self._names.setdefault(person.name.casefold(), place)

    def resolve(self, known: Sequence[Known], aliases: dict[Known, str]) -> dict[Known, int]:
        """The place of each of these who is on the roster. `aliases`: the persons that aliases name."""
        places = {each: self._find(each, aliases.get(each)) for each in known}
        return {each: place for each, place in places.items() if place is not None}

    def _find(self, known: Known, alias: str | None) -> int | None:
        name, email, _ = known
        if email is not None and email.lower() in self._emails:
            return self._emails[email.lower()]
        if alias is not None:
            return self._emails.get(alias.lower(), self._names.get(alias.casefold()))
        place = self._names.get(name.casefold()) if name is not None else None
        if place is None or (email is not None and self.people[place].email is not None):
            return None
        return place
