"""Reads a settings file in TOML: any number of named accounts, and the settings that all accounts share.

    [elasticsearch]
    host = "https://elasticsearch.example.org:9200"

    [zoom.berlin]
    account_id = "…"
    client_secret = {env = "BERLIN_SECRET"}
    qos = true

A key is the name of a setting without the vendor's prefix, in lower case: `ZOOM_ACCOUNT_ID` is `account_id`. `KEY_file` names
a file with the value, and `{env = "NAME"}` a variable of the environment or of `.env`. Values are checked when they are used,
as those of the environment are, so a wrong one concerns its account only; the structure is checked at once.
"""

from __future__ import annotations

import re
import stat
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import connectors
from connectors.base import Option, Setting
from connectors.errors import BrokenPlugin, ConfigurationError
from connectors.text_file import UnreadableFile, read_text_file
from harvester.config import OWN, is_account_label
from harvester.pipeline.request import VendorOptions

DEFAULT_NAME = "harvester.toml"
"""Read if it is in the current folder and no other file is named."""

SHARED_TABLES = {"elasticsearch": "ES_", "harvester": "HARVESTER_"}
"""The tables of the settings that all accounts share, with the prefix of their names in the environment."""

TABLES_OF_OTHERS = frozenset({"rooms"})
"""The table that `harvester rooms` reads, if it is in the same file."""

RAW = "raw"
"""The key of the option that every vendor has: it keeps the vendor's rows in the documents."""

