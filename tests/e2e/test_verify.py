"""`harvester verify`: an index that was damaged by hand in every way, seen, repaired, and like the truth again."""

from __future__ import annotations

import fcntl
import json
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from connectors.errors import CredentialsError, Unreachable
from connectors.models import Detail, MeetingRef, Window
from connectors.parsing import format_milliseconds, parse_instant
from harvester.documents import record_version, version
from harvester.pipeline.restore_index_settings import CHANGED_INDEX
from harvester.sinks.elastic.account_documents import AccountDocuments
from harvester.sinks.elastic.deletion import Deletion
from harvester.state.journal import Journal
from harvester.verify.findings import KINDS
from tests.e2e.harness import Harvester, Simulator, differences
from tests.e2e.index_sandbox import RETRY, IndexSandbox, login
from tests.e2e.test_zoom import NOW, pointed, stored
from tests.invented_meetings import START, many, plain

DAYS = ["--from", "2026-11-17", "--to", "2026-11-19"]
AGES = Window(start=START - timedelta(days=400), end=START + timedelta(days=400))


@contextmanager
def harvested(sandbox: IndexSandbox, folder: Path) -> Iterator[tuple[Harvester, Simulator]]:
    """Three days of an invented organisation in the index, all of them complete."""
    with Simulator(folder / "simulator", NOW, size=90, days=3) as simulator:
        user = sandbox.administrator
        admin = {"ES_USERNAME": user.name, "ES_PASSWORD": user.password} if user is not None else {}
        harvester = pointed(sandbox, simulator, **admin)
        ended = harvester("zoom", *simulator.dates)
        assert ended.returncode == 0, ended.stderr.decode()
        yield harvester, simulator


def verify(harvester: Harvester, *words: str, code: int) -> dict[str, Any]:
    """The part of `verify --json` about the one vendor."""
    ended = harvester("verify", "zoom", "--json", *words)
    assert ended.returncode == code, (ended.stdout + ended.stderr).decode()
    (answer,) = json.loads(ended.stdout)["vendors"]
    found: dict[str, Any] = answer
    return found


def found(answer: dict[str, Any]) -> set[tuple[str, str]]:
    return {(finding["kind"], finding["uuid"]) for finding in answer["findings"]}


def meetings(sandbox: IndexSandbox) -> list[str]:
    """The ended meetings of the verified days that have at least two sessions."""
    documents = stored(sandbox).values()
    return sorted(
        document["uuid"]
        for document in documents
        if document["kind"] == "meeting"
        and document.get("participant_sessions", 0) > 1
        and document["detail"] != "live"
        and "2026-11-17" <= document["@timestamp"] < "2026-11-20"
    )


