"""State in the index for commands that are run in this process: it is kept in memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from harvester.pipeline import open_shared_state
from harvester.sinks.elastic.config import ElasticConfig
from harvester.state.shared.reading import SharedStateReader
from harvester.state.shared.retry import StoreRetry
from harvester.state.shared.shared_pool import SharedState
from tests.unit.state.shared.machine import Machine
from tests.unit.state.shared.memory_store import Documents, MemoryStore


def keep_shared_state_in_memory(monkeypatch: pytest.MonkeyPatch, documents: Documents) -> None:
    """Whatever ES_HOST says."""

    @contextmanager
    def opened(
        _config: ElasticConfig, folder: Path, key: str | None, **_others: Any
    ) -> Iterator[SharedState]:
        machine = Machine(documents, folder, key=key)
        yield machine.shared
        machine.worker.close()

    @contextmanager
    def reader(config: ElasticConfig, **_others: Any) -> Iterator[SharedStateReader]:
        retry = StoreRetry(require=lambda: None, wait=lambda _seconds: None, tries=1)
        with TemporaryDirectory() as folder:
            yield SharedStateReader(
                MemoryStore(documents), retry, Path(folder), host=config.url, prefix=config.prefix
            )

    monkeypatch.setattr(open_shared_state, "open_shared_state", opened)
    monkeypatch.setattr(open_shared_state, "open_shared_state_reader", reader)
