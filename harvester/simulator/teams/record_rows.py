"""Rows of call records, organizers and participants.

Fields as in Microsoft's schema, namespace `microsoft.graph.callRecords`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from harvester.simulator.teams.account import CallRecord
from harvester.simulator.teams.attendance import Modality, Participant
from harvester.simulator.teams.formats import TICKS_PER_MILLISECOND, stamp
from harvester.simulator.teams.identities import Identity

_KINDS = ("user", "guest", "encrypted", "acsUser", "phone", "application", "applicationInstance")


def record_row(
    record: CallRecord, version: int, *, end: int, modalities: Iterable[Modality], instant: int
) -> dict[str, Any]:
    """Return one version of a record, as the list has it: with the organizer, without sessions.

    The deprecated `organizer` and `participants` have returned nothing since June 2026.
    """
    published = min(record.versions[version].published, instant)
    return {
        "id": record.id,
        "version": record.versions[version].number,
        "type": record.type,
        "modalities": list(modalities),
        "lastModifiedDateTime": stamp(published * TICKS_PER_MILLISECOND + record.ticks),
        "startDateTime": stamp(record.start),
        "endDateTime": stamp(end),
        "joinWebUrl": record.link,
        "organizer": None,
        "participants": [],
        "organizer_v2": {
            "id": record.organizer.id,
            "identity": identity_set(record.organizer, named=True),
            "administrativeUnitInfos": [],
        },
    }


def participant_row(participant: Participant) -> dict[str, Any]:
    identity = participant.identity
    return {
        "id": identity.id,
        "identity": identity_set(identity, named=True),
        "administrativeUnitInfos": [],
    }


def identity_set(identity: Identity, *, named: bool) -> dict[str, Any]:
    """Return an identity set; all members but one are null.

    named: with the user principal name, which endpoints have in their associated identity only.
    """
    members: dict[str, Any] = dict.fromkeys(_KINDS)
    member: dict[str, Any] = {"id": identity.id, "displayName": identity.name}
    if identity.kind == "user":
        member["tenantId"] = identity.tenant
        if named:
            member["userPrincipalName"] = identity.email
    elif identity.kind == "guest":
        member["email"] = identity.email
    elif identity.kind == "acsUser":
        member["azureCommunicationServicesResourceId"] = None
    members[identity.kind] = member
    return members


def associated_identity(identity: Identity | None) -> dict[str, Any] | None:
    if identity is None:
        return None
    return {
        "@odata.type": "#microsoft.graph.callRecords.userIdentity",
        "id": identity.id,
        "displayName": identity.name,
        "tenantId": identity.tenant,
        "userPrincipalName": identity.email,
    }
