from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from email.utils import format_datetime

import orjson
import pytest
import requests
import responses
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import (
    BrokenResponse,
    CredentialsError,
    HarvestError,
    QuotaExhausted,
    Unreachable,
    VendorError,
)
from connectors.http import (
    ATTEMPTS,
    Api,
    DailyQuota,
    Decision,
    Response,
    Retry,
    default_decision,
    paginate,
    parse_body,
)
from connectors.rate_limit import RateLimiter
from tests.unit.fake_context import NOW, FakeContext

URL = "https://vendor.example/v1"
CALL = "GET /things/{id}"


class Tokens:
    """An `Auth` that counts."""

    def __init__(self) -> None:
        self.number = 1
        self.refused: list[str] = []

    def header(self) -> str:
        return f"Bearer {self.number}"

    def renew(self, refused: str) -> None:
        self.refused.append(refused)
        self.number += 1


@pytest.fixture
def context() -> FakeContext:
    return FakeContext()


@pytest.fixture
def http() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        yield mock


@pytest.fixture
def api(context: FakeContext) -> Callable[..., Api]:
    def build(**more: object) -> Api:
        judge = more.pop("judge", None) or (lambda answer: default_decision(answer, context.now()))
        return Api("Vendor", URL + "/", context, classify=judge, **more)  # type: ignore[arg-type]  # as given by the tests

    return build


def test_the_body_of_an_answer_is_its_json(api, http, context: FakeContext) -> None:
    http.get(f"{URL}/things/7", json={"a": 1}, match=[responses.matchers.query_param_matcher({"q": "x y"})])
    assert api().get(CALL, "/things/7", params={"q": "x y"}) == {"a": 1}
    assert context.request_stats.requests == 1
    assert context.request_stats.by_call == {CALL: 1}
    assert context.waits == []


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_what_may_pass_is_asked_again_until_the_tries_are_used_up(api, http, context, status: int) -> None:
    http.get(f"{URL}/x", status=status, body="?")
    with pytest.raises(VendorError) as error:
        api().get(CALL, "/x")
    assert error.value.status == status
    assert len(http.calls) == ATTEMPTS
    assert context.request_stats.retries == ATTEMPTS - 1


@pytest.mark.parametrize("status", [301, 400, 403, 404, 410, 422])
def test_what_stays_is_asked_once(api, http, status: int) -> None:
    http.get(f"{URL}/x", status=status, json={}, headers={"Location": "https://elsewhere.example/"})
    with pytest.raises(VendorError) as error:
        api().get(CALL, "/x")
    assert error.value.status == status
    assert len(http.calls) == 1


@pytest.mark.parametrize(
    "spelling",
    ["30", "Sat, 21 Nov 2026 06:00:30 GMT", "2026-11-21T06:00:30Z"],
    ids=["seconds", "http", "iso"],
)
@pytest.mark.parametrize("status", [429, 503])
def test_no_request_comes_before_retry_after(api, http, context, spelling: str, status: int) -> None:
    http.get(f"{URL}/x", status=status, headers={"Retry-After": spelling})
    http.get(f"{URL}/x", json={})
    api().get(CALL, "/x")
    assert 30 <= context.seconds <= 31.1


def test_a_wait_that_is_too_long_is_not_begun(api, http, context) -> None:
    http.get(f"{URL}/x", status=503, headers={"Retry-After": "7200"})
    with pytest.raises(VendorError):
        api().get(CALL, "/x")
    assert context.seconds == 0


def test_a_refusal_for_haste_holds_the_whole_pace(api, http, context) -> None:
    limiter = RateLimiter(context, calls=10)
    http.get(f"{URL}/x", status=429, headers={"Retry-After": "5"})
    http.get(f"{URL}/x", json={})
    api().get(CALL, "/x", limiter=limiter)
    assert context.seconds >= 5
    assert context.request_stats.throttled_seconds >= 5
    assert limiter.per_second < 9.7