def documents_of(sandbox: IndexSandbox, uuid: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The hits of the meeting document and its sessions."""
    hits = sandbox.hits({"bool": {"should": [{"term": {"uuid": uuid}}, {"term": {"meeting": uuid}}]}})
    (meeting,) = (hit for hit in hits if hit["_source"]["kind"] == "meeting")
    return meeting, [hit for hit in hits if hit["_source"].get("stay") == "meeting"]


def delete(sandbox: IndexSandbox, *hits: dict[str, Any]) -> None:
    for hit in hits:
        assert sandbox.ask("DELETE", f"/{hit['_index']}/_doc/{quote(hit['_id'], safe='')}").ok


def put(sandbox: IndexSandbox, index: str, document: dict[str, Any], how: str = "") -> None:
    path = f"/{sandbox.prefix}{index}/_doc/{quote(document['document_id'], safe='')}{how}"
    assert sandbox.ask("PUT", path, document).ok


def earlier(document: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {**document, "harvested_at": "2026-11-01T00:00:00.000Z", **changes}


def damage(sandbox: IndexSandbox) -> dict[str, str]:
    """Do each kind of damage once. Returns the damaged meetings."""
    uuids: dict[str, str] = dict(zip(KINDS, meetings(sandbox), strict=False))
    assert len(uuids) == len(KINDS)
    lost, sessions = documents_of(sandbox, uuids["missing"])
    delete(sandbox, lost, *sandbox.hits({"term": {"meeting": uuids["missing"]}}))
    delete(sandbox, documents_of(sandbox, uuids["orphans"])[0])
    delete(sandbox, documents_of(sandbox, uuids["incomplete"])[1][0])
    _, sessions = documents_of(sandbox, uuids["surplus"])
    put(
        sandbox,
        "sessions-2026",
        {**sessions[0]["_source"], "document_id": sessions[0]["_id"] + "-own"},
    )
    meeting, _ = documents_of(sandbox, uuids["outdated"])
    put(sandbox, "meetings-2026", earlier(meeting["_source"], topic="an old topic"))
    _, sessions = documents_of(sandbox, uuids["leftovers"])
    put(
        sandbox,
        "sessions-2026",
        earlier(sessions[0]["_source"], document_id=sessions[0]["_id"] + "-left"),
    )
    put(
        sandbox,
        "sessions-2026",
        earlier(sessions[0]["_source"], document_id=sessions[0]["_id"] + "-live", detail="live"),
    )
    meeting, sessions = documents_of(sandbox, uuids["doubled"])
    put(sandbox, "meetings-2025", meeting["_source"])
    put(sandbox, "sessions-2025", sessions[0]["_source"])
    put(sandbox, "sessions-2024", earlier(sessions[1]["_source"]))
    meeting, sessions = documents_of(sandbox, uuids["future"])
    for hit in (meeting, sessions[0]):
        put_of_the_future(sandbox, hit)
    return uuids


def put_of_the_future(sandbox: IndexSandbox, hit: dict[str, Any]) -> None:
    """Store the document as a machine whose clock was ten days ahead would have."""
    at = parse_instant(hit["_source"]["harvested_at"])
    assert at is not None
    later = at + timedelta(days=10)
    number = version(Detail[hit["_source"]["detail"]], later)
    document = {**hit["_source"], "harvested_at": format_milliseconds(later), "topic": "of the future"}
    index = hit["_index"].removeprefix(sandbox.prefix)
    put(sandbox, index, document, f"?version={number}&version_type=external")


def journal_files(folder: Path) -> dict[str, bytes]:
    """The files of the journal and the rejects. The account's files change with every request."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and not path.name.startswith(("account.db", "quotas.db"))
        and not path.name.endswith(".lock")
    }


@pytest.mark.with_templates
def test_every_damage_is_seen_and_repaired(newest: IndexSandbox, tmp_path: Path) -> None:
    with harvested(newest, tmp_path) as (harvester, simulator):
        answer = verify(harvester, code=0)
        assert (answer["findings"], answer["error"]) == ([], None)
        assert answer["listed"] > 50

        hurt = damage(newest)
        before, hits = journal_files(newest.folder / "state"), stored_hits(newest)
        answer = verify(harvester, *DAYS, code=65)
        assert found(answer) == set(hurt.items())
        assert answer["counts"] == dict.fromkeys(KINDS, 1)
        assert journal_files(newest.folder / "state") == before, "a plain verify writes nothing"
        assert stored_hits(newest) == hits
        by_index = {f["index"]: f for f in answer["findings"] if f["kind"] == "doubled"}
        assert sorted(index.removeprefix(newest.prefix) for index in by_index) == [
            "meetings-2025",
            "sessions-2024",
            "sessions-2025",
        ]
        (surplus,) = (f for f in answer["findings"] if f["kind"] == "surplus")
        assert (surplus["surplus"], surplus["repair"]) == (1, "harvest")
        (incomplete,) = (f for f in answer["findings"] if f["kind"] == "incomplete")
        assert (incomplete["lacking"], incomplete["repair"]) == (1, "harvest")

        text = harvester("verify", "zoom", *DAYS)
        assert text.returncode == 65
        for kind, uuid in hurt.items():
            assert re.search(
                rf"^{kind}: 2026-11-1[789] \d\d:\d\d UTC, {re.escape(uuid)}, ",
                text.stdout.decode(),
                re.MULTILINE,
            )
        assert "zoom: run it again with --repair" in text.stdout.decode()

        answer = verify(harvester, *DAYS, "--repair", code=0)
        assert found(answer) == set(hurt.items())
        assert (answer["counts"], answer["left"]) == (dict.fromkeys(KINDS, 1), dict.fromkeys(KINDS, 0))
        assert all(finding["repaired"] for finding in answer["findings"])
        assert verify(harvester, code=0)["findings"] == []
        assert differences(stored(newest), simulator.truth) == []
        assert harvester("verify", "-q").stdout == b""


