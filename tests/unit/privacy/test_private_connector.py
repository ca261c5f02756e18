"""Everything from a connector is treated: records, hints, errors and the results of a check."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.base import CheckResult
from connectors.errors import QuotaExhausted, VendorError
from connectors.models import MeetingRecord, MeetingRef, Reason, SkippedPartition, Window
from harvester.privacy.private_connector import private
from harvester.privacy.settings import to_privacy
from harvester.state.secrets_and_forgotten_people import PrivacyState
from tests.invented_meetings import HARVESTED, START, full_harvest

WINDOW = Window(start=START, end=HARVESTED)
SKIPPED = SkippedPartition(partition="user abc", reason=Reason.error, permanent=False)
REF = MeetingRef(uuid="/abc//def==", start_time=START, digest="d", hint={"user": "100200", "day": "today"})
HASH = {"HARVESTER_PII": "hash", "HARVESTER_PII_KEY": "k" * 32}


class Vendor:
    concurrency = 7

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.fetched: list[MeetingRef] = []

    def meetings(self, _window: Window, partitions: Collection[str] = ()) -> Iterator[Any]:
        yield REF
        yield SKIPPED
        if self.error is not None:
            raise self.error

    def fetch(self, ref: MeetingRef) -> MeetingRecord:
        self.fetched.append(ref)
        if self.error is not None:
            raise self.error
        return full_harvest()

    def estimate_requests(self, ref: MeetingRef) -> int:
        return 2 if ref.hint.get("user") == "100200" else 1

    def check(self) -> Iterator[CheckResult]:
        yield CheckResult(subject="x", status="warning", message="refuses ada@example.org")


def treated(vendor: Vendor, folder: Path, settings: dict[str, str]) -> Any:
    connector: Any = vendor
    return private(connector, to_privacy(settings, PrivacyState(folder)))


def test_a_record_is_treated_and_the_vendor_sees_its_own_ids(tmp_path: Path) -> None:
    vendor = Vendor()
    connector = treated(vendor, tmp_path, HASH)
    ref, skipped = connector.meetings(WINDOW)
    assert skipped is SKIPPED
    assert "100200" not in str(ref.hint)
    assert ref.hint["day"] == "today"
    record = connector.fetch(ref)
    assert vendor.fetched == [REF]
    assert connector.estimate_requests(ref) == 2
    assert "ada@example.org" not in str(record)
    assert "grace@example.org" not in str(record)
    assert record.meeting.document_id == full_harvest().meeting.document_id
    assert connector.concurrency == 7


def test_keep_passes_on_the_very_values(tmp_path: Path) -> None:
    connector = treated(Vendor(), tmp_path, {})
    ref, _ = connector.meetings(WINDOW)
    assert ref is REF
    assert connector.fetch(ref) == full_harvest()


def test_errors_and_checks_contain_no_names(tmp_path: Path) -> None:
    refusal = VendorError("does not know ada@example.org", status=404)
    connector = treated(Vendor(refusal), tmp_path, HASH)
    for act in (lambda: connector.fetch(REF), lambda: list(connector.meetings(WINDOW))):
        with pytest.raises(VendorError) as refused:
            act()
        assert refused.value is refusal
        assert "pii-" in str(refused.value)
        assert "ada@" not in str(refused.value)
        assert refused.value.status == 404
    spent = QuotaExhausted("spent by ada@example.org", until=HARVESTED)
    with pytest.raises(QuotaExhausted, match=r"spent by \*\*\*"):
        treated(Vendor(spent), tmp_path, {"HARVESTER_PII": "drop"}).fetch(REF)
    (result,) = connector.check()
    assert "ada@" not in result.message
