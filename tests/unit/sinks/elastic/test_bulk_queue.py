from __future__ import annotations

from threading import Event, Lock, Thread

import pytest

from harvester.sinks.elastic import bulk_queue
from harvester.sinks.elastic.bulk import OK, REJECTED, SUPERSEDED, Operations, Results
from harvester.sinks.elastic.bulk_queue import AckTracker, BulkQueue


def operations(count: int) -> Operations:
    return Operations.of([b"action\nsource\n"] * count, ["index"])


class Sender:
    """Records the sizes of batches; `outcome` is that of every operation."""

    def __init__(self, outcome: int = OK) -> None:
        self.sizes: list[int] = []
        self.outcome = outcome
        self._lock = Lock()

    def __call__(self, batch: Operations) -> Results:
        with self._lock:
            self.sizes.append(len(batch))
        return Results(bytearray([self.outcome] * len(batch)))


def queue(sender: Sender, *, max_bytes: int = 2**63, flush_seconds: float = 3_600.0) -> BulkQueue:
    return BulkQueue(
        sender, max_bytes=lambda: max_bytes, cancelled=Event(), slots=2, flush_seconds=flush_seconds
    )


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_queue, "BATCH_OPERATIONS", 4)


def test_a_group_is_complete_once_all_its_batches_are_sent() -> None:
    sender, tracker = Sender(), AckTracker(uuid="a")
    with queue(sender).open() as waiting:
        waiting.put(tracker, operations(10))
        waiting.close_group(tracker)
        assert list(waiting.completed()) == []
        waiting.drain()
        assert list(waiting.completed()) == [tracker]
    assert sorted(sender.sizes) == [2, 4, 4]
    assert (tracker.ok, tracker.pending) == (10, 0)


def test_a_group_that_is_not_closed_is_not_complete() -> None:
    tracker = AckTracker()
    with queue(Sender()).open() as waiting:
        waiting.put(tracker, operations(4))
        waiting.drain()
        assert list(waiting.completed()) == []
    assert (tracker.ok, tracker.pending) == (4, 1)


def test_an_empty_group_is_complete_at_once() -> None:
    tracker = AckTracker()
    with queue(Sender()).open() as waiting:
        waiting.close_group(tracker, rejected=3)
        assert list(waiting.completed()) == [tracker]
    assert tracker.rejected == 3


def test_groups_that_share_a_batch_are_counted_apart() -> None:
    first, second = AckTracker(uuid="1"), AckTracker(uuid="2")

    class Mixed(Sender):
        def __call__(self, batch: Operations) -> Results:
            super().__call__(batch)
            return Results(bytearray([OK, SUPERSEDED, REJECTED, OK]))

    with queue(Mixed()).open() as waiting:
        for tracker, count in ((first, 1), (second, 3)):
            waiting.put(tracker, operations(count))
            waiting.close_group(tracker)
        waiting.drain()
        assert len(list(waiting.completed())) == 2
    assert (first.ok, first.superseded, first.rejected) == (1, 0, 0)
    assert (second.ok, second.superseded, second.rejected) == (1, 1, 1)


def test_a_batch_is_sent_when_it_has_as_many_bytes_as_are_accepted() -> None:
    sender, tracker = Sender(), AckTracker()
    with queue(sender, max_bytes=20).open() as waiting:
        waiting.put(tracker, operations(4))  # of 14 bytes each
        waiting.drain()
    assert sorted(sender.sizes) == [2, 2]


def test_a_batch_that_does_not_fill_up_is_sent_after_a_while() -> None:
    sent = Event()

    class Noticed(Sender):
        def __call__(self, batch: Operations) -> Results:
            sent.set()
            return super().__call__(batch)

    with queue(Noticed(), flush_seconds=0.01).open() as waiting:
        waiting.put(AckTracker(), operations(1))
        assert sent.wait(60)


def test_an_error_of_a_request_is_raised_by_the_next_call() -> None:
    class Failing(Sender):
        def __call__(self, batch: Operations) -> Results:
            raise RuntimeError("refused")

    with queue(Failing()).open() as waiting:
        waiting.put(AckTracker(), operations(4))
        with pytest.raises(RuntimeError, match="refused"):
            waiting.drain()


def test_leaving_the_queue_cancels_requests_that_wait() -> None:
    cancelled = Event()

    class Waiting(Sender):
        def __call__(self, batch: Operations) -> Results:
            assert cancelled.wait(60)
            return super().__call__(batch)

    queue_ = BulkQueue(Waiting(), max_bytes=lambda: 1, cancelled=cancelled, slots=1, flush_seconds=3_600.0)
    with queue_.open() as waiting:
        waiting.put(AckTracker(), operations(1))
    assert cancelled.is_set()


@pytest.mark.parametrize("by_flusher", [False, True])
def test_a_batch_that_no_thread_can_send_is_not_dropped_in_silence(
    monkeypatch: pytest.MonkeyPatch, by_flusher: bool
) -> None:
    """`ulimit -u` or the memory is spent. The documents would be missing, with exit code 0."""

    def start(_thread: Thread) -> None:
        raise RuntimeError("can't start new thread")

    waiting = queue(Sender(), flush_seconds=0.001 if by_flusher else 3_600.0)
    with waiting.open():
        monkeypatch.setattr(Thread, "start", start)
        waiting.put(AckTracker(uuid="a"), operations(3))
        with pytest.raises(RuntimeError, match="can't start new thread"):
            if by_flusher:
                while True:
                    list(waiting.completed())
            waiting.drain()