def test_the_number_of_tries_is_the_verdicts(api, http) -> None:
    def judge(answer: Response) -> Decision:
        return Retry(error=VendorError("no"), attempts=2)

    http.get(f"{URL}/x", json={})
    with pytest.raises(VendorError):
        api(judge=judge).get(CALL, "/x")
    assert len(http.calls) == 2


@pytest.mark.parametrize(
    "error",
    [
        requests.ConnectionError("at secret?token=1"),
        requests.ReadTimeout("x"),
        requests.exceptions.ChunkedEncodingError("x"),
    ],
)
def test_no_connection_is_unreachable_after_the_tries(api, http, error: Exception) -> None:
    http.get(f"{URL}/x", body=error)
    with pytest.raises(Unreachable) as unreachable:
        api().get(CALL, "/x")
    assert "secret" not in str(unreachable.value)
    assert CALL in str(unreachable.value)
    assert unreachable.value.__suppress_context__
    assert len(http.calls) == ATTEMPTS


def test_a_401_renews_the_token_once(api, http) -> None:
    auth = Tokens()
    http.get(f"{URL}/x", status=401, json={})
    http.get(f"{URL}/x", json={"ok": 1})
    assert api(auth=auth).get(CALL, "/x") == {"ok": 1}
    assert auth.refused == ["Bearer 1"]
    assert [call.request.headers["Authorization"] for call in http.calls] == ["Bearer 1", "Bearer 2"]


def test_a_second_401_is_an_error(api, http) -> None:
    auth = Tokens()
    http.get(f"{URL}/x", status=401, json={})
    with pytest.raises(CredentialsError):
        api(auth=auth).get(CALL, "/x")
    assert len(http.calls) == 2


def test_without_a_token_a_401_is_an_error_at_once(api, http) -> None:
    http.get(f"{URL}/x", status=401, json={})
    with pytest.raises(CredentialsError):
        api().get(CALL, "/x")
    assert len(http.calls) == 1


def test_every_request_counts_against_its_budget(api, http, context) -> None:
    http.get(f"{URL}/x", status=503)
    context.limits["day"] = 3
    with pytest.raises(QuotaExhausted):
        api().get(CALL, "/x", quota=DailyQuota(name="day", limit=10))
    assert len(http.calls) == 3


@pytest.mark.parametrize("content", [b"", b"<html>", b'{"a": ', b"NaN", b"\xff"])
def test_an_answer_that_is_no_json_is_asked_for_again_and_then_broken(api, http, content: bytes) -> None:
    http.get(f"{URL}/x", body=content, content_type="text/html; charset=utf-8")
    with pytest.raises(BrokenResponse, match="text/html") as error:
        api().get(CALL, "/x")
    assert error.value.status == 200
    assert len(http.calls) == ATTEMPTS


@pytest.mark.parametrize(("apart", "told"), [(299, 0), (-299, 0), (301, 1), (-301, 1)])
def test_a_clock_that_is_wrong_is_told_once(api, http, context, apart: int, told: int) -> None:
    theirs = format_datetime(NOW + timedelta(seconds=apart), usegmt=True)
    http.get(f"{URL}/x", json={}, headers={"Date": theirs})
    client = api()
    client.get(CALL, "/x")
    client.get(CALL, "/x")
    assert len(context.told) == told


@pytest.mark.parametrize("date", ["", "yesterday", "Sat, 99 Nov 2026 06:00:30 GMT"])
def test_a_date_that_is_none_is_no_matter(api, http, context, date: str) -> None:
    http.get(f"{URL}/x", json={}, headers={"Date": date})
    api().get(CALL, "/x")
    assert context.told == []


