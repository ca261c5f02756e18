"""Reads the shared state without a lease: nothing is appended, and no worker notices."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from connectors.errors import StateError
from harvester.state.layout import ACCOUNT_DATABASE, quota_folder
from harvester.state.reader import named_quota_folder
from harvester.state.shared.lease import WORKER, lease_document, worker_document
from harvester.state.shared.log import PoolLog
from harvester.state.shared.patience import Patience
from harvester.state.shared.replay import Replay
from harvester.state.shared.sealing import TokenSealer, without_tokens
from harvester.state.shared.shared_pool import PoolKey
from harvester.state.shared.store import Store

TRIES = 5
"""How often a log is read again if it is shortened meanwhile."""


class SharedStateReader:
    """What the logs of all pools hold. Tokens are left out, so no key is needed."""

    def __init__(self, store: Store, patience: Patience, folder: Path, *, host: str, prefix: str) -> None:
        """`folder`: for the copies, each of which exists as long as it is used."""
        self._store = store
        self._patience = patience
        self._folder = folder
        self._host = host
        self._prefix = prefix

    def pools(self, vendors: Sequence[str] = ()) -> list[str]:
        """The names of the pools of these vendors, or of all."""
        found = self._patience.persist(self._store.pools)
        return [name for name in found if not vendors or name.rpartition("-")[0] in vendors]

    @contextmanager
    def copy(self, pool: str) -> Iterator[Path]:
        """A state folder with what the pool's log holds now."""
        for _ in range(TRIES):
            folder = Path(mkdtemp(dir=self._folder))
            try:
                if self._replay(pool, folder):
                    yield folder
                    return
            finally:
                shutil.rmtree(folder, ignore_errors=True)
        raise StateError(f"the log of {pool} was shortened {TRIES} times while it was read; try again")

    def _replay(self, pool: str, folder: Path) -> bool:
        key = PoolKey.named(pool, self._host, self._prefix)
        log = PoolLog(self._store, pool, "", self._patience, TokenSealer(None))
        is_whole = Replay(
            self._store,
            log,
            self._patience,
            folder,
            lambda name: key.find(folder, name),
            without_tokens,
            temporary=True,
        ).read()
        _name_quota_folder(key, folder)
        return is_whole

    def is_used(self, pool: str) -> bool | None:
        """Whether a worker holds the lease; `None` if it may have been killed."""
        lease = self._patience.persist(lambda: self._store.get(lease_document(pool)))
        holder = str(lease.body.get(WORKER, "")) if lease is not None else ""
        if not holder:
            return False
        worker = self._patience.persist(lambda: self._store.get(worker_document(holder)))
        return None if worker is not None else False


def _name_quota_folder(key: PoolKey, folder: Path) -> None:
    """As the accounts of the pool know it."""
    quotas = quota_folder(folder, key.vendor, key.api_url, key.pool)
    if not quotas.exists():
        return
    for path in folder.glob(f"*/{ACCOUNT_DATABASE}"):
        name = named_quota_folder(path)
        if name is not None:
            quotas.rename(folder / Path(name).name)
            return
