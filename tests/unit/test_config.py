"""Settings out of the environment, a .env file and NAME_FILE."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

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


@pytest.mark.parametrize(
    "url", ["http://localhost:9200", "http://127.0.0.1:1", "http://[::1]:1/x", "https://x.example"]
)
def test_https_or_this_machine(url: str) -> None:
    assert config.checked_url("ES_HOST", url + "/") == url


@pytest.mark.parametrize(
    "url",
    ["http://10.0.0.1:9200", "localhost:9200", "ftp://x", "https://", "https://u:p@x.example", "http://[::1"],
)
def test_other_urls_are_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^ES_HOST") as refused:
        config.checked_url("ES_HOST", url)
    assert "u:p" not in str(refused.value)


@pytest.mark.parametrize(
    "url", ["http://10.0.0.1:9200", "http://elasticsearch:9200", "http://es.example.org"]
)
def test_http_to_another_machine_is_accepted_only_if_that_is_permitted(url: str) -> None:
    assert config.checked_url("ES_HOST", url, http_anywhere=True) == url
    with pytest.raises(ConfigurationError, match="must be https"):
        config.checked_url("ZOOM_API_URL", url)


@pytest.mark.parametrize(
    ("url", "nearby"),
    [
        ("http://127.0.0.1:9200", True),
        ("http://[::1]:9200", True),
        ("http://localhost", True),
        ("http://elasticsearch:9200", True),
        ("http://10.1.2.3", True),
        ("http://192.168.1.2", True),
        ("http://[fd00::1]", True),
        ("http://8.8.8.8", False),
        ("http://es.example.org", False),
    ],
)
def test_nearby_hosts_are_private_or_have_a_single_label(url: str, nearby: bool) -> None:
    assert config.is_nearby(url) is nearby


@pytest.mark.parametrize("names", [["ZOOM_KEY"], ["ZOOM_SECRET"], ["ZOOM_KEY", "ZOOM_SECRET"]])
def test_settings_of_the_retired_api_are_answered_with_what_replaced_them(names: list[str]) -> None:
    message = Environment(values=dict.fromkeys(names, "hidden")).retired()
    assert message is not None
    assert "ZOOM_CLIENT_SECRET" in message
    assert "hidden" not in message
    assert Environment(values={}).retired() is None


def test_a_shifted_calendar_runs_from_a_given_moment() -> None:
    real = datetime(2026, 11, 23, 9, tzinfo=UTC)
    assert config.shifted("2026-11-20T03:00:00Z@2026-11-23T03:00:00Z", real) == timedelta(days=-3)
    assert config.shifted("2026-11-20T09:00:00Z", real) == timedelta(days=-3)
    with pytest.raises(ConfigurationError, match="HARVESTER_NOW"):
        config.shifted("yesterday", real)


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


def test_every_setting_of_our_own_says_what_it_is_for() -> None:
    assert all(setting.help for setting in OWN)
    assert {setting.name for setting in OWN if setting.secret} == {"ES_API_KEY", "ES_PASSWORD"}


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
