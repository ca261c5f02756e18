"""Runs a harvest of one account: opens its state, journal and connector, plans, starts the engine, records the result."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from connectors.base import Connector
from connectors.errors import ConfigurationError, HarvestError, QuotaExhausted
from connectors.models import Window
from harvester.formatting import format_instant, format_period, format_span, plural
from harvester.logging_setup import EVEN_IF_QUIET
from harvester.pipeline import engine
from harvester.pipeline.account import Account, AccountConfig, ConnectedAccount, open_account
from harvester.pipeline.connector_context import RunContext
from harvester.pipeline.destination import Destination, IndexDestination
from harvester.pipeline.index_generation import EMPTY_WHEN_BEGUN, IndexGeneration
from harvester.pipeline.journal_tracker import JournalTracker
from harvester.pipeline.planner import (
    RunPlan,
    backfill,
    filtered,
    forced,
    nightly,
    plan_lines,
    split_into_slices,
    with_backlog,
)
from harvester.pipeline.report import Report
from harvester.pipeline.request import HarvestRequest
from harvester.pipeline.restore_index_settings import restore_settings
from harvester.pipeline.stop_signal import StopSignal
from harvester.pipeline.tracker import NullTracker, RunTracker
from harvester.sinks.base import Sink
from harvester.sinks.elastic.config import ElasticConfig
from harvester.state.journal import Journal
from harvester.state.layout import journal_folder, make_private, rejects_folder
from harvester.state.reader import StateReader
from harvester.state.rejects import Rejects
from harvester.state.shared.shared_pool import REJECTS, journal_log

logger = logging.getLogger(__name__)

Progress = Callable[[Report, Connector, RunContext], AbstractContextManager[object]]
"""Shows how far a run has come, as long as the context lasts."""

SinkDecorator = Callable[[Sink], Sink]
"""Puts a sink around the destination's own."""


def no_progress(_report: Report, _connector: Connector, _context: RunContext) -> AbstractContextManager[None]:
    return nullcontext()


def keep_sink(sink: Sink) -> Sink:
    return sink


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """Harvests accounts into one destination."""

    request: HarvestRequest
    destination: Destination
    stop: StopSignal
    progress: Progress = no_progress
    decorate: SinkDecorator = keep_sink

    def run(self, config: AccountConfig, report: Report) -> None:
        """Harvest one account and count into the report. Raises HarvestError, which the report knows too."""
        try:
            request = self.request.of_account(config.options, raw=config.raw)
            replace(self, request=request)._run(config, report)
        except HarvestError as error:
            report.record_stop(error)
            raise
        finally:
            report.set_resume_at(config.clock)

    def _run(self, config: AccountConfig, report: Report) -> None:
        request = self.request
        with open_account(
            config,
            self.stop,
            options=request.options,
            raw=request.raw,
            rate_share=request.rate_share,
            stops_if_clock_is_wrong=self._writes_index,
            only_lists=request.dry_run,
        ) as account:
            try:
                account.ask_vendor_time()
                self._run_account(account, report)
            except QuotaExhausted as error:
                report.may_resume(error.until - account.calendar.now())
                raise

    @property
    def _writes_index(self) -> bool:
        return isinstance(self.destination, IndexDestination) and not self.request.dry_run

    def _run_account(self, account: Account, report: Report) -> None:
        if isinstance(self.destination, IndexDestination) and self._writes_index:
            with index_of(account, self.destination) as index:
                replace(self, destination=index)._run_with_journal(account, index, report)
        else:
            self._run_without_journal(account.connect(), report)

    def _run_with_journal(self, account: Account, index: IndexDestination, report: Report) -> None:
        with (
            open_journal(account, index.config) as journal,
            counted_unfinished(journal, report, account.calendar.now),
        ):
            connected = account.connect(
                journal, asks_refused_again=self.request.mode == "forced" or self.request.filtered
            )
            config = account.config
            generation = IndexGeneration(index, journal, vendor=config.vendor, account=config.label)
            with (
                index.notifying(generation.on_ready),
                recorded_run(
                    connected, journal, index.has_indices, self.request, report, generation=generation
                ) as (plan, tracker),
            ):
                restore_settings(journal, index.remember_versions)
                self._harvest(connected, plan, tracker, report)
                if report.superseded:
                    label, now = account.config.label, connected.context.now()
                    report.future_documents = index.count_future(connected.vendor, label, now)

    def _run_without_journal(self, account: ConnectedAccount, report: Report) -> None:
        plan = plan_without_journal(account, self.request.window)
        run = self._survey if self.request.dry_run else self._harvest
        run(account, plan, NullTracker(plan), report)

    def _harvest(self, account: ConnectedAccount, plan: RunPlan, tracker: RunTracker, report: Report) -> None:
        report.started = True
        try:
            with self.progress(report, account.connector, account.context):
                engine.harvest(
                    account.connector,
                    plan.slices,
                    tracker,
                    self.decorate(self.destination.sink()),
                    account.context,
                    stop=self.stop,
                    report=report,
                    concurrency=self.request.concurrency,
                )
        finally:
            report.quota_left = account.quota_left

    def _survey(self, account: ConnectedAccount, plan: RunPlan, tracker: RunTracker, report: Report) -> None:
        report.started = True
        with self.progress(report, account.connector, account.context):
            for _ in engine.survey(
                account.connector, plan.slices, tracker, account.context, stop=self.stop, report=report
            ):
                self.stop.check()


