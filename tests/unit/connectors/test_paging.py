from __future__ import annotations

import contextlib
from itertools import count
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connectors.errors import BrokenResponse
from connectors.json_body import TOO_DEEP
from connectors.paging import (
    MAX_PAGES_WITHOUT_NEW_ROWS,
    find_next_link,
    page_token,
    paginate,
    restore_parameters,
)

CALL = "Vendor: GET /things"
FIRST = "https://vendor.example/v1/things?kind=meeting&from=2026-11-18T00%3A00%3A00Z&max=100"

words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
queries = st.dictionaries(words, words, max_size=5)


def test_paging_ends_at_an_empty_token_and_continues_after_an_empty_page() -> None:
    book = {"": ([1], "a"), "a": ([], "b"), "b": ([2], "")}
    pages = paginate(lambda token: book[token], lambda page: page[1], lambda page: page[0], call=CALL)
    assert [rows for rows, _ in pages] == [[1], [], [2]]


def test_a_repeated_page_token_is_an_error() -> None:
    book = {"": "a", "a": "b", "b": "a"}
    with pytest.raises(BrokenResponse, match="twice"):
        list(paginate(lambda token: book[token], lambda page: page, lambda page: page, call=CALL))


@pytest.mark.parametrize("rows", [[], [{"id": 1}]], ids=["empty", "repeated"])
def test_new_page_tokens_without_new_rows_end_a_listing(rows: list[object]) -> None:
    numbers = count(1)
    asked: list[str] = []

    def ask(token: str) -> list[object]:
        asked.append(token)
        return rows

    with pytest.raises(BrokenResponse, match="does not end"):
        list(paginate(ask, lambda _: str(next(numbers)), lambda page: page, call=CALL))
    assert len(asked) <= MAX_PAGES_WITHOUT_NEW_ROWS + 1


def test_a_page_with_a_new_row_starts_the_count_of_empty_pages_again() -> None:
    length = 4 * MAX_PAGES_WITHOUT_NEW_ROWS

    def rows(page: int) -> list[int]:
        return [page] if page % (MAX_PAGES_WITHOUT_NEW_ROWS - 1) == 0 else []

    pages = paginate(
        lambda token: int(token or 0), lambda page: str(page + 1) if page < length else "", rows, call=CALL
    )
    assert len(list(pages)) == length + 1


@pytest.mark.parametrize("lost", ["kind", "from", "max"])
def test_a_parameter_that_the_link_lost_is_put_back(lost: str) -> None:
    wanted = dict(parse_qsl(urlsplit(FIRST).query))
    kept = urlencode({name: value for name, value in wanted.items() if name != lost})
    link = f"https://vendor.example/v1/things?cursor=a%2Fb&{kept}"
    restored = restore_parameters(link, FIRST, call=CALL)
    assert restored.startswith(link), "what the vendor wrote stays as it is"
    assert dict(parse_qsl(urlsplit(restored).query)) == {**wanted, "cursor": "a/b"}


def test_a_link_without_a_query_gets_every_parameter() -> None:
    assert restore_parameters("https://vendor.example/v1/things", FIRST, call=CALL) == FIRST


@pytest.mark.parametrize(
    "changed",
    [
        "kind=meetingSeries",
        "kind=meeting&kind=webinar",
        "kind=",
        "from=2026-11-19T00%3A00%3A00Z",
        "from=yesterday",
    ],
)
def test_a_link_that_changes_a_parameter_is_refused(changed: str) -> None:
    with pytest.raises(BrokenResponse, match="changes the parameter"):
        restore_parameters(f"https://vendor.example/v1/things?{changed}&cursor=1", FIRST, call=CALL)


def test_a_link_may_write_an_instant_differently_and_change_the_page_size() -> None:
    link = (
        "https://vendor.example/v1/things?kind=meeting&from=2026-11-18T01:00:00.000%2B01:00&max=null&cursor=2"
    )
    assert restore_parameters(link, FIRST, call=CALL, may_change={"max"}) == link


def test_a_link_to_another_path_is_refused() -> None:
    with pytest.raises(BrokenResponse, match="another listing"):
        restore_parameters("https://vendor.example/v1/people?kind=meeting", FIRST, call=CALL)


@given(queries, queries)
def test_a_link_that_is_accepted_has_every_parameter_of_the_first_request(
    wanted: dict[str, str], given: dict[str, str]
) -> None:
    base = "https://vendor.example/v1/things"
    try:
        restored = restore_parameters(f"{base}?{urlencode(given)}", f"{base}?{urlencode(wanted)}", call=CALL)
    except BrokenResponse:
        assert any(given.get(name, value) != value for name, value in wanted.items())
        return
    assert dict(parse_qsl(urlsplit(restored).query)) == {**given, **wanted}


@given(
    st.one_of(
        st.text(max_size=60),
        st.builds("<{}>; rel={}".format, st.text(max_size=30), st.sampled_from(['"next"', "next", '"', "="])),
        st.sampled_from(["<http://[>; rel=next", "<//[::1>; rel=next", '<?a=\x00>; rel="next"', ",;,;"]),
    )
)
def test_no_link_header_ends_in_another_error(header: str) -> None:
    try:
        link = find_next_link(header, FIRST, call=CALL)
        if link:
            restore_parameters(link, FIRST, call=CALL)
    except BrokenResponse:
        pass


def test_the_next_link_is_resolved_against_the_request() -> None:
    header = '</v1/things?p=0>; rel="prev", </v1/things?p=2>; rel="Next"'
    assert find_next_link(header, FIRST, call=CALL) == "https://vendor.example/v1/things?p=2"
    assert find_next_link(None, FIRST, call=CALL) == ""


@pytest.mark.parametrize(("value", "token"), [(None, ""), ("", ""), (False, ""), ("a", "a"), (7, "7")])
def test_a_page_token_is_read_as_text(value: object, token: str) -> None:
    assert page_token(value, call=CALL) == token


@pytest.mark.parametrize("value", [True, 1.5, [], {}, ["a"], TOO_DEEP])
def test_a_page_token_that_is_no_text_is_an_error(value: object) -> None:
    with pytest.raises(BrokenResponse, match="page token"):
        page_token(value, call=CALL)


@given(st.text(max_size=60), st.sampled_from([FIRST, FIRST.partition("?")[0]]))
@example("http://[", FIRST)
@example("//vendor.example:99999/v1/things", FIRST)
@example("?\x00", FIRST)
def test_no_link_ends_in_another_error(link: str, first: str) -> None:
    with contextlib.suppress(BrokenResponse):
        restored = restore_parameters(link, first, call=CALL)
        assert urlsplit(restored).path
