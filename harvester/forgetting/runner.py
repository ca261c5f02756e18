"""Forgets a person: finds them, remembers whom to leave out, removes or blanks what was found, and looks again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from connectors.errors import LeaseHeld
from harvester.forgetting.person import Count, LeftOut, Person
from harvester.forgetting.searched_places import Place
from harvester.privacy.forgotten_people import ForgottenList, forget_identifiers
from harvester.privacy.settings import SALT
from harvester.state.secrets_and_forgotten_people import PrivacyState

ROUNDS = 5
"""How often the search is repeated with addresses and ids that the last one has brought up."""


@dataclass(slots=True, kw_only=True)
class PlaceResult:
    place: Place
    found: Count
    left: Count | None = None
    """What is still there afterwards; `None` if nothing was changed."""


@dataclass(slots=True, kw_only=True)
class Result:
    person: Person
    places: Sequence[PlaceResult]
    done: bool = False
    held: LeaseHeld | None = None
    """Why a part of a place could not be changed now."""

    @property
    def found(self) -> int:
        return sum(each.found.total for each in self.places)

    @property
    def left(self) -> int:
        return sum(each.left.total for each in self.places if each.left is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgetting:
    """The caller holds the locks of all journals."""

    places: Sequence[Place]
    """Files first, then rejects, then the index, then journals."""
    state: PrivacyState
    now: Callable[[], datetime]
    share: Callable[[ForgottenList], None] = field(default=lambda _remembered: None)
    """Called with all that the state remembers, before anything is changed."""
    stop: Callable[[], None] = field(default=lambda: None)
    """Called between places; raises if the command is interrupted."""

    def find(self, person: Person) -> Result:
        """Count what names the person, also by addresses and ids that documents link to the given ones."""
        for _ in range(ROUNDS):
            wider = person
            for place in self.places:
                self.stop()
                wider = wider.with_linked(place.documents(wider))
            if wider is person:
                break
            person = wider
        return Result(
            person=person,
            places=[PlaceResult(place=place, found=place.count(person)) for place in self.places],
        )

    def forget(self, result: Result) -> None:
        """Remember whom to leave out, then change every place, and count what is left in it."""
        person = result.person
        salt = self.state.secret(SALT)
        self.state.remember(forget_identifiers(salt, person.all_identifiers, person.action), self.now())
        self.share(ForgottenList(salt=salt, entries=self.state.forgotten()))
        left_out = self._left_out(result)
        for each in result.places:
            self.stop()
            try:
                each.place.forget(person, left_out)
            except LeaseHeld as held:
                result.held = held
        for each in result.places:
            each.left = each.place.count(person)
        result.done = True

    @staticmethod
    def _left_out(result: Result) -> LeftOut:
        """Files are by themselves; a meeting of the index may count a session among the rejects."""
        left_out: LeftOut = Counter()
        for each in result.places:
            if each.place.kind != "file":
                left_out.update(each.found.left_out)
        return left_out
