"""A person in the shared state: rejects and journals of every machine, and the log that has held them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from connectors.errors import LeaseHeld
from connectors.models import MeetingRef
from harvester.forgetting.person import LeftOut, Person
from harvester.forgetting.shared_state_place import SharedStatePlace
from harvester.privacy.encrypted_ids import Sealer
from harvester.privacy.forgotten_people import Identifier
from harvester.state.rejects import Reject
from harvester.state.session_digest import SessionSummary
from harvester.state.shared.reading import SharedStateReader
from harvester.state.shared.retry import StoreRetry
from tests.unit.state.shared.crash import copied
from tests.unit.state.shared.machine import ACCOUNT, HOST, NOW, PREFIX, VENDOR, Machine, rows
from tests.unit.state.shared.memory_store import Documents, MemoryStore
from tests.unit.state.shared.operations import NOTHING, run, token

EMAIL, OTHER = "grace@example.org", "ada@example.org"
GRACE = Person(identifiers=frozenset({Identifier(kind="email", text=EMAIL)}), action="remove")
NOBODY_LEFT_OUT: LeftOut = Counter()


@pytest.fixture
def documents() -> Documents:
    return Documents()


@pytest.fixture
def first(documents: Documents, tmp_path: Path) -> Machine:
    """Its harvest has met Grace and Ada."""
    machine = Machine(documents, tmp_path / "first")
    with machine.account() as opened:
        token(opened)
        run(opened)
        ref = MeetingRef(uuid="u1", start_time=NOW, digest="d")
        opened.journal.record_intent(ref, NOTHING, 1)
        opened.journal.mark_stored(
            ref, rank=4, harvested_at=NOW, due=None, reason=None, sessions=SessionSummary.of(["a", "b"])
        )
        failed = MeetingRef(uuid="u2", start_time=NOW, digest="d")
        opened.journal.record_intent(failed, NOTHING, 1)
        opened.journal.set_outcome(failed, "failed", reason=f"no user {EMAIL}")
        opened.journal.flush()
        opened.rejects.add([rejected(EMAIL), rejected(OTHER)])
    return machine


def rejected(email: str) -> Reject:
    name = f"{VENDOR}:{ACCOUNT}:u3:{email[:3]}"
    fields = {"document_id": name, "kind": "session", "vendor": VENDOR, "account": ACCOUNT, "email": email}
    return Reject(document_id=name, index="i", version=1, reason="too long", document=orjson.dumps(fields))


@pytest.fixture
def place(documents: Documents, tmp_path: Path) -> Iterator[SharedStatePlace]:
    """As another machine sees it."""
    folder = tmp_path / "copies"
    folder.mkdir()
    retry = StoreRetry(require=lambda: None, wait=lambda _seconds: None, tries=1)
    reader = SharedStateReader(MemoryStore(documents), retry, folder, host=HOST, prefix=PREFIX)
    machine = Machine(documents, tmp_path / "second")
    yield SharedStatePlace("state", reader, machine.shared, Sealer(list), lambda: NOW)
    assert list(folder.iterdir()) == []


@pytest.mark.usefixtures("first")
def test_it_is_searched_without_a_change(documents: Documents, place: SharedStatePlace) -> None:
    stored = dict(documents.stored)
    assert [each["email"] for each in place.documents(GRACE)] == [OTHER, EMAIL]
    count = place.count(GRACE)
    assert (count.removed, count.blanked) == (1, 1)
    assert documents.stored == stored


def test_nothing_of_the_person_is_left_in_any_entry_or_copy_and_the_rest_stays(
    first: Machine, documents: Documents, place: SharedStatePlace, tmp_path: Path
) -> None:
    assert EMAIL in everything_below(first.folder)
    place.forget(GRACE, NOBODY_LEFT_OUT)
    assert place.count(GRACE).total == 0
    for body, _ in documents.stored.values():
        assert EMAIL.encode() not in body
        assert b"Z3JhY2V" not in body  # "grace" in base64
    there = copied(documents, tmp_path / "third")
    assert copied(documents, first.folder) == copied(documents, tmp_path / "second") == there
    assert EMAIL not in everything_below(tmp_path)
    assert [row[0] for row in there["rejects.db"]["rejects"]] == [f"{VENDOR}:{ACCOUNT}:u3:ada"]
    assert {row[0] for row in there["journal.db"]["meetings"]} == {"u1", "u2"}
    assert len(there["account.db"]["tokens"]) == 1


def everything_below(folder: Path) -> str:
    return "".join(path.read_bytes().decode("latin-1") for path in folder.rglob("*.db*"))


def test_a_meeting_that_loses_sessions_elsewhere_is_no_longer_known_to_have_them(
    first: Machine, documents: Documents, place: SharedStatePlace, tmp_path: Path
) -> None:
    ada = Person(identifiers=frozenset({Identifier(kind="name", text="Ada")}), action="remove")
    entries = len(documents.stored)
    place.forget(ada, Counter({(f"zoom:{ACCOUNT}:u1", "full", "then"): 1}))
    assert len(documents.stored) == entries
    assert len(copied(documents, tmp_path / "third")["journal.db"]["sessions"]) == 1
    with first.account() as opened:
        opened.journal.set_fact("vendor", VENDOR)
        opened.journal.set_fact("account", ACCOUNT)
    place.forget(ada, Counter({(f"{VENDOR}:{ACCOUNT}:u1", "full", "then"): 1}))
    assert copied(documents, tmp_path / "third")["journal.db"]["sessions"] == []


def test_a_pool_in_use_stays_as_it_is(first: Machine, documents: Documents, place: SharedStatePlace) -> None:
    other = place._shared
    assert other is not None
    original = other._wait

    def wait(seconds: float) -> None:
        original(seconds)
        first.wait(seconds)

    other._wait = wait
    with first.account() as opened:
        with pytest.raises(LeaseHeld):
            place.forget(GRACE, NOBODY_LEFT_OUT)
        assert len(opened.rejects) == 2
        assert rows(opened.pool.folder)["rejects.db"]["rejects"]
    place.forget(GRACE, NOBODY_LEFT_OUT)
    assert place.count(GRACE).total == 0
