"""Redaction, quiet mode, once-only notices, text and JSON of log messages."""

from __future__ import annotations

import fcntl
import io
import json
import logging
import os
import pty
import struct
import sys
import termios
from collections.abc import Callable
from typing import Any

import pytest

from harvester.log_redaction import Redactor
from harvester.logging_setup import (
    EVEN_IF_QUIET,
    KEPT_RECORDS,
    LINES,
    ONCE,
    collect_messages,
    configure_logging,
    is_configured,
    log_tail,
    messages_of,
    reset_logging,
)

SECRET = "marked-s3cret"  # an invented one

logger = logging.getLogger("harvester.something")
library = logging.getLogger("urllib3.connectionpool")


def redactor(*secrets: str) -> Redactor:
    redact = Redactor()
    for secret in secrets:
        redact.add(secret)
    return redact


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    shown = capsys.readouterr()
    assert shown.out == ""
    return shown.err.splitlines()


def objects(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines(capsys)]


def test_whole_secrets_are_redacted_and_short_ones_are_not() -> None:
    redact = redactor("wrong", "credential", "s3cret+value/==")
    assert redact("ZOOM_CLIENT_SECRET is wrong: copy them") == "ZOOM_CLIENT_SECRET is wrong: copy them"
    assert redact("a credential, credentials") == "a ***, credentials"
    assert redact("?secret=s3cret+value/==&more") == "?secret=***&more"


def test_a_secret_that_contains_another_is_redacted_whole() -> None:
    assert redactor("marked-one", "marked-one-two")("marked-one-two, marked-one") == "***, ***"


