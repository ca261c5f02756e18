"""Settings that are read when they are asked for."""

from __future__ import annotations

import pytest

from connectors.base import Setting
from connectors.errors import ConfigurationError
from harvester.cli.settings_on_demand import SettingsOnDemand
from harvester.config import Environment

SETTINGS = [
    Setting(name="A_ID", help=""),
    Setting(name="A_SECRET", help="", secret=True),
    Setting(name="A_URL", help="", default="https://a.example"),
    Setting(name="A_OTHER", help=""),
]


def test_only_what_is_asked_for_is_read() -> None:
    values = SettingsOnDemand(
        SETTINGS, Environment(values={"A_ID": "i", "A_SECRET_FILE": "/no/such/file"}, references={})
    )
    assert list(values) == ["A_ID", "A_SECRET", "A_URL"]
    assert len(values) == 3
    assert (values["A_ID"], values["A_URL"], values.get("A_OTHER")) == ("i", "https://a.example", None)
    with pytest.raises(ConfigurationError, match="A_SECRET_FILE"):
        values["A_SECRET"]
