"""A question before a deletion: yes, no, and no one to answer."""

from __future__ import annotations

import io
import sys
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import click
import pytest

from harvester.cli.confirmation import confirm


@pytest.mark.parametrize(
    ("answer", "expected"),
    [("y\n", nullcontext()), ("n\n", pytest.raises(click.Abort)), ("\n", pytest.raises(click.Abort))],
)
def test_only_a_yes_goes_on(
    answer: str,
    expected: AbstractContextManager[Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
    with expected:
        confirm("Delete it?", refusal="pass --yes")
    shown = capsys.readouterr()
    assert (shown.out, shown.err.startswith("Delete it? [y/N]")) == ("", True)


@pytest.mark.parametrize("stdin", [None, io.StringIO("")])
def test_without_an_answer_it_is_a_usage_error(
    stdin: io.StringIO | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", stdin)
    with pytest.raises(click.UsageError, match="pass --yes"):
        confirm("Delete it?", refusal="pass --yes")
