from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import responses

from connectors.google_meet import GoogleMeet
from tests.unit.fake_context import FakeContext
from tests.unit.google_meet.fake_api import GUEST, HOST, Google, settings, signed_in


@pytest.fixture
def google(http: responses.RequestsMock) -> Google:
    return Google(http)


@pytest.fixture
def meet(google: Google, context: FakeContext) -> Callable[..., GoogleMeet]:
    """A connector with a service account, unless the settings name other credentials."""

    def build(**how: Any) -> GoogleMeet:
        return GoogleMeet(settings(**how), context)

    return build


@pytest.fixture
def whole(google: Google) -> Google:
    """With a conference of a person who rejoined, a room, and a phone."""
    google.record("conf1", seen_by=(HOST, GUEST))
    google.takes_part(
        "conf1",
        signed_in("3", "Ole Berg"),
        ("2026-11-20T09:00:00.1Z", "2026-11-20T09:20:00Z"),
        ("2026-11-20T09:25:00Z", "2026-11-20T09:45:00Z"),
    )
    google.takes_part("conf1", signed_in("777", "Room 7"), ("2026-11-20T09:00:00Z", "2026-11-20T09:45:00Z"))
    google.takes_part(
        "conf1",
        {"phoneUser": {"displayName": "+47 ••• 12"}},
        ("2026-11-20T09:01:00Z", "2026-11-20T09:02:00Z"),
    )
    return google
