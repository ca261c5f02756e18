"""The Dashboard or the Reports: which of the two an account has, what each needs, and what to say when neither is had."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from connectors.errors import CredentialsError
from connectors.zoom import endpoints
from connectors.zoom.endpoints import VENDOR, Endpoint, missing_scopes
from connectors.zoom.errors import APP_PAGE, PlanTooLow

SourceName = Literal["dashboard", "reports"]

_BY_PLAN: dict[str, SourceName] = {"business": "dashboard", "pro": "reports"}

_REQUIRED: dict[SourceName, tuple[Endpoint, ...]] = {
    "dashboard": (endpoints.MEETINGS, endpoints.PARTICIPANTS),
    "reports": (endpoints.REPORT_USERS, endpoints.REPORT_USER_MEETINGS, endpoints.REPORT_PARTICIPANTS),
}
_FOR_OPTION: dict[SourceName, dict[str, tuple[Endpoint, ...]]] = {
    "dashboard": {
        "qos": (endpoints.QOS,),
        "webinars": (endpoints.WEBINARS, endpoints.WEBINAR_PARTICIPANTS),
    },
    "reports": {"webinars": (endpoints.REPORT_WEBINAR_PARTICIPANTS,)},
}
_BETTER_WITH: dict[SourceName, dict[Endpoint, str]] = {
    "dashboard": {
        endpoints.MEETING: "meetings of an earlier run cannot be read again",
        endpoints.USERS: "meetings come without host.host_id",
    },
    "reports": {endpoints.REPORT_MEETING: "meetings of an earlier run cannot be read again"},
}


def required_endpoints(name: SourceName, options: Collection[str]) -> tuple[Endpoint, ...]:
    """What must be permitted for a harvest with these options."""
    more = [endpoint for option in sorted(options) for endpoint in _FOR_OPTION[name].get(option, ())]
    return (*_REQUIRED[name], *more)


def optional_endpoints(name: SourceName, options: Collection[str]) -> dict[Endpoint, str]:
    """What is better permitted, or would be needed for an option that was not given: and what is amiss without it."""
    rest = {
        endpoint: f"--{option} cannot be used"
        for option, needed in _FOR_OPTION[name].items()
        if option not in options
        for endpoint in needed
    }
    return {**_BETTER_WITH[name], **rest}


def choose_source(plan: str | None, scopes: Collection[str], options: Collection[str]) -> SourceName:
    """By the plan that was set, else by what the token permits; CredentialsError names the scopes that are missing.

    No scopes at all: the token does not tell them. Then the Dashboard is tried, and its answer decides.
    """
    name = _BY_PLAN.get(plan or "")
    if not scopes:
        return name or "dashboard"
    if name is None:
        name = _by_scopes(scopes)
    lacking = missing_scopes(required_endpoints(name, options), scopes)
    if lacking:
        raise CredentialsError(
            f"{VENDOR}: the app lacks scopes for the {name}: add {', '.join(lacking)} to it at {APP_PAGE}"
        )
    return name


def _by_scopes(scopes: Collection[str]) -> SourceName:
    names: tuple[SourceName, ...] = ("dashboard", "reports")
    for name in names:
        if not missing_scopes(_REQUIRED[name], scopes):
            return name
    dashboard, reports = (", ".join(missing_scopes(_REQUIRED[name], scopes)) for name in names)
    raise CredentialsError(
        f"{VENDOR}: the app lacks scopes: add {dashboard} (Business and above), or else {reports} "
        f"(Pro and above) to it at {APP_PAGE}"
    )


def describe_choice(plan: str | None, name: SourceName, scopes: Collection[str]) -> str:
    """What is read and for what reason, in a line."""
    what = {
        "dashboard": "reading the Dashboard",
        "reports": "reading the Reports (names and times alone: no device, address, network, place or quality)",
    }[name]
    if plan is not None:
        reason = f"as ZOOM_PLAN={plan} says"
    elif scopes:
        reason = "as the app's scopes permit; ZOOM_PLAN sets it"
    else:
        reason = "unless Zoom refuses it; ZOOM_PLAN sets it"
    return f"{VENDOR}: {what}, {reason}"


def lacks_dashboard(refused: PlanTooLow) -> bool:
    """Whether the account has no Dashboard at all, and not merely no webinars or no quality of service."""
    return refused.call in {endpoints.MEETINGS.call, endpoints.MEETING.call, endpoints.PARTICIPANTS.call}


def error_for(refused: PlanTooLow) -> CredentialsError:
    """What to do about code 200, for people."""
    call = refused.call
    if lacks_dashboard(refused):
        remedy = (
            "the Dashboard needs Business or above with the Dashboard feature enabled, and an app owner whose role "
            "may see it; on Pro set ZOOM_PLAN=pro, with the scopes "
            + ", ".join(endpoint.granular for endpoint in _REQUIRED["reports"])
        )
    elif "webinars" in call:
        remedy = "webinars need the Webinar add-on; without it leave out --webinars"
    elif call == endpoints.QOS.call:
        remedy = "quality of service needs Business or above; without it leave out --qos"
    else:
        remedy = "the Reports need Pro or above, and an app owner whose role may see usage reports"
    return CredentialsError(
        f"{VENDOR}: {call}: the plan or the role of the app's owner is too low (code 200): {remedy}"
    )
