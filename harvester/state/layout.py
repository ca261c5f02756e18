"""Every path of the state folder.

    <state>/<vendor>-<account>-<digest of the API's URL>/       one account of one vendor
        account.db                                              quotas of its own, facts, leases, tokens
        <name>.lock                                             held while a token is renewed
        writes.db                                               what was written to the vendor (Meetecho only)
        writes.lock                                             held by the command that writes
        elasticsearch-<prefix><digest of host and prefix>/      one journal: this account into this index
            journal.db
            run.lock                                            held by the run that writes the journal
    <state>/quota-<vendor>-<digest of pool and URL>/            a quota pool of the vendor
        quotas.db                                               quotas that its accounts share
    <state>/elasticsearch-<prefix><digest of host and prefix>/  one index, whatever is loaded into it
        rejects.db
    <state>/shared-<prefix><digest of host and prefix>/         copies of the state that this index shares between workers
        <vendor>-<digest of pool and URL>/                      one quota pool: a folder with the layout of <state>; with a
                                                                number if several processes of the machine use it
            position.db                                         how far the copy has followed the log in the index
            pool.lock                                           held by the run that uses the pool
    <state>/privacy.db                                          whom to forget, as hashes; a secret
    <state>/metrics.lock                                        held while a metrics file is rewritten
    …/<name>.db.unfinished                                      beside a database as long as a process makes it

The digests keep a simulator, another region or a test cluster apart from the real one.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from connectors.errors import HarvestError
from harvester.write_errors import read_error, write_error

ACCOUNT_DATABASE = "account.db"
QUOTA_DATABASE = "quotas.db"
JOURNAL_DATABASE = "journal.db"
REJECTS_DATABASE = "rejects.db"
WRITES_DATABASE = "writes.db"
PRIVACY_DATABASE = "privacy.db"
WRITES_LOCK = "writes.lock"
RUN_LOCK = "run.lock"
METRICS_LOCK = "metrics.lock"
POOL_LOCK = "pool.lock"
POSITION_DATABASE = "position.db"

ANOTHER_FOLDER = "name another with HARVESTER_STATE_DIR"

_INDEX_FOLDERS = "elasticsearch-*"


def account_folder(state: Path, vendor: str, account: str, base_url: str) -> Path:
    """The folder of one account of one vendor."""
    return state / f"{vendor}-{_file_name(account)}-{_digest(base_url)}"


def account_database(account: Path) -> Path:
    return account / ACCOUNT_DATABASE


def quota_folder(state: Path, vendor: str, base_url: str, pool: str) -> Path:
    """The folder of the quotas that the accounts of one pool share."""
    return state / f"quota-{vendor}-{_digest(chr(31).join((base_url, pool)))}"


def quota_database(folder: Path) -> Path:
    return folder / QUOTA_DATABASE


def pool_name(vendor: str, base_url: str, pool: str, account: str) -> str:
    """How workers that share state call a quota pool, or an account without a named one."""
    return f"{vendor}-{_digest(chr(31).join((base_url, pool, account)))}"


def pool_folder(state: Path, host: str, prefix: str, pool: str) -> Path:
    """The folder with the copy of a pool's shared state; `pool` is its `pool_name`."""
    return state / f"shared-{_file_name(prefix)}{_digest(f'{host}{chr(31)}{prefix}')}" / pool


def pool_lock_file(folder: Path) -> Path:
    return folder / POOL_LOCK


def token_lock_file(account: Path, name: str) -> Path:
    return account / f"{re.sub(r'[^a-z0-9-]', '_', name)}.lock"


def writes_database(account: Path) -> Path:
    return account / WRITES_DATABASE


def privacy_database(state: Path) -> Path:
    """What a state folder remembers for privacy, whatever the account and the index."""
    return state / PRIVACY_DATABASE


def writes_lock_file(account: Path) -> Path:
    return account / WRITES_LOCK


def rejects_folder(state: Path, host: str, prefix: str) -> Path:
    """The folder of one cluster (its URL) and index prefix."""
    digest = _digest(f"{host}\x1f{prefix}")
    return state / f"elasticsearch-{_file_name(prefix)}{digest}"


def rejects_database(folder: Path) -> Path:
    return folder / REJECTS_DATABASE


