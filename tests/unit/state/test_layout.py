"""The paths of the state folder. Existing state folders must be found again: the names are fixed."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from connectors.errors import OutputError
from harvester.state.layout import (
    JournalLocation,
    account_database,
    account_folder,
    can_write,
    can_write_account,
    find_journals,
    find_rejects_without_journal,
    is_there,
    journal_database,
    journal_folder,
    make_private,
    rejects_database,
    rejects_folder,
    run_lock_file,
    token_lock_file,
)
from tests.unprivileged import read_only, without_privileges


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_the_paths_of_an_existing_state_folder() -> None:
    state = Path("state")
    account = account_folder(state, "zoom", "main", "https://api.zoom.us/v2")
    rejects = rejects_folder(state, "http://127.0.0.1:9200", "harvester-")
    journal = journal_folder(account, rejects)
    assert account == state / "zoom-main-9cd067e8029a"
    assert rejects == state / "elasticsearch-harvester-73cae1c2c068"
    assert account_database(account) == account / "account.db"
    assert token_lock_file(account, "Web ex") == account / "_eb_ex.lock"
    assert journal_database(journal) == account / rejects.name / "journal.db"
    assert run_lock_file(journal) == account / rejects.name / "run.lock"
    assert rejects_database(rejects) == rejects / "rejects.db"


def test_each_vendor_account_and_base_url_has_its_own_folder() -> None:
    state = Path("state")
    folders = {
        account_folder(state, "zoom", "main", "https://api.zoom.us/v2"),
        account_folder(state, "zoom", "main", "http://127.0.0.1:8777/zoom/v2"),
        account_folder(state, "zoom", "other", "https://api.zoom.us/v2"),
        account_folder(state, "webex", "main", "https://api.zoom.us/v2"),
    }
    assert len(folders) == 4
    assert account_folder(state, "zoom", "a/../b", "u").parent == state


def test_each_cluster_and_prefix_has_its_own_folder(tmp_path: Path) -> None:
    folders = {
        rejects_folder(tmp_path, host, prefix)
        for host in ("http://one:9200", "http://two:9200")
        for prefix in ("harvester-", "test-")
    }
    assert len(folders) == 4


def test_a_journal_is_in_the_account_folder_under_the_name_of_the_index() -> None:
    folder = journal_folder(Path("state/zoom-main-1"), Path("state/elasticsearch-harvester-2"))
    assert folder == Path("state/zoom-main-1/elasticsearch-harvester-2")


def test_journals_are_found_with_the_databases_that_belong_to_them(tmp_path: Path) -> None:
    account = account_folder(tmp_path, "google-meet", "main", "https://example.org")
    rejects = rejects_folder(tmp_path, "http://one:9200", "harvester-")
    folder = journal_folder(account, rejects)
    touch(journal_database(folder))
    touch(account_folder(tmp_path, "zoom", "main", "https://example.org") / "account.db")
    (found,) = find_journals(tmp_path)
    assert found == JournalLocation(folder=folder)
    assert found.database == journal_database(folder)
    assert found.run_lock_file == run_lock_file(folder)
    assert found.account_database == account_database(account)
    assert found.rejects_database == rejects_database(rejects)


@pytest.mark.parametrize(
    ("account", "vendor"),
    [("zoom-main-1", "zoom"), ("zoom-phone-main-1", "zoom-phone"), ("skype-main-1", None)],
)
def test_the_vendor_of_a_journal_is_read_off_its_folder(account: str, vendor: str | None) -> None:
    location = JournalLocation(folder=Path("state") / account / "elasticsearch-harvester-2")
    assert location.vendor(["webex", "zoom", "zoom-phone"]) == vendor


def test_rejects_of_an_index_that_has_a_journal_are_not_listed_apart(tmp_path: Path) -> None:
    of_harvest, of_load = (
        rejects_folder(tmp_path, "http://one:9200", each) for each in ("harvester-", "load-")
    )
    touch(rejects_database(of_harvest))
    touch(rejects_database(of_load))
    touch(journal_database(journal_folder(tmp_path / "zoom-main-1", of_harvest)))
    assert find_rejects_without_journal(tmp_path) == [rejects_database(of_load)]


def test_folders_are_created_for_their_owner_only(tmp_path: Path) -> None:
    folder = make_private(tmp_path / "a" / "b")
    assert [stat.S_IMODE(each.stat().st_mode) for each in (folder.parent, folder)] == [0o700, 0o700]


def test_a_folder_that_cannot_be_created_is_named_with_the_setting(tmp_path: Path) -> None:
    touch(tmp_path / "file")
    with pytest.raises(OutputError, match="HARVESTER_STATE_DIR"):
        make_private(tmp_path / "file" / "state")


def test_a_state_folder_that_is_missing_is_empty_and_one_that_cannot_be_read_is_an_error(
    tmp_path: Path,
) -> None:
    assert find_journals(tmp_path / "missing") == []
    touch(tmp_path / "file")
    with pytest.raises(OutputError, match=r"cannot be read.*HARVESTER_STATE_DIR"):
        find_journals(tmp_path / "file")


def test_what_may_be_written_is_known_before_it_is_tried(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    file = touch(folder / "account" / "account.db")
    missing = folder / "other" / "account.db"
    assert can_write(folder, file, missing)
    with read_only(folder):
        for path in (folder, file, missing, tmp_path / "state" / "account" / "new.db"):
            assert not without_privileges(lambda path=path: can_write(path)), path
    file.chmod(0o400)  # of another user, in a folder that may be written
    assert not without_privileges(lambda: can_write_account(file.parent, None))
    assert without_privileges(lambda: can_write(file.parent))


def test_shared_quotas_are_written_with_the_account(tmp_path: Path) -> None:
    quotas = touch(tmp_path / "quotas" / "quotas.db")
    assert can_write_account(tmp_path / "account", quotas.parent)
    quotas.chmod(0o400)
    assert not without_privileges(lambda: can_write_account(tmp_path / "account", quotas.parent))


def test_a_file_below_a_file_is_no_missing_one(tmp_path: Path) -> None:
    file = tmp_path / "state"
    assert not is_there(file / "rejects.db")
    file.touch()
    assert is_there(file)
    with pytest.raises(OutputError, match=f"the state folder {file} cannot be read"):
        is_there(file / "rejects.db")
