from __future__ import annotations

import errno
import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from email.utils import format_datetime

import pytest
import requests
import responses

from connectors.base import ResponseLimits
from connectors.errors import (
    BrokenResponse,
    ConfigurationError,
    CredentialsError,
    Exhausted,
    HarvestError,
    LeaseLost,
    QuotaExhausted,
    Unreachable,
    VendorError,
)
from connectors.http import Api, DailyQuota
from connectors.rate_limit import RateLimiter
from connectors.response_decisions import (
    Decision,
    Response,
    Retry,
    default_decision,
)
from connectors.retry import VENDOR_LIMITS, RetryLimits
from tests.unit.fake_context import NOW, FakeContext

URL = "https://vendor.example/v1"
CALL = "GET /things/{id}"
ATTEMPTS = VENDOR_LIMITS.attempts or 0


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
def http() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        yield mock


@pytest.fixture
def api(context: FakeContext) -> Callable[..., Api]:
    def build(**more: object) -> Api:
        classify = more.pop("classify", None) or (lambda response: default_decision(response, context.now()))
        return Api("Vendor", URL + "/", context, classify=classify, **more)  # type: ignore[arg-type]  # as given by the tests

    return build


def test_get_returns_the_parsed_body(api, http, context: FakeContext) -> None:
    http.get(f"{URL}/things/7", json={"a": 1}, match=[responses.matchers.query_param_matcher({"q": "x y"})])
    assert api().get(CALL, "/things/7", params={"q": "x y"}) == {"a": 1}
    assert context.request_stats.requests == 1
    assert context.waits == []


def test_without_the_lease_nothing_is_sent(api, http, context: FakeContext) -> None:
    context.lease_lost = LeaseLost("another worker goes on")
    with pytest.raises(LeaseLost):
        api().get(CALL, "/x")
    assert len(http.calls) == 0


def test_a_lease_that_is_lost_while_the_rate_limit_is_waited_for_sends_nothing(api, http, context) -> None:
    class Slow:
        def acquire(self) -> float:
            context.lease_lost = LeaseLost("another worker goes on")
            return 1.0

        def pause(self, seconds: float) -> None:
            raise AssertionError

    with pytest.raises(LeaseLost):
        api().get(CALL, "/x", limiter=Slow())
    assert len(http.calls) == 0


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_a_transient_status_is_retried_until_no_attempt_is_left(api, http, context, status: int) -> None:
    http.get(f"{URL}/x", status=status, body="?")
    with pytest.raises(VendorError) as error:
        api().get(CALL, "/x")
    assert error.value.status == status
    assert len(http.calls) == ATTEMPTS
    assert context.request_stats.retries == ATTEMPTS - 1


@pytest.mark.parametrize("status", [301, 400, 403, 404, 410, 422])
def test_a_permanent_status_is_not_retried(api, http, status: int) -> None:
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
def test_no_request_is_sent_before_retry_after(api, http, context, spelling: str, status: int) -> None:
    http.get(f"{URL}/x", status=status, headers={"Retry-After": spelling})
    http.get(f"{URL}/x", json={})
    api().get(CALL, "/x")
    assert 30 <= context.seconds <= 31.1


def test_a_wait_beyond_the_total_time_is_not_started(api, http, context) -> None:
    http.get(f"{URL}/x", status=503, headers={"Retry-After": "7200"})
    with pytest.raises(VendorError):
        api().get(CALL, "/x")
    assert context.seconds == 0


def test_a_429_pauses_the_whole_rate_class(api, http, context) -> None:
    limiter = RateLimiter(context, calls=10)
    http.get(f"{URL}/x", status=429, headers={"Retry-After": "5"})
    http.get(f"{URL}/x", json={})
    api().get(CALL, "/x", limiter=limiter)
    assert context.seconds >= 5
    assert context.request_stats.throttled_seconds >= 5
    assert limiter.per_second < 9.7


def test_a_decision_can_lower_the_number_of_attempts(api, http) -> None:
    def classify(response: Response) -> Decision:
        return Retry(error=VendorError("no"), attempts=2)

    http.get(f"{URL}/x", json={})
    with pytest.raises(VendorError):
        api(classify=classify).get(CALL, "/x")
    assert len(http.calls) == 2


