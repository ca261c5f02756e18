"""`harvester simulate`: the vendors on a local port."""

from __future__ import annotations

import errno
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import click

from connectors.errors import ConfigurationError, OutputError
from connectors.parsing import parse_instant
from harvester.simulator import APIS, VENDORS

Command = TypeVar("Command", bound=Callable[..., Any])


def simulator() -> ModuleType:
    """The simulator's server; ConfigurationError names the extra that it needs, where that is not installed."""
    try:
        import starlette
        import uvicorn
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"the simulator needs {error.name}; install it with: pip install 'meeting-harvester[demo]'"
        ) from None
    del starlette, uvicorn
    from harvester.simulator import server

    return server


_SOURCES = (
    ("zoom", "dashboard"),
    ("zoom", "reports"),
    ("google-meet", "auto"),
    ("google-meet", "reports"),
    ("google-meet", "meet"),
)


class Instant(click.ParamType[datetime]):
    """An ISO 8601 instant, UTC where it names no zone."""

    name = "instant"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        when = value if isinstance(value, datetime) else parse_instant(str(value))
        if when is None:
            raise click.BadParameter("write an instant like 2026-11-20T03:00:00Z", ctx, param)
        return when


def _file(flag: str, text: str) -> Callable[[Command], Command]:
    return click.option(flag, type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help=text)


@click.command()
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8777, show_default=True, help="0: any free one."
)
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed, another organisation.")
@click.option("--size", type=click.IntRange(1), default=200, show_default=True, help="Meetings per vendor.")
@click.option("--days", type=click.IntRange(1, 400), default=7, show_default=True, help="Over how many days.")
@click.option("--now", type=Instant(), help="Where its calendar starts.  [default: the present]")
@click.option(
    "--later",
    type=click.IntRange(0, 59),
    default=0,
    metavar="MINUTES",
    help="The same organisation, later than --now.",
)
@click.option(
    "--speed", type=click.FloatRange(0.01, 10_000), default=1.0, show_default=True, help="Divides waits."
)
@click.option(
    "--faults", type=click.FloatRange(0, 0.5), default=0.0, help="Part of the answers that go wrong."
)
@click.option(
    "--vendor",
    "vendors",
    type=click.Choice(VENDORS),
    multiple=True,
    help="Serve this one; again for another.  [default: all]",
)
@click.option("--zoom-plan", type=click.Choice(["business", "pro"]), default="business", show_default=True)
@click.option("--zoom-daily-limit", type=click.IntRange(1), help="Fewer Heavy calls a day than Zoom permits.")
@click.option("--webex-no-admin", is_flag=True, help="Webex's caller is a host like others.")
@click.option(
    "--webex-no-pro-pack", is_flag=True, help="The organisation at Webex has no Pro Pack: no qualities."
)
@click.option(
    "--webex-elsewhere",
    type=click.Choice(["451", "403"]),
    help="Its qualities are in another region, told so.",
)
@click.option("--webex-strict-tokens", is_flag=True, help="Every refresh replaces Webex's refresh token.")
@click.option(
    "--google-without",
    type=click.Choice(APIS),
    multiple=True,
    help="Google's service account may not use this API; again for another.",
)
@click.option(
    "--google-disabled",
    type=click.Choice(APIS),
    multiple=True,
    help="This API is not switched on at Google; again for another.",
)
@click.option(
    "--google-organised-only", is_flag=True, help="Meet lists conferences to their organizers alone."
)
@click.option(
    "--google-ids",
    type=click.Choice(["mixed", "same", "other"]),
    default="mixed",
    show_default=True,
    help="Whether Reports and Meet have the same id for a conference.",
)
@click.option("--google-user", is_flag=True, help="Google's credentials are a user's who is no admin.")
@click.option(
    "--google-client", is_flag=True, help="They are an OAuth client's, for which that user signs in."
)
@click.option("--meetecho-no-credentials", is_flag=True, help="The settings have none for Meetecho.")
@click.option(
    "--meetecho-refused",
    multiple=True,
    metavar="GROUP",
    help="Meetecho refuses this group's rooms; again for another.",
)
@click.option(
    "--meetecho-unknown",
    multiple=True,
    metavar="GROUP",
    help="Meetecho has no token for this group; again for another.",
)
@_file("--truth", "Write the documents of a perfect harvest to FILE.")
@click.option(
    "--truth-source",
    "truth_sources",
    type=click.Choice([f"{vendor}={source}" for vendor, source in _SOURCES] + ["dashboard", "reports"]),
    metavar="[VENDOR=]SOURCE",
    multiple=True,
    help="For --truth: of a vendor that has several. Without its name: Zoom's.",
)
@click.option("--truth-qos", is_flag=True, help="For --truth: with Zoom's quality of service.")
@_file("--env", "Write the settings that point the harvester here to FILE.")
def simulate(
    now: datetime | None,
    later: int,
    vendors: tuple[str, ...],
    truth_sources: tuple[str, ...],
    zoom_plan: str,
    **given: Any,
) -> None:
    """Serve simulated vendors with an invented organisation, until Ctrl-C or SIGTERM."""
    server = simulator()
    sources = {"zoom": "dashboard" if zoom_plan == "business" else "reports", "google-meet": "auto"}
    for told in truth_sources:
        vendor, _, source = told.rpartition("=")
        sources[vendor or "zoom"] = source
    terms = server.WebexOptions(
        admin=not given.pop("webex_no_admin"),
        pro_pack=not given.pop("webex_no_pro_pack"),
        elsewhere=int(status) if (status := given.pop("webex_elsewhere")) else None,
        strict_tokens=given.pop("webex_strict_tokens"),
    )
    google = server.GoogleOptions(
        without=given.pop("google_without"),
        disabled=given.pop("google_disabled"),
        attended=not given.pop("google_organised_only"),
        ids=given.pop("google_ids"),
        user=given.pop("google_user"),
        client=given.pop("google_client"),
    )
    meetecho = server.MeetechoOptions(
        credentials=not given.pop("meetecho_no_credentials"),
        refused=given.pop("meetecho_refused"),
        unknown=given.pop("meetecho_unknown"),
    )
    options = server.Options(
        **{("daily_limit" if name == "zoom_daily_limit" else name): value for name, value in given.items()},
        now=now or datetime.now(UTC),
        later=timedelta(minutes=later),
        vendors=vendors or VENDORS,
        zoom_plan=zoom_plan,
        truth_source=sources["zoom"],
        webex=terms,
        google=google,
        meetecho=meetecho,
        google_source=sources["google-meet"],
    )
    try:
        server.run(options, announce=partial(click.echo, err=True))
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise OutputError(f"port {options.port} is in use; choose another with --port") from None
