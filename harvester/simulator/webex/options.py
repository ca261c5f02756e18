"""How the simulated Webex account can be varied: scopes, role, licence, region, limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from harvester.simulator.webex.scopes import GRANTED


@dataclass(frozen=True, slots=True, kw_only=True)
class WebexOptions:
    """Options of the simulated account.

    scopes: of its integration; by default everything that a harvester may use.
    admin: the caller is an administrator, otherwise an ordinary host.
    pro_pack: the licence for qualities.
    elsewhere: status with which the analytics host says that the data are in another region.
    strict_tokens: every refresh returns a new refresh token and revokes the old one.
    per_ten_seconds: calls permitted to each host.
    max_listed, max_qualities: the longest listing, and the largest page of qualities.
    """

    scopes: Sequence[str] | None = None
    admin: bool = True
    pro_pack: bool = True
    elsewhere: Literal[451, 403] | None = None
    strict_tokens: bool = False
    per_ten_seconds: int = 150
    max_listed: int = 10_000
    max_qualities: int = 1_000

    @property
    def granted(self) -> tuple[str, ...]:
        return tuple(GRANTED if self.scopes is None else self.scopes)

    @property
    def analytics(self) -> bool:
        """Whether the account gets qualities from the host that its settings name."""
        here = self.elsewhere is None
        return here and self.admin and self.pro_pack and "analytics:read_all" in self.granted
