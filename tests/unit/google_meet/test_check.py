"""`harvester check google-meet`: what works, and where to paste what for the rest."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import responses

from connectors.google_meet import GoogleMeet
from connectors.google_meet.endpoints import CALENDAR, DIRECTORY, MEET, REPORTS, SERVICES, Service
from connectors.models import Reason, RefusedPartition, user_partition
from tests.unit.fake_context import FakeContext
from tests.unit.google_meet.fake_api import ADMIN, CLIENT_ID, GUEST, TOKENS, Google, error_body, status_body

Build = Callable[..., GoogleMeet]


def test_everything_works(meet: Build, google: Google) -> None:
    results = list(meet().check())
    assert [result.status for result in results] == ["ok"] * 5
    assert CLIENT_ID in results[0].message
    assert all(service.scope in results[0].remedy for service in SERVICES), "the line to paste"


@pytest.mark.parametrize("service", SERVICES, ids=[service.title for service in SERVICES])
def test_a_missing_scope_is_named_with_the_client_id(service: Service, meet: Build, google: Google) -> None:
    google.delegated.discard(service.scope)
    (bad,) = [result for result in meet().check() if result.status != "ok"]
    assert (bad.subject, bad.status) == (service.title, "warning")
    assert CLIENT_ID in bad.remedy
    assert service.scope in bad.remedy


@pytest.mark.parametrize(("source", "service"), [("reports", REPORTS), ("meet", MEET)])
def test_a_refused_api_that_the_setting_needs_fails(
    source: str, service: Service, meet: Build, google: Google
) -> None:
    google.delegated.discard(service.scope)
    (bad,) = [result for result in meet(GOOGLE_SOURCE=source).check() if result.status == "failed"]
    assert bad.subject == service.title


def test_with_neither_source_the_check_fails(meet: Build, google: Google) -> None:
    google.delegated -= {REPORTS.scope, MEET.scope}
    assert [result.subject for result in meet().check() if result.status == "failed"] == ["source"]


def test_an_api_that_is_not_enabled_is_reported(meet: Build, google: Google) -> None:
    google.refused["/conferenceRecords", ""] = (
        403,
        status_body(403, "PERMISSION_DENIED", "SERVICE_DISABLED"),
    )
    (bad,) = [result for result in meet().check() if result.status != "ok"]
    assert "https://console.cloud.google.com/apis/library/meet.googleapis.com" in bad.message


@pytest.mark.parametrize(("path", "service"), [("/applications/meet", REPORTS), ("/users", DIRECTORY)])
def test_a_user_without_admin_rights_is_reported(
    path: str, service: Service, meet: Build, google: Google
) -> None:
    google.refused[path, ADMIN] = (403, error_body(403, "forbidden"))
    (bad,) = [result for result in meet().check() if result.status != "ok"]
    assert bad.subject == service.title
    assert "must be an admin" in bad.remedy
    assert "harvester check" not in bad.message


def test_wrong_credentials_are_the_only_result(meet: Build, google: Google) -> None:
    (bad,) = meet(GOOGLE_CREDENTIALS="/nowhere/credentials.json").check()
    assert (bad.status, bad.exit_code) == ("failed", 78)
    assert "/nowhere" not in bad.message
    assert bad.remedy
    assert CALENDAR.scope not in bad.message


def test_users_whom_earlier_runs_found_refused_are_named(
    meet: Build, google: Google, context: FakeContext
) -> None:
    partition = user_partition(GUEST)
    context.refused = {
        partition: RefusedPartition(
            partition=partition, reason=Reason.refused, refused_at=context.now(), asked_at=context.now()
        )
    }
    (bad,) = [result for result in meet().check() if result.status != "ok"]
    assert (bad.subject, bad.status) == ("users", "warning")
    assert bad.message.endswith(f": {GUEST}")


def test_stored_tokens_do_not_hide_a_refused_key(
    meet: Build, google: Google, http: responses.RequestsMock
) -> None:
    list(meet().check())
    http.remove(responses.POST, TOKENS)
    http.post(TOKENS, json={"error": "invalid_client"}, status=401)
    assert {result.status for result in meet().check() if result.subject != "credentials"} == {"failed"}
