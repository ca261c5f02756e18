"""Settings out of the environment, a .env file and NAME_FILE."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import connectors
from connectors.base import Setting, unset_settings
from connectors.errors import ConfigurationError
from harvester import config
from harvester.config import OWN, Environment


def test_the_environment_wins_over_the_file_and_empty_values_count_as_not_set(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("A=file\nB='from $file'\nC=\n# comment\nD=file\n")
    read = Environment.read({"A": "environment", "D": "  "}, file)
    assert (read.get("A"), read.get("B"), read.get("C"), read.get("D")) == (
        "environment",
        "from $file",
        None,
        None,
    )


def test_a_missing_settings_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere\.env"):
        Environment.read({}, tmp_path / "nowhere.env")


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("  value \n")
    assert Environment(values={"S_FILE": str(file)}).get("S") == "value"


def test_a_secret_given_twice_or_in_an_unreadable_file_is_refused_without_its_value(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="S and S_FILE") as both:
        Environment(values={"S": "hidden", "S_FILE": "x"}).get("S")
    assert "hidden" not in str(both.value)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        Environment(values={"S_FILE": str(tmp_path / "missing")}).get("S")


def test_white_space_around_a_value_does_not_count() -> None:
    read = Environment.read({"ES_API_KEY": "\tkey\r\n", "BLANK": " \n", "NBSP": "\N{NO-BREAK SPACE}x"})
    assert (read.get("ES_API_KEY"), read.get("BLANK"), read.get("NBSP")) == ("key", None, "x")


@pytest.mark.parametrize(
    "value", ["hid\nden", "hid\rden", "hid\x1bden", "hid\x7fden", "hid\x85den", "hid\udcffden"]
)
@pytest.mark.parametrize("name", ["ES_API_KEY", "ZOOM_API_URL", "HARVESTER_ACCOUNT", "ES_CA_CERTS"])
def test_a_value_that_is_not_a_line_of_text_is_refused_without_the_value(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"^{name} (contains a line break|is not UTF-8)") as refused:
        Environment.read({name: value}).get(name)
    assert "hid" not in str(refused.value)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"hid\nden\n", "contains a line break"),
        (b"hid\0den", "contains NUL"),
        (b"hid\xffden", "not UTF-8"),
        (b"x" * 2_000_000, "larger than 1 MB"),
    ],
)
def test_a_file_of_a_secret_is_checked_in_the_same_way(tmp_path: Path, content: bytes, reason: str) -> None:
    file = tmp_path / "secret"
    file.write_bytes(content)
    with pytest.raises(ConfigurationError, match=rf"^S_FILE: .*{reason}") as refused:
        Environment(values={"S_FILE": str(file)}).get("S")
    assert "hid" not in str(refused.value)


def test_an_empty_file_of_a_secret_counts_as_unset_and_json_may_have_lines(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    for content, value in ((b"\xef\xbb\xbf \r\n", None), (b'{\r\n\t"a": 1\n}\n', '{\r\n\t"a": 1\n}')):
        file.write_bytes(content)
        assert Environment(values={"S_FILE": str(file)}).get("S") == value
    with pytest.raises(ConfigurationError, match="S_FILE: .*Is a directory"):
        Environment(values={"S_FILE": str(tmp_path)}).get("S")


@pytest.mark.parametrize(
    "value",
    [
        "to ken",
        "tok\N{ZERO WIDTH SPACE}en",
        "t\N{LATIN SMALL LETTER O WITH DIAERESIS}ken",
        '"token"',
        "'token'",
    ],
)
def test_a_token_is_printable_ascii_without_white_space_and_quotation_marks(value: str) -> None:
    wanted = (Setting(name="X_TOKEN", help="", token=True, secret=True),)
    with pytest.raises(ConfigurationError, match="^X_TOKEN ") as refused:
        Environment(values={"X_TOKEN": value}).of(wanted)
    assert "ken" not in str(refused.value).replace("X_TOKEN", "")
    assert Environment(values={"X_TOKEN": 'a+/=-_.~"b'}).of(wanted) == {"X_TOKEN": 'a+/=-_.~"b'}


def test_every_id_and_secret_of_a_vendor_is_a_token() -> None:
    """They go into headers; only Google's is a file."""
    settings = [setting for name in connectors.CONNECTORS for setting in connectors.load(name).settings]
    loose = {setting.name for setting in settings if setting.secret and not setting.token}
    assert loose == {"GOOGLE_CREDENTIALS"}


def test_without_a_home_folder_the_setting_to_set_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home(_path: str) -> str:
        return _path

    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setattr(os.path, "expanduser", no_home)
    with pytest.raises(ConfigurationError, match=r"^HARVESTER_STATE_DIR begins with ~"):
        config.state_folder("~/state")
    assert config.state_folder("/var/lib/harvester") == Path("/var/lib/harvester")


NO_ZONES = """
import sys
sys.modules["tzdata"] = None
from datetime import datetime
from connectors.errors import ConfigurationError
from harvester import config
utc = config.zone("UTC")
print(utc, datetime(2026, 7, 1, 12, tzinfo=utc).isoformat())
try:
    config.zone("Europe/Berlin")
except ConfigurationError as error:
    print(error)
"""
"""Run on a system without a database of time zones, and without the package tzdata."""


