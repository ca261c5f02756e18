"""`harvester init` on a terminal, as a new user runs it: the file works, and no secret was on the screen."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from harvester.env_file import read_env_file
from tests.e2e.harness import clean_environment, command
from tests.e2e.simulator_in_process import Vendors
from tests.e2e.terminal import run_on_terminal

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
CREDENTIALS = ("ZOOM_ACCOUNT_ID", "ZOOM_CLIENT_ID", "ZOOM_CLIENT_SECRET")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    options = {"vendors": ["zoom"], "size": 5, "days": 1, "now": NOW, "speed": 200.0}
    with Vendors(tmp_path_factory.mktemp("vendors"), options).at() as running:
        yield dict(running.settings)


def run_init(
    folder: Path, settings: dict[str, str], *words: str, answers: list[tuple[str, str]]
) -> tuple[int, str]:
    surroundings = {name: value for name, value in settings.items() if name not in CREDENTIALS}
    state = {"HARVESTER_STATE_DIR": str(folder / "state"), "TERM": "xterm", "NO_COLOR": "1"}
    return run_on_terminal(
        command("init", *words), answers, env=clean_environment(**{**surroundings, **state}), cwd=folder
    )


def zoom_answers(settings: dict[str, str], **changed: str) -> list[tuple[str, str]]:
    given = {**settings, **changed}
    return [*((f"{name}: ", given[name]) for name in CREDENTIALS), ("ZOOM_PLAN: ", "")]


REST = [("ES_HOST: ", ""), ("HARVESTER_ACCOUNT [main]: ", "berlin")]


def test_a_new_user_gets_settings_that_work(settings: dict[str, str], tmp_path: Path) -> None:
    answers = [
        ("separated by commas: ", "Zom"),
        ("separated by commas: ", "Zoom"),
        ("ZOOM_ACCOUNT_ID: ", "with space"),
        *zoom_answers(settings),
        *REST,
    ]
    code, screen = run_init(tmp_path, settings, answers=answers)
    assert code == 0, screen
    assert "zom is not one of" in screen
    assert "ZOOM_ACCOUNT_ID contains white space" in screen
    assert settings["ZOOM_CLIENT_SECRET"] not in screen
    assert "✔  token" in screen
    assert screen.rstrip().endswith("next: harvester zoom --date yesterday | head")
    file = tmp_path / ".env"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    wanted = {name: settings[name] for name in CREDENTIALS}
    assert read_env_file(file) == {**wanted, "HARVESTER_ACCOUNT": "berlin"}


def test_a_wrong_secret_ends_with_what_to_do(settings: dict[str, str], tmp_path: Path) -> None:
    answers = [*zoom_answers(settings, ZOOM_CLIENT_SECRET="marked-wrong"), *REST]
    code, screen = run_init(tmp_path, settings, "zoom", answers=answers)
    assert code == 77
    assert "✘" in screen
    assert "marked-wrong" not in screen
    assert (tmp_path / ".env").exists()


@pytest.mark.parametrize(("answer", "kept"), [("n", True), ("y", False)])
def test_an_existing_file_is_replaced_only_after_a_question(
    answer: str, kept: bool, settings: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("A=1\n")
    answers = [("Its settings are lost. [y/N]: ", answer)]
    answers += [] if kept else [*zoom_answers(settings), *REST]
    code, screen = run_init(tmp_path, settings, "zoom", answers=answers)
    assert code == (130 if kept else 0), screen
    assert ((tmp_path / ".env").read_text() == "A=1\n") is kept
    if not kept:
        assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600