def stored_hits(sandbox: IndexSandbox) -> list[tuple[str, str, int]]:
    return sorted((hit["_index"], hit["_id"], hit["_version"]) for hit in sandbox.hits())


@pytest.mark.with_templates
def test_without_a_journal_the_listing_decides_which_meetings_are_missing(
    newest: IndexSandbox, tmp_path: Path
) -> None:
    with harvested(newest, tmp_path) as (harvester, simulator):
        uuid = meetings(newest)[0]
        documents = newest.hits({"bool": {"should": [{"term": {"uuid": uuid}}, {"term": {"meeting": uuid}}]}})
        delete(newest, *documents)
        elsewhere = Harvester(tmp_path / "elsewhere", harvester.settings)
        elsewhere.folder.mkdir()
        answer = verify(elsewhere, *DAYS, code=65)
        assert ("missing", uuid) in found(answer)
        assert journal_files(elsewhere.folder) == {}
        repaired = verify(elsewhere, *DAYS, "--repair", code=0)
        # A meeting that turns out to be gone or not ready was listed as well, but it is not repaired: nothing was stored.
        assert {each["uuid"]: each["repaired"] for each in repaired["findings"]}[uuid]
        explained = repaired["explained"]
        assert {each["kind"] for each in explained} <= {"gone", "pending"}
        assert explained
        assert all("Zoom" in each["why"] for each in explained)
        both = [*repaired["findings"], *explained]
        assert {each["uuid"] for each in both} == {name for _, name in found(answer)}
        assert differences(stored(newest), simulator.truth) == []
        assert verify(elsewhere, *DAYS, code=0)["findings"] == []


@pytest.mark.with_templates
def test_without_dates_an_account_that_was_never_harvested_is_not_compared(
    newest: IndexSandbox, tmp_path: Path
) -> None:
    with harvested(newest, tmp_path) as (harvester, _):
        other = Harvester(tmp_path / "other", {**harvester.settings, "HARVESTER_ACCOUNT": "other"})
        lost = Harvester(tmp_path / "lost", harvester.settings)
        other.folder.mkdir()
        lost.folder.mkdir()
        for words in ([], ["--repair"]):
            answer = verify(other, *words, code=0)
            assert (answer["never_harvested"], answer["listed"], answer["counts"]) == (True, 0, None)
            assert journal_files(other.folder) == {}
        quiet = other("verify", "-q")
        assert (quiet.returncode, quiet.stdout) == (0, b"")
        assert f"indices {newest.prefix}*; check ES_HOST" in quiet.stderr.decode()
        assert b"zoom: not compared: it was never harvested into this index" in other("verify").stdout
        assert verify(other, *DAYS, code=65)["never_harvested"] is False

        answer = verify(lost, code=65)
        assert answer["never_harvested"] is False
        assert answer["start"] < "2026-06-01", "the journal is lost: all that the vendor retains is compared"
        assert answer["listed"] == answer["compared"] > 0


@pytest.mark.with_templates
def test_meetings_that_the_vendor_dropped_are_missing_by_the_journal(
    newest: IndexSandbox, tmp_path: Path
) -> None:
    with harvested(newest, tmp_path) as (harvester, _):
        (path,) = (newest.folder / "state").rglob("journal.db")
        at = datetime(2026, 11, 18, 9, tzinfo=UTC)
        ref = MeetingRef(uuid="stored-once==", start_time=at, digest="", hint={"end": at.isoformat()})
        with closing(Journal(path.parent)) as journal:
            journal.record_intent(ref, frozenset(), 1)
            journal.mark_stored(ref, rank=2, harvested_at=at, due=None, reason=None)
        assert found(verify(harvester, *DAYS, code=65)) == {("missing", ref.uuid)}
        (finding,) = verify(harvester, *DAYS, "--repair", code=65)["findings"]
        assert not finding["repaired"]
        assert "not found" in finding["why"]
        assert verify(harvester, *DAYS, code=0)["findings"] == [], "gone by now, as the journal has it"


