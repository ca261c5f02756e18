"""Puts right what a repair that was killed has left in the settings of an index.

For as long as `verify --repair` gives documents of the future another time, Elasticsearch forgets deleted versions at once
(`index.gc_deletes`), so a late retry could bring a deleted document back. The journal names the index from before the
change until after it was undone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from harvester.state.journal import Journal

CHANGED_INDEX = "gc_deletes_changed"


@contextmanager
def changing_settings(journal: Journal, index: str) -> Iterator[None]:
    """The settings of this index are changed for a moment."""
    journal.set_fact(CHANGED_INDEX, index)
    yield
    journal.set_fact(CHANGED_INDEX, "")


def restore_settings(journal: Journal, restore: Callable[[str], None]) -> None:
    """Call `restore` with the index that a repair has left changed, if there is one."""
    if index := journal.fact(CHANGED_INDEX):
        restore(index)
        journal.set_fact(CHANGED_INDEX, "")
