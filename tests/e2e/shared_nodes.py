"""Shares the nodes of one test run among its processes. Each node is started once, in the background.

The nodes belong to the main process. Under xdist it outlives its workers; a worker asks it for a node over a local
connection and gets the URL.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Client, Connection, Listener
from threading import Lock, Thread
from typing import Any, Protocol

from tests.e2e.elasticsearch_nodes import Node, stop_all

Starts = Mapping[str, Callable[[], Node]]
Way = tuple[str, bytes]
"""The address of an owner, and the key that authenticates a borrower."""


class SharedNodes(Protocol):
    def begin(self, name: str) -> None:
        """Start this node in the background, if it has not been started."""

    def node(self, name: str) -> Node:
        """Wait until this node answers, and return it. Raises the error of a failed start."""

    def close(self) -> None: ...


class Owner:
    """Starts the nodes; `close` stops them."""

    def __init__(self, starts: Starts) -> None:
        self._starts = starts
        self._pool = ThreadPoolExecutor(len(starts))
        self._begun: dict[str, Future[Node]] = {}
        self._lock = Lock()
        self._way: Way | None = None

    def begin(self, name: str) -> None:
        self._future(name)

    def node(self, name: str) -> Node:
        return self._future(name).result()

    def _future(self, name: str) -> Future[Node]:
        with self._lock:
            if name not in self._begun:
                self._begun[name] = self._pool.submit(self._starts[name])
            return self._begun[name]

    def way(self) -> Way:
        """The address for borrowers. The first call starts to listen."""
        if self._way is None:
            key = os.urandom(16)
            listener = Listener(authkey=key)
            assert isinstance(listener.address, str)
            self._way = listener.address, key
            Thread(target=self._listen, args=(listener,), name="lender", daemon=True).start()
        return self._way

    def _listen(self, listener: Listener) -> None:
        while True:
            with suppress(OSError, EOFError):  # a worker that is gone again needs no answer
                connection = listener.accept()
                self._future(connection.recv()).add_done_callback(partial(_answer, connection))

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        stop_all()
        self._pool.shutdown()
        stop_all()  # what was about to be launched the first time


def _answer(connection: Connection[Any, Any], begun: Future[Node]) -> None:
    with connection, suppress(OSError):
        if begun.cancelled():
            return
        failed = begun.exception()
        connection.send(begun.result().lent() if failed is None else failed)


class Borrower:
    """Gets nodes from the process that owns them, and stops none."""

    def __init__(self, way: Way) -> None:
        self._address, self._key = way
        self._asked: dict[str, Connection[Any, Any]] = {}
        self._told: dict[str, Node | BaseException] = {}

    def begin(self, name: str) -> None:
        if name not in self._asked:
            self._asked[name] = Client(self._address, authkey=self._key)
            self._asked[name].send(name)

    def node(self, name: str) -> Node:
        self.begin(name)
        if name not in self._told:
            self._told[name] = self._asked[name].recv()
        answer = self._told[name]
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def close(self) -> None:
        for connection in self._asked.values():
            connection.close()