@pytest.mark.with_templates
def test_orphans_are_kept_without_delete_orphans(newest: IndexSandbox, tmp_path: Path) -> None:
    with harvested(newest, tmp_path) as (harvester, _):
        _, sessions = documents_of(newest, meetings(newest)[0])
        source = {**sessions[0]["_source"], "meeting": "unknown==", "document_id": "zoom:main:unknown==:key"}
        put(newest, "sessions-2026", source)
        assert found(verify(harvester, *DAYS, code=65)) == {("orphans", "unknown==")}
        before = stored_hits(newest)
        (finding,) = verify(harvester, *DAYS, "--repair", code=65)["findings"]
        assert not finding["repaired"]
        assert "exist nowhere else; they stay" in finding["why"]
        assert stored_hits(newest) == before
        assert re.search(r"verify --repair +findings left \(65\)", harvester("status", "-v").stdout.decode())

        message = harvester("verify", "zoom", *DAYS).stdout.decode()
        assert "--repair --delete-orphans deletes them" in message
        assert "run it again with --repair" not in message
        (finding,) = verify(harvester, *DAYS, "--repair", code=65)["findings"]
        assert (finding["repaired"], finding["repair"]) == (False, "delete-orphans")
        assert stored_hits(newest) == before

        (finding,) = verify(harvester, *DAYS, "--repair", "--delete-orphans", code=0)["findings"]
        assert (finding["repaired"], finding["why"][:8]) == (True, "deleted:")
        assert {hit for hit, *_ in before} >= {hit for hit, *_ in stored_hits(newest)}
        assert len(stored_hits(newest)) == len(before) - 1
        assert verify(harvester, *DAYS, code=0)["findings"] == []


@pytest.mark.with_templates
def test_orphans_that_the_vendor_has_a_meeting_for_are_not_deleted(
    newest: IndexSandbox, tmp_path: Path
) -> None:
    with harvested(newest, tmp_path) as (harvester, simulator):
        delete(newest, documents_of(newest, meetings(newest)[0])[0])
        answer = verify(harvester, *DAYS, "--repair", "--delete-orphans", code=0)
        assert {finding["kind"] for finding in answer["findings"]} == {"orphans"}
        assert differences(stored(newest), simulator.truth) == []


@pytest.mark.with_templates
def test_without_dates_backfills_are_compared_after_nightly_runs_and_days_between_are_named(
    newest: IndexSandbox, tmp_path: Path
) -> None:
    with Simulator(tmp_path / "simulator", NOW, size=90, days=5) as simulator:
        harvester = pointed(newest, simulator)
        assert harvester("zoom", "--from", "2026-11-15", "--to", "2026-11-17").returncode == 0
        uuid = next(d["uuid"] for d in stored(newest).values() if d["kind"] == "meeting")
        assert harvester("zoom").returncode == 0
        answer = verify(harvester, code=0)
        assert (answer["start"], answer["end"]) == ("2026-11-15T00:00:00Z", "2026-11-20T00:00:00Z")
        assert answer["never_read"] == [{"start": "2026-11-18T00:00:00Z", "end": "2026-11-19T00:00:00Z"}]
        assert "  2026-11-18 was never read by any run" in harvester("verify").stdout.decode()
        delete(
            newest,
            *newest.hits({"bool": {"should": [{"term": {"uuid": uuid}}, {"term": {"meeting": uuid}}]}}),
        )
        assert found(verify(harvester, code=65)) == {("missing", uuid)}


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"ZOOM_CLIENT_SECRET": "wrong"}, 77), ({"ES_USERNAME": "alone"}, 78)],
)
@pytest.mark.with_templates
def test_an_incomplete_comparison_is_not_clean(
    newest: IndexSandbox, tmp_path: Path, changes: dict[str, str], code: int
) -> None:
    with harvested(newest, tmp_path) as (harvester, _):
        ended = harvester("verify", "zoom", *DAYS, **changes)
        assert ended.returncode == code, (ended.stdout + ended.stderr).decode()
        assert ended.stdout.startswith(b"zoom: not compared: ")
        assert len(ended.stdout.splitlines()) == 1, "no table, whose zeros would say that nothing is wrong"


