from __future__ import annotations

from typing import Any

import pytest

from connectors.teams.identities import Identity, is_guid, participant_of, user_of, user_type
from tests.unit.teams.fake_api import MARA, TENANT, session_rows


def endpoint(associated: dict[str, Any] | None = None, **identities: Any) -> dict[str, Any]:
    kind = "#microsoft.graph.callRecords.participantEndpoint"
    return {"@odata.type": kind, "identity": identities, "associatedIdentity": associated}


def test_a_user_has_id_name_address_and_tenant() -> None:
    assert participant_of(session_rows()[0]["caller"]) == Identity(
        kind="user", id=MARA, name="Mara Lindqvist", email="mara.lindqvist@example.org", tenant_id=TENANT
    )


@pytest.mark.parametrize("kind", ["guest", "encrypted", "acsUser", "phone", "onPremises", "futureUser"])
def test_every_kind_of_person_has_the_id_of_that_kind(kind: str) -> None:
    found = participant_of(endpoint(user=None, **{kind: {"id": "p-1", "displayName": "Ann"}}))
    assert found == Identity(kind=kind, id="p-1", name="Ann")


@pytest.mark.parametrize("name", ["External user", "external User ", "", "  ", None])
def test_a_name_that_is_withheld_is_absent(name: str | None) -> None:
    found = participant_of(endpoint(user={"id": "u-1", "displayName": name}))
    assert found == Identity(kind="user", id="u-1")


def test_an_address_is_the_principal_name_or_that_of_the_guest() -> None:
    guest = participant_of(endpoint(guest={"id": "g", "email": "ann@example.org"}))
    assert guest is not None
    assert guest.email == "ann@example.org"
    odd = participant_of(endpoint({"userPrincipalName": "no address"}, user={"id": "u"}))
    assert odd is not None
    assert odd.email is None


@pytest.mark.parametrize("kind", ["application", "applicationInstance", "acsApplicationInstance"])
def test_a_bot_is_no_participant(kind: str) -> None:
    assert participant_of(endpoint(user=None, **{kind: {"id": "b-1", "displayName": "Recorder"}})) is None


@pytest.mark.parametrize(
    "service",
    [
        {"@odata.type": "#microsoft.graph.callRecords.serviceEndpoint"},
        {"userAgent": {"@odata.type": "#microsoft.graph.callRecords.serviceUserAgent", "role": "customBot"}},
        None,
        "x",
    ],
)
def test_a_service_is_no_participant(service: Any) -> None:
    assert participant_of(service) is None


@pytest.mark.parametrize("identities", [None, {}, {"user": None}, {"user": {}}, []])
def test_a_person_without_an_identity_is_a_participant(identities: Any) -> None:
    kind = "#microsoft.graph.callRecords.participantEndpoint"
    assert participant_of({"@odata.type": kind, "identity": identities}) == Identity()


def test_an_associated_identity_alone_is_a_user() -> None:
    assert participant_of(endpoint({"id": "u-2"})) == Identity(kind="user", id="u-2")


@pytest.mark.parametrize("identities", [None, {}, {"phone": {"id": "+15550100"}}, {"user": None}, "x"])
def test_only_a_user_is_an_organizer(identities: Any) -> None:
    assert user_of(identities) is None


@pytest.mark.parametrize(
    ("identity", "platform", "expected"),
    [
        (Identity(kind="user", id="1", tenant_id=TENANT), "windows", "signed_in"),
        (Identity(kind="user", id="1", tenant_id=TENANT.upper()), "windows", "signed_in"),
        (Identity(kind="user", id="1", tenant_id="another"), "windows", "guest"),
        (Identity(kind="user", id="1"), "windows", None),
        (Identity(kind="guest", id="1"), "web", "guest"),
        (Identity(kind="encrypted", id="1"), "web", "guest"),
        (Identity(kind="acsUser", id="1"), "web", "guest"),
        (Identity(kind="phone", id="+1"), "roomSystem", "phone"),
        (Identity(kind="user", id="1", tenant_id=TENANT), "roomSystem", "room"),
        (Identity(kind="user", id="1", tenant_id=TENANT), "surfaceHub", "room"),
        (Identity(kind="futureUser", id="1"), "windows", None),
        (Identity(), None, None),
    ],
)
def test_types_of_users(identity: Identity, platform: str | None, expected: str | None) -> None:
    assert user_type(identity, platform, TENANT) == expected


def test_ids_are_not_compared_with_the_name_of_a_domain() -> None:
    assert user_type(Identity(kind="user", tenant_id=TENANT), None, "example.org") is None


def test_a_tenant_is_an_id_or_a_domain() -> None:
    assert is_guid(TENANT)
    assert not is_guid("example.org")
    assert not is_guid("5f0e2c1a-0000-4000-8000-00000000aaag")