def test_utc_needs_no_database_of_time_zones() -> None:
    environment = {**os.environ, "PYTHONTZPATH": ""}
    ended = subprocess.run(
        [sys.executable, "-c", NO_ZONES], env=environment, capture_output=True, text=True, check=True
    )
    utc, other = ended.stdout.splitlines()
    assert utc == "UTC 2026-07-01T12:00:00+00:00"
    assert other == "there is no database of time zones: run pip install tzdata, or use UTC"


def test_defaults_choices_and_urls_are_applied() -> None:
    wanted = (
        Setting(name="X_API_URL", help="", default="https://api.example.org/v2"),
        Setting(name="X_PLAN", help="", choices=("pro", "business")),
    )
    assert Environment(values={}).of(wanted) == {"X_API_URL": "https://api.example.org/v2"}
    with pytest.raises(ConfigurationError, match="X_PLAN must be one of pro, business"):
        Environment(values={"X_PLAN": "gold"}).of(wanted)
    with pytest.raises(ConfigurationError, match="X_API_URL must be https"):
        Environment(values={"X_API_URL": "http://api.example.org"}).of(wanted)


@pytest.mark.parametrize("names", [["ZOOM_KEY"], ["ZOOM_SECRET"], ["ZOOM_KEY", "ZOOM_SECRET"]])
def test_settings_of_the_retired_api_are_answered_with_what_replaced_them(names: list[str]) -> None:
    message = Environment(values=dict.fromkeys(names, "hidden")).retired()
    assert message is not None
    assert "ZOOM_CLIENT_SECRET" in message
    assert "hidden" not in message
    assert " no longer works: " in message or len(names) == 2
    assert Environment(values={}).retired() is None


def test_settings_of_a_retired_api_concern_their_vendor_only() -> None:
    environment = Environment(values={"ZOOM_KEY": "x"})
    assert environment.retired("zoom") == environment.retired() is not None
    assert environment.retired("webex") is None


def test_a_shifted_calendar_runs_from_a_given_moment() -> None:
    real = datetime(2026, 11, 23, 9, tzinfo=UTC)
    assert config.shifted("2026-11-20T03:00:00Z@2026-11-23T03:00:00Z", real) == timedelta(days=-3)
    assert config.shifted("2026-11-20T09:00:00Z", real) == timedelta(days=-3)
    for text in (
        "yesterday",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "2026-11-20T03:00:00Z@0001-01-01",
        "@",
    ):
        with pytest.raises(ConfigurationError, match="HARVESTER_NOW"):
            config.shifted(text, real)


def test_an_unusable_value_counts_as_set_and_the_setting_is_named_when_it_is_used() -> None:
    bad = Environment(values={"S": "a\nb", "T_FILE": "/nowhere"})
    assert (bad.get_unchecked("S"), bad.get_unchecked("T"), bad.get_unchecked("U")) == (
        "a\nb",
        "/nowhere",
        None,
    )
    with pytest.raises(ConfigurationError, match="^HARVESTER_TIMEZONE: 'Mars' is not a time zone"):
        config.zone("Mars", "HARVESTER_TIMEZONE")
    with pytest.raises(ConfigurationError, match="^HARVESTER_RATE_SHARE must be a number"):
        config.rate_share("half", "HARVESTER_RATE_SHARE")


@pytest.mark.parametrize("share", ["0", "1.1", "-1", "much", "nan"])
def test_a_rate_share_is_a_part(share: str) -> None:
    with pytest.raises(ConfigurationError):
        config.rate_share(share)


@pytest.mark.parametrize("speed", ["0", "-1", "fast", "nan", "inf"])
def test_a_speed_is_a_positive_number(speed: str) -> None:
    with pytest.raises(ConfigurationError):
        config.speed(speed)


@pytest.mark.parametrize("name", ["Europe/Nowhere", "../etc/passwd", "", "\0"])
def test_an_unknown_time_zone_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError):
        config.zone(name)


def test_every_setting_of_the_harvester_has_a_description() -> None:
    assert all(setting.help for setting in OWN)
    assert {setting.name for setting in OWN if setting.secret} == {
        "ES_API_KEY",
        "ES_PASSWORD",
        "HARVESTER_HEARTBEAT",
        "ROOMS_CLIENT_SECRET",
        "HARVESTER_PII_KEY",
        "HARVESTER_STATE_KEY",
    }


def test_a_required_setting_is_not_missing_where_another_does_as_well() -> None:
    asked = (
        Setting(name="A", help="a", required=True, alternative="TOKEN"),
        Setting(name="B", help="b", required=True),
        Setting(name="TOKEN", help="t"),
    )
    assert [setting.name for setting in unset_settings(asked, {}.get)] == ["A", "B"]
    assert [setting.name for setting in unset_settings(asked, {"TOKEN": "x"}.get)] == ["B"]
    assert unset_settings(asked, {"A": "x", "B": "x"}.get) == []


@pytest.mark.parametrize("megabytes", ["0", "-1", "much", "nan", "inf", "5000"])
def test_the_largest_response_is_a_number_of_megabytes(megabytes: str) -> None:
    assert config.max_response_bytes("64") == 64_000_000
    with pytest.raises(ConfigurationError, match="HARVESTER_MAX_RESPONSE_MB"):
        config.max_response_bytes(megabytes)
