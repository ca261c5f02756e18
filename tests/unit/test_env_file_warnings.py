"""Warnings about a .env file."""

from __future__ import annotations

from pathlib import Path

import pytest

from harvester.env_file_warnings import exposed_secrets, setting_names, unknown_settings

KNOWN = ["ZOOM_CLIENT_SECRET", "ZOOM_CLIENT_ID", "ES_HOST", "HARVESTER_ACCOUNT"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / ".env"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("ZOOM_CLIENT_SECRT=x", "there is no setting ZOOM_CLIENT_SECRT; did you mean ZOOM_CLIENT_SECRET?"),
        ("zoom_client_id=x", "there is no setting zoom_client_id; did you mean ZOOM_CLIENT_ID?"),
        ("export ES_HOSTS=x", "there is no setting ES_HOSTS; did you mean ES_HOST?"),
        ("ZOMO_CLIENT_ID=x", "there is no setting ZOMO_CLIENT_ID; did you mean ZOOM_CLIENT_ID?"),
        ("ZOOM_VERBOSITY=1", "there is no setting ZOOM_VERBOSITY"),
    ],
)
def test_a_misspelt_setting_is_named(file: Path, line: str, message: str) -> None:
    file.write_text(f"{line}\n")
    assert list(unknown_settings(file, KNOWN)) == [f"{file}: {message}"]


@pytest.mark.parametrize(
    "line",
    [
        "ZOOM_CLIENT_SECRET=x",
        "ZOOM_CLIENT_SECRET_FILE=x",
        "# ZOOM_OLD=x",
        "STACK_VERSION=9",
        "POSTGRES_USER=me",
        "ROOMS_CLIENT_ID=x",  # ends as a known one does
        "ROOMS_CLIENT_SECRET=x",
        "",
    ],
)
def test_known_settings_and_those_of_other_programs_are_accepted(file: Path, line: str) -> None:
    file.write_text(f"{line}\n")
    assert list(unknown_settings(file, KNOWN)) == []


def test_names_are_read_with_a_byte_order_mark_and_strange_bytes(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbfA=\xff\n B = 2\nA=3\nnonsense\n")
    assert setting_names(file) == ["A", "B"]


@pytest.mark.parametrize(("mode", "exposed"), [(0o644, True), (0o604, True), (0o640, False), (0o600, False)])
def test_secrets_that_every_user_can_read_are_reported(file: Path, mode: int, exposed: bool) -> None:
    file.write_text("ZOOM_CLIENT_SECRET=x\n")
    file.chmod(mode)
    message = exposed_secrets(file)
    assert (message is not None) == exposed
    assert message is None or message.endswith(f"chmod 600 {file}")


def test_a_file_without_secrets_may_be_read_by_everyone(file: Path) -> None:
    file.write_text("MEETECHO_GROUPS=quic\n")
    file.chmod(0o644)
    assert exposed_secrets(file) is None


def test_a_missing_file_has_nothing_odd(file: Path) -> None:
    assert exposed_secrets(file) is None
    assert list(unknown_settings(file, KNOWN)) == []


def test_settings_of_earlier_programs_are_accepted_and_make_no_other_name_known(file: Path) -> None:
    file.write_text("ZOOM_KEY=x\nZOOM_PLAN=pro\n")
    known = ["WEBEX_CLIENT_ID", "ES_HOST"]
    assert list(unknown_settings(file, known, accepted=["ZOOM_KEY"])) == []
