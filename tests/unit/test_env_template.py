"""The text of a `.env` file: it says what each setting is, and is read back as it was meant."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import connectors
from connectors.base import Setting
from harvester.config import OWN
from harvester.env_file import read_env_file
from harvester.env_template import Section, env_text, quoted

ID = Setting(
    name="JITSI_ID", help="The id.", how_to_get="at jitsi.org", required=True, alternative="JITSI_TOKEN"
)
SECRET = Setting(
    name="JITSI_SECRET", help="the secret", how_to_get="at jitsi.org", required=True, secret=True
)
PLAN = Setting(name="JITSI_PLAN", help="The plan.", choices=("free", "paid"), default="free")
FOLDER = Setting(name="JITSI_FOLDER", help="The folder.", default="a folder of the system")
JITSI = Section(title="Jitsi", settings=[ID, SECRET, PLAN, FOLDER])


def test_settings_with_a_value_are_set_and_the_others_show_their_default() -> None:
    lines = env_text([JITSI], {"JITSI_ID": "a1", "JITSI_SECRET": "it's"}).splitlines()
    assert [line for line in lines[3:] if line] == [
        "# --- Jitsi ".ljust(110, "-"),
        "# The id. Required, unless JITSI_TOKEN is set. Get it at jitsi.org.",
        "JITSI_ID=a1",
        "# The secret. Required.",
        "JITSI_SECRET='it\\'s'",
        "# The plan. One of free, paid.",
        "# JITSI_PLAN=free",
        "# The folder. The default is a folder of the system.",
        "# JITSI_FOLDER=",
    ]


def test_long_comments_are_wrapped() -> None:
    long = Setting(name="A", help="word " * 100 + "end")
    assert max(map(len, env_text([Section(title="T", settings=[long])]).splitlines())) <= 110


def test_a_template_of_every_setting_sets_nothing(tmp_path: Path) -> None:
    sections = [Section(title="Own", settings=OWN)]
    sections += [
        Section(title=name, settings=connectors.load(name).settings) for name in connectors.CONNECTORS
    ]
    (tmp_path / ".env").write_text(env_text(sections))
    assert read_env_file(tmp_path / ".env") == {}


@pytest.mark.parametrize(
    "value",
    [
        "a b",
        "it's",
        'say "x"',
        "back\\slash",
        "end\\",
        "#x",
        "a #b",
        "${HOME}",
        "$x",
        "`x`",
        "ü",
        "a=b",
        "'q'",
    ],
)
def test_odd_values_are_read_back(value: str, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"A={quoted(value)}\nB=2\n", encoding="utf-8")
    assert read_env_file(tmp_path / ".env") == {"A": value, "B": "2"}


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1))
def test_any_line_of_text_is_read_back(tmp_path_factory: pytest.TempPathFactory, value: str) -> None:
    file = tmp_path_factory.mktemp("env") / ".env"
    file.write_text(f"A={quoted(value)}\n", encoding="utf-8")
    assert read_env_file(file) == {"A": value}
