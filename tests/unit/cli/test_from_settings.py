"""Settings of a command: unknown ones are named."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from harvester.cli import cli


def test_check_names_misspelt_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("WEBEX_ACESS_TOKEN=x\nSTACK_VERSION=9\n")
    (tmp_path / ".env").chmod(0o600)
    ended = CliRunner().invoke(cli, ["check"], env={"ES_HOST": ""}, standalone_mode=False)
    assert "there is no setting WEBEX_ACESS_TOKEN; did you mean WEBEX_ACCESS_TOKEN?" in ended.stderr
    assert "STACK_VERSION" not in ended.stderr
    assert f"ok      settings: read from the environment and {tmp_path / '.env'}" in ended.stdout


def test_a_vendors_command_knows_the_settings_of_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text(
        "ZOOM_CLIENT_ID=x\nZOOM_CLIENT_SECRET=x\nGOOGLE_ADMIN=x\nWEBEX_CLIENT_IDD=x\nWEBEX_CLIENT_SECRET=x\n"
    )
    (tmp_path / ".env").chmod(0o600)
    ended = CliRunner().invoke(
        cli, ["webex", "--date", "yesterday"], env={"ES_HOST": ""}, standalone_mode=False
    )
    assert ended.stderr.count("there is no setting") == 1
    assert "did you mean WEBEX_CLIENT_ID?" in ended.stderr
