"""The path of a call, and its name in messages."""

from __future__ import annotations

import pytest

from connectors.endpoint import Endpoint

TWO_IDS = Endpoint(template="/users/{user}/meetings/{meeting}")


@pytest.mark.parametrize(
    ("ids", "path"),
    [
        (("ada", "42"), "/users/ada/meetings/42"),
        (("a/b", "?x=1"), "/users/a%2Fb/meetings/%3Fx%3D1"),
        (("../admin", "é"), "/users/..%2Fadmin/meetings/%C3%A9"),
        (("{meeting}", "42"), "/users/%7Bmeeting%7D/meetings/42"),
    ],
)
def test_ids_are_encoded_as_one_segment_each(ids: tuple[str, ...], path: str) -> None:
    assert TWO_IDS.path(*ids) == path


def test_the_name_of_a_call_contains_no_id() -> None:
    assert TWO_IDS.call == "GET /users/{user}/meetings/{meeting}"
