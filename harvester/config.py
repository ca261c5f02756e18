"""Settings: the environment, a .env file and files named by NAME_FILE, read once and checked.

The command line passes the environment in. The settings of the harvester itself are listed in `OWN`; each connector
lists its own. A test compares `example.env` with both.
"""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

from connectors.base import Setting
from connectors.errors import ConfigurationError
from connectors.parsing import is_loopback, parse_instant
from connectors.text_file import UnreadableFile, read_text_file
from harvester.env_file import read_env_file
from harvester.setting_checks import checked_text, checked_token, checked_url

OWN = (
    Setting(name="ES_HOST", help="URL of Elasticsearch; if it is set, documents go there by default"),
    Setting(
        name="ES_API_KEY", help="API key in its encoded form, instead of user name and password", secret=True
    ),
    Setting(name="ES_USERNAME", help="user name, if there is no API key"),
    Setting(name="ES_PASSWORD", help="password of that user", secret=True),
    Setting(
        name="ES_CA_CERTS",
        help="file with the certificate authority of the cluster, if it is a private one",
        path=True,
    ),
    Setting(
        name="ES_INDEX_PREFIX",
        help="prefix of every index, alias and template; end it with -, which is not added",
        default="harvester-",
    ),
    Setting(
        name="ES_INDEX_PERIOD",
        help="one index per year or month; fixed when the templates are installed",
        default="year",
        choices=("year", "month"),
    ),
    Setting(
        name="HARVESTER_ACCOUNT",
        help="label of the account, part of every document id: choose it before the first harvest and never change it",
        default="main",
    ),
    Setting(
        name="HARVESTER_STATE_DIR",
        help="folder on a local disk for the state: journals, rejects, quotas, tokens",
        default="meeting-harvester in the state folder of the system",
        path=True,
    ),
    Setting(
        name="HARVESTER_STATE",
        help="where the state is kept: dir, in that folder, or index, in Elasticsearch too, for several machines",
        default="dir",
        choices=("dir", "index"),
    ),
    Setting(
        name="HARVESTER_STATE_KEY",
        help="the key that seals refresh tokens and forgotten people in the index, for HARVESTER_STATE=index",
        secret=True,
    ),
    Setting(name="HARVESTER_TIMEZONE", help="time zone of --date, --from and --to", default="UTC"),
    Setting(
        name="HARVESTER_RATE_SHARE",
        help="fraction of the vendor's rate limit to use; leave room for other programs",
        default="0.8",
    ),
    Setting(
        name="HARVESTER_MAX_RESPONSE_MB",
        help="largest answer of a vendor or of Elasticsearch in megabytes, after decompression",
        default="64",
    ),
    Setting(
        name="HARVESTER_PII",
        help="what becomes of names, addresses and other personal fields before they are stored",
        default="keep",
        choices=("keep", "hash", "drop"),
    ),
    Setting(
        name="HARVESTER_PII_KEY",
        help="the key of the hashes, at least 32 bytes, for HARVESTER_PII=hash",
        secret=True,
    ),
    Setting(
        name="HARVESTER_PII_KEEP",
        help="fields to keep all the same, separated by commas, such as topic,device",
    ),
    Setting(
        name="HARVESTER_HEARTBEAT",
        help="URL that runs without dates ping when they begin and end, as healthchecks.io has them",
        secret=True,
    ),
    Setting(
        name="ROOMS_CLIENT_ID",
        help="client of the REST service of `harvester rooms`; by default the iot_client_id of a config.json",
        token=True,
    ),
    Setting(
        name="ROOMS_CLIENT_SECRET",
        help="secret of that client, at least 16 characters",
        secret=True,
        token=True,
    ),
    Setting(
        name="ARDUINO_API_URL",
        help="base URL of Arduino IoT Cloud, for `harvester rooms`",
        default="https://api2.arduino.cc",
    ),
    Setting(
        name="HARVESTER_NOW",
        help="SHOWN[@REAL]: the calendar shows SHOWN at the instant REAL; for simulated vendors on loopback only",
    ),
    Setting(
        name="HARVESTER_SPEED",
        help="divides every wait and multiplies every rate; for simulated vendors on loopback only",
    ),
)

_UTC_ZONE_FILE = (
    b"TZif" + bytes(16) + struct.pack(">6l", 0, 0, 0, 0, 1, 4) + struct.pack(">lbb", 0, 0, 0) + b"UTC\0"
)
"""The zone UTC in the format of RFC 8536, version 1."""