def test_proxies_and_netrc_of_the_environment_never_add_a_password(
    api, http, monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine vendor.example login me password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    http.get(f"{URL}/x", json={})
    api().get(CALL, "/x")
    assert "Authorization" not in http.calls[0].request.headers


def test_many_threads_share_one_api(api, http, context) -> None:
    http.get(f"{URL}/x", json={})
    client = api()
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda _: client.get(CALL, "/x"), range(50))) == [{}] * 50
    assert context.request_stats.requests == 50


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b'"a \\ud83d b"', "a \ufffd b"),
        (b'"\\ud83d\\ude00"', "\U0001f600"),
        (b'{"\\udc00": ["\\udfff"]}', {"\ufffd": ["\ufffd"]}),
        (b'"caf\xe9"', "caf\ufffd"),
        (b"1e999", None),
        (b'["\\ud83d", 123456789012345678901234567890]', ["\ufffd", 123456789012345678901234567890.0]),
    ],
)
def test_what_orjson_refuses_is_read_and_can_be_written_again(content: bytes, value: object) -> None:
    found, broken = parse_body(content)
    assert (found, broken) == (value, None)
    orjson.dumps(found)


@pytest.mark.parametrize("content", [b"", b"{", b"Infinity", b"[" * 100_000, b"1" + b"0" * 5000 + b"x"])
def test_what_is_no_json_says_so(content: bytes) -> None:
    found, broken = parse_body(content)
    assert found is None
    assert broken


@given(st.binary(max_size=40))
def test_no_bytes_make_reading_fail(content: bytes) -> None:
    found, broken = parse_body(content)
    if broken is None:
        orjson.dumps(found)


def test_pages_end_at_the_empty_token_and_go_on_over_empty_pages() -> None:
    book = {"": ([1], "a"), "a": ([], "b"), "b": ([2], "")}
    found = [rows for rows, _ in paginate(lambda token: book[token], lambda page: page[1], call=CALL)]
    assert found == [[1], [], [2]]


def test_a_page_token_that_comes_back_is_an_error() -> None:
    book = {"": "a", "a": "b", "b": "a"}
    with pytest.raises(BrokenResponse, match="twice"):
        list(paginate(lambda token: book[token], lambda page: page, call=CALL))


@given(st.integers(100, 599), st.sampled_from([None, "broken"]))
def test_nothing_but_a_2xx_with_json_is_accepted(status: int, broken: str | None) -> None:
    answer = Response(call=CALL, status=status, headers={}, body=None, broken=broken)
    verdict = default_decision(answer, NOW)
    assert (verdict is None) == (200 <= status < 300 and broken is None)
    assert verdict is None or isinstance(verdict, Retry | HarvestError)


def test_a_whole_address_of_the_same_host_is_asked_as_it_is(
    api: Callable[..., Api], http: responses.RequestsMock
) -> None:
    http.get(f"{URL}/things?next=a%2Fb", json={"ok": True}, headers={"Link": "more"})
    answer = api().send("GET", CALL, f"{URL}/things?next=a%2Fb")
    assert (answer.body, answer.headers["Link"]) == ({"ok": True}, "more")
    assert http.calls[0].request.url == f"{URL}/things?next=a%2Fb"


@pytest.mark.parametrize(
    "address",
    ["https://elsewhere.example/v1/x", "http://vendor.example/v1/x", "https://vendor.example:8443/v1"],
)
def test_an_address_of_another_host_is_not_asked(api: Callable[..., Api], address: str) -> None:
    with pytest.raises(BrokenResponse, match="another host") as refused:
        api(auth=Tokens()).send("GET", CALL, address)
    assert "elsewhere" not in str(refused.value)


@pytest.mark.parametrize("trouble", ["status", "connection"])
def test_what_may_be_asked_once_is_asked_once(
    api: Callable[..., Api], http: responses.RequestsMock, trouble: str
) -> None:
    if trouble == "status":
        http.get(f"{URL}/x", status=503)
    else:
        http.get(f"{URL}/x", body=requests.ConnectionError())
    with pytest.raises(HarvestError):
        api().send("GET", CALL, "/x", attempts=1)
    assert len(http.calls) == 1