@pytest.mark.with_templates
def test_newer_or_richer_documents_are_not_deleted(newest: IndexSandbox, tmp_path: Path) -> None:
    with harvested(newest, tmp_path) as (harvester, _):
        _, sessions = documents_of(newest, meetings(newest)[0])
        richer = {
            **sessions[0]["_source"],
            "detail": "full",
            "document_id": sessions[0]["_id"] + "-richer",
        }
        number = version(Detail.full, datetime.fromisoformat(richer["harvested_at"]))
        put(newest, "sessions-2026", richer, f"?version={number}&version_type=external")
        (finding,) = verify(harvester, *DAYS, code=65)["findings"]
        assert (finding["kind"], finding["repair"]) == ("outdated", "harvest")
        (finding,) = verify(harvester, *DAYS, "--repair", code=65)["findings"]
        assert not finding["repaired"]
        assert richer["document_id"] in stored(newest)


@pytest.mark.with_templates
def test_rejected_documents_are_neither_missing_nor_clean(newest: IndexSandbox, tmp_path: Path) -> None:
    with harvested(newest, tmp_path) as (harvester, _):
        uuid = meetings(newest)[0]
        _, sessions = documents_of(newest, uuid)
        delete(newest, sessions[0])
        bad = {**sessions[0]["_source"], "duration": {"no": "scalar"}}
        assert harvester("load", stdin=json.dumps(bad).encode()).returncode == 65
        answer = verify(harvester, *DAYS, code=65)
        assert (answer["rejected"], answer["findings"]) == (1, [])
        for words in ((), ("-q",)):
            message = harvester("verify", "zoom", *DAYS, *words).stdout.decode()
            assert (
                "1 document is among the rejects instead of in the index: `harvester rejects list`" in message
            )
        assert harvester("rejects", "drop", sessions[0]["_id"]).returncode == 0
        assert found(verify(harvester, *DAYS, code=65)) == {("incomplete", uuid)}, "given up, it is missed"
        assert verify(harvester, *DAYS, "--repair", code=0)["rejected"] == 0


@pytest.mark.with_templates
def test_a_second_repair_is_refused(newest: IndexSandbox, tmp_path: Path) -> None:
    with harvested(newest, tmp_path) as (harvester, _):
        (lock,) = (newest.folder / "state").rglob("run.lock")
        with lock.open("a") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            assert verify(harvester, *DAYS, code=0)["findings"] == []
            assert "another run" in verify(harvester, *DAYS, "--repair", code=75)["error"]


def test_without_the_privilege_to_read_it_says_so(guarded: IndexSandbox, tmp_path: Path) -> None:
    with Simulator(tmp_path / "simulator", NOW, size=40, days=2) as simulator:
        loader, reader = guarded.node.users["loader"], guarded.node.users["reader"]
        harvester = pointed(guarded, simulator, ES_USERNAME=loader.name, ES_PASSWORD=loader.password)
        assert harvester("zoom", *simulator.dates).returncode == 0
        refused = harvester("verify", "zoom")
        assert refused.returncode == 77
        assert f"it needs the privilege read on {guarded.prefix}*" in refused.stderr.decode()
        guarded.ask("POST", f"/{guarded.prefix}*/_refresh")
        reading = harvester("verify", "zoom", ES_USERNAME=reader.name, ES_PASSWORD=reader.password)
        assert reading.returncode == 0, (reading.stdout + reading.stderr).decode()


def account_documents(sandbox: IndexSandbox, **more: Any) -> AccountDocuments:
    return AccountDocuments(sandbox.client(**more), RETRY, vendor="zoom", account="main")


