"""What a connector is, and what it is lent: the contract between vendors and everything else.

A connector reads one account of one vendor. It gets its settings and a `Context`, and so needs no environment, no
clock and no file of its own; it knows no sink and no command line. `tests/contract` holds every connector to this.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, ClassVar, Literal, Protocol

from connectors.errors import ConfigurationError, ExitCode, HarvestError
from connectors.models import MeetingRecord, MeetingRef, SkippedPartition, Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting out of the environment. `default` is what holds where it is not set; `where`: how to get it;
    `instead`: the name of another setting with which a required one is not."""

    name: str
    help: str
    how_to_get: str = ""
    secret: bool = False
    required: bool = False
    alternative: str = ""
    default: str | None = None
    choices: tuple[str, ...] = ()


def unset_settings(settings: tuple[Setting, ...], get: Callable[[str], str | None]) -> list[Setting]:
    """The required ones among these settings that have no value; nor has what may be set instead."""
    return [
        setting
        for setting in settings
        if setting.required
        and not get(setting.name)
        and not (setting.alternative and get(setting.alternative))
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option of a vendor's command: a switch (`--qos`), off unless given, or with a `value` (the word that stands
    for it in the help), or, `repeatable`, with several.

    `narrows`: a run with it reads a part of what there is, and so covers nothing in the journal. `ahead`: its value is
    a number of days, and the run reads those from now on instead of the past.
    """

    name: str
    help: str
    metavar: str = ""
    repeatable: bool = False
    filters: bool = False
    future_days: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What one connector is built with: its account's label, its settings by name, the options that were given.

    `options`: the switches that say what of a meeting is read. `given`: the others, with their values.
    `rate_share`: the part of the vendor's published rates to use, above 0 up to 1. `raw`: keep the vendor's own rows.
    """

    account: str = "main"
    values: Mapping[str, str] = field(default_factory=dict)
    options: frozenset[str] = frozenset()
    option_values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    rate_share: float = 0.8
    raw: bool = False

    def get(self, name: str) -> str | None:
        return self.values.get(name)

    def __getitem__(self, name: str) -> str:
        """The value of a setting that must be there; ConfigurationError names it where it is not."""
        value = self.values.get(name)
        if value is None:
            raise ConfigurationError(f"{name} is not set")
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """One thing that was looked at: what it was, whether it works, what was found, what to do about it."""

    subject: str
    status: Literal["ok", "warning", "failed"]
    message: str
    remedy: str = ""
    exit_code: int = ExitCode.NOPERM


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """An access token and what is needed for the next one; `expires_at` is on the calendar of `Context.now`."""

    access: str
    expires_at: datetime
    refresh: str | None = None
    refresh_expires_at: datetime | None = None
    scope: str = ""


class TokenStore(Protocol):
    """Tokens of one vendor account, kept across runs and shared between processes, mode 0600."""

    def read(self, name: str) -> Token | None: ...
    def write(self, name: str, token: Token) -> None:
        """Safely on the disk when this returns."""

    def locked(self, name: str) -> AbstractContextManager[None]:
        """Held by one thread of one process at a time."""
        ...


LoginScope = Literal["admin", "user"]
"""What a login is for: the whole organisation, which takes an admin, or the meetings of whoever logs in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceCode:
    """A login that is finished on another device: what is to be typed where. Seconds are the vendor's.

    `direct_address` is the address with the code in it, where there is one; `secret` is what the vendor is asked with.
    """

    user_code: str
    verification_uri: str
    verification_uri_complete: str | None = None
    device_code: str = field(repr=False)
    expires_in: float
    interval: float


class Login(Protocol):
    """A vendor that a person logs in to (OAuth 2.0, RFC 6749, 7636 and 8628).

    Built as `Login(settings, context, reach=…)`, which makes no request and raises ConfigurationError where a setting
    is missing. Every call raises CredentialsError, with what to do about it, where the vendor refuses.
    """

    def __init__(self, settings: Settings, context: Context, *, scope: LoginScope) -> None: ...

    def authorization_url(self, *, redirect_uri: str, state: str, challenge: str) -> str:
        """Where the person's browser is sent. `challenge`: of PKCE, by S256."""
        ...

    def error_for(self, error: str) -> HarvestError:
        """What to raise when the browser comes back with this `error` (RFC 6749, 4.1.2.1). Its words are our own."""
        ...

    def exchange_code(self, *, code: str, redirect_uri: str, verifier: str) -> Token:
        """The token for the code that the browser came back with."""
        ...

    def request_device_code(self) -> DeviceCode:
        """Begin a login on another device."""
        ...

    def poll(self, code: DeviceCode) -> Token | DeviceCode:
        """The token, or while nobody has decided the code to ask with again, after its `interval`."""
        ...

    def save(self, token: Token) -> None:
        """Into the store, from where the connector takes it; an older login is given up."""
        ...