RETIRED = {
    "ZOOM_KEY": "Zoom ended API keys (v1 in 2020, JWT apps in 2023)",
    "ZOOM_SECRET": "Zoom ended API keys (v1 in 2020, JWT apps in 2023)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """Settings by name. An empty value counts as unset; NAME_FILE names a file that contains the value of NAME.

    White space around a value does not count.
    """

    values: Mapping[str, str]
    references: Mapping[str, str] = field(default_factory=dict)
    """For settings of a settings file: the name of the variable that has the value."""
    variables: Environment | None = None
    """Where these variables are."""
    spelling: Mapping[str, str] = field(default_factory=dict)
    """Where settings of a settings file stand in it, by name."""
    _from_files: dict[str, str | None] = field(default_factory=dict, init=False, repr=False, compare=False)
    """What NAME_FILE contains, by name: a FIFO can be read only once."""

    @classmethod
    def read(cls, environ: Mapping[str, str], env_file: Path | None = None) -> Environment:
        """The process's environment over the .env file's lines. ConfigurationError if that file cannot be used."""
        from_file = read_env_file(env_file) if env_file is not None else {}
        merged = {**from_file, **environ}
        return cls(values={name: value.strip() for name, value in merged.items() if value.strip()})

    def get(self, name: str) -> str | None:
        """The value of one setting. Raises ConfigurationError, which never quotes it, if no setting can have it."""
        if name in self.references:
            return self._from_variable(name, self.references[name])
        direct, path = self.values.get(name), self.values.get(f"{name}_FILE")
        if direct is not None and path is not None:
            raise ConfigurationError(f"{name} and {name}_FILE are both set; keep one of them")
        if path is not None:
            return self._from_file(name, path)
        return None if direct is None else checked_text(self.spelled(name), direct)

    def spelled(self, name: str) -> str:
        """The setting as messages name it: by its place in the settings file, if it stands there."""
        return self.spelling.get(name, name)

    def get_unchecked(self, name: str) -> str | None:
        """What is set under this name, even if no setting can have such a value: then its own text or its file's name."""
        try:
            return self.get(name)
        except ConfigurationError:
            return self.values.get(name) or self.values.get(f"{name}_FILE")

    def is_set(self, name: str) -> bool:
        """Whether there is something under this name, even if no setting can have such a value."""
        return name in self.references or bool(self.get_unchecked(name))

    def in_words(self, message: str) -> str:
        """The message with every setting named as `spelled` does."""
        return re.sub(r"\b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b", lambda name: self.spelled(name[0]), message)

    def _from_file(self, name: str, path: str) -> str | None:
        if name not in self._from_files:
            key = f"{self.spelling[name]}_file" if name in self.spelling else f"{name}_FILE"
            checked_text(key, path)
            try:
                text = read_text_file(Path(path)).strip()
            except UnreadableFile as error:
                raise ConfigurationError(f"{key}: {path} {error}") from None
            self._from_files[name] = checked_text(f"{key}: the text of {path}", text) or None
        return self._from_files[name]

    def _from_variable(self, name: str, variable: str) -> str:
        value = self.variables.get(variable) if self.variables is not None else None
        if value is None:
            raise ConfigurationError(
                f"{self.spelled(name)}: the variable {variable} is not set, or is empty, in the environment and in .env"
            )
        return value

    def of(self, settings: Iterable[Setting]) -> dict[str, str]:
        """The values of these settings with defaults filled in; choices and URLs are checked. Missing ones are left out."""
        values = {}
        for setting in settings:
            value = self.get(setting.name) or setting.default
            if value is None:
                continue
            name = self.spelled(setting.name)
            if setting.choices and value not in setting.choices:
                raise ConfigurationError(f"{name} must be one of {', '.join(setting.choices)}")
            if setting.name.endswith("_URL"):
                checked_url(name, value)
            if setting.token:
                checked_token(name, value)
            values[setting.name] = value
        return values

    def override(self, name: str, value: str, option: str = "") -> Environment:
        """These settings with another value for one of them. `option`: that of the command line that gives it."""
        spelling = {other: text for other, text in self.spelling.items() if other != name}
        others = {other: text for other, text in self.values.items() if other != f"{name}_FILE"}
        return replace(
            self,
            values={**others, name: value},
            references={other: text for other, text in self.references.items() if other != name},
            spelling={**spelling, name: option} if option else spelling,
        )

    def over(
        self, values: Mapping[str, str], references: Mapping[str, str], spelling: Mapping[str, str]
    ) -> Environment:
        """These settings, and those of a settings file that are not among them."""

        def is_new(name: str) -> bool:
            name = name.removesuffix("_FILE")
            return name not in self.values and f"{name}_FILE" not in self.values

        return Environment(
            values={**{name: text for name, text in values.items() if is_new(name)}, **self.values},
            references={name: variable for name, variable in references.items() if is_new(name)},
            variables=self,
            spelling={
                name: text
                for name, text in spelling.items()
                if is_new(name) and (name in values or f"{name}_FILE" in values or name in references)
            },
        )

    def retired(self, vendor: str = "") -> str | None:
        """What to do about settings of earlier programs, of this vendor or of all, that no longer work; `None` if there are
        none."""
        prefix = f"{vendor.upper()}_" if vendor else ""
        found = [name for name in RETIRED if name in self.values and name.startswith(prefix)]
        if not found:
            return None
        return (
            f"{' and '.join(found)} no longer {'works' if len(found) == 1 else 'work'}: {RETIRED[found[0]]}. Create a Server-to-Server OAuth app at "
            "marketplace.zoom.us (Develop, Build App) and set ZOOM_ACCOUNT_ID, ZOOM_CLIENT_ID and ZOOM_CLIENT_SECRET"
        )


def is_account_label(label: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", label) is not None


def account_label(label: str) -> str:
    if not is_account_label(label):
        raise ConfigurationError(
            "HARVESTER_ACCOUNT is part of every document's id: up to 64 of A-Z a-z 0-9 _ . - and nothing else, "
            "like main or berlin-2"
        )
    return label


def state_folder(named: str | None) -> Path:
    """The folder that the settings name, else the one where this system keeps the state of programs."""
    import platformdirs

    try:
        if named is not None:
            return Path(named).expanduser()
        return platformdirs.user_state_path("meeting-harvester", appauthor=False)
    except RuntimeError:  # neither HOME nor an entry in the system's list of users
        lacking = (
            "HARVESTER_STATE_DIR begins with ~" if named is not None else "HARVESTER_STATE_DIR is not set"
        )
        raise ConfigurationError(
            f"{lacking}, and this user has no home folder: set HARVESTER_STATE_DIR to a folder on a local disk"
        ) from None


def require_loopback(base_urls: Mapping[str, str]) -> None:
    """ConfigurationError unless all of these URLs, by setting, are addresses of this machine. An empty one is not."""
    real = [name for name, url in base_urls.items() if not is_loopback(url)]
    if real:
        raise ConfigurationError(
            f"HARVESTER_NOW and HARVESTER_SPEED are for simulated vendors: unset them, or give an address of this "
            f"machine in {' and '.join(sorted(real))}"
        )


def zone(name: str, source: str = "") -> ZoneInfo:
    """Raises ConfigurationError if there is no such zone. `source`: the setting that names it."""
    subject = f"{source}: " if source else ""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        if name == "UTC":  # the default needs no database of zones
            return ZoneInfo.from_file(io.BytesIO(_UTC_ZONE_FILE), key="UTC")
        if not available_timezones():
            raise ConfigurationError(
                f"{subject}there is no database of time zones: run pip install tzdata, or use UTC"
            ) from None
        raise ConfigurationError(
            f"{subject}{name!r} is not a time zone; write it like Europe/Berlin, or UTC"
        ) from None


def rate_share(text: str, source: str = "the rate share") -> float:
    """Raises ConfigurationError if it is not one. `source`: the setting or option."""
    try:
        share = float(text)
    except ValueError:
        share = 0.0
    if not 0 < share <= 1:
        raise ConfigurationError(f"{source} must be a number above 0 and up to 1, like 0.8")
    return share


def max_response_bytes(megabytes: str, source: str = "HARVESTER_MAX_RESPONSE_MB") -> int:
    try:
        number = float(megabytes)
    except ValueError:
        number = 0.0
    if not 1 <= number <= 4000:
        raise ConfigurationError(f"{source} must be a number from 1 to 4000, like 64")
    return int(number * 1_000_000)


def shifted(text: str, real_now: datetime) -> timedelta:
    """How far the calendar of `HARVESTER_NOW` (SHOWN or SHOWN@REAL, ISO 8601) is ahead of the machine's clock."""
    shown_text, _, real_text = text.partition("@")
    shown = parse_instant(shown_text)
    real = parse_instant(real_text) if real_text else real_now
    if not (shown and real and all(2000 <= instant.year <= 2100 for instant in (shown, real))):
        raise ConfigurationError("HARVESTER_NOW must be SHOWN or SHOWN@REAL, like 2026-11-20T03:00:00Z")
    return shown - real


def speed(text: str) -> float:
    try:
        factor = float(text)
    except ValueError:
        factor = 0.0
    if not 0 < factor <= 10_000:
        raise ConfigurationError("HARVESTER_SPEED must be a number above 0, like 20")
    return factor
