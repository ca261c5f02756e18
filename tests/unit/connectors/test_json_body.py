from __future__ import annotations

import json

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.json_body import MAX_DEPTH, BodyRefused, contains_too_deep, parse_body


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b'"a \\ud83d b"', "a \ufffd b"),
        (b'"\\ud83d\\ude00"', "\U0001f600"),
        (b'{"\\udc00": ["\\udfff"]}', {"\ufffd": ["\ufffd"]}),
        (b'"caf\xe9"', "caf\ufffd"),
        (b'"\\ud83d\\ud83d\\ude00 \\\\ud83d \\"\\uDE00"', '\ufffd\U0001f600 \\ud83d "\ufffd'),
        (b"1e999", None),
        (b"[9223372036854775807, 1e999]", [9223372036854775807, None]),
        (b"[" + b"1" * 5000 + b"]", [None]),
        (b'["\\ud83d", 123456789012345678901234567890]', ["\ufffd", 123456789012345678901234567890.0]),
    ],
)
def test_json_that_orjson_refuses_is_read_and_can_be_written_again(content: bytes, value: object) -> None:
    body = parse_body(content)
    assert (body.value, body.problem) == (value, None)
    orjson.dumps(body.value)


@given(st.text(st.characters(categories=("Lu", "Cs", "Po", "So"))))
def test_lone_surrogates_are_replaced_and_pairs_are_not(text: str) -> None:
    expected = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    assert parse_body(json.dumps({text: ["\ud83d", text]}).encode()).value == {expected: ["\ufffd", expected]}


@pytest.mark.parametrize("content", [b"", b"{", b"Infinity", b"[" * 100_000, b"1" + b"0" * 5000 + b"x"])
def test_a_body_without_json_gives_a_reason(content: bytes) -> None:
    body = parse_body(content)
    assert body.value is None
    assert body.problem


@given(st.binary(max_size=40))
def test_parse_body_never_raises(content: bytes) -> None:
    body = parse_body(content)
    if body.problem is None:
        orjson.dumps(body.value)


@pytest.mark.parametrize(
    ("opens", "closes", "levels"), [("[", "]", 1), ('{"a":', "}", 1), ('[{"]":', "}]", 2)]
)
def test_a_value_nested_too_deeply_is_replaced(opens: str, closes: str, levels: int) -> None:
    deepest = MAX_DEPTH // levels
    body = parse_body((opens * deepest + "1" + closes * deepest).encode())
    assert not body.too_deep
    assert not contains_too_deep(body.value)
    for deeper in (deepest + 1, 255, 400):
        body = parse_body(('{"a": 1, "b":' + opens * deeper + "1" + closes * deeper + "}").encode())
        assert body.problem is None
        assert body.too_deep
        assert contains_too_deep(body.value)
        assert body.value["a"] == 1
        orjson.dumps(body.value, default=repr)


@pytest.mark.parametrize(
    "texts",
    [
        ('"]"', "[", "]"),  # closes what is open
        ('"["', "[", "]"),
        ('"]","["', "[", "]"),
        ('"a\\"]"', "[", "]"),  # an escaped quote does not end a text
        ('"a\\\\","]"', "[", "]"),  # an escaped backslash does not escape a quote
        ('""', "[", "]"),
        ('"}"', '{"{":', "}"),
        ('"}\\"{"', '{"a\\"}":', "}"),
    ],
)
def test_texts_with_brackets_and_quotes_hide_no_level(texts: tuple[str, str, str]) -> None:
    inner, opens, closes = texts
    for levels in (MAX_DEPTH, MAX_DEPTH + 1):
        content = opens * (levels - 1) + "[" + inner + "]" + closes * (levels - 1)
        assert parse_body(content.encode()).too_deep == (levels > MAX_DEPTH)


json_values = st.recursive(
    st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
)


@given(json_values)
def test_brackets_in_texts_do_not_count_as_levels(value: object) -> None:
    content = [value, "[" * 500, {"{": "]}"}]
    body = parse_body(orjson.dumps(content))
    assert (body.value, body.problem, body.too_deep) == (content, None, False)


@given(json_values, st.integers(1, 1000))
def test_only_the_values_nested_too_deeply_are_lost(value: object, deeper: int) -> None:
    nested: object = "x"
    for _ in range(deeper):
        nested = ["]", nested, "["]
    body = parse_body(json.dumps({"rows": [{"id": 1, "odd": nested}, {"id": 2, "value": value}]}).encode())
    assert body.problem in {None, "a body that is not JSON"}
    if body.problem is None:
        first, second = body.value["rows"]
        assert first["id"] == 1
        assert second == {"id": 2, "value": value}
        assert body.too_deep == contains_too_deep(first) == (deeper > MAX_DEPTH - 3)


@pytest.mark.parametrize("one", [b"[]", b"{}", b'"a"', b'{"a":1}'])
def test_a_body_that_needs_too_much_memory_is_refused_before_it_is_parsed(one: bytes) -> None:
    content = b"[" + b",".join([one] * 2_000_000) + b"]"
    with pytest.raises(BodyRefused, match="memory"):
        parse_body(content)


class Page(msgspec.Struct):
    rows: list[float]


def test_a_body_of_the_given_shape_becomes_a_struct() -> None:
    assert parse_body(b'{"rows": [1, 2.5], "other": [{}]}', shape=Page).value == Page([1, 2.5])


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b'{"rows": [1, "2"]}', {"rows": [1, "2"]}),
        (b'{"message": "no"}', {"message": "no"}),
        (b'{"rows": [1], "\\ud83d": 2}', {"rows": [1], "\ufffd": 2}),
        (b"[1]", [1]),
        (b"{", None),
    ],
)
def test_a_body_of_another_shape_is_parsed_as_without_a_shape(content: bytes, value: object) -> None:
    assert parse_body(content, shape=Page) == parse_body(content)
    assert parse_body(content, shape=Page).value == value


@given(st.integers(1, 100_000))
def test_a_deeply_nested_value_beside_the_shape_does_no_harm(levels: int) -> None:
    content = b'{"rows": [1], "other": ' + b"[" * levels + b"]" * levels + b"}"
    assert parse_body(content, shape=Page).value in (Page([1]), parse_body(content).value)


def test_a_body_of_the_given_shape_that_needs_too_much_memory_is_refused() -> None:
    with pytest.raises(BodyRefused, match="memory"):
        parse_body(b'{"rows": [' + b"1," * 2_500_000 + b"1]}", shape=Page)