class RequestStats:
    """Counts of what was sent to a vendor, shared by all threads of a run."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.requests = 0
        self.retries = 0
        self.throttled_seconds = 0.0
        self.by_call: dict[str, int] = {}

    def count(self, *, call: str = "", requests: int = 0, retries: int = 0, throttled: float = 0.0) -> None:
        with self._lock:
            self.requests += requests
            self.retries += retries
            self.throttled_seconds += throttled
            if requests and call:
                self.by_call[call] = self.by_call.get(call, 0) + requests


class Context(Protocol):
    """What the engine lends a connector.

    Seconds are the vendor's: a simulator may divide every wait, and then `elapsed` runs as much faster and `wait`
    returns as much sooner, so that no connector ever knows.
    """

    @property
    def tokens(self) -> TokenStore: ...
    @property
    def request_stats(self) -> RequestStats: ...
    @property
    def timeout(self) -> tuple[float, float]:
        """Connect and read timeout, in seconds of this machine."""
        ...

    def now(self) -> datetime:
        """The calendar, aware UTC."""
        ...

    def elapsed(self) -> float:
        """Seconds that never go backwards, for pacing and token lives."""
        ...

    def wait(self, seconds: float) -> None:
        """Return after `seconds`, or raise Interrupted as soon as the run is to stop."""
        ...

    def notify_once(self, message: str) -> None:
        """Say something to the person who runs this, once per run however often it is told."""
        ...

    def consume_quota(self, budget: str, count: int = 1, *, limit: int) -> None:
        """Count against a daily budget of `limit` a UTC day, across runs and processes; QuotaExhausted when it is spent."""
        ...

    def get_fact(self, fact: str) -> str | None:
        """A small fact that an earlier call or run remembered."""
        ...

    def set_fact(self, fact: str, value: str) -> None:
        """Safely on the disk when this returns; written before the call that it speaks of."""
        ...

    def acquire_lease(self, act: str, until: datetime) -> datetime | None:
        """Take an act for oneself, until then: no other thread, run or process gets it before. `None`: it is ours, and
        that is safely on the disk; else somebody has it, until the instant returned. What has passed is forgotten."""
        ...

    def extend_lease(self, act: str, until: datetime) -> None:
        """Nobody may have the act before `until` either: whoever it is done to said so."""
        ...

    def stored_refs(self, window: Window) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """What is stored of this time where the run's documents go: uuids, and the hints of their refs. Nothing where
        no journal is kept."""
        ...


class Connector(Protocol):
    """One vendor. Built as `Connector(settings, context)`; building it makes no request."""

    name: ClassVar[str]
    title: ClassVar[str]
    settings: ClassVar[tuple[Setting, ...]]
    options: ClassVar[tuple[Option, ...]]
    max_window: ClassVar[timedelta]
    """The longest window that one call of `meetings` may take."""
    lookback: ClassVar[timedelta]
    """How late this vendor's data may come."""
    retention: ClassVar[timedelta]
    """How long the longest-kept source keeps it."""
    lists_live: ClassVar[bool]
    """Whether a window that reaches now lists meetings that are still going on."""

    def __init__(self, settings: Settings, context: Context) -> None: ...

    @property
    def concurrency(self) -> int:
        """How many meetings in flight the vendor's rate can use."""
        ...

    @property
    def requests_per_second(self) -> float:
        """The rate at which meetings are fetched, as far as the vendor and the rate share permit."""
        ...

    def check(self) -> Iterator[CheckResult]:
        """Credentials, scopes, plan, one call per endpoint: what works, and what to do about the rest."""
        ...

    @property
    def daily_quota(self) -> tuple[str, int] | None:
        """The name and the calls of the budget of `Context.spend` that fetching counts against; `None`: there is none."""
        ...

    def estimate_requests(self, ref: MeetingRef) -> int:
        """How many requests a fetch of it takes, as far as its listing row tells."""
        ...

    def meetings(
        self, window: Window, partitions: Collection[str] = ()
    ) -> Iterator[MeetingRef | SkippedPartition]:
        """Instances that started in the window, in any order. Raises unless it reached the end.

        One that is listed twice counts as it came first: the engine keeps track. A ref whose start is unknown may be
        listed by more than one window; the engine asks `MeetingRecord.timestamp`. `partitions`: only the parts that an
        earlier listing had to leave out, as its `SkippedPartition` named them.
        """
        ...

    def fetch(self, ref: MeetingRef) -> MeetingRecord:
        """Every session of one meeting, or one of `errors`; never a part. Called by many threads at once."""
        ...


def secret_values(settings: tuple[Setting, ...], values: Mapping[str, Any]) -> frozenset[str]:
    """The secrets among these settings, to be kept out of anything that is printed."""
    return frozenset(str(values[s.name]) for s in settings if s.secret and values.get(s.name))
