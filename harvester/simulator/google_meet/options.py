"""How the simulated Workspace can be varied: missing scopes and APIs, ids, kind of credentials."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harvester.simulator import APIS
from harvester.simulator.google_meet.account import Ids
from harvester.simulator.google_meet.scopes import AUTH, DELEGATED, ROOMS


@dataclass(frozen=True, slots=True, kw_only=True)
class GoogleOptions:
    """Options of the simulated Workspace.

    without: APIs whose scopes are missing from the delegation entry.
    disabled: APIs that are not enabled in the Cloud project.
    attended: conference records are listed to their participants, otherwise only to their owners.
    ids: whether Reports and Meet use the same id for a conference.
    user: the credentials are the saved token of a user without admin rights instead of a service account.
    client: the credentials are an OAuth client, and the same user signs in.
    refuses: people for whom Meet is switched off are refused, otherwise they get empty lists.
    rooms: how many meeting rooms there are.
    rooms_refused: by name, rooms whose calendars are refused with 403.
    rooms_freebusy_only: the calendars of rooms are shared as free or busy, without details.
    """

    without: Sequence[str] = ()
    disabled: Sequence[str] = ()
    attended: bool = True
    ids: Ids = "mixed"
    user: bool = False
    client: bool = False
    refuses: bool = True
    rooms: int = 20
    rooms_refused: Sequence[str] = ()
    rooms_freebusy_only: bool = False

    @property
    def personal(self) -> bool:
        """Whether the only credentials are those of a user without admin rights."""
        return self.user or self.client

    @property
    def granted(self) -> frozenset[str]:
        apis = [api for api in APIS if api not in self.without]
        return frozenset(AUTH + name for api in apis for name in (*DELEGATED[api], *ROOMS.get(api, ())))

    def has(self, api: str) -> bool:
        """Return whether an administrator can use the API."""
        return api not in self.without and api not in self.disabled
