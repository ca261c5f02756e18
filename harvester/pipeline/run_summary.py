"""A run as JSON: in `--summary-json` and in the journal. A test compares the fields with those of `Report`."""

from __future__ import annotations

from typing import Literal, TypedDict

DestinationKind = Literal["index", "stdout", "file"]


class FailureSummary(TypedDict):
    what: str
    why: str


class RunSummary(TypedDict):
    """A report as JSON: a vendor in `--summary-json`, and a run in the journal. The fields are those of `Report`;
    instants are ISO 8601 in UTC."""

    vendor: str
    account: str
    destination: DestinationKind
    listed: int
    resumed: int
    unchanged: int
    fetched: int
    listed_only: int
    done: int
    pending: int
    nothing_yet: int
    kept_pending: int
    doubted: int
    confirmed_fewer: int
    fewer_values: int
    pending_by_reason: dict[str, int]
    next_due: str | None
    gone: int
    gone_by_reason: dict[str, int]
    failed: int
    kept_richer: int
    out_of_range: int
    cleanup_pending: int
    unacknowledged: int
    unread: int
    stored: int
    expired: int
    skipped: int
    failed_partitions: dict[str, int]
    missing_partitions: dict[str, int]
    failed_listings: int
    sessions: int
    documents: int
    superseded: int
    replaced: int
    rejected: int
    future_documents: int
    lost_indices: int
    collisions: int
    requests: int
    retries: int
    responses: dict[str, int]
    quota_left: int | None
    throttled_seconds: float
    seconds: float
    listing_complete: bool
    until: str | None
    resume_at: str | None
    failures: list[FailureSummary]
    exit_code: int
    reason: str | None
