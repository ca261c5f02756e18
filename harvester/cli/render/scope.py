"""One account in one index, as `harvester status` shows it, and its name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from connectors.exit_codes import ExitCode, outcome_of
from harvester.state.account_status import AccountStatus
from harvester.state.journal_rows import Run

FINDINGS = "findings left"
"""The outcome of a `verify --repair` that exited with 65."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """One account in one index."""

    vendor: str
    account: str
    api_url: str
    source: str
    """Differs for two scopes that have everything else in common: the end of the account's folder, or of the pool's name."""
    es_url: str
    prefix: str
    now: datetime
    zone: ZoneInfo
    """Days begin at its midnights."""
    running: bool | None
    """Whether a run is under way; `None` if this system does not tell."""
    reached: bool
    """Whether a run has ever reached Elasticsearch, or has read anything at all."""
    status: AccountStatus
    quotas: Mapping[str, int]
    """Calls counted against today's quotas."""
    rejects: int
    """Of the whole index; if the state is in the index, those of the quota pool."""


def possible_names(scope: Scope) -> tuple[str, ...]:
    """The names of an account, each more exact than the one before: `zoom/main`, then with the index, then also with the host
    of the API, or with `source`."""
    label, index = f"{scope.vendor}/{scope.account}", f"{scope.prefix}@{scope.es_url}"
    host = urlsplit(scope.api_url).netloc or scope.source
    return label, f"{label}/{index}", f"{label}@{host}/{index}", f"{label}@{scope.source}/{index}"


def label_of(scope: Scope) -> str:
    """`zoom/main`: how people name an account."""
    return possible_names(scope)[0]


def unique_names(scopes: Sequence[Scope]) -> list[str]:
    """The shortest name of each that no other one has."""
    counts = Counter(name for scope in scopes for name in {*possible_names(scope)})
    return [
        next((name for name in names if counts[name] == 1), names[-1])
        for names in map(possible_names, scopes)
    ]


def runs_of(scope: Scope) -> Iterator[tuple[Run, str]]:
    """The last runs, newest first, each with its outcome. Only the newest can be under way."""
    for place, run in enumerate(scope.status.runs):
        if run.exit_code is not None:
            is_repair = run.exit_code == ExitCode.DATAERR and run.what == "verify --repair"
            yield run, FINDINGS if is_repair else outcome_of(run.exit_code)
        elif place or scope.running is False:
            yield run, "killed"
        else:
            yield run, "under way" if scope.running else "killed or under way"