def test_text_is_the_bare_message(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging()
    logger.info("reading %s", "2026-11-20")
    logger.debug("not shown")
    assert lines(capsys) == ["reading 2026-11-20"]


@pytest.mark.parametrize(
    ("level", "shown"),
    [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)],
)
def test_the_level_selects_messages(level: Any, shown: int, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(level=level)
    for severity in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
        logger.log(severity, "a message")
    assert len(lines(capsys)) == shown


def test_debug_text_has_time_and_level(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(level="debug")
    logger.debug("GET /users")
    (line,) = lines(capsys)
    time, level, message = line.split(maxsplit=2)
    assert time.endswith("Z")
    assert (level, message) == ("debug", "GET /users")


def test_json_is_an_object_a_line_with_the_extra_fields(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(format="json")
    logger.info('a "%s"\nmessage', "quoted", extra={**ONCE, "vendor": "zoom", "status": 200})
    (shown,) = objects(capsys)
    assert shown.pop("time").endswith("Z")
    assert shown == {
        "level": "info",
        "logger": "harvester.something",
        "message": 'a "quoted"\nmessage',
        "vendor": "zoom",
        "status": 200,
    }


@pytest.mark.parametrize("form", ["text", "json"])
def test_message_arguments_extras_and_tracebacks_are_redacted(
    form: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging(format=form, redactor=redactor(SECRET, 'marked"quoted'))
    logger.info("in the message: %s", SECRET)
    logger.info('quoted: marked"quoted', extra={"call": SECRET})
    library.warning("of a library: %s", {"token": SECRET})
    logger.error("in an exception", exc_info=ValueError(SECRET))
    shown = capsys.readouterr().err
    assert "ValueError: ***" in shown
    assert shown.count("***") >= 4
    assert "marked" not in shown


@pytest.mark.parametrize("form", ["text", "json"])
def test_libraries_show_warnings_only_and_no_query(form: Any, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(level="debug", format=form)
    library.setLevel(logging.DEBUG)
    try:
        library.debug('"GET /token?secret=marked HTTP/1.1" 200')
        library.warning("Failed to parse headers (url=%s)", "https://example.org/token?secret=marked&x=1")
    finally:
        library.setLevel(logging.NOTSET)
    (line,) = lines(capsys)
    assert "url=https://example.org/token?…" in line
    assert "urllib3.connectionpool" in line
    assert "marked" not in line


def test_headers_that_cannot_be_read_are_not_quoted(capsys: pytest.CaptureFixture[str]) -> None:
    """urllib3 logs them with a traceback, once for each try."""
    configure_logging(level="debug")
    logging.getLogger("urllib3.connection").warning(
        "Failed to parse headers", exc_info=ValueError("X: marked")
    )
    assert lines(capsys) == []


def test_quiet_shows_nothing_until_an_error_then_the_error_and_everything_kept(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging(quiet=True)
    logger.info("one")
    logger.warning("two")
    assert lines(capsys) == []
    logger.error("three")
    assert lines(capsys) == ["three", "earlier: one", "earlier: two"]
    logger.info("four")
    logger.error("five")
    assert lines(capsys) == ["four", "five"]


def test_messages_that_quiet_kept_are_marked_only_as_bare_text(capsys: pytest.CaptureFixture[str]) -> None:
    """JSON has their time."""
    configure_logging(quiet=True, format="json")
    logger.info("one")
    logger.error("two")
    shown = objects(capsys)
    assert [each["message"] for each in shown] == ["two", "one"]
    assert all("earlier" not in each for each in shown)


def test_quiet_keeps_the_newest_messages(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(quiet=True)
    for number in range(KEPT_RECORDS + 5):
        logger.info("message %d", number)
    assert lines(capsys) == []
    logger.error("the end")
    shown = lines(capsys)
    assert shown[:2] == ["the end", "earlier: message 5"], "the error comes first"
    assert len(shown) == KEPT_RECORDS + 1


def test_quiet_shows_what_is_wrong_though_the_run_ends_well(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(quiet=True)
    logger.info("one")
    logger.warning("the clock is wrong", extra={**ONCE, **EVEN_IF_QUIET})
    logger.warning("the clock is wrong", extra={**ONCE, **EVEN_IF_QUIET})
    assert lines(capsys) == ["the clock is wrong"], "once, and without what was kept"
    logger.error("two")
    assert lines(capsys) == ["two", "earlier: one"]


def test_quiet_that_ends_well_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(quiet=True)
    logger.info("one")
    logging.getLogger().handlers[-1].flush()
    reset_logging()
    assert lines(capsys) == []
    assert not is_configured()


def test_a_notice_is_shown_once_and_other_messages_each_time(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging()
    for _ in range(3):
        logger.info("busy: %s", "a", extra=ONCE)
        logger.info("again")
    logger.info("busy: %s", "b", extra=ONCE)
    assert lines(capsys) == ["busy: a", "again", "again", "again", "busy: b"]


def test_configuring_again_replaces_the_first_configuration(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(level="debug")
    configure_logging(format="json")
    logger.info("a message")
    assert len(objects(capsys)) == 1


def closed() -> io.StringIO:
    stream = io.StringIO()
    stream.close()
    return stream


class Full(io.StringIO):
    def write(self, _text: str) -> int:
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("stderr", [closed, Full, lambda: None])
@pytest.mark.parametrize("quiet", [False, True])
def test_a_stderr_that_takes_nothing_ends_nothing(
    stderr: Callable[[], Any], quiet: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure_logging(quiet=quiet)
    monkeypatch.setattr(sys, "stderr", stderr())
    logger.info("one")
    logger.error("two")


def test_a_bad_message_reveals_no_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging()
    logger.info("%d of them", SECRET)
    assert SECRET not in capsys.readouterr().err


def test_messages_of_one_logger_are_collected_instead_of_shown(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging()
    with collect_messages(logger) as messages:
        logger.info("one", extra=ONCE)
        logger.info("one", extra=ONCE)
        logging.getLogger("harvester.other").info("two")
    logger.info("three")
    assert messages == ["one"]
    assert lines(capsys) == ["two", "three"]


HOSTILE = "a\x1b[2Jb\r\nzoom: 0 failed\x07\x9b\u202e\u2028"


def test_a_message_is_one_line_with_any_text_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging()
    logger.info("topic %s", HOSTILE)
    library.warning(HOSTILE)
    escaped = r"a\x1b[2Jb\x0d\x0azoom: 0 failed\x07\x9b\u202e\u2028"
    assert lines(capsys) == [f"topic {escaped}", f"urllib3.connectionpool: {escaped}"]


def test_only_a_message_that_the_program_has_put_into_lines_has_several(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging()
    logger.info("one\n  two\x1b", extra=LINES)
    assert lines(capsys) == ["one", r"  two\x1b"]


def test_lines_of_an_exception_cannot_pose_as_messages(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging()
    logger.error("a bug", exc_info=ValueError(HOSTILE))
    first, *rest = lines(capsys)
    assert first == "a bug"
    assert rest[-1] == r"  zoom: 0 failed\x07\x9b\u202e\u2028"
    assert all(line.startswith("  ") for line in rest)
    assert not any(character in "".join(rest) for character in "\x1b\r\x07\x9b\u202e\u2028")


def test_json_escapes_everything_that_is_not_printable_and_keeps_its_meaning(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging(format="json")
    logger.info(HOSTILE, extra={"uuid": HOSTILE})
    text = capsys.readouterr().err
    assert text.removesuffix("\n").isprintable()
    shown = json.loads(text)
    assert (shown["message"], shown["uuid"]) == (HOSTILE, HOSTILE)


def test_the_last_messages_are_kept_redacted_also_in_quiet_mode(capsys: pytest.CaptureFixture[str]) -> None:
    redact = redactor(SECRET)
    configure_logging(quiet=True, redactor=redact)
    with log_tail(redact, max_characters=1_000) as tail:
        for number in range(100):
            logger.info(f"{number} {SECRET}")
        logger.debug("a detail")
        logger.info("marked-later-secret")
        redact.add("marked-later-secret")
        for _ in range(2):
            logger.info("said once", extra=ONCE)
        text = tail()
    logger.info("after the end")
    kept = [line.partition(" info    ")[2] for line in text.splitlines()]
    assert kept[-4:] == ["98 ***", "99 ***", "***", "said once"]
    assert 900 < len(text) <= 1_000
    assert tail() == text
    assert capsys.readouterr().err == ""


def test_a_message_longer_than_the_tail_is_kept_alone() -> None:
    configure_logging()
    with log_tail(redactor(), max_characters=10) as tail:
        logger.info("short")
        logger.info("much longer than ten characters")
        assert tail().endswith("much longer than ten characters")
        assert "short" not in tail()


WORDS = "meetings that were read and stored yesterday evening, and a-path-that-is-longer-than-the-terminal-itself-is"


def on_terminal(monkeypatch: pytest.MonkeyPatch, columns: int, **more: Any) -> list[str]:
    """What a message looks like on a terminal of this width."""
    screen, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with os.fdopen(terminal, "w") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        configure_logging(**more)
        logger.info(WORDS)
        stream.flush()
        shown = os.read(screen, 10_000).decode()
    os.close(screen)
    return shown.splitlines()


def test_a_line_is_broken_between_words_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    assert on_terminal(monkeypatch, 60) == [
        "meetings that were read and stored yesterday evening, and",
        "  a-path-that-is-longer-than-the-terminal-itself-is",
    ]
    assert on_terminal(monkeypatch, 200) == [WORDS]
    assert all(len(line) <= 51 for line in on_terminal(monkeypatch, 5))


def test_json_and_lines_for_a_file_stay_whole(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (line,) = on_terminal(monkeypatch, 60, format="json")
    assert json.loads(line)["message"] == WORDS
    assert on_terminal(monkeypatch, 0) == [WORDS]
    monkeypatch.undo()
    configure_logging()
    logger.info(WORDS)
    assert lines(capsys) == [WORDS]


def test_json_messages_have_a_field_for_the_account(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(format="json")
    with messages_of("zoom/berlin"):
        logging.getLogger("harvester.test").info("zoom: 3 meetings")
    logging.getLogger("harvester.test").info("zoom: 3 meetings")
    named, other = map(json.loads, capsys.readouterr().err.splitlines())
    assert (named["account"], named["message"]) == ("zoom/berlin", "zoom/berlin: 3 meetings")
    assert "account" not in other
    assert other["message"] == "zoom: 3 meetings"


def test_a_message_that_quiet_mode_kept_still_names_its_account(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(quiet=True)
    with messages_of("zoom/berlin"):
        logging.getLogger("harvester.test").info("zoom: 3 meetings")
    with messages_of("zoom/paris"):
        logging.getLogger("harvester.test").error("zoom: refused")
    assert capsys.readouterr().err.splitlines() == ["zoom/paris: refused", "earlier: zoom/berlin: 3 meetings"]
