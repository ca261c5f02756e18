"""What `harvester check parley` tries: a token, and one call."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from connectors.base import CheckResult
from connectors.checks import Remedies
from harvester_example.auth import ParleyOAuth
from harvester_example.endpoints import MEETINGS

REMEDIES = Remedies(
    credentials="copy PARLEY_CLIENT_ID and PARLEY_CLIENT_SECRET from parley.example, Settings > API",
    unreachable="check the network and PARLEY_API_URL",
    support="Parley's support, with the call and the status",
)


def run_checks(auth: ParleyOAuth, list_a_day: Callable[[], int]) -> Iterator[CheckResult]:
    """`list_a_day`: lists the meetings of a day, and returns how many there are."""
    token = REMEDIES.probe(
        "token", auth.request_new, message=lambda _: "Parley issues one for these credentials"
    )
    yield token
    if token.status == "ok":
        yield REMEDIES.probe(
            MEETINGS.call, list_a_day, message=lambda count: f"answers: {count} meetings in the last day"
        )
