"""The connector contract: what a vendor's package provides, and the services that it is given.

A connector reads one account of one vendor. Settings and a `Context` are all it gets, so it needs no environment, clock
or file of its own, and it knows neither the sink nor the command line. `tests/contract` runs one suite over every
connector. The contract for logging in (`Login`) is in `connectors/oauth.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, ClassVar, Literal, Protocol

from connectors.errors import ConfigurationError
from connectors.exit_codes import ExitCode
from connectors.models import MeetingRecord, MeetingRef, Reason, RefusedPartition, SkippedPartition, Window
from connectors.rate_limit import LimiterPool


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting, read from the environment."""

    name: str
    help: str
    how_to_get: str = ""
    """Where to find the value, as a phrase: "at zoom.us, under Billing"."""
    secret: bool = False
    required: bool = False
    alternative: str = ""
    """The name of a setting that makes this required one optional."""
    default: str | None = None
    """The value used if the setting is unset."""
    choices: tuple[str, ...] = ()
    token: bool = False
    """The value is an id, a key or a token: printable ASCII without white space, as headers and URLs take it."""
    path: bool = False
    """The value names a file or a folder."""
    separated: bool = False
    """The value is a list, separated by commas."""


def unset_settings(settings: tuple[Setting, ...], get: Callable[[str], object]) -> list[Setting]:
    """The required settings that have no value, and no value of their alternative either."""
    return [
        setting
        for setting in settings
        if setting.required
        and not get(setting.name)
        and not (setting.alternative and get(setting.alternative))
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option of a vendor's command: a switch such as `--qos`, or an option with a value."""

    name: str
    help: str
    metavar: str = ""
    """The placeholder for the value in the help; a switch has none."""
    repeatable: bool = False
    filters: bool = False
    """A run with this option reads only some meetings, so it does not count as coverage in the journal."""
    future_days: bool = False
    """The value is a number of days from now; the run lists planned meetings instead of past ones."""


UPCOMING = Option(
    name="upcoming",
    help="Read meetings planned for the next DAYS days instead of past ones.",
    metavar="DAYS",
    filters=True,
    future_days=True,
)
"""Of every vendor that lists planned meetings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that one connector is built with."""

    account: str = "main"
    """The account's label in document ids."""
    values: Mapping[str, str] = field(default_factory=dict)
    options: frozenset[str] = frozenset()
    """The names of the switches that were given."""
    option_values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The other options that were given, with their values."""
    rate_share: float = 0.8
    """The fraction of the vendor's published rate limits to use, above 0 and at most 1."""
    raw: bool = False
    """Keep the vendor's own rows in the documents."""

    def get(self, name: str) -> str | None:
        return self.values.get(name)

    def __getitem__(self, name: str) -> str:
        """The value of a setting. Raises ConfigurationError with its name if it is unset."""
        value = self.values.get(name)
        if value is None:
            raise ConfigurationError(f"{name} is not set")
        return value


def validate_settings(vendor: str, declared: tuple[Setting, ...], settings: Settings) -> None:
    """Raises ConfigurationError if a required setting is unset, or a value is not one of the setting's choices."""
    unset = unset_settings(declared, settings.get)
    if unset:
        names = ", ".join(setting.name for setting in unset)
        raise ConfigurationError(f"{vendor}: not set: {names}{where_to_find(unset)}")
    for setting in declared:
        value = settings.get(setting.name)
        if value and setting.choices and value not in setting.choices:
            choices = " or ".join(setting.choices)
            raise ConfigurationError(f"{vendor}: {setting.name} must be {choices}, or unset")


def where_to_find(unset: Sequence[Setting]) -> str:
    """Words to append to a message about unset settings: where the first that says so is found."""
    how_to_get = next((setting.how_to_get for setting in unset if setting.how_to_get), "")
    return f"; to be found {how_to_get}" if how_to_get else ""


def setting_or_default(name: str, declared: tuple[Setting, ...], settings: Settings) -> str:
    """The value of a setting, else its default, else an empty string."""
    default = next(setting.default for setting in declared if setting.name == name)
    return settings.get(name) or default or ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """The result of one check: what was checked, whether it works, and what to do if it does not."""

    subject: str
    status: Literal["ok", "warning", "failed", "unused"]
    """Unused: nothing is configured, so there is nothing to check and nothing to mend."""
    message: str
    remedy: str = ""
    exit_code: int = ExitCode.NOPERM


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """An access token, and what is needed to get the next one. Times are those of `Context.now`."""

    access: str
    expires_at: datetime
    refresh: str | None = None
    refresh_expires_at: datetime | None = None
    """None if the vendor does not say."""
    scope: str = ""
    """The granted scopes, separated by spaces; empty if the vendor does not say."""


class TokenStore(Protocol):
    """The stored tokens of one vendor account: kept across runs, shared between processes, mode 0600."""

    def read(self, name: str) -> Token | None: ...
    def write(self, name: str, token: Token) -> None:
        """Stores the token. It is safely on disk when this returns."""

    def locked(self, name: str) -> AbstractContextManager[None]:
        """A lock held by one thread of one process at a time."""
        ...


class RequestStats:
    """Counts of the requests sent to a vendor, shared by all threads of a run."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.requests = 0
        self.retries = 0
        self.throttled_seconds = 0.0
        self.throttled_until = float("-inf")
        """In the seconds of `Context.elapsed`: until then the vendor has asked to wait."""
        self.too_deep = 0
        """Answers with values that were nested too deeply."""
        self.responses: Counter[str] = Counter()
        """Requests by the class of the status, such as `2xx`; those without a whole response are `none`."""

    def count(
        self, *, requests: int = 0, retries: int = 0, throttled: float = 0.0, too_deep: int = 0
    ) -> None:
        with self._lock:
            self.too_deep += too_deep
            self.requests += requests
            self.retries += retries
            self.throttled_seconds += throttled

    def wait_until(self, moment: float) -> None:
        """The vendor asks to wait until this moment, in the seconds of `Context.elapsed`."""
        with self._lock:
            self.throttled_until = max(self.throttled_until, moment)

    def count_response(self, status: int | None) -> None:
        """`None`: no whole response came."""
        with self._lock:
            self.responses["none" if status is None else f"{status // 100}xx"] += 1


DEFAULT_MAX_BYTES = 64_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseLimits:
    """What one answer of a vendor may have."""

    max_bytes: int = DEFAULT_MAX_BYTES
    """The size of the body after decompression."""
    seconds: float = 120.0
    """From the request to the last byte, in real seconds."""

    @property
    def max_memory(self) -> int:
        """What parsing the body may take: with the body itself and the program, less than 200 MB by default."""
        return self.max_bytes * 9 // 4


class Context(Protocol):
    """The services given to a connector: clock, tokens, account state, notifications.

    Seconds are the vendor's. A simulator may run faster than real time: then `elapsed` runs faster and `wait` returns
    sooner by the same factor, so a connector needs no knowledge of it.
    """

    @property
    def tokens(self) -> TokenStore: ...
    @property
    def request_stats(self) -> RequestStats: ...
    @property
    def timeout(self) -> tuple[float, float]:
        """Connect and read timeout, in real seconds."""
        ...

    @property
    def response_limits(self) -> ResponseLimits: ...

    @property
    def limiters(self) -> LimiterPool:
        """The rate limiters of the account's quota pool (`Connector.quota_pool`)."""
        ...

    def stopwatch(self) -> float:
        """A monotonic clock in real seconds, for `response_limits`."""
        ...

    def now(self) -> datetime:
        """The current time, aware, in UTC: the vendor's, once a response has shown it."""
        ...

    def observe_vendor_time(self, date: datetime, *, seconds: float) -> None:
        """The vendor's clock showed `date`, cut to the second, at some moment of the last `seconds` (of `elapsed`).

        `now` follows the vendor's clock. Raises ConfigurationError if this machine's clock is so wrong that the run must
        not go on.
        """
        ...

    def elapsed(self) -> float:
        """A monotonic clock in seconds, for pacing and token lifetimes."""
        ...

    def wait(self, seconds: float) -> None:
        """Returns after `seconds`, or raises Interrupted as soon as the run has to stop."""
        ...

    def require_lease(self) -> None:
        """Called right before each request. Raises LeaseLost if another worker may use the account by now."""
        ...

    def notify_once(self, message: str) -> None:
        """Shows a message to the user, once per run however often it is passed."""
        ...

    def consume_quota(self, name: str, count: int = 1, *, limit: int) -> None:
        """Counts against a daily quota of `limit` per UTC day, across runs, processes and the accounts of one quota pool.
        Raises QuotaExhausted if it is used up."""
        ...

    def get_fact(self, fact: str) -> str | None:
        """A fact that an earlier call or run stored with `set_fact`."""
        ...

    def set_fact(self, fact: str, value: str) -> None:
        """Stores a fact. It is safely on disk when this returns; store it before the call that it describes."""
        ...

    def acquire_lease(self, act: str, until: datetime) -> datetime | None:
        """Takes the exclusive right to an action until then, across threads, runs and processes. Returns None if the
        lease is acquired and safely on disk, else the time at which the current holder's lease ends."""
        ...

    def extend_lease(self, act: str, until: datetime) -> None:
        """Keeps the action leased until at least `until`, because the vendor asked for it."""
        ...

    def refused_partitions(self) -> Mapping[str, RefusedPartition]:
        """The partitions that the vendor refused for good in earlier runs, by name; none if the run keeps no journal, or
        is to ask for all of them."""
        ...

    def stored_refs(self, window: Window) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """The uuids and hints of the meetings of this window that are stored at the run's destination; none if the run
        keeps no journal."""
        ...


def refused_today(context: Context) -> dict[str, Reason]:
    """The partitions that a listing skips without a request: the vendor refused them for good, less than a day ago."""
    now = context.now()
    return {name: each.reason for name, each in context.refused_partitions().items() if each.is_recent(now)}


class Connector(Protocol):
    """One vendor. Built as `Connector(settings, context)`, which makes no request."""

    name: ClassVar[str]
    title: ClassVar[str]
    settings: ClassVar[tuple[Setting, ...]]
    options: ClassVar[tuple[Option, ...]]
    max_window: ClassVar[timedelta]
    """The longest window that one call of `meetings` accepts."""
    lookback: ClassVar[timedelta]
    """How long after a meeting its data may still arrive or change."""
    retention: ClassVar[timedelta]
    """How long the vendor keeps the data, in the source that keeps it longest."""
    lists_live: ClassVar[bool]
    """Whether a window that includes the present lists meetings in progress."""

    def __init__(self, settings: Settings, context: Context) -> None: ...

    @classmethod
    def quota_pool(cls, settings: Settings) -> str:
        """The name of the quota pool that requests count against; it is not a secret.

        Accounts of one vendor, at the same API, that return the same name share rate limits and daily quotas. Empty: the
        account has its own, as without this member, which is optional. Makes no request, and raises nothing for settings that
        are wrong.
        """
        ...

    @classmethod
    def read_data(cls, settings: Settings) -> frozenset[str]:
        """What an account with these settings reads, as names that another account has, too, if it reads the same; empty if
        the settings do not say. They are only compared, never shown or stored. Optional; otherwise as `quota_pool`."""
        ...

    @property
    def time_url(self) -> str:
        """An address of the vendor. Its responses, whatever their status, show the vendor's time: a run asks for it, without
        credentials, before it writes anything. Optional."""
        ...

    @property
    def concurrency(self) -> int:
        """How many meetings to fetch at once to use the vendor's full rate."""
        ...

    @property
    def requests_per_second(self) -> float:
        """The rate for fetching meetings that the vendor's limits and the rate share allow."""
        ...

    def check(self) -> Iterator[CheckResult]:
        """Checks credentials, scopes and plan, and makes one call to each endpoint."""
        ...

    @property
    def daily_quota(self) -> tuple[str, int] | None:
        """The name and size of the quota of `Context.consume_quota` that fetching counts against; None if there is
        none."""
        ...

    def estimate_requests(self, ref: MeetingRef) -> int:
        """How many requests fetching this meeting takes, estimated from its listing row."""
        ...

    def meetings(
        self, window: Window, partitions: Collection[str] = ()
    ) -> Iterator[MeetingRef | SkippedPartition]:
        """The instances that started in the window, in any order. Raises unless the listing reached its end.

        If an instance is listed twice, the first ref counts. A ref without a start time may be listed by more than one
        window; the engine then uses `MeetingRecord.timestamp`. `partitions`: list only these partitions, named as in
        the `SkippedPartition` of an earlier listing.
        """
        ...

    def fetch(self, ref: MeetingRef) -> MeetingRecord:
        """One meeting with all its sessions; raises one of `connectors.errors` rather than return a part of it. Called
        by many threads at once."""
        ...
