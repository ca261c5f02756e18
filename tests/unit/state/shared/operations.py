"""What a run does with its databases, each as a step that has been committed when it returns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

from connectors.base import Token
from connectors.models import MeetingRef, Reason, Window
from harvester.state.journal_rows import FailedPartition
from harvester.state.rejects import Reject
from tests.unit.state.shared.machine import NOW, Opened

DAY = Window(start=NOW - timedelta(days=1), end=NOW)
REFRESH = "refresh-token-that-nobody-may-see"
ACCESS = "access-token-that-nobody-may-see"
NOTHING: frozenset[str] = frozenset()


def ref(number: int) -> MeetingRef:
    return MeetingRef(uuid=f"u{number}==", start_time=DAY.start, digest=f"d{number}", hint={"id": number})


def token(opened: Opened) -> None:
    opened.state.write(
        "webex", Token(access=ACCESS, expires_at=NOW + timedelta(days=1), refresh=REFRESH, scope="all")
    )


def quota(opened: Opened) -> None:
    opened.state.consume_quota("heavy", limit=60_000)


def fact(opened: Opened) -> None:
    opened.state.set_fact("resting until", "2026")
    opened.state.set_fact("resting until", "2027")


def lease(opened: Opened) -> None:
    opened.state.acquire_lease("quality", NOW + timedelta(minutes=5))


def run(opened: Opened) -> None:
    opened.journal.begin_run("nightly", NOW)
    opened.journal.add_target(DAY)
    opened.journal.set_first_nightly(DAY.start)


def intents(opened: Opened) -> None:
    opened.journal.flush_to([opened.journal.record_intent(ref(n), NOTHING, 1) for n in range(5)][-1])


def outcomes(opened: Opened) -> None:
    journal = opened.journal
    journal.mark_stored(ref(0), rank=4, harvested_at=NOW, due=None, reason=None)
    journal.mark_stored(ref(1), rank=4, harvested_at=NOW, due=NOW + timedelta(hours=1), reason=Reason.live)
    journal.set_outcome(ref(2), "failed", reason="no answer")
    journal.mark_replaced(ref(3).uuid)
    journal.flush()


def listings(opened: Opened) -> None:
    journal = opened.journal
    failed = FailedPartition(partition="user", window=DAY, extras=NOTHING, reason="no answer", tried_at=NOW)
    journal.add_failed(failed)
    journal.add_refused("gone user", Reason.unknown_user, NOW)
    for window in DAY.split(timedelta(hours=6)):
        journal.add_listing(window, NOTHING, NOW)
    journal.flush()


def coverage(opened: Opened) -> None:
    """The rows of several listings are replaced by one."""
    opened.journal.add_listing(DAY, NOTHING, NOW + timedelta(minutes=1))
    opened.journal.clear_refused("gone user")
    opened.journal.flush()


def expiry(opened: Opened) -> None:
    opened.journal.expire(NOW)


def reject(opened: Opened) -> None:
    document = Reject(
        document_id="zoom:main:u1", index="i", version=3, reason="too long", document=b'{"\xc3\xa9":1}'
    )
    opened.rejects.add([document])


def accepted(opened: Opened) -> None:
    opened.rejects.add([Reject(document_id="b", index="i", version=1, reason="r", document=b"")])
    opened.rejects.remove_loaded([("zoom:main:u1", 3)])


def end(opened: Opened) -> None:
    opened.journal.end_run(1, NOW, 0, {"done": 5})
    opened.journal.flush()


STEPS: Sequence[Callable[[Opened], None]] = (
    token,
    quota,
    fact,
    lease,
    run,
    intents,
    outcomes,
    listings,
    coverage,
    reject,
    accepted,
    expiry,
    end,
)
