from __future__ import annotations

from collections.abc import Callable

import pytest

from connectors.zoom import Zoom
from connectors.zoom.endpoints import PARTICIPANTS as PARTICIPANTS_ENDPOINT
from connectors.zoom.endpoints import ZoomEndpoint
from tests.unit.zoom.fake_api import Account, meeting_row, page, participant_row, ref

Build = Callable[..., Zoom]


@pytest.mark.parametrize(
    ("uuid", "path"),
    [
        ("/abc==", "/metrics/meetings/%252Fabc%253D%253D/participants"),
        ("a//b==", "/metrics/meetings/a%252F%252Fb%253D%253D/participants"),
        ("a/b+c==", "/metrics/meetings/a%2Fb%2Bc%3D%3D/participants"),
        ("abc", "/metrics/meetings/abc/participants"),
    ],
)
def test_uuid_is_encoded_twice_if_zoom_requires_it(
    zoom: Build, account: Account, uuid: str, path: str
) -> None:
    account.on(path, page("participants", participant_row()))
    assert len(zoom().fetch(ref(meeting_row(uuid))).sessions) == 1
    assert PARTICIPANTS_ENDPOINT.path(uuid) == path
    assert "/" not in ZoomEndpoint.encode_id(uuid)
