"""Whatever Zoom puts into an answer that fails, no word of it gets into an error or into what is told."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable

import pytest
import requests
import responses

from connectors.errors import HarvestError
from connectors.zoom import Zoom
from tests.unit.context import HandContext
from tests.unit.zoom.fake_api import API, DAY, Account, meeting_row, ref, settings

SECRET = "invented-secret-4f1d"
EMAIL = "marked.person@example.org"
MARKED = f"{SECRET} {EMAIL}"

STATUSES = (200, 301, 400, 401, 403, 404, 429, 500, 503)
CODES = (None, 124, 200, 300, 429, 1001, 1010, 3001, 3161, 4700, 4711, 9999, 12702)


def bodies(status: int) -> list[str]:
    told = {
        "message": f"scopes:[{MARKED}] next page token webinar info {MARKED}",
        "reason": MARKED,
        "error": MARKED,
        "x": MARKED,
    }
    codes = CODES if status < 429 else (None, 300)  # above, the status alone decides
    coded = [json.dumps(told if code is None else {**told, "code": code}) for code in codes]
    return [
        *coded,
        f"<html>{MARKED}</html>",
        json.dumps([MARKED]),
        json.dumps(MARKED),
        f'{{"meetings": "{MARKED}',
    ]


def assert_unmarked(error: BaseException) -> None:
    shown = "".join(traceback.format_exception(error)) + str(error) + repr(error)
    assert SECRET not in shown
    assert "marked.person" not in shown


@pytest.mark.parametrize("status", STATUSES)
def test_no_error_of_the_api_repeats_an_answer(
    status: int, account: Account, context: HandContext, zoom: Callable
) -> None:
    for body in bodies(status):
        account.forget()
        headers = {"Content-Type": "text/html", "X-Marked": MARKED, "Retry-After": MARKED}
        account.on("", body, status=status, headers=headers)
        for plan in ("business", "pro"):
            context.facts.clear()
            connector: Zoom = zoom("qos", "webinars", ZOOM_PLAN=plan, ZOOM_CLIENT_SECRET=SECRET)
            listed = ref(meeting_row(EMAIL, email=EMAIL), user=EMAIL)
            acts: list[Callable[[], object]] = [
                lambda it=connector: list(it.meetings(DAY)),
                lambda it=connector, one=listed: it.fetch(one),
            ]
            for act in acts:
                try:
                    act()
                except HarvestError as error:
                    assert_unmarked(error)
    assert not any(SECRET in said or EMAIL in said for said in context.told)


@pytest.mark.parametrize("status", STATUSES)
def test_no_error_of_the_token_endpoint_repeats_an_answer(
    status: int, account: Account, context: HandContext
) -> None:
    for body in bodies(status):
        account.refuses_tokens(status, body)
        connector = Zoom(settings(ZOOM_CLIENT_SECRET=SECRET, ZOOM_ACCOUNT_ID=EMAIL), context)
        with pytest.raises(HarvestError) as refused:
            list(connector.meetings(DAY))
        assert_unmarked(refused.value)
        for result in connector.check():
            assert SECRET not in str(result)
            assert EMAIL not in str(result)


def test_no_error_of_the_network_repeats_a_request(
    account: Account, http: responses.RequestsMock, zoom: Callable
) -> None:
    connector = zoom(ZOOM_CLIENT_SECRET=SECRET)
    connector.auth.header()
    http.reset()
    http.get(f"{API}/metrics/meetings", body=requests.ConnectionError(f"at {API}/x?token={MARKED}"))
    with pytest.raises(HarvestError) as refused:
        list(connector.meetings(DAY))
    assert_unmarked(refused.value)
    assert "?" not in str(refused.value)
