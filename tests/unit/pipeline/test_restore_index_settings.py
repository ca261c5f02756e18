"""A change of settings is named in the journal until it was undone; tests/e2e/test_verify.py kills it on a real node."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from harvester.pipeline.restore_index_settings import changing_settings, restore_settings
from harvester.state.journal import Journal

INDEX = "harvester-meetings-2026"


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with closing(Journal(tmp_path)) as opened:
        yield opened


def restored(journal: Journal) -> list[str]:
    names: list[str] = []
    restore_settings(journal, names.append)
    return names


def test_a_change_that_was_undone_is_forgotten(journal: Journal) -> None:
    with changing_settings(journal, INDEX):
        pass
    assert restored(journal) == []


def test_a_change_that_was_interrupted_is_undone_once(journal: Journal) -> None:
    with pytest.raises(KeyboardInterrupt), changing_settings(journal, INDEX):
        raise KeyboardInterrupt
    assert restored(journal) == [INDEX]
    assert restored(journal) == []


def test_a_change_that_could_not_be_undone_is_kept_for_the_next_run(journal: Journal) -> None:
    def fail(_index: str) -> None:
        raise ConnectionError

    with pytest.raises(KeyboardInterrupt), changing_settings(journal, INDEX):
        raise KeyboardInterrupt
    with pytest.raises(ConnectionError):
        restore_settings(journal, fail)
    assert restored(journal) == [INDEX]
