from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.meetecho.writing.write_log_contract import Write
from harvester.state.write_log import WriteLog

NOW = datetime(2026, 11, 29, 12, 0, 0, 5000, tzinfo=UTC)
DECKS = [{"id": 1, "title": "A", "url": "https://example.com/1", "rev": "00", "order": 1}]


@pytest.fixture
def log(tmp_path: Path) -> Iterator[WriteLog]:
    opened = WriteLog(tmp_path, lambda: NOW)
    yield opened
    opened.close()


def test_a_write_is_listed_from_before_it_is_sent(log: WriteLog) -> None:
    number = log.begin(Write(action="create room", group="quic", number="18"))
    (write,) = log.newest(5)
    assert (write.at, write.action, write.group, write.number) == (NOW, "create room", "quic", "18")
    assert (write.finished, write.status, write.uuid) == (False, None, None)
    log.finish(number, 200, uuid="u-1", url="https://example.com/u-1")
    (write,) = log.newest(5)
    assert (write.finished, write.status, write.uuid) == (True, 200, "u-1")


def test_the_newest_writes_come_first(log: WriteLog) -> None:
    for number in ("1", "2", "3"):
        log.begin(Write(action="delete room", group="quic", number=number, uuid=f"u-{number}"))
    assert [write.number for write in log.newest(2)] == ["3", "2"]


def test_replacements_are_kept_apart_by_group_until_they_end(log: WriteLog, tmp_path: Path) -> None:
    log.begin_replacement("quic", "18")
    log.begin_replacement("quic", "18")
    log.begin_replacement("httpbis", "19")
    other = WriteLog(tmp_path, lambda: NOW)
    assert other.replacements("quic") == {"18"}
    other.end_replacement("quic", "18")
    other.close()
    assert log.replacements("quic") == frozenset()
    assert log.replacements("httpbis") == {"19"}


def test_the_last_accepted_list_of_decks_is_known(log: WriteLog) -> None:
    assert log.last_decks("28208") is None
    number = log.begin(Write(action="send decks", group="quic", number="28208", decks=DECKS))
    assert log.last_decks("28208") is None
    log.finish(number, 202)
    last = log.last_decks("28208")
    assert last is not None
    assert (list(last.decks), last.at, last.is_latest) == (DECKS, NOW, True)
    assert log.last_decks("28209") is None


def test_a_later_request_makes_the_list_outdated(log: WriteLog) -> None:
    log.finish(log.begin(Write(action="send decks", group="quic", number="28208", decks=DECKS)), 202)
    log.finish(log.begin(Write(action="create room", group="quic", number="28208")), 200)
    last = log.last_decks("28208")
    assert last is not None
    assert last.is_latest
    log.finish(log.begin(Write(action="remove deck", group="quic", number="28208")), 503)
    last = log.last_decks("28208")
    assert last is not None
    assert not last.is_latest


def test_a_deck_that_was_gone_already_counts_as_removed(log: WriteLog) -> None:
    log.finish(log.begin(Write(action="remove deck", group="quic", number="28208", decks=[])), 404)
    last = log.last_decks("28208")
    assert last is not None
    assert list(last.decks) == []


def test_the_file_is_private(log: WriteLog, tmp_path: Path) -> None:
    assert {path.stat().st_mode & 0o077 for path in tmp_path.glob("writes.db*")} == {0}
