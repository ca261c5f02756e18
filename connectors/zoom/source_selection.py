"""Choose between the Dashboard and the Reports, name the scopes that each needs, and explain a refusal."""

from __future__ import annotations

from collections.abc import Callable, Collection
from threading import RLock

from connectors.base import Context, Settings, Token
from connectors.errors import CredentialsError
from connectors.zoom import endpoints
from connectors.zoom.auth import ServerToServerOAuth
from connectors.zoom.dashboard_source import Dashboard
from connectors.zoom.endpoints import USERS, VENDOR, ZoomEndpoint, missing_scopes
from connectors.zoom.errors import APP_PAGE, PlanTooLow
from connectors.zoom.host_id_by_email import HostIds
from connectors.zoom.http_client import BUSINESS, PRO, Rates, ZoomClient
from connectors.zoom.listing_rows import ZoomSourceName
from connectors.zoom.reports_source import Reports

Source = Dashboard | Reports

_BY_PLAN: dict[str, ZoomSourceName] = {"business": "dashboard", "pro": "reports"}

_REQUIRED: dict[ZoomSourceName, tuple[ZoomEndpoint, ...]] = {
    "dashboard": (endpoints.MEETINGS, endpoints.PARTICIPANTS),
    "reports": (endpoints.REPORT_USERS, endpoints.REPORT_USER_MEETINGS, endpoints.REPORT_PARTICIPANTS),
}
_FOR_OPTION: dict[ZoomSourceName, dict[str, tuple[ZoomEndpoint, ...]]] = {
    "dashboard": {
        "qos": (endpoints.QOS,),
        "webinars": (endpoints.WEBINARS, endpoints.WEBINAR_PARTICIPANTS),
    },
    "reports": {"webinars": (endpoints.REPORT_WEBINAR_PARTICIPANTS,)},
}
_BETTER_WITH: dict[ZoomSourceName, dict[ZoomEndpoint, str]] = {
    "dashboard": {
        endpoints.MEETING: "meetings of an earlier run cannot be read again",
        endpoints.USERS: "meetings have no host.host_id",
    },
    "reports": {endpoints.REPORT_MEETING: "meetings of an earlier run cannot be read again"},
}


class ZoomSourceSelector:
    """The source of one account, chosen at the first call: by ZOOM_PLAN, else by the scopes of the token. Thread-safe."""

    def __init__(
        self,
        settings: Settings,
        context: Context,
        auth: ServerToServerOAuth,
        client: Callable[[Rates], ZoomClient],
        *,
        options: Collection[str],
    ) -> None:
        self._settings = settings
        self._context = context
        self._auth = auth
        self._client = client
        self.plan = settings.get("ZOOM_PLAN") or None
        self.options = settings.options & frozenset(options)
        """The options of the run that concern Zoom."""
        self._lock = RLock()
        self._source: Source | None = None

    @property
    def rates(self) -> Rates:
        return PRO if self.plan == "pro" or isinstance(self._source, Reports) else BUSINESS

    def source(self) -> Source:
        """Raises CredentialsError if scopes are missing."""
        with self._lock:
            if self._source is None:
                name, scopes = self._choose()
                self._context.notify_once(describe_choice(self.plan, name, scopes))
                self._source = self._reports() if name == Reports.name else self._dashboard(scopes)
            return self._source

    def fallback(self, source: Source, refused: PlanTooLow) -> Source:
        """The Reports, if ZOOM_PLAN is unset and the account has no Dashboard; else raises CredentialsError."""
        with self._lock:
            if self._source is not source and self._source is not None:
                return self._source  # another thread was refused first
            if self.plan is not None or isinstance(source, Reports) or not lacks_dashboard(refused):
                raise error_for(refused) from None
            self._context.notify_once(
                f"{VENDOR}: this account has no Dashboard (code 200): reading the Reports instead"
            )
            choose_source("pro", _scopes(self._auth.token()), self.options)
            self._source = self._reports()
            return self._source

    def _choose(self) -> tuple[ZoomSourceName, frozenset[str]]:
        scopes = _scopes(self._auth.token())
        try:
            return choose_source(self.plan, scopes, self.options), scopes
        except CredentialsError:
            # A cached token has the scopes that the app had when the token was issued.
            scopes = _scopes(self._auth.request_new())
            return choose_source(self.plan, scopes, self.options), scopes

    def _dashboard(self, scopes: frozenset[str]) -> Dashboard:
        client = self._client(BUSINESS)
        if "series" in self.options and "qos" not in self.options:
            self._context.notify_once(
                f"{VENDOR}: --series has no effect without --qos, which reads the samples"
            )
        hosts = HostIds(client, self._context, permitted=not scopes or USERS.granted(scopes))
        return Dashboard(
            client=client,
            context=self._context,
            account=self._settings.account,
            host_id=hosts.host_id,
            qos="qos" in self.options,
            series="series" in self.options,
            webinars="webinars" in self.options,
            raw=self._settings.raw,
        )

    def _reports(self) -> Reports:
        if "qos" in self.options:
            self._context.notify_once(
                f"{VENDOR}: --qos has no effect: the Reports have no quality of service"
            )
        # An account that may read only the Reports may be a Pro account; its rates are safe for all others.
        return Reports(
            client=self._client(PRO),
            context=self._context,
            account=self._settings.account,
            webinars="webinars" in self.options,
            raw=self._settings.raw,
        )


