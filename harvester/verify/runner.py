"""`harvester verify` of one account: compares listing, journal and index, and repairs what is wrong if asked to."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from connectors.errors import BrokenResponse, CredentialsError, HarvestError
from connectors.models import MeetingRef, Window
from connectors.parsing import truncate_to_milliseconds
from harvester.formatting import plural
from harvester.pipeline import engine
from harvester.pipeline.account import Account, AccountConfig, ConnectedAccount, open_account
from harvester.pipeline.destination import IndexDestination, open_index, retry_policy
from harvester.pipeline.planner import RunPlan, split_into_slices
from harvester.pipeline.report import Report
from harvester.pipeline.restore_index_settings import changing_settings, restore_settings
from harvester.pipeline.runner import (
    Progress,
    clip_to_retention,
    forget_wrong_times,
    index_of,
    no_progress,
    open_journal,
    read_journal,
)
from harvester.pipeline.stop_signal import StopSignal
from harvester.pipeline.tracker import NullTracker
from harvester.sinks.elastic.account_documents import AccountDocuments
from harvester.sinks.elastic.client import Client
from harvester.sinks.elastic.config import ElasticConfig
from harvester.state.journal import Journal
from harvester.state.reader import KnownState, StateReader
from harvester.verify.comparison import AT_ONCE, Comparison, chunks
from harvester.verify.findings import Finding, wrong
from harvester.verify.repair import (
    RepairTracker,
    after_repair,
    orphans,
    removals,
    removed,
    to_harvest,
)
from harvester.verify.result import VerifyResult

logger = logging.getLogger(__name__)

DAY = timedelta(days=1)

VISIBLE_SECONDS = 2.0
"""After how long Elasticsearch finds what was written, if it may not be asked to refresh."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verifier:
    """Verifies accounts against one index."""

    window: Window
    """The days asked for, or yesterday."""
    has_dates: bool
    """Days were asked for; if not, all that runs were asked to read is compared, up to the end of the window."""
    elastic: ElasticConfig
    stop: StopSignal
    rate_share: float
    repair: bool = False
    delete_orphans: bool = False
    progress: Progress = no_progress
    on_repaired: Callable[[Report], None] = lambda _report: None
    """Called with the report of what a repair harvested."""

    def verify(self, config: AccountConfig, result: VerifyResult) -> None:
        """Fill in the result. Raises HarvestError for what ends the comparison or the repair."""
        with ExitStack() as stack:
            account = stack.enter_context(
                open_account(
                    config,
                    self.stop,
                    rate_share=self.rate_share,
                    stops_if_clock_is_wrong=self.repair,
                    only_lists=not self.repair,
                )
            )
            client = stack.enter_context(closing(Client(self.elastic, config.clock.machine.monotonic)))
            documents = AccountDocuments(
                client,
                retry_policy(self.stop, config.clock.machine),
                vendor=config.vendor,
                account=config.label,
            )
            documents.prepare()
            state = stack.enter_context(closing(_known_state(account, self.elastic)))
            if not (self.has_dates or state.has_targets() or documents.exist()):
                result.never_harvested = result.complete = True
                return
            account.ask_vendor_time()
            journal = None
            if self.repair:
                journal = stack.enter_context(open_journal(account, self.elastic))
                stack.enter_context(journal.lock())
                connected = account.connect(journal)
            else:  # a connector judges an answer by what was stored before
                connected = account.connect(stack.enter_context(read_journal(account, self.elastic)))
            self._compare(connected, documents, state, result)
            if journal is not None and (wrong(result.findings) or result.wrong_times):
                index = stack.enter_context(
                    open_index(self.elastic, config.state_folder, self.stop, config.clock)
                )
                index = stack.enter_context(index_of(account, index))
                _Repair(connected, index, documents, journal, state, self).run(result)

    def _compare(
        self, account: ConnectedAccount, documents: AccountDocuments, state: KnownState, result: VerifyResult
    ) -> None:
        choose_windows(result, account, self.window, state, has_dates=self.has_dates)
        if state.has_unfinished_run():
            logger.info(
                f"{account.vendor}: the last run did not finish: what it had yet to harvest counts as missing"
            )
        result.wrong_times = state.wrong_times(account.context.now())
        report = Report(vendor=account.vendor, account=account.config.label, name=account.config.name)
        comparison = Comparison(state, documents, account.context.now())
        result.tally = comparison.tally
        parts = split_into_slices(result.windows, account.connector.max_window)
        report.seconds_to_list = sum(part.seconds for part in parts)
        with self.progress(report, account.connector, account.context):
            for part in parts:
                plan = RunPlan(slices=[part])
                refs = engine.survey(
                    account.connector,
                    plan.slices,
                    NullTracker(plan),
                    account.context,
                    stop=self.stop,
                    report=report,
                )
                result.findings += comparison.of(_listed(refs, part.window, report), part.window)
                result.codes |= report.causes
        result.failures = [f"{failure.what}: {failure.why}" for failure in report.failures]
        for failure in result.failures:
            logger.error(f"{account.vendor}: {failure}")
        result.complete = not report.causes
        result.lacks_partitions_only = bool(report.failed_partitions) and not report.failed_listings


def _listed(refs: Iterator[MeetingRef], window: Window, report: Report) -> Iterator[MeetingRef]:
    """The refs, up to a response that breaks the listing: what is known of the rest is compared all the same."""
    try:
        yield from refs
    except BrokenResponse as error:
        report.listing_failed(window, error)


