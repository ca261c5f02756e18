"""Responses with odd headers and bodies, for the functions that classify responses."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from connectors.errors import HarvestError
from connectors.response_decisions import Decision, Response, Retry

_NAMES = (
    "Retry-After",
    "X-RateLimit-Type",
    "X-RateLimit-Remaining",
    "X-RateLimit-Limit",
    "Content-Type",
    "Link",
)
_ODD = (
    "9999-12-31T23:59:59-23:59",
    "Fri, 31 Dec 9999 23:59:59 -2359",
    "1e300",
    "-1",
    "nan",
    "0",
    ";",
    "9" * 5000,
)
_KEYS = (
    "code",
    "message",
    "description",
    "error",
    "errors",
    "error_description",
    "details",
    "reason",
    "status",
)

_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_KEYS), inner, max_size=4),
)


def odd_responses(call: str) -> st.SearchStrategy[Response]:
    return st.builds(
        Response,
        call=st.just(call),
        status=st.sampled_from([200, 204, 302, 400, 401, 403, 404, 423, 425, 429, 451, 500, 503]),
        headers=st.dictionaries(st.sampled_from(_NAMES), st.text(max_size=40) | st.sampled_from(_ODD)).map(
            CaseInsensitiveDict
        ),
        body=_values,
        broken=st.sampled_from([None, None, "a body that is not JSON", "an empty body"]),
    )


def check_decision(classify: Callable[[Response], Decision], response: Response) -> None:
    """The decision is one that the HTTP client can follow."""
    decision = classify(response)
    assert decision is None or isinstance(decision, Retry | HarvestError)
    if isinstance(decision, Retry) and decision.after is not None:
        assert 0 <= decision.after < 10**6
