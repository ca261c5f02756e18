from __future__ import annotations

from typing import Any

import pytest

from connectors.row_redaction import SECRET_WORDS, RedactionRules, redact

NO_RULES = RedactionRules()
SECRET = "marked-secret"


@pytest.mark.parametrize("word", SECRET_WORDS)
def test_a_field_with_a_secret_word_in_its_name_is_removed(word: str) -> None:
    for name in (
        word,
        f"host_{word}",
        word.upper(),
        f"new{word.title()}Value",
        "_".join(word),
        "-".join(word),
    ):
        assert redact({name: SECRET, "id": 1}, NO_RULES) == {"id": 1}


@pytest.mark.parametrize("value", [SECRET, 123456, None, [SECRET], {"value": SECRET}])
def test_a_secret_field_is_removed_with_any_value(value: Any) -> None:
    assert redact({"passcode": value}, NO_RULES) == {}


def test_secrets_are_removed_at_any_depth() -> None:
    row = {"a": [{"b": {"pin": SECRET, "c": 1}}, [{"token": SECRET, "d": 2}]]}
    assert redact(row, NO_RULES) == {"a": [{"b": {"c": 1}}, [{"d": 2}]]}


def test_links_are_removed_from_fields_and_lists() -> None:
    row = {"url": f"https://vendor.example/j/1?p={SECRET}", "urls": ["zoommtg://x", "x"], "name": "Weekly"}
    assert redact(row, NO_RULES) == {"urls": ["x"], "name": "Weekly"}


def test_a_link_in_a_title_stays() -> None:
    row = {"title": "see https://notes.example", "titles": ["see https://notes.example"]}
    rules = RedactionRules(titles=frozenset({"title"}))
    assert redact(row, rules) == {"title": "see https://notes.example", "titles": []}


def test_a_vendor_can_add_words_and_fields() -> None:
    rules = RedactionRules(words=("email",), fields=frozenset({"comments"}))
    row = {"host_email": SECRET, "comments": SECRET, "comments_count": 2}
    assert redact(row, rules) == {"comments_count": 2}
    assert redact(row, NO_RULES) == row


def test_a_flag_under_a_secret_name_stays_only_if_the_rules_say_so() -> None:
    row = {"hasPassword": True, "password": SECRET}
    assert redact(row, RedactionRules(keep_flags=True)) == {"hasPassword": True}
    assert redact(row, NO_RULES) == {}


def test_the_row_itself_is_not_changed() -> None:
    row = {"a": [{"pin": SECRET}], "token": SECRET}
    redact(row, NO_RULES)
    assert row == {"a": [{"pin": SECRET}], "token": SECRET}


def test_a_list_of_everything_keeps_all_but_secrets_and_links() -> None:
    kept = [1.5, 2, None, True, "x", [0.5, []], {"c": 1.5}]
    row = {"a": [*kept, "zoommtg://x", {"pin": SECRET, "d": []}]}
    assert redact(row, NO_RULES) == {"a": [*kept, {"d": []}]}