def journal_folder(account: Path, rejects: Path) -> Path:
    """The folder of one journal: inside the account's folder, with the name of the index's rejects folder."""
    return account / rejects.name


def journal_database(folder: Path) -> Path:
    return folder / JOURNAL_DATABASE


def metrics_lock_file(state: Path) -> Path:
    return state / METRICS_LOCK


def run_lock_file(folder: Path) -> Path:
    return folder / RUN_LOCK


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalLocation:
    """A journal that exists, and the databases that belong to it."""

    folder: Path

    @property
    def database(self) -> Path:
        return journal_database(self.folder)

    @property
    def run_lock_file(self) -> Path:
        return run_lock_file(self.folder)

    @property
    def account_database(self) -> Path:
        return account_database(self.folder.parent)

    def quota_database(self, folder: str | None) -> Path:
        """Where the account's quotas are counted. `folder`: the name of that of its quota pool, if it has one."""
        if folder is None:
            return self.account_database
        return quota_database(self.folder.parent.parent / folder)

    @property
    def rejects_database(self) -> Path:
        return rejects_database(self.folder.parent.parent / self.folder.name)

    @property
    def account_digest(self) -> str:
        """The end of the account's folder, which differs for each API."""
        return self.folder.parent.name.rpartition("-")[2]

    def vendor(self, vendors: Iterable[str]) -> str | None:
        """The vendor in the folder's name: the only source if the journal is damaged."""
        name = self.folder.parent.name
        return max((each for each in vendors if name.startswith(f"{each}-")), key=len, default=None)


def find_journals(state: Path) -> list[JournalLocation]:
    """Raises OutputError if the state folder cannot be read. It may be missing."""
    try:
        next(state.iterdir(), None)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise not_readable(state, error) from None
    found = sorted(state.glob(f"*/{_INDEX_FOLDERS}/{JOURNAL_DATABASE}"))
    return [JournalLocation(folder=path.parent) for path in found]


def find_rejects(state: Path) -> list[Path]:
    """The folders of all databases of rejects."""
    return sorted(path.parent for path in state.glob(f"{_INDEX_FOLDERS}/{REJECTS_DATABASE}"))


def find_rejects_without_journal(state: Path) -> list[Path]:
    """The databases of rejects of indices that no journal is about: of `harvester load`, not of harvests."""
    return [
        path
        for path in sorted(state.glob(f"{_INDEX_FOLDERS}/{REJECTS_DATABASE}"))
        if next(state.glob(f"*/{path.parent.name}/{JOURNAL_DATABASE}"), None) is None
    ]


def unfinished_marker(database: Path) -> Path:
    """The empty file that is beside a database from before it exists until its tables are on the disk."""
    return database.with_name(f"{database.name}.unfinished")


def is_there(path: Path) -> bool:
    """Whether this file of a state folder exists. Raises OutputError if its folder is not a folder, or may not be read."""
    try:
        path.stat()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise not_readable(path.parent, error) from None
    return True


def can_write(*paths: Path) -> bool:
    """Whether this process may change these files and folders, and create those that are missing."""
    try:
        nearest = [next(each for each in (path, *path.parents) if each.exists()) for path in paths]
    except OSError:  # what cannot be looked at cannot be opened either, which says why
        return True
    return all(os.access(each, os.W_OK) for each in nearest)


def can_write_account(account: Path, quotas: Path | None) -> bool:
    """Whether this process may change the state of an account, and the quotas that it shares with others."""
    shared = (quotas, quota_database(quotas)) if quotas is not None else ()
    return can_write(account, account_database(account), *shared)


def make_private(folder: Path) -> Path:
    """Create the folder and its missing parents, each readable by its owner only. Returns the folder."""
    try:
        for missing in reversed([each for each in (folder, *folder.parents) if not each.exists()]):
            missing.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise not_writable(folder, error) from None
    return folder


def not_readable(folder: Path, error: OSError) -> HarvestError:
    return read_error(f"the state folder {folder}", error, elsewhere=ANOTHER_FOLDER)


def not_writable(folder: Path, error: OSError) -> HarvestError:
    return write_error(f"the state folder {folder}", error, elsewhere=ANOTHER_FOLDER)


def _file_name(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]", "_", text)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
