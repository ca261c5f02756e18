"""What a command works with: settings, clock, state folder, redactor, stop signal. It hands each callee what it uses."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo

from connectors.base import Setting
from harvester import config
from harvester.accounts_file import AccountsFile
from harvester.config import OWN, Environment
from harvester.log_redaction import Redactor
from harvester.pipeline.quota_pool import SharedLimiters
from harvester.pipeline.run_clock import Clock
from harvester.pipeline.stop_signal import StopSignal
from harvester.privacy.run_privacy import Privacy
from harvester.privacy.settings import to_privacy, to_treatment
from harvester.privacy.treatment import Treatment
from harvester.setting_checks import heartbeat_url
from harvester.state.secrets_and_forgotten_people import PrivacyState
from harvester.state.shared.shared_pool import SharedState


@dataclass(kw_only=True)
class RunEnvironment:
    environment: Environment
    machine: Clock
    """The machine's own clock; `clock` is the one that the vendors' simulator may shift."""
    quiet: bool = False
    verbose: bool = False
    env_file: Path | None = None
    """The .env file that was read."""
    accounts_file: AccountsFile | None = None
    """The settings file with accounts that was read."""
    only_accounts: tuple[str, ...] = ()
    """The accounts that --account names, each as `berlin` or `zoom/berlin`; empty: all."""
    limiters: SharedLimiters = field(default_factory=SharedLimiters)
    redactor: Redactor = field(default_factory=Redactor)
    stop: StopSignal = field(default_factory=StopSignal)
    shared: SharedState | None = None
    """The state that other workers share, while a command uses it."""

    @property
    def settings_source(self) -> str:
        """Where the settings were looked for, in words."""
        files = [self.env_file, self.accounts_file.path if self.accounts_file is not None else None]
        read = [f"{path.absolute()}" for path in files if path is not None]
        if not read:
            return f"the environment; there is no {Path.cwd() / '.env'}"
        return (
            " and ".join(["the environment", *read])
            if len(read) == 1
            else f"the environment, {' and '.join(read)}"
        )

    def redact(self, settings: tuple[Setting, ...], environment: Environment | None = None) -> None:
        """Keep the secrets among these settings out of everything that is printed. `environment`: where they are, if they
        are those of an account."""
        for setting in settings:
            if setting.secret and (secret := (environment or self.environment).get_unchecked(setting.name)):
                self.redactor.add(secret)

    @cached_property
    def own(self) -> dict[str, str]:
        return self.environment.of(OWN)

    @property
    def label(self) -> str:
        """The label of the account that the environment describes, before it is checked."""
        return self.environment.get_unchecked("HARVESTER_ACCOUNT") or "main"

    @property
    def account(self) -> str:
        return config.account_label(self.own["HARVESTER_ACCOUNT"])

    @property
    def state_folder(self) -> Path:
        return config.state_folder(self.environment.get("HARVESTER_STATE_DIR"))

    @property
    def _privacy_settings(self) -> dict[str, str]:
        return self.environment.of(setting for setting in OWN if setting.name.startswith("HARVESTER_PII"))

    @cached_property
    def treatment(self) -> Treatment:
        """What becomes of personal fields."""
        return to_treatment(self._privacy_settings)

    @cached_property
    def privacy(self) -> Privacy:
        """The treatment, and who is forgotten, as the state remembers it."""
        return to_privacy(self._privacy_settings, PrivacyState(self.state_folder))

    def zone(self, name: str | None) -> ZoneInfo:
        """The time zone of this name, else the one that the settings name."""
        if name is not None:
            return config.zone(name)
        return config.zone(self.own["HARVESTER_TIMEZONE"], self.environment.spelled("HARVESTER_TIMEZONE"))

    def rate_share(self, given: float | None) -> float:
        if given is not None:
            return config.rate_share(str(given))
        source = self.environment.spelled("HARVESTER_RATE_SHARE")
        return config.rate_share(self.own["HARVESTER_RATE_SHARE"], source)

    @property
    def max_response_bytes(self) -> int:
        source = self.environment.spelled("HARVESTER_MAX_RESPONSE_MB")
        return config.max_response_bytes(self.own["HARVESTER_MAX_RESPONSE_MB"], source)

    @property
    def heartbeat(self) -> str | None:
        url = self.own.get("HARVESTER_HEARTBEAT")
        return None if url is None else heartbeat_url(url)

    def clock(self, base_urls: dict[str, str]) -> Clock:
        """The machine's clock, or the simulator's if the settings name one; then all vendors have to be simulated."""
        shown, speed = self.environment.get("HARVESTER_NOW"), self.environment.get("HARVESTER_SPEED")
        if shown or speed:
            config.require_loopback(base_urls)
        return Clock(
            wall=self.machine.wall,
            monotonic=self.machine.monotonic,
            shift=config.shifted(shown, self.machine.now()) if shown else timedelta(0),
            speed=config.speed(speed) if speed else 1.0,
        )
