"""How the simulated tenant can be varied: permissions, secret, limits, and what Microsoft does not document."""

from __future__ import annotations

from dataclasses import dataclass

CALL_RECORDS = "CallRecords.Read.All"
ONLINE_MEETINGS = "OnlineMeetings.Read.All"


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamsOptions:
    """Options of the simulated tenant.

    permissions: those that an administrator consented to.
    expired_secret: the client secret has expired.
    refuse_old_filters: answer 400 to a filter that begins more than 30 days ago, instead of leaving out older records;
        Microsoft does not document which.
    requests_per_20_seconds: limit of all calls; Microsoft publishes 1,500, and users of large tenants met far lower ones.
    """

    permissions: tuple[str, ...] = (CALL_RECORDS, ONLINE_MEETINGS)
    expired_secret: bool = False
    refuse_old_filters: bool = False
    requests_per_20_seconds: int = 1_500
