"""Which sessions of a call record are stays of participants.

In a group call each session is the leg of one participant, its `caller`, to a service; a call of two people is one session
with both (https://learn.microsoft.com/graph/api/resources/callrecords-api-overview, 2026). A call of two that others joined
has both kinds: the leg of the first two, whose id is that of the record, and a leg of each person to the group call.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from connectors.parsing import as_dict, as_dicts, as_text
from connectors.teams.identities import Identity, participant_of

Row = Mapping[str, Any]
Side = Literal["caller", "callee"]

GROUP_CALL = "groupCall"
PEER_TO_PEER = "peerToPeer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One stay of one participant."""

    row: Row
    """The session."""
    side: Side
    identity: Identity
    is_direct: bool
    """It is one side of a call between two people."""

    @property
    def endpoint(self) -> Row:
        return as_dict(self.row.get(self.side))

    @property
    def key(self) -> tuple[str | None, ...]:
        """What Microsoft calls this stay: the session, and its side in a call between two people."""
        session = as_text(self.row.get("id"))
        return (session, self.side) if self.is_direct else (session,)


def to_legs(record: Row, rows: Sequence[Row]) -> tuple[list[Leg], int]:
    """The participants' stays, and how many bots and services were left out."""
    legs: list[Leg] = []
    skipped = 0
    for row in rows:
        callee = participant_of(row.get("callee"))
        direct = _is_direct(record, row, callee)
        caller = participant_of(row.get("caller"))
        sides: list[tuple[Side, Identity | None]] = [("caller", caller), ("callee", callee)]
        for side, identity in sides if direct else sides[:1]:
            if identity is None:
                skipped += 1
            else:
                legs.append(Leg(row=row, side=side, identity=identity, is_direct=direct))
    return _without_repetitions(_without_replaced(legs)), skipped


def _is_direct(record: Row, row: Row, callee: Identity | None) -> bool:
    if record.get("type") == PEER_TO_PEER or callee is not None:
        return True
    session = as_text(row.get("id"))
    return session is not None and session == as_text(record.get("id"))


def _without_replaced(legs: Iterable[Leg]) -> list[Leg]:
    """Without the direct legs of people who have a leg of their own to the group call: else they would count twice."""
    legs = list(legs)
    in_group = {leg.identity.id for leg in legs if not leg.is_direct} - {None}
    return [leg for leg in legs if not (leg.is_direct and leg.identity.id in in_group)]


def _without_repetitions(legs: Iterable[Leg]) -> list[Leg]:
    """Each stay once, with the segments of all its copies: Graph repeats a session for each service that took part in it
    (https://learn.microsoft.com/graph/api/resources/callrecords-session)."""
    by_stay: dict[tuple[object, ...], Leg] = {}
    for leg in legs:
        stay = leg.key, leg.identity.id or leg.identity
        known = by_stay.get(stay)
        by_stay[stay] = leg if known is None else replace(known, row=_with_segments(known.row, leg.row))
    return list(by_stay.values())


def _with_segments(row: Row, copy: Row) -> Row:
    segments = as_dicts(row.get("segments"))
    known = [segment.get("id") for segment in segments]
    more = [segment for segment in as_dicts(copy.get("segments")) if segment.get("id") not in known]
    return {**row, "segments": [*segments, *more]}
