"""What is written to stdout, with any text that it quotes."""

from __future__ import annotations

import io
import json
import sys

import pytest

from connectors.errors import OutputError
from harvester.cli.render.echo import TerminalStream, echo, echo_json, echo_lines, stdout_bytes

HOSTILE = "a\x1b]0;title\x07\r\nharvester: 0 failed\x9b2J\u202e"
ESCAPED = r"a\x1b]0;title\x07\x0d\x0aharvester: 0 failed\x9b2J\u202e"


def test_a_line_stays_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    echo(HOSTILE)
    echo(HOSTILE, err=True)
    assert tuple(capsys.readouterr()) == (f"{ESCAPED}\n", f"{ESCAPED}\n")


def test_lines_keep_their_line_feeds_only(capsys: pytest.CaptureFixture[str]) -> None:
    echo_lines("one\r\n\x1btwo")
    assert capsys.readouterr().out == "one\\x0d\n\\x1btwo\n"


def test_json_is_escaped_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    echo_json(json.dumps({"topic": HOSTILE}, ensure_ascii=False))
    shown = capsys.readouterr().out
    assert shown.removesuffix("\n").isprintable()
    assert json.loads(shown) == {"topic": HOSTILE}


def test_documents_on_a_terminal_keep_their_meaning_and_other_bytes_are_shown() -> None:
    terminal = io.BytesIO()
    stream = TerminalStream(terminal)
    document = json.dumps(
        {"topic": "a\x9b\u202e\N{LATIN SMALL LETTER E WITH ACUTE}"}, ensure_ascii=False
    ).encode()
    assert stream.write(document + b"\n") == len(document) + 1
    stream.write(b"\xff\x1b[2J\x9b\n")
    stream.flush()
    first, second, rest = terminal.getvalue().split(b"\n")
    assert json.loads(first) == json.loads(document)
    assert first.decode().isprintable()
    assert (second, rest) == (rb"\xff\u001b[2J\x9b", b"")


@pytest.mark.parametrize(("is_terminal", "written"), [(True, b"\\u001b[2J"), (False, b"\x1b[2J")])
def test_bytes_are_escaped_on_a_terminal_only(
    is_terminal: bool, written: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = io.TextIOWrapper(io.BytesIO())
    monkeypatch.setattr(out, "isatty", lambda: is_terminal)
    monkeypatch.setattr(sys, "stdout", out)
    stdout_bytes().write(b"\x1b[2J")
    out.seek(0)
    assert out.buffer.read() == written


def test_a_closed_stdout_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(OutputError, match="stdout is closed"):
        stdout_bytes()
    with pytest.raises(OutputError, match="stdout is closed"):
        echo("answer")
