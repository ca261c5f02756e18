"""harvester/optional_libraries.py"""

from __future__ import annotations

import sys

import pytest

from connectors.errors import ConfigurationError
from harvester.optional_libraries import require


def test_an_installed_library_is_imported() -> None:
    assert require("json.decoder").__name__ == "json.decoder"


@pytest.mark.parametrize("extra", ["report", "rooms"])
def test_a_missing_library_is_named_with_the_extra(extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "no_such_library", raising=False)
    with pytest.raises(ConfigurationError) as missing:
        require("no_such_library.part", extra=extra)
    assert "no_such_library" in str(missing.value)
    assert f".[{extra}]" in str(missing.value)
