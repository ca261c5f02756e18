"""Secrets in log messages: which are replaced, and which occurrences."""

from __future__ import annotations

import pytest

from harvester.log_redaction import Redactor


@pytest.mark.parametrize(
    ("secrets", "text", "shown"),
    [
        (["correct-horse"], "token correct-horse refused", "token *** refused"),
        (["correct-horse"], "correct-horses and incorrect-horse", "correct-horses and incorrect-horse"),
        (["a.b+c(d)e"], "key=a.b+c(d)e, not axb+c(d)e", "key=***, not axb+c(d)e"),
        (["abcdefgh", "abcdefgh-ijkl"], "abcdefgh-ijkl abcdefgh", "*** ***"),
        (["wrong12"], "wrong12 is too short to be replaced", "wrong12 is too short to be replaced"),
        ([], "nothing to hide", "nothing to hide"),
    ],
)
def test_whole_occurrences_of_long_secrets_are_replaced(secrets: list[str], text: str, shown: str) -> None:
    redactor = Redactor()
    for secret in secrets:
        redactor.add(secret)
    assert redactor(text) == shown


def test_personal_data_is_treated_after_secrets() -> None:
    redactor = Redactor()
    redactor.add("correct-horse")
    redactor.treat = lambda text: text.replace("ada@example.org", "Ada's pseudonym")
    assert redactor("correct-horse of ada@example.org") == "*** of Ada's pseudonym"
