"""`harvester simulate`: the vendors on a local port."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from types import ModuleType
from typing import Any, TypeVar

import click

from harvester.cli.options import PATH, DecimalNumber, WholeNumber, examples, logging_options, pass_logging
from harvester.cli.render.echo import echo
from harvester.cli.time_types import Instant
from harvester.optional_libraries import require
from harvester.simulator import APIS, VENDORS

Command = TypeVar("Command", bound=Callable[..., Any])


def simulator() -> ModuleType:
    """The simulator's server; ConfigurationError names the extra to install if it is missing."""
    for library in ("starlette", "uvicorn"):
        require(library, extra="demo")
    from harvester.simulator import server

    return server


_SOURCES = (
    ("zoom", "dashboard"),
    ("zoom", "reports"),
    ("google-meet", "auto"),
    ("google-meet", "reports"),
    ("google-meet", "meet"),
)


def _file(flag: str, text: str) -> Callable[[Command], Command]:
    return click.option(flag, type=PATH, metavar="FILE", help=text)


@click.command(
    epilog=examples(
        "harvester simulate --env sim.env",
        "harvester all --env-file sim.env --destination stdout",
        "harvester simulate --vendor zoom --faults 0.05 --truth truth.ndjson",
    )
)
@click.option(
    "--port",
    type=WholeNumber(0, 65535),
    metavar="PORT",
    default=8777,
    show_default=True,
    help="Port to listen on; 0 is any free port.",
)
@click.option(
    "--seed", type=int, metavar="N", default=1, show_default=True, help="Seed of the invented organisation."
)
@click.option(
    "--size", type=WholeNumber(1), metavar="N", default=200, show_default=True, help="Meetings per vendor."
)
@click.option(
    "--days",
    type=WholeNumber(1, 400),
    metavar="N",
    default=7,
    show_default=True,
    help="Number of days the meetings are spread over.",
)
@click.option(
    "--now", type=Instant(zone=UTC), metavar="INSTANT", help="Start of its calendar.  [default: the present]"
)
@click.option(
    "--later",
    type=WholeNumber(0, 59),
    default=0,
    metavar="MINUTES",
    help="Start this much later than --now, with the same organisation.",
)
@click.option(
    "--speed",
    type=DecimalNumber(0.01, 10_000),
    metavar="FACTOR",
    default=1.0,
    show_default=True,
    help="Divide all waits by this factor.",
)
@click.option(
    "--faults",
    type=DecimalNumber(0, 0.5),
    metavar="FRACTION",
    default=0.0,
    help="Fraction of the responses that fail, 0 to 0.5.",
)
@click.option(
    "--vendor",
    "vendors",
    type=click.Choice(VENDORS),
    multiple=True,
    help="Serve this vendor only; repeatable.  [default: all]",
)
@click.option(
    "--zoom-plan",
    type=click.Choice(["business", "pro"]),
    default="business",
    show_default=True,
    help="Plan of the Zoom account.",
)
@click.option(
    "--zoom-daily-limit",
    type=WholeNumber(1),
    metavar="N",
    help="Permit only this many Heavy calls a day at Zoom.",
)
@click.option("--webex-no-admin", is_flag=True, help="Make the Webex user an ordinary host, not an admin.")
@click.option("--webex-no-pro-pack", is_flag=True, help="Serve a Webex organisation without Pro Pack.")
@click.option(
    "--webex-elsewhere",
    type=click.Choice(["451", "403"]),
    help="Serve meeting qualities from another region (answer 451 or 403).",
)
@click.option("--webex-strict-tokens", is_flag=True, help="Replace Webex's refresh token at every refresh.")
@click.option(
    "--google-without",
    type=click.Choice(APIS),
    multiple=True,
    help="Refuse this API to Google's service account; repeatable.",
)
@click.option(
    "--google-disabled",
    type=click.Choice(APIS),
    multiple=True,
    help="Disable this API at Google; repeatable.",
)
@click.option("--google-organised-only", is_flag=True, help="List Meet conferences to their organizers only.")
@click.option(
    "--google-ids",
    type=click.Choice(["mixed", "same", "other"]),
    default="mixed",
    show_default=True,
    help="Whether Reports and Meet use the same id for a conference.",
)
@click.option("--google-user", is_flag=True, help="Write credentials of a Google user who is not an admin.")
@click.option(
    "--google-client",
    is_flag=True,
    help="Write OAuth client credentials instead (use with `harvester login`).",
)
@click.option(
    "--google-rooms",
    type=WholeNumber(1, 1000),
    metavar="N",
    default=20,
    show_default=True,
    help="Number of meeting rooms.",
)
@click.option(
    "--google-rooms-refused",
    multiple=True,
    metavar="ROOM",
    help="Refuse the calendar of this meeting room; repeatable.",
)
@click.option(
    "--google-rooms-freebusy",
    is_flag=True,
    help="Share the calendars of meeting rooms as free or busy only.",
)
@click.option(
    "--arduino-organization", metavar="ID", default="", help="Let an Arduino organization own the Things."
)
@click.option(
    "--arduino-rate",
    type=WholeNumber(1, 100),
    metavar="N",
    default=1,
    show_default=True,
    help="Permit this many requests per second at Arduino.",
)
@click.option("--meetecho-no-credentials", is_flag=True, help="Write no credentials for Meetecho.")
@click.option(
    "--meetecho-refused",
    multiple=True,
    metavar="GROUP",
    help="Refuse the rooms of this Meetecho group; repeatable.",
)
@click.option(
    "--meetecho-unknown",
    multiple=True,
    metavar="GROUP",
    help="Know no token for this Meetecho group; repeatable.",
)
@click.option(
    "--meetecho-one-room",
    is_flag=True,
    help="Refuse a second Meetecho room with the same id instead of creating it.",
)
@click.option(
    "--teams-without",
    type=click.Choice(["call-records", "titles"]),
    multiple=True,
    help="Leave out this permission of the Teams application; repeatable.",
)
@click.option("--teams-expired-secret", is_flag=True, help="Let the client secret of Teams be expired.")
@click.option(
    "--teams-refuse-old",
    is_flag=True,
    help="Answer an error to a Teams listing that begins over 30 days ago.",
)
@click.option(
    "--teams-limit",
    type=WholeNumber(1),
    metavar="N",
    default=1_500,
    show_default=True,
    help="Permit this many requests in 20 seconds at Teams.",
)
@_file("--truth", "Write the documents of a perfect harvest to FILE.")
@click.option(
    "--truth-source",
    "truth_sources",
    type=click.Choice([f"{vendor}={source}" for vendor, source in _SOURCES] + ["dashboard", "reports"]),
    metavar="[VENDOR=]SOURCE",
    multiple=True,
    help="With --truth: the source that a vendor is read from; VENDOR is zoom if absent.",
)
@click.option("--truth-qos", is_flag=True, help="With --truth: include Zoom's quality of service.")
@click.option("--truth-calls", is_flag=True, help="With --truth: include Teams calls that are not meetings.")
@click.option("--truth-titles", is_flag=True, help="With --truth: include the titles of Teams meetings.")
@_file("--env", "Write the settings for a harvest of this simulator to FILE.")
@_file("--rooms", "Write the meeting rooms, in the form that `harvester rooms` reads, to FILE.")
@logging_options
@pass_logging
def simulate(
    now: datetime | None,
    later: int,
    vendors: tuple[str, ...],
    truth_sources: tuple[str, ...],
    zoom_plan: str,
    **given: Any,
) -> None:
    """Serve simulated vendors with an invented organisation, until Ctrl-C, SIGTERM or SIGHUP."""
    server = simulator()
    sources = _sources(truth_sources, zoom_plan)
    account_options: dict[str, Any] = {
        "webex": _webex_options(server, given),
        "google": _google_options(server, given),
        "meetecho": _meetecho_options(server, given),
        "teams": _teams_options(server, given),
        "teams_calls": given.pop("truth_calls"),
        "teams_titles": given.pop("truth_titles"),
        "arduino": server.ArduinoOptions(
            organization=given.pop("arduino_organization"), requests_per_second=given.pop("arduino_rate")
        ),
    }
    options = server.Options(
        **{("daily_limit" if name == "zoom_daily_limit" else name): value for name, value in given.items()},
        **account_options,
        now=now or datetime.now(UTC),
        later=timedelta(minutes=later),
        vendors=vendors or VENDORS,
        zoom_plan=zoom_plan,
        truth_source=sources["zoom"],
        google_source=sources["google-meet"],
    )
    server.run(options, announce=partial(echo, err=True))