@pytest.mark.parametrize(
    "error",
    [
        requests.ConnectionError("at secret?token=1"),
        requests.ReadTimeout("x"),
        requests.exceptions.ChunkedEncodingError("x"),
    ],
)
def test_no_connection_is_unreachable_once_no_attempt_is_left(api, http, error: Exception) -> None:
    http.get(f"{URL}/x", body=error)
    with pytest.raises(Unreachable) as unreachable:
        api().get(CALL, "/x")
    assert "secret" not in str(unreachable.value)
    assert CALL in str(unreachable.value)
    assert unreachable.value.__suppress_context__
    assert len(http.calls) == ATTEMPTS


def test_too_many_open_files_are_no_fault_of_the_network(api, http) -> None:
    error = requests.ConnectionError("no connection")
    error.__context__ = OSError(errno.EMFILE, "Too many open files")
    http.get(f"{URL}/x", body=error)
    with pytest.raises(Exhausted, match="raise the limit \\(ulimit -n\\)"):
        api().get(CALL, "/x")


@pytest.mark.parametrize(("total", "tries"), [(0, "1 try"), (900, "7 tries")])
def test_the_message_has_the_number_of_attempts_that_were_made(api, http, total: int, tries: str) -> None:
    """The total time may end a request before its last attempt."""
    http.get(f"{URL}/x", body=requests.ConnectionError())
    limits = RetryLimits(first_seconds=1, cap_seconds=1, total_seconds=total, attempts=7)
    with pytest.raises(Unreachable) as error:
        api(limits=limits).get(CALL, "/x")
    assert str(error.value) == (
        f"Vendor: {CALL}: no connection after {tries}: check the network and the vendor's status page, "
        "then run the same command again"
    )


def test_a_request_that_is_not_idempotent_was_made_once(api, http) -> None:
    http.post(f"{URL}/x", body=requests.ConnectionError())
    with pytest.raises(Unreachable, match="after 1 try:"):
        api().request("POST", CALL, "/x", idempotent=False)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (10, "has expired after 7 tries: renew it, and check the clock of this machine, then run"),
        (
            18,
            "is self-signed after 7 tries: name the file of that certificate in REQUESTS_CA_BUNDLE, then",
        ),
    ],
)
def test_the_fault_of_a_certificate_is_named(api, http, code: int, words: str) -> None:
    fault = ssl.SSLCertVerificationError(1, "certificate verify failed")
    fault.verify_code = code
    http.get(f"{URL}/x", body=requests.exceptions.SSLError(fault))
    with pytest.raises(Unreachable) as error:
        api().get(CALL, "/x")
    assert f"the server's certificate {words}" in str(error.value)


def test_an_answer_that_is_too_large_is_refused_with_the_setting_to_raise(api, http, context) -> None:
    context.response_limits = ResponseLimits(max_bytes=1_000_000)
    http.get(f"{URL}/x", body=b" " * 3_000_000)
    with pytest.raises(BrokenResponse) as error:
        api().get(CALL, "/x")
    assert str(error.value) == (
        f"Vendor: {CALL}: refused an answer of more than 1 MB: check what stands in front of the vendor, or raise "
        "HARVESTER_MAX_RESPONSE_MB"
    )


