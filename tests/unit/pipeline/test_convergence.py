"""Any order, repetition and overlap of runs, kills among them, leaves the index that one late, full harvest would make.

An invented vendor has a few meetings: late, live, changed, moved into another year, failing for a while; hypothesis
makes the meetings and the runs. The journal, the planner, the tracker, the engine and the part of the runner that
joins them are the real ones; vendor and index are models, the latter with Elasticsearch's external versions.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import RLock
from typing import Any, ClassVar, Literal
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.attendance import to_record
from connectors.base import RequestStats
from connectors.errors import Gone, NotReady, OutputError, VendorError
from connectors.models import (
    Detail,
    Meeting,
    MeetingRecord,
    MeetingRef,
    Pending,
    Reason,
    Session,
    SkippedPartition,
    Window,
    row_digest,
)
from harvester.documents import Document, record_version, to_documents
from harvester.pipeline import engine, runner
from harvester.pipeline.account import AccountConfig
from harvester.pipeline.report import Report
from harvester.pipeline.request import HarvestRequest, VendorOptions, resolve
from harvester.pipeline.stop_signal import StopSignal
from harvester.privacy.settings import to_privacy
from harvester.sinks.base import Ack, Load
from harvester.sinks.elastic.config import ElasticConfig
from harvester.state.journal import Journal
from harvester.state.secrets_and_forgotten_people import PrivacyState

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
LOOKBACK = 2 * DAY
SPAN = 2 * DAY + 5 * HOUR
STORY_DAYS = 3
"""Meetings start on so many days."""
LATEST = 40
"""This many hours after its start, a meeting is complete and no longer changes: within the lookback."""
TROUBLE = 24 * 5
"""By so many hours nothing fails any more."""
BASES = [date(2024, 2, 28), date(2024, 3, 30), date(2024, 10, 26), date(2024, 12, 30)]
"""Leap day, both changes of the clocks, New Year."""
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]
CLUSTER = ElasticConfig(host="http://127.0.0.1:9200")
EVERYTHING = frozenset({"qos", "raw"})
Scope = tuple[str, str]
Key = tuple[str, str]
Span = tuple[int, int]


def common(part: float) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A part of the usual number of examples: each of these is dozens of runs."""
    return settings(
        max_examples=round(part * settings().max_examples),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


# The invented vendor


@dataclass(frozen=True, kw_only=True)
class Story:
    """One meeting. Numbers are hours, of `start` after the base's midnight (UTC), of spans likewise, of all others
    after the start. `live`: it is listed while it runs."""

    scope: Scope
    uuid: str
    start: int
    length: int
    late: int
    subject: str
    stays: int
    live: bool
    changes: tuple[tuple[int, Literal["added", "merged", "moved", "renamed", "restarted"]], ...]
    fails: Span
    no_details: int
    """Until then its details are not ready."""
    no_quality: int
    """Until then its quality is not ready."""
    hiccup: Span
    """Meanwhile its quality is not ready again, whatever was had before."""
    quality_gone: int | None
    """From then on its quality is no longer kept; only of a meeting that does not change."""
    gone: bool

    @property
    def known_at(self) -> int:
        """When the list of past meetings shows it."""
        return self.length + self.late


@dataclass
class Fate:
    """The failures of one run. After `strike` nothing is written, neither into the journal nor into the index."""

    at: tuple[str, int] | None = None
    committed: bool = False
    struck: bool = False
    journal: Journal | None = None
    seen: dict[str, int] = field(default_factory=dict)
    lock: RLock = field(default_factory=RLock)

    def pass_by(self, point: str) -> None:
        """This is about to be done. Killed: here, or before."""
        with self.lock:
            self.seen[point] = self.seen.get(point, 0) + 1
            if not self.struck and (point, self.seen[point]) == self.at:
                self._strike()
            if self.struck:
                raise Killed

    def _strike(self) -> None:
        assert self.journal is not None
        if self.committed:
            self.journal.flush()
        self.journal._writer._failed = OutputError("killed")
        self.struck = True


class Killed(Exception):
    """kill -9: the process ends at once."""


@dataclass
class Clock:
    now: datetime
    lock: RLock = field(default_factory=RLock)

    def __call__(self) -> datetime:
        return self.now

    def tick(self) -> datetime:
        """The instant of a request: each has its own."""
        with self.lock:
            self.now += timedelta(milliseconds=1)
            return self.now


@dataclass(kw_only=True)
class Vendor:
    """A connector to one account, and all of its stories. `options`: of this run."""

    max_window: ClassVar[timedelta] = SPAN
    lookback: ClassVar[timedelta] = LOOKBACK
    retention: ClassVar[timedelta] = timedelta(days=365)

    name: str
    account: str
    stories: Sequence[Story]
    base: datetime
    troubles: dict[str, Span]
    clock: Clock
    options: frozenset[str] = frozenset()
    fate: Fate = field(default_factory=Fate)
    concurrency: int = 1

    def hours(self, now: datetime) -> float:
        return (now - self.base) / HOUR

    def meetings(
        self, window: Window, partitions: Collection[str] = ()
    ) -> Iterator[MeetingRef | SkippedPartition]:
        hours = self.hours(self.clock.tick())
        reaches_now = window.end > self.clock()
        for subject in sorted({story.subject for story in self.stories}):
            if partitions and subject not in partitions:
                continue
            begin, end = self.troubles.get(subject, (0, 0))
            if begin <= hours < end:
                yield SkippedPartition(partition=subject, reason=Reason.error, permanent=False)
                continue
            for story in self.stories:
                if story.subject == subject and (ref := self._row(story, hours, reaches_now)):
                    self.fate.pass_by("list")
                    if ref.start_time is not None and ref.start_time in window:
                        yield ref
        self.fate.pass_by("list")

    def _row(self, story: Story, hours: float, reaches_now: bool) -> MeetingRef | None:
        since = hours - story.start
        live = story.live and 0 <= since < story.length and reaches_now
        if not live and since < story.known_at:
            return None
        shown = [change for at, change in story.changes if not live and at <= since]
        row = {"uuid": story.uuid, "live": live, "shown": shown}
        return MeetingRef(
            uuid=story.uuid, start_time=self._start(shown, story), digest=row_digest(row), row=row
        )

    def _start(self, shown: Collection[str], story: Story) -> datetime:
        """Two hours later where it was moved: into another day, or year."""
        return self.base + (story.start + (2 if "restarted" in shown else 0)) * HOUR

    def fetch(self, ref: MeetingRef) -> MeetingRecord:
        self.fate.pass_by("fetch")
        (story,) = (each for each in self.stories if each.uuid == ref.uuid)
        now = self.clock.tick()
        hours = self.hours(now)
        if story.fails[0] <= hours < story.fails[1]:
            raise VendorError("not now")
        if story.gone:
            raise Gone("deleted", reason=Reason.deleted)
        return self.harvest(story, now, self.options | ref.extras)

    def harvest(self, story: Story, now: datetime, asked: frozenset[str]) -> MeetingRecord:
        """All that there is of it now; NotReady."""
        since = self.hours(now) - story.start
        if since < story.length:
            pending = Pending(until=now + HOUR, reason=Reason.live)
            return self._harvest(story, now, Detail.live, ["live"], asked, pending)
        ready = max(story.known_at, story.no_details)
        if since < ready:
            until = min(now + 6 * HOUR, self.base + (story.start + ready) * HOUR)
            raise NotReady("not yet", reason=Reason.not_ended, until=until)
        shown = [change for at, change in story.changes if at <= since]
        if "qos" not in asked or (story.quality_gone is not None and since >= story.quality_gone):
            return self._harvest(story, now, Detail.basic, shown, asked, None)
        hiccup = story.hiccup[0] <= self.hours(now) < story.hiccup[1]
        if since < story.no_quality or hiccup:
            until = self.base + (story.hiccup[1] if hiccup else story.start + story.no_quality) * HOUR
            waiting = Pending(until=min(now + 6 * HOUR, until), reason=Reason.quality)
            return self._harvest(story, now, Detail.basic, shown, asked, waiting)
        return self._harvest(story, now, Detail.full, shown, asked, None)

    def _harvest(
        self, story: Story, now: datetime, detail: Detail, shown: Sequence[str], asked: frozenset[str],
        pending: Pending | None,
    ) -> MeetingRecord:  # fmt: skip
        start = self._start(shown, story)
        keys = [f"stay{number}" for number in range(story.stays)]
        if "live" in shown:
            keys = ["live0", "stay0"]
        if "moved" in shown:
            keys[0] = "elsewhere"
        if "merged" in shown:
            keys = keys[:1]
        if "added" in shown:
            keys.append("late")
        raw = {"shown": shown} if "raw" in asked else None
        rate = "good" if detail is Detail.full else None
        stays = [Session(key=key, join_time=start, network_type=rate, vendor_data=raw) for key in keys]
        meeting = Meeting(
            vendor=self.name,
            account=self.account,
            uuid=story.uuid,
            detail=detail,
            harvested_at=now,
            start_time=start,
            topic=" ".join(["topic", *shown]),
            vendor_data=raw,
        )
        return to_record(meeting, stays, pending=pending)


# The model of the index


@dataclass
class Index:
    """Documents by index and id with their external versions, and all that ever existed."""

    documents: dict[Key, tuple[int, Document]] = field(default_factory=dict)
    newest: dict[Key, int] = field(default_factory=dict)
    """Of each (index, id), the newest version ever, deleted ones too."""
    richest: dict[tuple[str, ...], Detail] = field(default_factory=dict)
    raw: set[tuple[str, ...]] = field(default_factory=set)
    begun: bool = False

    def has_indices(self) -> bool:
        return self.begun

    def store(self, key: Key, version: int, document: Document) -> bool:
        """False: refused with 409, the same or a newer version is or was there."""
        self.begun = True
        if version <= self.newest.get(key, -1):
            return False
        self.newest[key] = version
        self.documents[key] = version, document
        of = meeting_of(document)
        if "vendor_data" in document:
            self.raw.add(of)
        self.richest[of] = max(self.richest.get(of, Detail.scheduled), Detail[document["detail"]])
        return True

    def delete(self, key: Key, version: int) -> bool:
        if version <= self.newest.get(key, -1):
            return False
        self.newest[key] = version
        del self.documents[key]
        return True

    def leftovers(self, harvest: MeetingRecord) -> list[Key]:
        """What `sinks/elastic/leftovers.py` finds: older, of the same meeting, not held by this harvest."""
        held = {key for key, _ in filed(harvest)}
        meeting = harvest.meeting
        of = meeting.vendor, meeting.account, meeting.uuid
        return [
            key
            for key, (_, document) in self.documents.items()
            if meeting_of(document) == of
            and instant_of(document) < harvest.meeting.harvested_at
            and key not in held
        ]


def meeting_of(document: Document) -> tuple[str, ...]:
    return document["vendor"], document["account"], document.get("meeting") or document["uuid"]


def instant_of(document: Document) -> datetime:
    return datetime.fromisoformat(document["harvested_at"])


def filed(harvest: MeetingRecord) -> Iterator[tuple[Key, Document]]:
    """Every document with its index and id."""
    timestamp = harvest.timestamp
    assert timestamp is not None
    for document in to_documents(harvest):
        kind: Literal["meeting", "session"] = "meeting" if document["kind"] == "meeting" else "session"
        yield (CLUSTER.index(kind, timestamp), document["document_id"]), document


@dataclass
class Sink:
    """Loads several meetings at once, document by document, deletes their stale documents, and then acknowledges."""

    index: Index
    fate: Fate
    at_once: int

    def load(self, loads: Iterable[Load]) -> Iterator[Ack]:
        waiting: list[Load] = []
        for load in loads:
            waiting.append(load)
            if len(waiting) >= self.at_once:
                yield from self._loaded(waiting)
                waiting = []
        yield from self._loaded(waiting)

    def _loaded(self, waiting: Sequence[Load]) -> Iterator[Ack]:
        for load in waiting:
            for key, document in filed(load.record):
                self.fate.pass_by("store")
                self.index.store(key, record_version(load.record), document)
        for load in waiting:
            for key in [] if load.is_new else self.index.leftovers(load.record):
                self.fate.pass_by("delete")
                self.index.delete(key, record_version(load.record))
        for load in waiting:
            self.fate.pass_by("acknowledge")
            yield Ack(uuid=load.record.meeting.uuid, ok=1 + len(load.record.sessions))


# Runs


@dataclass(frozen=True, kw_only=True)
class Run:
    """`kind` of `dates`: days after the base, the first and the last. `after`: hours since the run before."""

    scope: Scope = ("one", "main")
    kind: Literal["nightly", "backfill", "date", "force"] = "nightly"
    dates: Span = (0, 0)
    asked: frozenset[str] = frozenset()
    zone: str = "UTC"
    after: int = 1
    killed: tuple[str, int] | None = None
    committed: bool = True
    at_once: int = 1
    concurrency: int = 1

    def request(self, base: date, now: datetime) -> HarvestRequest:
        zone = ZoneInfo(self.zone)
        first, last = (min(base + day * DAY, now.astimezone(zone).date()) for day in sorted(self.dates))
        dates: dict[str, Any] = {"first": first, "last": last, "force": self.kind == "force"}
        if self.kind in {"nightly", "date"}:
            dates = {"on": first} if self.kind == "date" else {}
        options = VendorOptions(switches=self.asked - {"raw"})
        return resolve(now=now, zone=zone, options=options, raw="raw" in self.asked, **dates)


@dataclass(kw_only=True)
class Context:
    """As much of a run's context as the runner and the engine use."""

    clock: Clock
    knows_vendor_time: bool = True
    request_stats: RequestStats = field(default_factory=RequestStats)
    speed: float = 1.0

    def now(self) -> datetime:
        return self.clock()

    def stopwatch(self) -> float:
        return 0.0


@dataclass(frozen=True, kw_only=True)
class Account:
    """An account with its connector: the parts that the runner and the engine use."""

    config: AccountConfig
    folder: Path
    connector: Vendor
    context: Context

    @property
    def vendor(self) -> str:
        return self.config.vendor

    @property
    def state_folder(self) -> Path:
        return self.config.state_folder

    def recorder(self, _database: str) -> None:
        """The state is not shared."""


@dataclass
class World:
    """`stories` over several accounts, one index, one folder for the state."""

    base_day: date
    stories: Sequence[Story]
    troubles: dict[str, Span]
    folder: Path
    index: Index = field(default_factory=Index)

    def __post_init__(self) -> None:
        self.base = datetime(self.base_day.year, self.base_day.month, self.base_day.day, tzinfo=UTC)
        self.clock = Clock(self.base + 3 * HOUR)

    def vendor(self, of: Scope, **more: Any) -> Vendor:
        return Vendor(
            name=of[0],
            account=of[1],
            stories=[story for story in self.stories if story.scope == of],
            base=self.base,
            troubles=self.troubles,
            clock=self.clock,
            **more,
        )

    def run(self, run: Run) -> Report:
        self.clock.now += run.after * HOUR
        fate = Fate(at=run.killed, committed=run.committed)
        vendor = self.vendor(run.scope, options=run.asked, fate=fate, concurrency=run.concurrency)
        account = self._account(vendor)
        report = Report(vendor=vendor.name, account=vendor.account)
        request = run.request(self.base_day, self.clock())
        self._want_all(account)
        try:
            self._harvest(account, request, run, report, fate)
        except (Killed, OutputError):
            assert fate.struck
        return report

    def _account(self, vendor: Vendor) -> Any:
        """`folder`: one for each account."""
        machine: Any = None
        config = AccountConfig(
            vendor=vendor.name,
            label=vendor.account,
            values={"API_URL": "http://127.0.0.1/"},
            state_folder=self.folder,
            clock=machine,
            privacy=to_privacy({}, PrivacyState(self.folder)),
        )
        return Account(
            config=config,
            folder=self.folder / f"{vendor.name}-{vendor.account}",
            connector=vendor,
            context=Context(clock=self.clock),
        )

    def _harvest(self, account: Any, request: HarvestRequest, run: Run, report: Report, fate: Fate) -> None:
        with (
            runner.open_journal(account, CLUSTER) as journal,
            runner.recorded_run(account, journal, self.index.has_indices, request, report) as (plan, tracker),
        ):
            watch(journal, fate)
            engine.harvest(
                account.connector,
                plan.slices,
                tracker,
                Sink(self.index, fate, run.at_once),
                account.context,
                stop=StopSignal(),
                report=report,
                concurrency=run.concurrency,
            )

    def _want_all(self, account: Any) -> None:
        """As a nightly run on the first day would have recorded."""
        with runner.open_journal(account, CLUSTER) as journal:
            journal.set_first_nightly(self.base - DAY)

    def close(self, asked: frozenset[str], scopes: Iterable[Scope]) -> None:
        """One nightly run in each account, after the lookback and all troubles; a second one confirms readings with far
        fewer sessions than before."""
        late = self.base + max(TROUBLE * HOUR, STORY_DAYS * DAY + LATEST * HOUR) + DAY
        self.clock.now = max(self.clock.now, late) + DAY
        for of in scopes:
            report = self.run(Run(scope=of, asked=asked))
            assert report.exit_code == 0, report.failures
            if report.doubted:
                assert self.run(Run(scope=of, asked=asked, after=24)).doubted == 0


def watch(journal: Journal, fate: Fate) -> None:
    """Every statement to the journal is a point at which the run may be killed."""
    fate.journal = journal
    put = journal._writer.put

    def watched(statement: str, *values: Any, row: str | None = None) -> int:
        fate.pass_by("journal")
        return put(statement, *values, row=row)

    journal._writer.put = watched  # type: ignore[method-assign]  # the kill between two statements


@contextmanager
def world(base: date, stories: Sequence[Story], troubles: dict[str, Span]) -> Iterator[World]:
    shm = Path("/dev/shm")  # noqa: S108  # a disk that really writes would take longer than all the rest
    folder = Path(tempfile.mkdtemp(prefix="order-", dir=shm if shm.is_dir() else None))
    try:
        yield World(base, stories, troubles, folder)
    finally:
        shutil.rmtree(folder)


# What must hold


def plain(document: Document) -> Document:
    return {name: value for name, value in document.items() if name != "harvested_at"}


def contents(index: Index) -> dict[Key, Document]:
    return {key: plain(document) for key, (_, document) in index.documents.items()}


def is_consistent(index: Index) -> None:
    """No id twice, of one meeting one harvest, no version lower and nothing poorer than it ever was."""
    ids = [document_id for _, document_id in index.documents]
    assert len(ids) == len(set(ids)), "an id in two indices"
    records: dict[tuple[str, ...], set[tuple[str, str]]] = {}
    for document in (document for _, document in index.documents.values()):
        records.setdefault(meeting_of(document), set()).add((document["harvested_at"], document["detail"]))
    for of, shown in records.items():
        assert len(shown) == 1, f"{of} out of several harvests: {shown}"
        ((_, detail),) = shown
        assert Detail[detail] >= index.richest[of], f"{of} is poorer than it was"
    for key, (version, _) in index.documents.items():
        highest = max(newest for other, newest in index.newest.items() if other[1] == key[1])
        assert version >= highest, f"{key} went down"


def is_the_truth(made: World, asked: frozenset[str]) -> None:
    """The index equals a harvest that begins now, and is richer only for meetings of which a run once stored more."""
    is_consistent(made.index)
    found = contents(made.index)
    expected: dict[Key, Document] = {}
    for story in made.stories:
        if not story.gone:
            expected.update(filed(_richest(made, story, asked)))
    assert found == {key: plain(document) for key, document in expected.items()}


def _richest(made: World, story: Story, asked: frozenset[str]) -> MeetingRecord:
    """The present data and all that a run has ever stored; but a richer reading takes nothing from a poorer one."""
    of = (*story.scope, story.uuid)
    more = {"raw"} if of in made.index.raw else set()
    if made.index.richest.get(of) is Detail.full:
        if story.quality_gone is not None:
            asked = frozenset()
        story, more = replace(story, quality_gone=None), more | {"qos"}
    return made.vendor(story.scope).harvest(story, made.clock(), asked | more)


# What hypothesis makes

SCOPES: list[Scope] = [("one", "main"), ("one", "other"), ("two", "main")]
spans = st.tuples(st.integers(0, TROUBLE), st.integers(0, 48)).map(
    lambda shown: (shown[0], min(shown[0] + shown[1], TROUBLE))
)
quiet = st.just((0, 0))


@st.composite
def known_stories(draw: st.DrawFn, scopes: Sequence[Scope], *, expiring: bool = True) -> Story:
    length = draw(st.sampled_from([1, 3, 12]))
    changes = st.lists(
        st.tuples(
            st.integers(0, LATEST), st.sampled_from(["added", "merged", "moved", "renamed", "restarted"])
        ),
        max_size=2,
        unique_by=lambda change: change[1],
    )
    shown = tuple(sorted(draw(changes)))
    return Story(
        scope=draw(st.sampled_from(scopes)),
        uuid="",
        start=draw(st.integers(0, STORY_DAYS * 24 - 1)),
        length=length,
        late=draw(st.integers(0, LATEST - length)),
        subject=draw(st.sampled_from(["anna", "bert"])),
        stays=draw(st.integers(1, 3)),
        live=draw(st.booleans()),
        changes=shown,  # type: ignore[arg-type]  # the strategy samples these words
        fails=draw(quiet | spans),
        no_details=draw(st.just(0) | st.integers(0, LATEST)),
        no_quality=draw(st.just(0) | st.integers(0, LATEST)),
        hiccup=draw(quiet | spans),
        quality_gone=draw(st.none() | st.integers(LATEST + 1, 90)) if expiring and not shown else None,
        gone=draw(st.sampled_from([False, False, False, True])),
    )


def numbered(stories: list[Story]) -> list[Story]:
    """The same uuids in every account."""
    counts: dict[Scope, int] = {}
    shown = []
    for story in stories:
        counts[story.scope] = counts.get(story.scope, 0) + 1
        shown.append(replace(story, uuid=f"m{counts[story.scope]}"))
    return shown


def many_stories(
    scopes: Sequence[Scope], most: int = 5, *, expiring: bool = True
) -> st.SearchStrategy[list[Story]]:
    return st.lists(known_stories(scopes, expiring=expiring), min_size=1, max_size=most).map(numbered)


points = st.tuples(
    st.sampled_from(["list", "fetch", "store", "delete", "acknowledge", "journal"]), st.integers(1, 8)
)
options = st.sampled_from([frozenset[str](), frozenset({"qos"}), frozenset({"raw"}), EVERYTHING])


def many_runs(
    scopes: Sequence[Scope],
    kills: st.SearchStrategy[tuple[str, int] | None],
    asked: st.SearchStrategy[frozenset[str]],
) -> st.SearchStrategy[list[Run]]:
    run = st.builds(
        Run,
        scope=st.sampled_from(scopes),
        kind=st.sampled_from(["nightly", "nightly", "backfill", "date", "force"]),
        dates=st.tuples(st.integers(0, 5), st.integers(0, 5)),
        asked=asked,
        zone=st.sampled_from(ZONES),
        after=st.integers(0, 30),
        killed=kills,
        committed=st.booleans(),
        at_once=st.integers(1, 3),
        concurrency=st.sampled_from([1, 1, 2]),
    )
    return st.lists(run, max_size=7)


troubled = st.fixed_dictionaries({"anna": quiet | spans, "bert": quiet | spans})
bases = st.sampled_from(BASES)


@common(0.35)
@given(bases, many_stories(SCOPES), troubled, many_runs(SCOPES, st.none(), options), options)
def test_any_order_of_runs_over_several_accounts_ends_in_the_same_index(
    base: date, stories: list[Story], troubles: dict[str, Span], runs: list[Run], asked: frozenset[str]
) -> None:
    with world(base, stories, troubles) as made:
        for run in runs:
            made.run(run)
        made.close(asked, SCOPES)
        is_the_truth(made, asked)


@common(0.35)
@given(
    bases,
    many_stories(SCOPES[:1], expiring=False),
    troubled,
    many_runs(SCOPES[:1], st.none() | points, options),
    options,
)
def test_runs_that_are_killed_anywhere_change_nothing_in_the_end(
    base: date, stories: list[Story], troubles: dict[str, Span], runs: list[Run], asked: frozenset[str]
) -> None:
    """Nothing expires here: half a harvest that a kill left, and of which the rest is no longer kept, stays a half."""
    with world(base, stories, troubles) as made:
        for run in runs:
            made.run(run)
        made.close(asked, SCOPES[:1])
        is_the_truth(made, asked)


@common(0.1)
@given(bases, many_stories(SCOPES[:1]), st.tuples(*[st.integers(0, 5)] * 3).map(sorted), options, st.data())
def test_a_range_in_one_run_is_the_same_as_in_two(
    base: date, stories: list[Story], days: list[int], asked: frozenset[str], data: st.DataObject
) -> None:
    first, middle, last = days
    whole = Run(kind="backfill", dates=(first, last), asked=asked, after=24 * 8)
    parts = [
        replace(whole, dates=(first, middle)),
        replace(whole, dates=(min(middle + 1, last), last), after=0),
    ]
    halves = data.draw(st.permutations(parts))
    with world(base, stories, {}) as one, world(base, stories, {}) as two:
        one.run(whole)
        two.run(replace(halves[0], after=24 * 8))
        two.run(replace(halves[1], after=0))
        is_consistent(one.index)
        is_consistent(two.index)
        assert contents(one.index) == contents(two.index)


def a_story(**shown: Any) -> Story:
    """A meeting of one hour on the first day at nine, listed an hour later, with nothing unusual."""
    usual: dict[str, Any] = {
        "scope": SCOPES[0], "uuid": "m1", "start": 9, "length": 1, "late": 1, "subject": "anna", "stays": 1,
        "live": False, "changes": (), "fails": (0, 0), "no_details": 0, "no_quality": 0, "hiccup": (0, 0), "quality_gone": None,
        "gone": False,
    }  # fmt: skip
    return Story(**{**usual, **shown})


def test_a_skipped_partition_listed_with_other_days_yields_each_meeting_once() -> None:
    stories = [a_story(), a_story(uuid="m2", start=33)]
    with world(BASES[0], stories, {"anna": (0, 60)}) as made:
        made.run(Run(after=24 * 2))
        report = made.run(Run(after=24 * 2, at_once=3))
        assert (report.done, report.exit_code) == (2, 0)
        is_the_truth(made, frozenset())


def test_stale_documents_are_deleted_after_a_kill_before_the_first_commit() -> None:
    """A meeting is loaded, the run is killed within a fifth of a second, and the meeting changes: the next run must look for stale documents."""
    with world(BASES[0], [a_story(changes=((20, "moved"),))], {}) as made:
        made.run(Run(kind="date", after=10, killed=("acknowledge", 1), committed=False))
        made.close(frozenset(), SCOPES[:1])
        is_the_truth(made, frozenset())


def test_a_kill_before_the_first_commit_keeps_the_extras() -> None:
    """A harvest with quality is loaded and killed; a later one without it finds another stay."""
    with world(BASES[0], [a_story(changes=((20, "added"),))], {}) as made:
        asked = frozenset({"qos"})
        made.run(Run(kind="date", asked=asked, after=10, killed=("acknowledge", 1), committed=False))
        made.close(frozenset(), SCOPES[:1])
        is_the_truth(made, frozenset())


def test_a_meeting_that_is_not_ready_is_fetched_once_it_is() -> None:
    """Its row stays the same; nothing of it is stored; its time has come before the next run lists it."""
    with world(BASES[0], [a_story(no_details=24)], {}) as made:
        assert made.run(Run(after=24)).pending == 1
        made.close(frozenset(), SCOPES[:1])
        is_the_truth(made, frozenset())


def test_a_poorer_forced_run_keeps_the_stored_documents() -> None:
    with world(BASES[0], [a_story(quality_gone=50)], {}) as made:
        made.run(Run(asked=frozenset({"qos"}), after=24))
        report = made.run(Run(kind="force", after=24 * 2))
        assert (report.kept_richer, report.done) == (1, 0)
        made.close(frozenset(), SCOPES[:1])
        is_the_truth(made, frozenset({"qos"}))
