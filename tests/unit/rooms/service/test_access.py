"""harvester/rooms/service/access.py"""

from __future__ import annotations

from contextlib import suppress

import pytest

from harvester.rooms.rooms_file import ServiceClient
from harvester.rooms.service.access import MAX_BUCKETS, ClientAccess, Refused, RequestLimiter

SECRET = "invented-secret-1"


class Seconds:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def access(seconds: Seconds | None = None) -> ClientAccess:
    return ClientAccess([ServiceClient(id="panels", secret=SECRET)], seconds or Seconds())


def test_the_right_secret_is_accepted_in_any_spelling_of_the_scheme() -> None:
    assert access().authorize(f"Bearer {SECRET}", "panels", "1.2.3.4") == "panels"
    assert access().authorize(f"bearer  {SECRET} ", "panels", "1.2.3.4") == "panels"


@pytest.mark.parametrize(
    ("header", "client", "status"),
    [
        (None, "panels", 401),
        ("", "panels", 401),
        ("Bearer ", "panels", 401),
        (f"Basic {SECRET}", "panels", 401),
        (SECRET, "panels", 401),
        (f"Bearer {SECRET}x", "panels", 401),
        (f"Bearer {SECRET}é", "panels", 401),
        ("Bearer \0", "none", 401),
        (f"Bearer {SECRET}", None, 400),
    ],
)
def test_everything_else_is_refused(header: str | None, client: str | None, status: int) -> None:
    with pytest.raises(Refused) as refused:
        access().authorize(header, client, "1.2.3.4")
    assert refused.value.status == status


def test_a_bucket_fills_again() -> None:
    seconds = Seconds()
    limiter = RequestLimiter(seconds, per_second=2)
    for _ in range(4):
        limiter.check("a")
    with pytest.raises(Refused):
        limiter.check("a")
    limiter.check("b")
    seconds.now = 0.5
    limiter.check("a")
    with pytest.raises(Refused):
        limiter.check("a")


def test_a_flood_that_names_one_client_does_not_stop_another_of_the_same_address() -> None:
    """As behind a proxy. A flood with wrong secrets stops the client that it names, from that address only."""
    clients = [ServiceClient(id=name, secret=SECRET) for name in ("panels", "other")]
    known = ClientAccess(clients, Seconds())
    for secret in (SECRET, "a wrong secret"):
        for _ in range(500):
            with suppress(Refused):
                known.authorize(f"Bearer {secret}", "panels", "10.0.0.1")
        assert known.authorize(f"Bearer {SECRET}", "other", "10.0.0.1") == "other"
    with pytest.raises(Refused) as refused:
        known.authorize(f"Bearer {SECRET}", "panels", "10.0.0.1")
    assert refused.value.status == 429


def test_names_of_no_client_are_counted_together() -> None:
    known = access()
    statuses = []
    for number in range(500):
        with pytest.raises(Refused) as refused:
            known.authorize("Bearer guessed", f"nobody-{number}", "10.0.0.1")
        statuses.append(refused.value.status)
    assert (statuses.count(401), statuses[-1]) == (100, 429)


def test_many_addresses_take_little_memory() -> None:
    limiter = RequestLimiter(Seconds())
    for number in range(MAX_BUCKETS + 50):
        limiter.check(str(number))
    assert len(limiter._buckets) == MAX_BUCKETS


def test_a_cookie_is_of_one_client_and_cannot_be_made_up() -> None:
    known = access()
    cookie = known.cookie("panels")
    assert known.client_of(cookie) == "panels"
    for wrong in (None, "", ".", "panels", cookie + "x", "x" + cookie, cookie.replace("panels", "other")):
        assert known.client_of(wrong) is None
    other = ClientAccess([ServiceClient(id="panels", secret="another-secret-17")], Seconds())
    assert other.client_of(cookie) is None
