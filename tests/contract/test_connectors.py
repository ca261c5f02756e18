"""The contract that every connector in the registry must keep. This file names no vendor.

A new vendor is tested once it has a line in the registry and a part of the simulator.
"""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import Any

import pytest

import connectors
from connectors.base import Connector, Token
from connectors.errors import ConfigurationError, CredentialsError, Gone, NotReady
from connectors.models import Detail, MeetingRecord, MeetingRef, Window
from harvester.documents import to_documents
from tests.contract.conftest import SHOWN, Build, Simulated

# One process tests all of a vendor: it keeps the harvested meetings.
pytestmark = pytest.mark.parametrize("name", sorted(connectors.CONNECTORS), scope="session")

BETWEEN_RUNS = timedelta(minutes=6)
"""Long enough for every call to be permitted again: a vendor may permit one for a meeting in five minutes. The simulators
run so fast that it is less than a second."""

LONG_AGO = Window(start=SHOWN - timedelta(days=60), end=SHOWN - timedelta(days=59))


def refs(connector: Connector, window: Window) -> list[MeetingRef]:
    """Every ref once, as first listed."""
    found = [
        ref
        for part in window.split(connector.max_window)
        for ref in connector.meetings(part)
        if isinstance(ref, MeetingRef)
    ]
    return list({ref.uuid: ref for ref in reversed(found)}.values())


def records(connector: Connector, window: Window) -> list[MeetingRecord]:
    """Every meeting that can be fetched."""
    return list(fetched(connector, refs(connector, window)))


def fetched(connector: Connector, found: Iterable[MeetingRef]) -> Iterator[MeetingRecord]:
    """One after the other, without those that cannot be fetched."""
    for ref in found:
        with suppress(Gone, NotReady):
            yield connector.fetch(ref)


Listed = Callable[[str], list[MeetingRef]]
Harvested = Callable[..., list[MeetingRecord]]


@pytest.fixture(scope="session")
def listed(build: Build, simulated: Simulated) -> Listed:
    """Every meeting that a connector lists, cached for all tests that change nothing."""

    @cache
    def everything(name: str) -> list[MeetingRef]:
        return refs(build(name), simulated.whole)

    return everything


@pytest.fixture(scope="session")
def harvested(build: Build, simulated: Simulated) -> Harvested:
    """Everything that a connector fetches, cached for all tests that change nothing; separately with `raw`."""

    @cache
    def everything(name: str, *, raw: bool = False) -> list[MeetingRecord]:
        return records(build_for_later_run(name, build, raw=raw), simulated.whole)

    return everything


def ids(found: list[MeetingRecord]) -> list[str]:
    return [document["document_id"] for harvest in found for document in to_documents(harvest)]


def context_of(connector: Connector) -> Any:
    return vars(connector).get("context") or vars(connector).get("_context")


def build_for_later_run(name: str, build: Build, *, raw: bool = False) -> Connector:
    """A connector with a state of its own, in which no lease is taken, when the vendor permits every call again."""
    connector = build(name, raw=raw)
    context_of(connector).wait(BETWEEN_RUNS.total_seconds())
    return connector


def secrets(connector: Connector, values: dict[str, str]) -> list[str]:
    return [
        values[setting.name] for setting in connector.settings if setting.secret and setting.name in values
    ]


def test_contract_fields_are_declared(name: str) -> None:
    kind = connectors.load(name)
    assert kind.name == name
    assert kind.title
    assert kind.max_window > timedelta(0)
    assert kind.lookback > timedelta(0)
    assert kind.retention >= kind.lookback
    for setting in kind.settings:
        assert setting.help
        assert setting.name.isupper()
        assert setting.how_to_get or not setting.required, f"{setting.name} says where to get it"
    for option in kind.options:
        assert option.help


def test_missing_credentials_name_each_setting_and_where_to_get_it(name: str, build: Build) -> None:
    required = [setting for setting in connectors.load(name).settings if setting.required]
    with pytest.raises(ConfigurationError) as refused:
        build(name, **{setting.name: "" for setting in required})
    for setting in required:
        assert setting.name in str(refused.value)


def test_wrong_credentials_are_refused_and_never_printed(name: str, build: Build) -> None:
    secret = [setting.name for setting in connectors.load(name).settings if setting.secret]
    connector = build(name, **dict.fromkeys(secret, "marked-wrong-secret"))
    with pytest.raises((CredentialsError, ConfigurationError)) as refused:
        refs(connector, Window(start=SHOWN - timedelta(days=1), end=SHOWN))
    assert "marked-wrong-secret" not in "".join(traceback.format_exception(refused.value))