def choose_windows(
    result: VerifyResult, account: ConnectedAccount, window: Window, state: KnownState, *, has_dates: bool
) -> None:
    """Which time is compared: the days asked for, else all that any run was asked to read; limited to what is retained."""
    targets: Sequence[Window] = [window]
    end = window.end
    if not has_dates:
        end = _end_of_yesterday(end, account.context.now())
        known = state.targets(end)
        if known is None:
            logger.info(
                f"{account.vendor}: no journal, but documents; comparing everything that the vendor retains"
            )
            start = account.context.now() - account.connector.retention
            known = [Window(start=start, end=end)]
        targets = known
        if not targets or targets[0].start >= end:
            logger.info(f"{account.vendor}: nothing to verify: the first day of the nightly runs is not over")
            return
        window = Window(start=targets[0].start, end=end)
    retained = clip_to_retention(account, window, "verified")
    if retained is None:
        return
    result.windows = [part for target in targets if (part := target.intersection(retained))]
    if not result.windows:
        logger.error(
            f"{account.vendor}: nothing to verify: the vendor no longer retains what runs were to read"
        )
        return
    if has_dates:
        targets = state.targets(end) or []
        result.gaps = [gap for part in result.windows for gap in part.difference(targets)]
    else:
        result.gaps = Window(start=result.windows[0].start, end=end).difference(result.windows)


def _end_of_yesterday(midnight: datetime, now: datetime) -> datetime:
    """This midnight of this machine's clock, or an earlier one if the vendor has not reached it: the clock is ahead."""
    return midnight - max(0, ceil((midnight - now) / DAY)) * DAY


@dataclass(frozen=True, slots=True)
class _Repair:
    """Deletes and harvests what a comparison found, as a run of its own in the journal, and compares once more."""

    account: ConnectedAccount
    index: IndexDestination
    documents: AccountDocuments
    journal: Journal
    state: KnownState
    verifier: Verifier

    def run(self, result: VerifyResult) -> None:
        account, now = self.account, self.account.context.now
        report = Report(
            vendor=account.vendor,
            account=account.config.label,
            name=account.config.name,
            listing_complete=True,
        )
        forget_wrong_times(account, self.journal, stops=False)
        run = self.journal.begin_run("verify --repair", now())
        try:
            restore_settings(self.journal, self.index.remember_versions)
            blocked = self._redate(result.findings)
            tracker = RepairTracker(
                self.journal,
                to_harvest(result.findings, blocked),
                run=run,
                now=now,
                drops_personal=account.config.privacy.drops_personal,
            )
            tracker.reasons.update(blocked)
            self._repair(result.findings, tracker, report)
            deleted = self._delete_orphans(result.findings, tracker)
            self.journal.flush()  # the comparison has a journal reader of its own
            remaining = self._compare_again(result.findings)
            result.findings = after_repair(result.findings, remaining, tracker, deleted)
            result.codes |= report.causes
            self._count_rejects(result)
            result.repaired = True
        except HarvestError as error:
            self.journal.end_run(run, now(), error.exit_code, report.summary())
            raise
        self.journal.end_run(run, now(), result.exit_code, report.summary())

    def _redate(self, findings: Sequence[Finding]) -> dict[str, str]:
        """Give documents of the future the present time, since the harvest that follows is newer. Returns why not, by
        uuid, if the account may not do that."""
        at = truncate_to_milliseconds(self.account.context.now() - timedelta(seconds=5))
        blocked: dict[str, str] = {}
        future = [finding for finding in findings if finding.kind == "future"]
        for index in sorted({finding.index or "" for finding in future}):
            here = [finding for finding in future if finding.index == index]
            try:
                with changing_settings(self.journal, index):
                    self.documents.redate(index, [name for finding in here for name in finding.ids], at)
            except CredentialsError as refused:
                blocked |= {finding.uuid: str(refused) for finding in here}
        return blocked

    def _repair(self, findings: Sequence[Finding], tracker: RepairTracker, report: Report) -> None:
        report.replaced += self.documents.delete(removals(findings))
        if tracker.has_findings:
            engine.harvest(
                self.account.connector,
                (),
                tracker,
                self.index.sink(),
                self.account.context,
                stop=self.verifier.stop,
                report=report,
            )
        self.verifier.on_repaired(report)

    def _delete_orphans(self, findings: Sequence[Finding], tracker: RepairTracker) -> set[str]:
        """Delete, if asked to, the sessions of meetings that the vendor no longer has. Returns those meetings' uuids."""
        orphaned = orphans(findings, tracker.gone) if self.verifier.delete_orphans else []
        if orphaned:
            count = self.documents.delete(removed(orphaned))
            logger.info(f"{self.account.vendor}: {plural(count, 'session')} without a meeting deleted")
        return {finding.uuid for finding in orphaned}

    def _count_rejects(self, result: VerifyResult) -> None:
        """Count those that are left: a document that was harvested again and stored is no longer rejected."""
        if result.tally is not None:
            rejected = (self.state.rejected_in(window) for window in result.windows)
            result.tally.rejected = set().union(*rejected)

    def _compare_again(self, findings: Sequence[Finding]) -> Iterator[Finding]:
        if not self.documents.refresh():
            self.verifier.stop.wait(VISIBLE_SECONDS)
        comparison = Comparison(self.state, self.documents, self.account.context.now())
        refs = {finding.uuid: finding.ref for finding in findings}
        for uuids in chunks(refs, AT_ONCE):
            yield from comparison.among({uuid: refs[uuid] for uuid in uuids})


def _known_state(account: Account, elastic: ElasticConfig) -> KnownState:
    config = account.config
    return StateReader(account.state_folder).known_state(
        account.folder, elastic.url, elastic.prefix, id_prefix=f"{config.vendor}:{config.label}:"
    )