def test_over_ten_thousand_documents_are_read_in_pages(newest: IndexSandbox) -> None:
    large = plain(20_000, sessions=10_500)
    for _ in newest.loader().load([*many(10_500, sessions=0), large]):
        pass
    index = account_documents(newest)
    index.prepare()
    uuids = list(index.uuids(AGES))
    assert uuids == sorted(f"meeting-{number}" for number in (*range(10_500), 20_000))
    (read,) = index.read(["meeting-20000"])
    assert (len(read.meetings), len(read.sessions)) == (1, 10_500)
    assert [copy.document_id for copy in read.sessions] == sorted(s.document_id for s in read.sessions)
    among = list(index.read(["nobody", "meeting-20000", "meeting-7"]))
    assert [(one.uuid, len(one.meetings), len(one.sessions)) for one in among] == [
        ("meeting-20000", 1, 10_500),
        ("meeting-7", 1, 0),
        ("nobody", 0, 0),
    ]


def test_a_lost_point_in_time_is_opened_again(sandbox: IndexSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    list(sandbox.loader().load([plain(1, sessions=25)]))
    monkeypatch.setattr("harvester.sinks.elastic.account_documents.PAGE", 10)
    index = account_documents(sandbox)
    index.prepare()
    page, pages = AccountDocuments._page, 0

    def losing(self: AccountDocuments, point: Any, search: dict[str, Any]) -> Any:
        nonlocal pages
        pages += 1
        if pages == 3:
            self._client.send("DELETE", "/_pit", body={"id": point.id})
        return page(self, point, search)

    monkeypatch.setattr(AccountDocuments, "_page", losing)
    (read,) = index.read(["meeting-1"])
    assert len(read.sessions) == 25


def test_other_accounts_and_copied_indices_are_ignored(newest: IndexSandbox) -> None:
    list(newest.loader().load([plain(1)]))
    copy = f"{newest.prefix}sessions-2026-copy"
    for document_id, document in newest.stored().items():
        newest.ask("PUT", f"/{copy}/_doc/{document_id}", document)
    index = account_documents(newest)
    index.prepare()
    (read,) = index.read(["meeting-1"])
    assert (len(read.meetings), len(read.sessions)) == (1, 3)
    other = AccountDocuments(newest.client(), RETRY, vendor="zoom", account="other")
    other.prepare()
    assert list(other.uuids(AGES)) == []
    assert (index.exist(), other.exist()) == (True, False)
    newest.ask("POST", f"/{copy}/_close")
    index.prepare()
    assert list(index.uuids(AGES)) == ["meeting-1"]
    newest.ask("POST", f"/{newest.prefix}sessions-2026/_close")
    newest.ask("DELETE", f"/{copy}")
    with pytest.raises(Unreachable, match="sessions-2026 .* is closed"):
        account_documents(newest).prepare()


def test_documents_in_a_copied_index_alone_do_not_exist(newest: IndexSandbox) -> None:
    list(newest.loader().load([plain(1)]))
    for document_id, document in newest.stored().items():
        newest.ask("PUT", f"/{newest.prefix}sessions-2026-copy/_doc/{document_id}", document)
    for kind in ("meetings", "sessions"):
        newest.ask("DELETE", f"/{newest.prefix}{kind}-2026")
    index = account_documents(newest)
    index.prepare()
    assert not index.exist()


def test_a_missing_index_is_empty(newest: IndexSandbox) -> None:
    index = account_documents(newest)
    index.prepare()
    assert list(index.uuids(AGES)) == []
    assert not index.exist()
    assert [(one.meetings, one.sessions) for one in index.read(["a"])] == [([], [])]


def test_newer_documents_are_not_removed(newest: IndexSandbox) -> None:
    harvest = plain(1)
    list(newest.loader().load([harvest]))
    index, sessions = account_documents(newest), f"{newest.prefix}sessions-2026"
    names = sorted(f"{harvest.meeting.document_id}:{session.key}" for session in harvest.sessions)
    same = record_version(harvest)
    given = [Deletion(sessions, names[0], same), Deletion(sessions, names[1], same - 1)]
    assert index.delete([*given, Deletion(sessions, "nobody", same)]) == 1
    assert names[0] not in newest.stored()
    assert {names[1], names[2]} <= newest.stored().keys()
    assert index.delete([]) == 0


def test_a_right_to_write_that_is_missing_is_named(guarded: IndexSandbox) -> None:
    harvest = plain(1)
    list(guarded.loader().load([harvest]))
    reader = account_documents(guarded, **login(guarded.node.users["reader"]))
    with pytest.raises(CredentialsError, match="privilege write"):
        reader.delete([Deletion(f"{guarded.prefix}sessions-2026", "x", record_version(harvest))])


def of_one_harvest(sandbox: IndexSandbox, uuid: str) -> set[tuple[str, int]]:
    """The instants and versions of a meeting's documents."""
    meeting, sessions = documents_of(sandbox, uuid)
    return {(hit["_source"]["harvested_at"], hit["_version"]) for hit in (meeting, *sessions)}


@pytest.mark.with_templates
def test_a_document_of_the_future_is_replaced_and_can_be_replaced_again(
    sandbox: IndexSandbox, tmp_path: Path
) -> None:
    """Elasticsearch remembers the version of a deleted document for a day: this is tried with both versions of it."""
    with harvested(sandbox, tmp_path) as (harvester, simulator):
        uuid = meetings(sandbox)[0]
        meeting, sessions = documents_of(sandbox, uuid)
        for hit in (meeting, *sessions):
            put_of_the_future(sandbox, hit)
        ended = harvester("zoom", "--date", meeting["_source"]["@timestamp"][:10])
        assert ended.returncode == 65
        assert f"{1 + len(sessions)} documents in the index harvested in the future" in ended.stderr.decode()
        assert stored(sandbox)[meeting["_id"]]["topic"] == "of the future", "a later harvest is refused"
        answer = verify(harvester, *DAYS, code=65)
        assert {kind for kind, _ in found(answer)} == {"future"}
        answer = verify(harvester, *DAYS, "--repair", code=0)
        assert all(finding["repaired"] for finding in answer["findings"])
        assert differences(stored(sandbox), simulator.truth) == []
        before = of_one_harvest(sandbox, uuid)
        assert len(before) == 1
        assert harvester("zoom", "--date", meeting["_source"]["@timestamp"][:10]).returncode == 0
        after = of_one_harvest(sandbox, uuid)
        assert len(after) == 1
        assert min(after) > max(before)
        settings = sandbox.ask("GET", f"/{sandbox.prefix}*/_settings").body.values()
        assert {index["settings"]["index"]["gc_deletes"] for index in settings} == {"24h"}


@pytest.mark.with_templates
def test_a_repair_that_was_killed_between_its_settings_is_undone_by_the_next_run(
    sandbox: IndexSandbox, tmp_path: Path
) -> None:
    with harvested(sandbox, tmp_path) as (harvester, _):
        index = next(iter(documents_of(sandbox, meetings(sandbox)[0])))["_index"]
        sandbox.ask("PUT", f"/{index}/_settings", body={"index": {"gc_deletes": "-1"}})
        (database,) = harvester.folder.rglob("journal.db")
        with closing(Journal(database.parent)) as journal:
            journal.set_fact(CHANGED_INDEX, index)
        assert harvester("zoom", *DAYS).returncode == 0
        settings = sandbox.ask("GET", f"/{index}/_settings").body[index]["settings"]
        assert settings["index"]["gc_deletes"] == "24h"


def test_without_the_privilege_manage_documents_of_the_future_stay_and_the_rest_is_repaired(
    guarded: IndexSandbox, tmp_path: Path
) -> None:
    with harvested(guarded, tmp_path) as (harvester, simulator):
        uuids = meetings(guarded)[:2]
        put_of_the_future(guarded, documents_of(guarded, uuids[0])[0])
        delete(guarded, documents_of(guarded, uuids[1])[0])
        whole = guarded.node.users["whole"]
        narrow = {"ES_USERNAME": whole.name, "ES_PASSWORD": whole.password}
        answer = verify(
            Harvester(harvester.folder, {**harvester.settings, **narrow}), *DAYS, "--repair", code=65
        )
        left = {finding["uuid"]: finding for finding in answer["findings"] if not finding["repaired"]}
        assert list(left) == uuids[:1]
        assert "privilege manage on" in left[uuids[0]]["why"]
        verify(harvester, *DAYS, "--repair", code=0)
        assert differences(stored(guarded), simulator.truth) == []
