"""What becomes of a person in files, rejects and journals; the index is in tests/e2e/test_privacy.py."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from msgspec import structs

from connectors.errors import OutputError
from connectors.models import MeetingRecord, MeetingRef
from harvester.documents import encode, to_documents
from harvester.forgetting.person import Count, Person
from harvester.forgetting.runner import Forgetting, Result
from harvester.forgetting.searched_places import FilePlace, JournalPlace, Place, RejectsPlace
from harvester.privacy.encrypted_ids import Sealer
from harvester.privacy.forgotten_people import Action, Identifier
from harvester.privacy.personal_fields import Nature
from harvester.privacy.treatment import Pseudonyms, Treatment
from harvester.state.journal import Journal
from harvester.state.layout import JournalLocation
from harvester.state.rejects import Reject, Rejects
from harvester.state.secrets_and_forgotten_people import PrivacyState
from harvester.state.session_digest import SessionSummary
from tests.invented_meetings import HARVESTED, START, full_meeting, full_session

EMAIL, NUMBER = "grace@example.org", "117745086960853947385"
KEY = b"k" * 32


def person(
    *identifiers: Identifier, action: Action = "remove", pseudonyms: Pseudonyms | None = None
) -> Person:
    given = identifiers or (Identifier(kind="email", text=EMAIL),)
    return Person(identifiers=frozenset(given), action=action, pseudonyms=pseudonyms)


def documents() -> list[dict[str, Any]]:
    """A meeting that Ada hosts, Grace in it, and Grace without an address, and Ada."""
    meeting = replace(full_meeting(), vendor_data=None, participants=2, participant_sessions=3)
    grace = structs.replace(full_session(), stay="meeting", vendor_data=None, id=NUMBER)
    again = structs.replace(grace, key="again", email=None, user_name="G.")
    ada = structs.replace(
        grace, key="ada", id="h1", user_name="Ada Example", email="ada@example.org", user_id="9"
    )
    record = MeetingRecord(meeting=meeting, sessions=[grace, again, ada])
    return [orjson.loads(encode(document)) for document in to_documents(record)]


def forget(place: Place, who: Person, folder: Path) -> Result:
    forgetting = Forgetting(places=[place], state=PrivacyState(folder), now=lambda: HARVESTED)
    result = forgetting.find(who)
    forgetting.forget(result)
    return result


def bytes_of(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file()).lower()


# Files


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "documents.ndjson"
    path.write_bytes(b"".join(encode(document) + b"\n" for document in documents()) + b'\n{"other": 1 }\n')
    return path


def test_a_file_keeps_every_other_line_as_it_was(file: Path, tmp_path: Path) -> None:
    meeting, _, _, ada, *others = file.read_bytes().splitlines(keepends=True)
    result = forget(FilePlace(file), person(), tmp_path / "state")
    found = result.places[0].found
    assert (found.removed, found.blanked, result.left) == (2, 0, 0), (
        "the session without an address is linked by its id"
    )
    first, *rest = file.read_bytes().splitlines(keepends=True)
    assert rest == [ada, *others]
    assert json.loads(first) == {**json.loads(meeting), "participant_sessions": 1}
    assert bytes_of(tmp_path).count(b"grace") == 0
    assert list(tmp_path.glob("*")) == sorted([file, tmp_path / "state"]), "and no copy is left"


def test_a_file_without_the_person_is_not_written(file: Path, tmp_path: Path) -> None:
    before = file.stat()
    forget(FilePlace(file), person(Identifier(kind="email", text="nobody@example.org")), tmp_path / "state")
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_anonymize_keeps_the_sessions_and_counts_in_a_file(file: Path, tmp_path: Path) -> None:
    forget(FilePlace(file), person(action="anonymize"), tmp_path / "state")
    found = [json.loads(line) for line in file.read_bytes().splitlines() if line]
    assert [d.get("document_id") for d in found[:4]] == [d["document_id"] for d in documents()]
    assert found[0] == documents()[0]
    assert b"grace" not in file.read_bytes().lower()
    assert b"G." not in file.read_bytes()


def test_a_line_that_is_no_document_stays_and_is_reported(file: Path, tmp_path: Path) -> None:
    with file.open("ab") as lines:
        lines.write(b"{broken, Grace@example.org\n")
    assert forget(FilePlace(file), person(), tmp_path / "state").left == 1


def test_a_file_of_pseudonyms_is_searched_for_the_pseudonym(file: Path, tmp_path: Path) -> None:
    treatment = Treatment("hash", key=KEY)
    file.write_bytes(b"".join(encode(treatment.document(document)) + b"\n" for document in documents()))
    result = forget(FilePlace(file), person(pseudonyms=treatment.pseudonyms), tmp_path / "state")
    assert (result.places[0].found.removed, result.left) == (2, 0)
    assert treatment.pseudonyms is not None
    assert treatment.pseudonyms.of(Nature.email, EMAIL).encode() not in file.read_bytes()


# Rejects


@pytest.fixture
def rejects(tmp_path: Path) -> Rejects:
    folder = tmp_path / "rejects"
    folder.mkdir()
    return Rejects(folder, lambda: HARVESTED)


def reject(name: str, text: bytes) -> Reject:
    return Reject(document_id=name, index="i", version=1, reason=f"kind: quotes {EMAIL}", document=text)


def test_rejects_lose_the_person_and_keep_no_copy(rejects: Rejects, tmp_path: Path) -> None:
    with closing(rejects):
        texts = {document["document_id"]: encode(document) for document in documents()}
        hosted = {**documents()[0], "document_id": "hosted", "host": {"email": EMAIL, "user_type": "x"}}
        rejects.add([reject(name, text) for name, text in texts.items()])
        rejects.add([reject("hosted", encode(hosted)), reject("sha256:1", b"{broken, " + EMAIL.encode())])
        result = forget(RejectsPlace(tmp_path / "rejects", rejects), person(), tmp_path / "state")
        found = result.places[0].found
        assert (found.removed, found.blanked, result.left) == (3, 1, 0)
        kept = dict(rejects.documents())
        assert kept.keys() == {documents()[0]["document_id"], documents()[3]["document_id"], "hosted"}
        assert json.loads(kept["hosted"])["host"] == {"user_type": "x"}
        assert json.loads(kept[documents()[0]["document_id"]])["participant_sessions"] == 1
        reasons = {row.document_id: row.reason for row in rejects.rows()}
        assert reasons["hosted"] == "kind"
    rest = bytes_of(tmp_path).replace(f"quotes {EMAIL}".encode(), b"")
    assert EMAIL.encode() not in rest


# Journals


@pytest.fixture
def location(tmp_path: Path) -> JournalLocation:
    return JournalLocation(folder=tmp_path / "zoom-main-1" / "elasticsearch-1")


def journal_with(location: JournalLocation, *refs: MeetingRef, reason: str = "") -> None:
    with closing(Journal(location.folder)) as journal:
        run = journal.begin_run("nightly", HARVESTED)
        for ref in refs:
            journal.record_intent(ref, frozenset(), run)
            journal.set_outcome(ref, "failed", reason=reason)
        journal.end_run(run, HARVESTED, 75, {"failures": [reason], "documents": 12})


def refs(stored: Callable[[str], str | None] = str) -> list[MeetingRef]:
    hints = ({"user": stored(NUMBER), "day": "x"}, {"user": stored("other"), "day": "x"})
    return [
        MeetingRef(uuid=f"m{n}", start_time=START + timedelta(hours=n), digest="d", hint=hint)
        for n, hint in enumerate(hints)
    ]


@pytest.mark.parametrize("sealed", [False, True])
def test_a_journal_loses_ids_and_texts_and_keeps_the_rest(
    location: JournalLocation, tmp_path: Path, sealed: bool
) -> None:
    sealer = Sealer(lambda: [KEY])
    journal_with(
        location, *refs(sealer.seal if sealed else str), reason=f"unknown user {EMAIL}, says the vendor"
    )
    who = person(Identifier(kind="email", text=EMAIL), Identifier(kind="id", text=NUMBER))
    result = forget(JournalPlace(location, sealer), who, tmp_path / "state")
    assert (result.places[0].found.blanked, result.left) == (4, 0)
    with closing(Journal(location.folder, dry_run=True)) as journal:
        one, other = journal.meeting("m0"), journal.meeting("m1")
        (run,) = journal.runs(1)
    assert one is not None
    assert other is not None
    assert (one.hint, one.reason) == ({"day": "x"}, "unknown user ***, says the vendor")
    assert sealer.open(other.hint["user"]) == "other"
    assert run.summary == {"failures": ["unknown user ***, says the vendor"], "documents": 12}
    assert not {EMAIL.encode(), NUMBER.encode()} & {
        mark for mark in (EMAIL.encode(), NUMBER.encode()) if mark in bytes_of(tmp_path)
    }


def test_a_journal_forgets_the_sessions_of_meetings_that_lose_some(
    location: JournalLocation, tmp_path: Path
) -> None:
    (ref, _) = refs()
    with closing(Journal(location.folder)) as journal:
        journal.record_intent(ref, frozenset(), 1)
        journal.mark_stored(
            ref, rank=3, harvested_at=HARVESTED, due=None, reason=None, sessions=SessionSummary.of(["a", "b"])
        )
    place = JournalPlace(location, Sealer(list))
    count = Count()
    count.left_out["zoom:main:m0", "full", "then"] += 1
    place.forget(person(), count.left_out)
    with closing(Journal(location.folder, dry_run=True)) as journal:
        entry = journal.meeting("m0")
    assert entry is not None
    assert (entry.sessions, entry.rank) == (None, 3)


def test_a_device_or_a_fifo_is_refused_before_it_is_opened(tmp_path: Path) -> None:
    """A FIFO without a writer would be waited for, and /dev/zero fill the memory."""
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "fifo", Path("/dev/zero")):
        with pytest.raises(OutputError, match=f"{path} is not a regular file"):
            FilePlace(path)