def test_a_ca_bundle_that_does_not_exist_is_a_configuration_error(
    api, http, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/authority.pem")
    with pytest.raises(ConfigurationError, match="REQUESTS_CA_BUNDLE"):
        api().get(CALL, "/x")


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


def test_a_401_without_a_token_is_an_error_at_once(api, http) -> None:
    http.get(f"{URL}/x", status=401, json={})
    with pytest.raises(CredentialsError):
        api().get(CALL, "/x")
    assert len(http.calls) == 1


def test_every_attempt_counts_against_the_quota(api, http, context) -> None:
    http.get(f"{URL}/x", status=503)
    context.limits["day"] = 3
    with pytest.raises(QuotaExhausted):
        api().get(CALL, "/x", quota=DailyQuota(name="day", limit=10))
    assert len(http.calls) == 3


@pytest.mark.parametrize("content", [b"", b"<html>", b'{"a": ', b"NaN", b"\xff"])
def test_a_response_without_json_is_retried_and_then_broken(api, http, content: bytes) -> None:
    http.get(f"{URL}/x", body=content, content_type="text/html; charset=utf-8")
    with pytest.raises(BrokenResponse, match="text/html") as error:
        api().get(CALL, "/x")
    assert error.value.status == 200
    assert len(http.calls) == ATTEMPTS


@pytest.mark.parametrize("status", [200, 404, 503])
def test_every_response_shows_the_vendors_time(api, http, context, status: int) -> None:
    http.head(URL + "/", status=status, headers={"Date": format_datetime(NOW, usegmt=True)})
    api(classify=lambda _: None).send("HEAD", CALL, "/")
    ((date, seconds),) = context.vendor_times
    assert (date, 0 <= seconds < 60) == (NOW, True)


@pytest.mark.parametrize("date", ["", "yesterday", "Sat, 99 Nov 2026 06:00:30 GMT"])
def test_an_unusable_date_header_is_ignored(api, http, context, date: str) -> None:
    http.get(f"{URL}/x", json={}, headers={"Date": date})
    api().get(CALL, "/x")
    assert context.vendor_times == []


def test_netrc_never_adds_a_password(api, http, monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
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


def test_a_url_of_the_same_host_is_requested_unchanged(
    api: Callable[..., Api], http: responses.RequestsMock
) -> None:
    http.get(f"{URL}/things?next=a%2Fb", json={"ok": True}, headers={"Link": "more"})
    answer = api().send("GET", CALL, f"{URL}/things?next=a%2Fb")
    assert (answer.body, answer.headers["Link"]) == ({"ok": True}, "more")
    assert http.calls[0].request.url == f"{URL}/things?next=a%2Fb"


@pytest.mark.parametrize(
    "address",
    [
        "https://elsewhere.example/v1/x",
        "http://vendor.example/v1/x",
        "https://vendor.example:8443/v1",
        "https://vendor.ex\tample/v1/x",
        "https://vendor.example\\@elsewhere.example/v1/x",
        "https://[vendor.example/v1/x",
    ],
)
def test_a_url_of_another_host_is_not_requested(api: Callable[..., Api], address: str) -> None:
    with pytest.raises(BrokenResponse, match="another host") as refused:
        api(auth=Tokens()).send("GET", CALL, address)
    assert "elsewhere" not in str(refused.value)


@pytest.mark.parametrize("trouble", ["status", "connection"])
def test_a_request_with_one_attempt_is_not_retried(
    api: Callable[..., Api], http: responses.RequestsMock, trouble: str
) -> None:
    if trouble == "status":
        http.get(f"{URL}/x", status=503)
    else:
        http.get(f"{URL}/x", body=requests.ConnectionError())
    with pytest.raises(HarvestError):
        api().send("GET", CALL, "/x", attempts=1)
    assert len(http.calls) == 1


def test_every_attempt_is_logged_without_query_and_token(
    api: Callable[..., Api], http: responses.RequestsMock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", logger="connectors.http")
    http.get(f"{URL}/things/7", status=503)
    http.get(f"{URL}/things/7", json={})
    api(auth=Tokens()).get(CALL, "/things/7", params={"q": "secret"})
    first, pause, second = caplog.messages
    assert first.startswith(f"Vendor: {CALL}: 503 in ")
    assert pause.startswith(f"Vendor: {CALL}: next try in ")
    assert second.startswith(f"Vendor: {CALL}: 200 in ")
    assert "secret" not in caplog.text
    assert "Bearer" not in caplog.text


def test_responses_are_counted_by_the_class_of_their_status(api, http, context: FakeContext) -> None:
    http.get(f"{URL}/x", status=503)
    http.get(f"{URL}/x", body=requests.ConnectionError())
    http.get(f"{URL}/x", body="no JSON")
    http.get(f"{URL}/x", json={})
    http.get(f"{URL}/y", status=404, json={})
    api().get(CALL, "/x")
    with pytest.raises(VendorError):
        api().get(CALL, "/y")
    assert context.request_stats.responses == {"2xx": 2, "4xx": 1, "5xx": 1, "none": 1}
    assert context.request_stats.responses.total() == context.request_stats.requests
