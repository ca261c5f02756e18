"""A connector whose records, hints and messages are treated before anything else of the program sees them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, cast

from connectors.base import CheckResult, Connector
from connectors.errors import HarvestError
from connectors.models import MeetingRecord, MeetingRef, SkippedPartition, Window
from harvester.privacy.run_privacy import Privacy


def private(connector: Connector, privacy: Privacy) -> Connector:
    """The connector, with nothing personal in its answers but what the settings permit."""
    return cast("Connector", _PrivateConnector(connector, privacy))


class _PrivateConnector:
    def __init__(self, connector: Connector, privacy: Privacy) -> None:
        self._connector = connector
        self._privacy = privacy

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connector, name)

    def meetings(
        self, window: Window, partitions: Collection[str] = ()
    ) -> Iterator[MeetingRef | SkippedPartition]:
        with self._treated_errors():
            for item in self._connector.meetings(window, partitions):
                yield self._stored(item) if isinstance(item, MeetingRef) else item

    def fetch(self, ref: MeetingRef) -> MeetingRecord:
        with self._treated_errors():
            return self._privacy.record(self._connector.fetch(self._opened(ref)))

    def estimate_requests(self, ref: MeetingRef) -> int:
        return self._connector.estimate_requests(self._opened(ref))

    def check(self) -> Iterator[CheckResult]:
        with self._treated_errors():
            for result in self._connector.check():
                yield replace(result, message=self._privacy.text(result.message))

    def _stored(self, ref: MeetingRef) -> MeetingRef:
        hint = self._privacy.stored_hint(ref.hint)
        return ref if hint is ref.hint else replace(ref, hint=hint)

    def _opened(self, ref: MeetingRef) -> MeetingRef:
        hint = self._privacy.opened_hint(ref.hint)
        return ref if hint is ref.hint else replace(ref, hint=hint)

    @contextmanager
    def _treated_errors(self) -> Iterator[None]:
        """Errors are logged, stored and put into summaries."""
        try:
            yield
        except HarvestError as error:
            error.args = tuple(
                self._privacy.text(each) if isinstance(each, str) else each for each in error.args
            )
            raise