def _sources(named: Sequence[str], zoom_plan: str) -> dict[str, str]:
    """The source that each vendor is read from, for the expected documents. Without a vendor, a name is Zoom's."""
    sources = {"zoom": "dashboard" if zoom_plan == "business" else "reports", "google-meet": "auto"}
    for choice in named:
        vendor, _, source = choice.rpartition("=")
        sources[vendor or "zoom"] = source
    return sources


def _webex_options(server: ModuleType, given: dict[str, Any]) -> Any:
    """Takes Webex's options out of `given`."""
    status = given.pop("webex_elsewhere")
    return server.WebexOptions(
        admin=not given.pop("webex_no_admin"),
        pro_pack=not given.pop("webex_no_pro_pack"),
        elsewhere=int(status) if status else None,
        strict_tokens=given.pop("webex_strict_tokens"),
    )


def _google_options(server: ModuleType, given: dict[str, Any]) -> Any:
    """Takes Google's options out of `given`."""
    return server.GoogleOptions(
        without=given.pop("google_without"),
        disabled=given.pop("google_disabled"),
        attended=not given.pop("google_organised_only"),
        ids=given.pop("google_ids"),
        user=given.pop("google_user"),
        client=given.pop("google_client"),
        rooms=given.pop("google_rooms"),
        rooms_refused=given.pop("google_rooms_refused"),
        rooms_freebusy_only=given.pop("google_rooms_freebusy"),
    )


def _meetecho_options(server: ModuleType, given: dict[str, Any]) -> Any:
    """Takes Meetecho's options out of `given`."""
    return server.MeetechoOptions(
        credentials=not given.pop("meetecho_no_credentials"),
        refused=given.pop("meetecho_refused"),
        unknown=given.pop("meetecho_unknown"),
        one_room=given.pop("meetecho_one_room"),
    )


def _teams_options(server: ModuleType, given: dict[str, Any]) -> Any:
    """Takes Teams' options out of `given`."""
    refused = given.pop("teams_without")
    usual = server.TeamsOptions()
    call_records, titles = usual.permissions
    named = {"call-records": call_records, "titles": titles}
    return server.TeamsOptions(
        permissions=tuple(p for name, p in named.items() if name not in refused),
        expired_secret=given.pop("teams_expired_secret"),
        refuse_old_filters=given.pop("teams_refuse_old"),
        requests_per_20_seconds=given.pop("teams_limit"),
    )
