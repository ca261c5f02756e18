from __future__ import annotations

import threading

from tests.unit.connectors.hostile_server import send, serve


def test_no_thread_runs_on_after_the_server_has_stopped() -> None:
    before = set(threading.enumerate())
    with serve(send(b"")):
        pass
    for thread in set(threading.enumerate()) - before:
        thread.join(10)
        assert not thread.is_alive()