_LIKE = 'write it like [zoom.main] and, below, account_id = "…"'


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsTable:
    """The settings in one table of the file, by their names in the environment."""

    values: Mapping[str, str] = field(default_factory=dict)
    """NAME, or NAME_FILE."""
    references: Mapping[str, str] = field(default_factory=dict)
    """For a NAME: the variable of the environment that has its value."""
    spelling: Mapping[str, str] = field(default_factory=dict)
    """For a NAME: where it stands in the file, for messages."""
    has_secrets: bool = False
    """Some secret is here in plain text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileAccount:
    """One account in the file."""

    vendor: str
    label: str
    settings: SettingsTable
    options: VendorOptions
    raw: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountsFile:
    """The whole file."""

    path: Path
    shared: SettingsTable
    accounts: tuple[FileAccount, ...]
    broken: Mapping[str, BrokenPlugin]
    """Vendors of other packages that the file names and that cannot be used."""

    @property
    def variables(self) -> frozenset[str]:
        """The variables of the environment that the file refers to."""
        tables = [self.shared, *(account.settings for account in self.accounts)]
        return frozenset(variable for table in tables for variable in table.references.values())

    def exposed_secrets(self) -> str | None:
        """A message if every user of this machine can read secrets in the file."""
        tables = [self.shared, *(account.settings for account in self.accounts)]
        if not any(table.has_secrets for table in tables) or not self.path.stat().st_mode & stat.S_IROTH:
            return None
        return f"{self.path} holds secrets, and every user of this machine can read it: chmod 600 {self.path}"


def read_accounts_file(path: Path) -> AccountsFile:
    """Raises ConfigurationError, which never quotes a value, if the file cannot be read or is not such a file."""
    try:
        text = read_text_file(path)
    except UnreadableFile as error:
        raise ConfigurationError(f"the settings file {path} {error}") from None
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{path}{_syntax(str(error))}") from None
    except ValueError:  # Python reads no number of more than 4,300 digits
        raise ConfigurationError(f"{path} contains a number with too many digits") from None
    except RecursionError:
        raise ConfigurationError(f"{path} is nested too deeply") from None
    return _Reader(path).read(tables)


def _syntax(message: str) -> str:
    """What is wrong with the TOML, without any text of the file but the names of tables."""
    place = re.search(r"\(at (?:line (\d+), column \d+|end of document)\)", message)
    line = f", line {place[1]}" if place and place[1] else ", at its end" if place else ""
    if twice := re.match(r"Cannot declare \((.*?)\) twice", message):
        names = ".".join(re.findall(r"'([^']*)'", twice[1]))
        return f"{line}: the table [{names}] is there twice"
    if message.startswith(("Cannot overwrite", "Duplicate inline table key")):
        return f"{line}: the same key is there twice"
    return f"{line}, is not TOML: check the quotation marks, the brackets and the ="


class _Reader:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._broken: dict[str, BrokenPlugin] = {}

    def read(self, tables: Mapping[str, Any]) -> AccountsFile:
        vendors = connectors.table()
        known = [*sorted(vendors), *SHARED_TABLES]
        for name, table in tables.items():
            if name in TABLES_OF_OTHERS:
                continue
            if name not in known:
                raise self._error(f"there is no table [{name}]{_suggestion(name, known)}")
            if not isinstance(table, dict):
                raise self._error(f"{name} is not a table: {_LIKE}")
        accounts = [
            account for name in tables if name in vendors for account in self._accounts(name, tables[name])
        ]
        return AccountsFile(
            path=self._path, shared=self._shared(tables), accounts=tuple(accounts), broken=self._broken
        )

    def _shared(self, tables: Mapping[str, Any]) -> SettingsTable:
        found = SettingsTable()
        for name, prefix in SHARED_TABLES.items():
            settings = {
                setting.name.removeprefix(prefix).lower(): setting
                for setting in OWN
                if setting.name.startswith(prefix) and setting.name != "HARVESTER_ACCOUNT"
            }
            table = tables.get(name, {})
            if name == "harvester" and "account" in table:
                raise self._error(
                    "[harvester] account: the name of an account is the name of its table, like [zoom.main]"
                )
            found = _joined(found, self._settings(name, table, settings, {}))
        return found

    def _accounts(self, vendor: str, table: Mapping[str, Any]) -> Iterable[FileAccount]:
        try:
            connector = connectors.load(vendor)
        except BrokenPlugin as error:
            self._broken[vendor] = error
            return
        settings = vendor_keys(vendor, connector.settings)
        options = {option.name: option for option in connector.options if option.name not in settings}
        labels: dict[str, str] = {}
        for label, content in table.items():
            if not isinstance(content, dict):
                raise self._error(f"{vendor}.{label} stands in no account: {_LIKE}")
            if not is_account_label(label):
                raise self._error(
                    f"[{vendor}.{label}]: the name of an account is part of every document's id: up to 64 of A-Z a-z 0-9 _ . - "
                    "and nothing else, like main or berlin-2"
                )
            if label.lower() in labels:
                raise self._error(
                    f"[{vendor}.{label}] and [{vendor}.{labels[label.lower()]}] differ only in upper and lower case"
                )
            labels[label.lower()] = label
            yield self._account(vendor, label, content, settings, options)

    def _account(
        self,
        vendor: str,
        label: str,
        content: Mapping[str, Any],
        settings: Mapping[str, Setting],
        options: Mapping[str, Option],
    ) -> FileAccount:
        where = f"{vendor}.{label}"
        switches: set[str] = set()
        values: dict[str, tuple[str, ...]] = {}
        raw = False
        rest: dict[str, Any] = {}
        for key, value in content.items():
            option = options.get(key.replace("_", "-"))
            if key == RAW:
                raw = self._switch(where, key, value)
            elif option is None:
                rest[key] = value
            elif option.filters or option.future_days:
                raise self._error(
                    f"[{where}] {key} selects meetings for one run: give it on the command line, as --{option.name}"
                )
            elif option.metavar:
                values[option.name] = self._texts(where, key, value)
            elif self._switch(where, key, value):
                switches.add(option.name)
        return FileAccount(
            vendor=vendor,
            label=label,
            settings=self._settings(where, rest, settings, options),
            options=VendorOptions(switches=frozenset(switches), values=values),
            raw=raw,
        )

    def _settings(
        self,
        where: str,
        table: Mapping[str, Any],
        settings: Mapping[str, Setting],
        options: Mapping[str, Option],
    ) -> SettingsTable:
        values: dict[str, str] = {}
        references: dict[str, str] = {}
        spelling = {setting.name: self._spelled(where, name) for name, setting in settings.items()}
        spelling[RAW] = self._spelled(where, RAW)
        has_secrets = False
        for key, value in table.items():
            setting = settings.get(key)
            named = settings.get(key.removesuffix("_file")) if key.endswith("_file") else None
            if setting is None and named is not None:
                values[f"{named.name}_FILE"] = str(self._absolute(self._text(where, key, value)))
                continue
            if setting is None:
                usable = [name for name, option in options.items() if not option.filters]
                raise self._unknown(where, key, settings, [*usable, RAW] if options else usable)
            if isinstance(value, dict):
                references[setting.name] = self._variable(where, key, value)
                continue
            text = self._value(where, key, value, setting).strip()
            if setting.path and text and not text.startswith("{"):
                text = str(self._absolute(text))
            values[setting.name] = text
            has_secrets |= setting.secret and not setting.path
        both = [key for key in table if f"{key}_file" in table and key in settings]
        if both:
            raise self._error(f"[{where}] {both[0]} and {both[0]}_file are both set; keep one of them")
        return SettingsTable(
            values={name: text for name, text in values.items() if text},
            references=references,
            spelling=spelling,
            has_secrets=has_secrets,
        )

    def _value(self, where: str, key: str, value: Any, setting: Setting) -> str:
        if isinstance(value, list) and setting.separated:
            if not all(isinstance(each, str) for each in value):
                raise self._error(f"[{where}] {key} must be a list of texts in quotation marks")
            return ",".join(self._texts(where, key, value))
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
        return self._text(where, key, value)

    def _text(self, where: str, key: str, value: Any) -> str:
        if not isinstance(value, str):
            raise self._error(f'[{where}] {key} must be text in quotation marks, or {{env = "NAME"}}')
        return value

    def _texts(self, where: str, key: str, value: Any) -> tuple[str, ...]:
        return tuple(self._text(where, key, each) for each in (value if isinstance(value, list) else [value]))

    def _switch(self, where: str, key: str, value: Any) -> bool:
        if not isinstance(value, bool):
            raise self._error(f"[{where}] {key} must be true or false")
        return value

    def _variable(self, where: str, key: str, value: Mapping[str, Any]) -> str:
        variable = value.get("env")
        if (
            len(value) != 1
            or not isinstance(variable, str)
            or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", variable)
        ):
            raise self._error(
                f'[{where}] {key}: name a variable of the environment like {{env = "BERLIN_SECRET"}}, and nothing else'
            )
        return variable

    def _absolute(self, path: str) -> Path:
        """Relative to the folder of the settings file, wherever the command runs."""
        return self._path.absolute().parent / path if not path.startswith("~") else Path(path)

    def _unknown(
        self, where: str, key: str, settings: Mapping[str, Setting], options: Iterable[str]
    ) -> ConfigurationError:
        for name, setting in settings.items():
            if key.upper() in {setting.name, f"{setting.name}_FILE"}:
                return self._error(
                    f"[{where}]: there is no key {key}; did you mean {_keeping_suffix(key, name)}?"
                )
        known = [*settings, *(f"{name}_file" for name in settings), *options]
        return self._error(f"[{where}]: there is no key {key}{_suggestion(key, known)}")

    def _spelled(self, where: str, key: str) -> str:
        return f"{self._path}: [{where}] {key}"

    def _error(self, text: str) -> ConfigurationError:
        return ConfigurationError(f"{self._path}: {text}")


def vendor_keys(vendor: str, settings: Iterable[Setting]) -> dict[str, Setting]:
    """The settings of a vendor by their keys in the file."""
    prefix = vendor.partition("-")[0].upper() + "_"
    return {setting.name.removeprefix(prefix).lower(): setting for setting in settings}


def _keeping_suffix(key: str, name: str) -> str:
    return f"{name}_file" if key.lower().endswith("_file") and not name.endswith("_file") else name


def _suggestion(name: str, known: Iterable[str]) -> str:
    names = list(known)
    similar = get_close_matches(name.lower().replace("_", "-"), names, n=1, cutoff=0.6)
    similar = similar or get_close_matches(name.lower(), names, n=1, cutoff=0.6)
    return f"; did you mean {similar[0]}?" if similar else f"; there are {', '.join(sorted(names))}"


def _joined(one: SettingsTable, other: SettingsTable) -> SettingsTable:
    return SettingsTable(
        values={**one.values, **other.values},
        references={**one.references, **other.references},
        spelling={**one.spelling, **other.spelling},
        has_secrets=one.has_secrets or other.has_secrets,
    )