def required_endpoints(name: ZoomSourceName, options: Collection[str]) -> tuple[ZoomEndpoint, ...]:
    """The endpoints that a harvest with these options needs."""
    more = [endpoint for option in sorted(options) for endpoint in _FOR_OPTION[name].get(option, ())]
    return (*_REQUIRED[name], *more)


def optional_endpoints(name: ZoomSourceName, options: Collection[str]) -> dict[ZoomEndpoint, str]:
    """The endpoints that improve a harvest, or that other options need, each with the consequence if not permitted."""
    for_other_options = {
        endpoint: f"--{option} cannot be used"
        for option, needed in _FOR_OPTION[name].items()
        if option not in options
        for endpoint in needed
    }
    return {**_BETTER_WITH[name], **for_other_options}


def choose_source(plan: str | None, scopes: Collection[str], options: Collection[str]) -> ZoomSourceName:
    """The source for the plan in ZOOM_PLAN, else for the scopes. Raises CredentialsError with the missing scopes.

    Without any scopes, the token does not name them; then the Dashboard is tried, and its response decides.
    """
    name = _BY_PLAN.get(plan or "")
    if not scopes:
        return name or "dashboard"
    if name is None:
        name = _choose_by_scopes(scopes)
    missing = missing_scopes(required_endpoints(name, options), scopes)
    if missing:
        raise CredentialsError(
            f"{VENDOR}: the app lacks scopes for the {name}: add {', '.join(missing)} to it at {APP_PAGE}"
        )
    return name


def _choose_by_scopes(scopes: Collection[str]) -> ZoomSourceName:
    names: tuple[ZoomSourceName, ...] = ("dashboard", "reports")
    for name in names:
        if not missing_scopes(_REQUIRED[name], scopes):
            return name
    dashboard, reports = (", ".join(missing_scopes(_REQUIRED[name], scopes)) for name in names)
    raise CredentialsError(
        f"{VENDOR}: the app lacks scopes: add {dashboard} (Business and above), or else {reports} "
        f"(Pro and above) to it at {APP_PAGE}"
    )


def describe_choice(plan: str | None, name: ZoomSourceName, scopes: Collection[str]) -> str:
    """One line that says which source is read, and why."""
    source = {
        "dashboard": "reading the Dashboard",
        "reports": "reading the Reports (only names and times: no device, address, network, location or quality)",
    }[name]
    if plan is not None:
        reason = f"because ZOOM_PLAN={plan}"
    elif scopes:
        reason = "according to the app's scopes; set ZOOM_PLAN to choose"
    else:
        reason = "unless Zoom refuses it; set ZOOM_PLAN to choose"
    return f"{VENDOR}: {source}, {reason}"


def lacks_dashboard(refused: PlanTooLow) -> bool:
    """Whether the account has no Dashboard at all, rather than no webinars or no quality of service."""
    return refused.call in {endpoints.MEETINGS.call, endpoints.MEETING.call, endpoints.PARTICIPANTS.call}


def error_for(refused: PlanTooLow) -> CredentialsError:
    """The error for code 200, with its remedy."""
    call = refused.call
    if lacks_dashboard(refused):
        remedy = (
            "the Dashboard needs Business or above with the Dashboard feature enabled, and an app owner whose role "
            "may read it; on Pro, set ZOOM_PLAN=pro and add the scopes "
            + ", ".join(endpoint.granular for endpoint in _REQUIRED["reports"])
        )
    elif "webinars" in call:
        remedy = "webinars need the Webinar add-on; otherwise omit --webinars"
    elif call == endpoints.QOS.call:
        remedy = "quality of service needs Business or above; otherwise omit --qos"
    else:
        remedy = "the Reports need Pro or above, and an app owner whose role may read usage reports"
    return CredentialsError(
        f"{VENDOR}: {call}: the plan or the role of the app's owner is insufficient (code 200): {remedy}"
    )


def _scopes(token: Token) -> frozenset[str]:
    return frozenset(token.scope.split())
