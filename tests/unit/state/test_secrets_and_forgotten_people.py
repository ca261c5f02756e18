from __future__ import annotations

import errno
import stat
from pathlib import Path

import pytest

from connectors.errors import OutputError, StateError
from harvester.privacy.forgotten_people import Identifier, forget_identifiers
from harvester.state.secrets_and_forgotten_people import PrivacyState
from tests.invented_meetings import HARVESTED
from tests.unprivileged import read_only, without_privileges

SALT = b"salt"
ADA = Identifier(kind="email", text="ada@example.org")
GRACE = Identifier(kind="name", text="Grace Example")


def test_a_question_creates_nothing(tmp_path: Path) -> None:
    state = PrivacyState(tmp_path / "state")
    assert state.forgotten() == []
    assert state.find_secret("hints") is None
    assert not (tmp_path / "state").exists()


def test_a_secret_is_made_once_and_is_random(tmp_path: Path) -> None:
    state = PrivacyState(tmp_path / "state")
    secret = state.secret("hints")
    assert len(secret) == 32
    assert PrivacyState(tmp_path / "state").secret("hints") == secret == state.find_secret("hints")
    assert len({secret, state.secret("other"), PrivacyState(tmp_path / "another").secret("hints")}) == 3
    assert stat.S_IMODE((tmp_path / "state" / "privacy.db").stat().st_mode) == 0o600


def test_a_secret_that_exists_is_read_in_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    state = PrivacyState(tmp_path / "state")
    secret = state.secret("hints")
    with read_only(tmp_path / "state"):
        assert without_privileges(lambda: state.secret("hints")) == secret


def test_forgotten_people_are_remembered_by_hashes_only(tmp_path: Path) -> None:
    state = PrivacyState(tmp_path)
    entries = forget_identifiers(SALT, [ADA, GRACE], "anonymize")
    state.remember(entries, HARVESTED)
    assert state.forgotten() == sorted(entries, key=lambda entry: entry.digest)
    files = b"".join(path.read_bytes() for path in tmp_path.iterdir()).lower()
    assert b"ada" not in files
    assert b"grace" not in files


def test_who_is_removed_stays_removed(tmp_path: Path) -> None:
    state = PrivacyState(tmp_path)
    for action, expected in (("anonymize", "anonymize"), ("remove", "remove"), ("anonymize", "remove")):
        state.remember(forget_identifiers(SALT, [ADA], action), HARVESTED)
        assert [entry.action for entry in state.forgotten()] == [expected]


def test_a_damaged_file_is_refused_with_the_consequences(tmp_path: Path) -> None:
    (tmp_path / "privacy.db").write_bytes(b"no database" * 100)
    with pytest.raises(StateError, match="holds whom to forget"):
        PrivacyState(tmp_path).forgotten()


def test_a_state_folder_of_another_user_is_named_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After one run as root, say. Every command looks here first."""

    def refused(path: Path, **_options: bool) -> bool:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "stat", refused)
    words = f"the state folder {tmp_path} cannot be read .Permission denied.: check its owner and permissions, or name another"
    for ask in (PrivacyState(tmp_path).forgotten, lambda: PrivacyState(tmp_path).find_secret("x")):
        with pytest.raises(OutputError, match=words):
            ask()
