"""Settings: the environment, a .env file and files named by NAME_FILE, read once and checked.

The command line passes the environment in. The settings of the harvester itself are listed in `OWN`; each connector
lists its own. A test compares `example.env` with both.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from dotenv import dotenv_values

from connectors.base import Setting
from connectors.errors import ConfigurationError
from connectors.parsing import is_loopback, parse_instant

OWN = (
    Setting(name="ES_HOST", help="URL of Elasticsearch; if it is set, documents go there by default"),
    Setting(
        name="ES_API_KEY", help="API key in its encoded form, instead of user name and password", secret=True
    ),
    Setting(name="ES_USERNAME", help="user name, if there is no API key"),
    Setting(name="ES_PASSWORD", help="password of that user", secret=True),
    Setting(
        name="ES_CA_CERTS", help="file with the certificate authority of the cluster, if it is a private one"
    ),
    Setting(name="ES_INDEX_PREFIX", help="prefix of every index, alias and template", default="harvester-"),
    Setting(name="HARVESTER_ACCOUNT", help="label of the account, part of every document id", default="main"),
    Setting(
        name="HARVESTER_STATE_DIR",
        help="folder on a local disk for the state: journals, rejects, quotas, tokens",
        default="meeting-harvester in the state folder of the system",
    ),
    Setting(name="HARVESTER_TIMEZONE", help="time zone of --date, --from and --to", default="UTC"),
    Setting(
        name="HARVESTER_RATE_SHARE",
        help="fraction of the vendor's rate limit to use; leave room for other programs",
        default="0.8",
    ),
    Setting(
        name="HARVESTER_MAX_RESPONSE_MB",
        help="largest answer of a vendor in megabytes, after decompression",
        default="64",
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

RETIRED = {
    "ZOOM_KEY": "Zoom ended API keys (v1 in 2020, JWT apps in 2023)",
    "ZOOM_SECRET": "Zoom ended API keys (v1 in 2020, JWT apps in 2023)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """Settings by name. An empty value counts as unset; NAME_FILE names a file that contains the value of NAME."""

    values: Mapping[str, str]

    @classmethod
    def read(cls, environ: Mapping[str, str], env_file: Path | None = None) -> Environment:
        """The process's environment over the .env file's lines. ConfigurationError if that file does not exist."""
        if env_file is not None and not env_file.is_file():
            raise ConfigurationError(f"the settings file {env_file} does not exist")
        from_file = dotenv_values(env_file, interpolate=False) if env_file is not None else {}
        merged = {**{name: value or "" for name, value in from_file.items()}, **environ}
        return cls(values={name: value for name, value in merged.items() if value.strip()})

    def get(self, name: str) -> str | None:
        direct, path = self.values.get(name), self.values.get(f"{name}_FILE")
        if direct is not None and path is not None:
            raise ConfigurationError(f"{name} and {name}_FILE are both set; keep one of them")
        if path is None:
            return direct
        try:
            return Path(path).read_text(encoding="utf-8").strip() or None
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{name}_FILE: {path} cannot be read ({type(error).__name__})") from None

    def of(self, settings: Iterable[Setting]) -> dict[str, str]:
        """The values of these settings with defaults filled in; choices and URLs are checked. Missing ones are left out."""
        values = {}
        for setting in settings:
            value = self.get(setting.name) or setting.default
            if value is None:
                continue
            if setting.choices and value not in setting.choices:
                raise ConfigurationError(f"{setting.name} must be one of {', '.join(setting.choices)}")
            if setting.name.endswith("_URL"):
                checked_url(setting.name, value)
            values[setting.name] = value
        return values

    def override(self, name: str, value: str) -> Environment:
        """These settings with another value for one of them, as an option of the command line gives it."""
        others = {other: text for other, text in self.values.items() if other != f"{name}_FILE"}
        return Environment(values={**others, name: value})

    def retired(self) -> str | None:
        """What to do about settings of earlier programs that no longer work; `None` if there are none."""
        found = [name for name in RETIRED if name in self.values]
        if not found:
            return None
        return (
            f"{' and '.join(found)} no longer work: {RETIRED[found[0]]}. Create a Server-to-Server OAuth app at "
            "marketplace.zoom.us (Develop, Build App) and set ZOOM_ACCOUNT_ID, ZOOM_CLIENT_ID and ZOOM_CLIENT_SECRET"
        )


def checked_url(name: str, value: str, *, http_anywhere: bool = False) -> str:
    """The URL, without a trailing slash; ConfigurationError unless it is https, or http to this machine.

    `http_anywhere`: http is accepted for other machines as well.
    """
    try:
        parts = urlsplit(value)
    except ValueError:
        raise ConfigurationError(f"{name} is not a URL like https://host.example.org") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigurationError(
            f"{name} is not a URL like https://host.example.org, or http:// to this machine"
        )
    if parts.username or parts.password:
        raise ConfigurationError(f"{name} contains a user name or password; set them separately")
    if parts.scheme == "http" and not http_anywhere and not is_loopback(value):
        raise ConfigurationError(f"{name} must be https:// unless it is an address of this machine")
    return value.rstrip("/")


def is_nearby(url: str) -> bool:
    """Whether the host is this machine, has a private address, or has a name without a dot, as containers do."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return "." not in host


def account_label(label: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", label):
        raise ConfigurationError(
            "HARVESTER_ACCOUNT is part of every document's id: up to 64 of A-Z a-z 0-9 _ . - and nothing else, "
            "like main or berlin-2"
        )
    return label


def state_folder(named: str | None) -> Path:
    """The folder that the settings name, else the one where this system keeps the state of programs."""
    if named is not None:
        return Path(named).expanduser()
    import platformdirs

    return platformdirs.user_state_path("meeting-harvester", appauthor=False)


def require_loopback(base_urls: Mapping[str, str]) -> None:
    """ConfigurationError unless all of these URLs, by setting, are addresses of this machine."""
    real = [name for name, url in base_urls.items() if not is_loopback(url)]
    if real:
        raise ConfigurationError(
            f"HARVESTER_NOW and HARVESTER_SPEED are for simulated vendors, but {', '.join(sorted(real))} "
            "is not an address of this machine; unset them"
        )


def zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise ConfigurationError(
            f"{name!r} is not a time zone; write it like Europe/Berlin, or UTC"
        ) from None


def rate_share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = 0.0
    if not 0 < share <= 1:
        raise ConfigurationError("the rate share must be a number above 0 and up to 1, like 0.8")
    return share


def max_response_bytes(megabytes: str) -> int:
    try:
        number = float(megabytes)
    except ValueError:
        number = 0.0
    if not 1 <= number <= 4000:
        raise ConfigurationError("HARVESTER_MAX_RESPONSE_MB must be a number from 1 to 4000, like 64")
    return int(number * 1_000_000)


def shifted(text: str, real_now: datetime) -> timedelta:
    """How far the calendar of `HARVESTER_NOW` (SHOWN or SHOWN@REAL, ISO 8601) is ahead of the machine's clock."""
    shown_text, _, real_text = text.partition("@")
    shown = parse_instant(shown_text)
    real = parse_instant(real_text) if real_text else real_now
    if shown is None or real is None:
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