@contextmanager
def counted_unfinished(journal: Journal, report: Report, now: Callable[[], datetime]) -> Iterator[None]:
    """Count what is left to read at the end of the run, however it ends, and when the first of it is due.

    What became due during the run counts. What was due before it does not: a run like this one leaves it again.
    """
    began = now()
    try:
        yield
    finally:
        report.unfinished = journal.count_unfinished()
        if (due := journal.next_due(began)) is not None:
            report.may_resume(due - now())


@contextmanager
def index_of(account: Account, index: IndexDestination) -> Iterator[IndexDestination]:
    """The index with the rejects of the account's pool, if its state is shared."""
    if account.shared is None:
        yield index
        return
    folder = make_private(rejects_folder(account.state_folder, index.config.url, index.config.prefix))
    now = account.config.clock.machine.now
    with closing(Rejects(folder, now, recorder=account.recorder(REJECTS))) as rejects:
        yield index.with_rejects(rejects)


@contextmanager
def open_journal(account: Account, elastic: ElasticConfig) -> Iterator[Journal]:
    """The journal of this account into this index, in which both are named."""
    config = account.config
    rejects = rejects_folder(account.state_folder, elastic.url, elastic.prefix)
    journal = Journal(
        journal_folder(account.folder, rejects), recorder=account.recorder(journal_log(config.label))
    )
    try:
        facts = {
            "vendor": config.vendor,
            "account": config.label,
            "api_url": config.api_url,
            "es_url": elastic.url,
            "prefix": elastic.prefix,
        }
        missing = {name: value for name, value in facts.items() if journal.fact(name) is None}
        if missing:
            with journal.grouped():
                for name, value in missing.items():
                    journal.set_fact(name, value)
        yield journal
    finally:
        journal.close()


@contextmanager
def read_journal(account: Account, elastic: ElasticConfig) -> Iterator[Journal | None]:
    """The same without writing anything; `None` if no run has loaded this account into this index."""
    folder = StateReader(account.state_folder).find_journal(account.folder, elastic.url, elastic.prefix)
    if folder is None:
        yield None
        return
    with closing(Journal(folder, dry_run=True)) as journal:
        yield journal


@contextmanager
def recorded_run(
    account: ConnectedAccount,
    journal: Journal,
    has_indices: Callable[[], bool],
    request: HarvestRequest,
    report: Report,
    *,
    generation: IndexGeneration | None = None,
) -> Iterator[tuple[RunPlan, JournalTracker]]:
    """The plan and the tracker of a run into an index; the journal records the run from its beginning to its summary.

    `has_indices`: whether the index holds anything. Raises AlreadyRunning if another run holds the journal.
    """
    now, drops = account.context.now, account.config.privacy.drops_personal
    with journal.lock():
        forget_wrong_times(account, journal, stops=not account.context.knows_vendor_time)
        previous = journal.runs(1)
        with journal.grouped():  # the vendor is asked for nothing in between
            run = journal.begin_run(request.description, now())
            with _recorded_failure(journal, run, report, now):
                plan = _plan_and_record(account, journal, request)
                # After the plan is recorded: if Elasticsearch cannot be reached, a later run reads these days.
                if generation is not None:
                    generation.check_before(previous[0].ended if previous else None)
                empty = _was_empty(journal, has_indices)
                expired = account.context.knows_vendor_time
                if expired:
                    _expire(account, journal, report)
                plan = with_backlog(plan, journal, max_window=account.connector.max_window, now=now())
        with _recorded_failure(journal, run, report, now):
            tracker = JournalTracker(
                journal, plan, extras=request.extras, run=run, now=now, was_empty=empty, drops_personal=drops
            )
            yield plan, tracker
            if generation is not None:
                generation.check_after(report)
            if not expired and report.listing_complete:  # the vendor has answered, and shows no time
                _expire(account, journal, report)
            if plan.forced_since is not None and not plan.filtered and report.listing_complete:
                journal.finish_forced_run(request.window, request.extras, now())
        journal.end_run(run, now(), report.exit_code, report.summary())


@contextmanager
def _recorded_failure(
    journal: Journal, run: int, report: Report, now: Callable[[], datetime]
) -> Iterator[None]:
    try:
        yield
    except HarvestError as error:
        report.record_stop(error)
        journal.end_run(run, now(), report.exit_code, report.summary())
        raise


