"""The settings of an account for questions that need few of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from connectors.base import Setting
from harvester.config import Environment


class SettingsOnDemand(Mapping[str, str]):
    """The settings of an account, each read when it is asked for: secrets that are not here, or can be read only once, are
    left alone."""

    def __init__(self, settings: Sequence[Setting], environment: Environment) -> None:
        self._settings = {setting.name: setting for setting in settings}
        self._environment = environment

    def __getitem__(self, name: str) -> str:
        return self._environment.of([self._settings[name]])[name]

    def __iter__(self) -> Iterator[str]:
        return (name for name, setting in self._settings.items() if self._has(setting))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _has(self, setting: Setting) -> bool:
        given = self._environment
        names = {setting.name, f"{setting.name}_FILE"}
        return (
            setting.default is not None
            or setting.name in given.references
            or not names.isdisjoint(given.values)
        )