def test_refused_token_is_renewed(name: str, build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    connector = build(name)
    store = context_of(connector)
    stale = Token(access="stale", expires_at=SHOWN + timedelta(days=1))
    original, given_out = store.tokens.read, []

    def read(key: str) -> Token | None:
        given_out.append(key)
        return stale if len(given_out) == 1 else original(key)

    monkeypatch.setattr(store.tokens, "read", read)
    assert refs(connector, Window(start=SHOWN.replace(hour=0) - timedelta(days=1), end=SHOWN.replace(hour=0)))
    assert given_out, "tokens come from the store that runs share"


def test_a_window_without_meetings_is_empty(name: str, build: Build) -> None:
    assert refs(build(name), LONG_AGO) == []


def test_meetings_are_in_the_window_each_once(name: str, build: Build, simulated: Simulated) -> None:
    day = Window(start=SHOWN.replace(hour=0) - timedelta(days=1), end=SHOWN.replace(hour=0))
    found = refs(build(name), day)
    assert found
    assert max(Counter(ref.uuid for ref in found).values()) == 1
    assert all(ref.start_time in day for ref in found if ref.start_time is not None)


@pytest.mark.slow
def test_two_windows_contain_the_same_as_one_over_both(
    name: str, build: Build, simulated: Simulated, listed: Listed
) -> None:
    connector = build(name)
    middle = SHOWN.replace(hour=0) - timedelta(days=1)
    first = Window(start=simulated.whole.start, end=middle)
    second = Window(start=middle, end=simulated.whole.end)
    answer = [{ref.uuid for ref in refs(connector, window) if ref.start_time} for window in (first, second)]
    assert answer[0] | answer[1] == {ref.uuid for ref in listed(name) if ref.start_time}
    assert not answer[0] & answer[1]


@pytest.mark.slow
def test_ids_are_unique_and_the_same_every_time(name: str, harvested: Harvested) -> None:
    first = ids(harvested(name))
    assert len(first) == len(set(first)) > 100
    assert sorted(first) == sorted(ids(harvested(name, raw=True)))


@pytest.mark.slow
def test_digests_are_the_same_while_nothing_changes(
    name: str, build: Build, simulated: Simulated, listed: Listed
) -> None:
    ended = Window(start=simulated.whole.start, end=SHOWN.replace(hour=0))
    before = {ref.uuid: ref.digest for ref in listed(name)}
    again = {ref.uuid: ref.digest for ref in refs(build(name), ended)}
    assert again
    assert again == {uuid: before[uuid] for uuid in again}


def test_a_rejoin_is_two_sessions(name: str, build: Build, listed: Listed) -> None:
    assert any(has_rejoin(record) for record in fetched(build(name), listed(name)))


def has_rejoin(record: MeetingRecord) -> bool:
    stays = Counter(
        session.user_name
        for session in record.sessions
        if session.stay == "meeting" and session.user_name and session.join_time
    )
    return max(stays.values(), default=0) > 1


@pytest.mark.slow
def test_every_document_has_its_account_and_one_harvested_at(name: str, harvested: Harvested) -> None:
    for harvest in harvested(name):
        meeting, *sessions = to_documents(harvest)
        assert meeting["document_id"] == f"{name}:main:{harvest.meeting.uuid}"
        assert meeting["kind"] == "meeting"
        for document in (meeting, *sessions):
            assert document["vendor"] == name
            assert document["detail"] == meeting["detail"]
            assert document["harvested_at"] == meeting["harvested_at"]
            assert not [key for key, value in document.items() if value in (None, "", [])]
        for session in sessions:
            assert session["document_id"].startswith(meeting["document_id"] + ":")
            assert session["meeting"] == harvest.meeting.uuid
            assert session["meeting_timestamp"] == meeting["@timestamp"]


@pytest.mark.slow
def test_meeting_from_a_journal_is_fetched_without_its_row(name: str, build: Build, listed: Listed) -> None:
    ended = SHOWN - timedelta(days=1)
    connector = build_for_later_run(name, build)
    fetched: list[tuple[MeetingRef, MeetingRecord]] = []
    for ref in [ref for ref in listed(name) if ref.start_time is None or ref.start_time < ended][:12]:
        with suppress(Gone, NotReady):
            fetched.append((ref, connector.fetch(ref)))
    assert len(fetched) > 3
    later = build_for_later_run(name, build)
    for ref, whole in fetched:
        again = later.fetch(replace(ref, row=None))
        assert again.meeting.detail == whole.meeting.detail
        assert again.meeting.start_time == whole.meeting.start_time
        assert ids([again]) == ids([whole])


def test_hint_is_json_and_contains_no_person(name: str, listed: Listed) -> None:
    import orjson

    for ref in listed(name):
        assert b"@" not in orjson.dumps(dict(ref.hint))


@pytest.mark.slow
def test_live_meeting_is_pending(name: str, harvested: Harvested) -> None:
    live = [h for h in harvested(name) if h.meeting.detail == Detail.live]
    assert bool(live) == connectors.load(name).lists_live
    for harvest in live:
        assert harvest.pending is not None
        assert harvest.pending.until > SHOWN
        assert harvest.meeting.end_time is None


@pytest.mark.slow
def test_raw_keeps_the_vendors_rows_and_no_secret(
    name: str, build: Build, simulated: Simulated, harvested: Harvested
) -> None:
    import orjson

    found = harvested(name, raw=True)
    assert any(harvest.meeting.vendor_data for harvest in found)
    text = b"".join(orjson.dumps(d) for harvest in found for d in to_documents(harvest))
    hidden = secrets(build(name), dict(simulated.values))
    assert hidden
    assert not [secret for secret in hidden if secret.encode() in text]
    assert not any(harvest.meeting.vendor_data for harvest in harvested(name)[:5])


def test_check_finds_no_problem(name: str, build: Build) -> None:
    results = list(build(name).check())
    assert results
    assert [result for result in results if result.status == "failed"] == []


def test_check_reports_problems_with_remedies(name: str, build: Build) -> None:
    secret = [setting.name for setting in connectors.load(name).settings if setting.secret]
    results = list(build(name, **dict.fromkeys(secret, "marked-wrong-secret")).check())
    failed = [result for result in results if result.status == "failed"]
    assert failed
    assert all(result.message and result.remedy for result in failed)
    assert not [result for result in results if "marked-wrong-secret" in repr(result)]