def plan_without_journal(account: ConnectedAccount, window: Window) -> RunPlan:
    """List all of the window that the vendor retains."""
    retained = clip_to_retention(account, window)
    if retained is None:
        return RunPlan()
    logger.info(f"{account.vendor}: reading {format_span(retained)} UTC")
    return RunPlan(slices=split_into_slices([retained], account.connector.max_window))


def clip_to_retention(account: ConnectedAccount, window: Window, done: str = "read") -> Window | None:
    """The part of the window that the vendor retains; `None`, with an error in the log, if there is none.

    `done`: what the command does with it, as a participle for the messages.
    """
    retention, now = account.connector.retention, account.context.now()
    if window.end <= now - retention:
        logger.error(
            f"{account.vendor}: nothing can be {done}: the vendor retains {format_period(retention)}, and all of this is older"
        )
        return None
    retained = Window(start=max(window.start, now - retention), end=window.end)
    if retained != window:
        logger.info(
            f"{account.vendor}: the vendor retains {format_period(retention)}: nothing before "
            f"{format_instant(retained.start)} UTC can be {done}"
        )
    return retained


def _plan_and_record(account: ConnectedAccount, journal: Journal, request: HarvestRequest) -> RunPlan:
    """Plan the run, and record in the journal what it is to read.

    Recorded before the first request, a nightly run catches up after nights of refused credentials, and a forced run resumes.
    """
    window = request.window
    if request.mode == "nightly" and not request.filtered:
        window = Window(start=min(window.start, journal.set_first_nightly(window.start)), end=window.end)
    retained = clip_to_retention(account, window)
    if retained is None:
        return RunPlan(filtered=request.filtered)
    journal.add_target(retained, is_whole=not request.filtered)
    plan = _plan_of(account, journal, request, retained)
    for line in plan_lines(plan):
        logger.info(f"{account.vendor}: {line}")
    return plan


def _plan_of(
    account: ConnectedAccount, journal: Journal, request: HarvestRequest, retained: Window
) -> RunPlan:
    max_window, now = account.connector.max_window, account.context.now()
    if request.filtered:
        since = now if request.mode in {"forced", "upcoming"} else None
        return filtered(retained, max_window, since=since)
    if request.mode == "forced":
        since = journal.begin_forced_run(request.window, request.extras, now)
        return forced(retained, max_window, since=since)
    if request.mode == "backfill":
        return backfill(journal, retained, request.extras, max_window)
    lookback = account.connector.lookback if request.lookback is None else request.lookback
    return nightly(journal, retained, request.extras, lookback, max_window)


def _was_empty(journal: Journal, has_indices: Callable[[], bool]) -> bool:
    """Whether the index held nothing when this journal began: meetings that the journal does not know are then not in
    it."""
    answer = journal.fact(EMPTY_WHEN_BEGUN)
    if answer is None:
        answer = "no" if journal.counts() or has_indices() else "yes"
        journal.set_fact(EMPTY_WHEN_BEGUN, answer)
    return answer == "yes"


def forget_wrong_times(account: ConnectedAccount, journal: Journal, *, stops: bool) -> None:
    """Make the journal forget what was recorded with a clock that was ahead: the run lists and reads it again.

    `stops`: the vendor has not shown its time, so the clock may have been right then and be wrong now: raises
    ConfigurationError if more than a day lies between.
    """
    now, connector = account.context.now(), account.connector
    wrong = journal.wrong_times(now)
    if wrong is None:
        return
    if stops and wrong.latest > now + timedelta(days=1):
        raise ConfigurationError(
            f"{account.vendor}: an earlier run recorded {format_instant(wrong.latest)} UTC, but now it is "
            f"{format_instant(now)} UTC: this machine's clock was wrong then, or is wrong now, and the vendor's responses "
            f"show no time; set the clock, or, if it is right, run `harvester verify {account.vendor} --repair`"
        )
    first_nightly = (now - connector.lookback - timedelta(days=1)).replace(
        hour=0, minute=0, second=0, microsecond=0
    )
    journal.forget(wrong, now, retention=connector.retention, first_nightly=first_nightly)
    listed = f": {', '.join(map(format_span, wrong.listed))} UTC" if wrong.listed else ""
    logger.warning(
        f"{account.vendor}: this machine's clock was ahead in an earlier run, up to {format_instant(wrong.latest)} UTC; what "
        f"was recorded then is not believed, and is listed and read again{listed}",
        extra=EVEN_IF_QUIET,
    )


def _expire(account: ConnectedAccount, journal: Journal, report: Report) -> None:
    horizon = account.context.now() - account.connector.retention
    if taken_back := journal.take_back(horizon):
        logger.info(
            f"{account.vendor}: {plural(taken_back, 'meeting')} given up as too old will be tried again: the vendor still "
            "retains them"
        )
    if expired := journal.expire(horizon):
        report.expired += expired
        logger.info(
            f"{account.vendor}: {plural(expired, 'failed meeting')} given up: no longer retained by the vendor"
        )
