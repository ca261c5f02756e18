from __future__ import annotations

import pytest

from connectors.base import Setting, Settings, setting_or_default, unset_settings, validate_settings
from connectors.errors import ConfigurationError

DECLARED = (
    Setting(
        name="V_ID", help="Client id.", how_to_get="at vendor.example", required=True, alternative="V_TOKEN"
    ),
    Setting(name="V_SECRET", help="Client secret.", how_to_get="beside it", secret=True, required=True),
    Setting(name="V_TOKEN", help="Access token.", secret=True),
    Setting(name="V_PLAN", help="Plan.", choices=("pro", "business")),
    Setting(name="V_URL", help="Base URL.", default="https://vendor.example"),
)


def settings(**values: str) -> Settings:
    return Settings(values=values)


def test_complete_settings_are_valid() -> None:
    validate_settings("Vendor", DECLARED, settings(V_ID="i", V_SECRET="s"))
    validate_settings("Vendor", DECLARED, settings(V_ID="i", V_SECRET="s", V_PLAN="pro"))


def test_every_unset_setting_is_named_with_where_to_find_it() -> None:
    with pytest.raises(ConfigurationError) as refused:
        validate_settings("Vendor", DECLARED, settings(V_SECRET=""))
    assert str(refused.value) == "Vendor: not set: V_ID, V_SECRET; to be found at vendor.example"


def test_without_a_hint_an_unset_setting_is_only_named() -> None:
    declared = (Setting(name="V_PLAIN", help="Id.", required=True), *DECLARED)
    with pytest.raises(ConfigurationError) as refused:
        validate_settings("Vendor", declared[:1], settings())
    assert str(refused.value) == "Vendor: not set: V_PLAIN"
    with pytest.raises(ConfigurationError, match="V_PLAIN, V_ID, V_SECRET; to be found at vendor"):
        validate_settings("Vendor", declared, settings())


def test_an_alternative_makes_a_required_setting_optional() -> None:
    validate_settings("Vendor", DECLARED, settings(V_TOKEN="t", V_SECRET="s"))
    unset = unset_settings(DECLARED, settings(V_TOKEN="t").get)
    assert [setting.name for setting in unset] == ["V_SECRET"]


def test_a_value_that_is_not_a_choice_is_refused_without_repeating_it() -> None:
    with pytest.raises(ConfigurationError) as refused:
        validate_settings("Vendor", DECLARED, settings(V_ID="i", V_SECRET="s", V_PLAN="marked"))
    assert str(refused.value) == "Vendor: V_PLAN must be pro or business, or unset"


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("V_URL", {}, "https://vendor.example"),
        ("V_URL", {"V_URL": ""}, "https://vendor.example"),
        ("V_URL", {"V_URL": "https://eu.vendor.example"}, "https://eu.vendor.example"),
        ("V_PLAN", {}, ""),
    ],
)
def test_an_unset_setting_has_its_default(name: str, values: dict[str, str], expected: str) -> None:
    assert setting_or_default(name, DECLARED, settings(**values)) == expected


def test_reading_an_unset_setting_names_it() -> None:
    with pytest.raises(ConfigurationError, match="V_ID is not set"):
        settings()["V_ID"]
