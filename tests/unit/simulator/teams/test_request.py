from __future__ import annotations

import pytest

from harvester.simulator.teams.error_responses import ErrorResponse
from harvester.simulator.teams.formats import parse_stamp
from harvester.simulator.teams.request import Request, join_url_filter, preferences, record_filter

ONE, TWO = "2026-11-19T00:00:00Z", "2026-11-20T00:00:00Z"


def test_bounds_are_exact() -> None:
    found = record_filter(f"startDateTime ge {ONE} and startDateTime lt {TWO}")
    assert (found.first, found.last) == (parse_stamp(ONE), parse_stamp(TWO))
    found = record_filter(f"startDateTime gt {ONE} and startDateTime le {TWO}")
    assert (found.first, found.last) == (parse_stamp(ONE) + 1, parse_stamp(TWO) + 1)


def test_a_participant_can_be_asked_for() -> None:
    found = record_filter(f"participants_v2/any(p:p/id eq 'ab-1') and startDateTime ge {ONE}")
    assert found.participant == "ab-1"


@pytest.mark.parametrize(
    "text",
    [
        f"endDateTime ge {ONE}",
        "type eq 'groupCall'",
        "startDateTime ge 2026-11-19",
        f"startDateTime eq {ONE}",
    ],
)
def test_undocumented_filters_are_refused(text: str) -> None:
    with pytest.raises(ErrorResponse) as error:
        record_filter(text)
    assert error.value.status == 400


def test_preferences() -> None:
    prefer = preferences("odata.maxpagesize=7, omit-values=nulls")
    request = Request(url="", query={}, instant=0, prefer=prefer)
    assert (request.page_size(60), request.page_size(5), request.omit_nulls) == (7, 5, True)
    assert Request(url="", query={}, instant=0).page_size(60) == 60


def test_a_link_in_a_filter_is_quoted_as_odata_does() -> None:
    assert join_url_filter("JoinWebUrl eq 'https://x/''y'") == "https://x/'y"
    with pytest.raises(ErrorResponse):
        join_url_filter("subject eq 'x'")
