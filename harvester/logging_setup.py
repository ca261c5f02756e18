"""Logging to stderr: redaction, quiet mode, once-only notices, text or JSON.

Every module logs through `logging.getLogger(__name__)`. A command calls `configure_logging` once; until then the
standard library's own defaults apply. Other libraries log warnings only: their debug lines hold query strings.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import textwrap
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from logging.handlers import MemoryHandler
from threading import Lock
from typing import Any, ClassVar, Final, Literal, TextIO

from harvester.formatting import without_prefix
from harvester.log_redaction import Redactor
from harvester.printable import printable, printable_json, printable_lines
from harvester.wrapping import wrap_lines

Level = Literal["debug", "info", "warning", "error"]
Format = Literal["text", "json"]

ONCE: Final = {"once": True}
"""`logger.info(message, extra=ONCE)`: a message that is shown the first time only."""

EVEN_IF_QUIET: Final = {"even_if_quiet": True}
"""`logger.warning(message, extra=EVEN_IF_QUIET)`: something is wrong though the run ends well, so cron's mail must say it."""

LINES: Final = {"lines": True}
"""`logger.info(message, extra=LINES)`: this program has put the message into lines. Any other message is one line, and a
line feed in it comes from outside."""

_account: ContextVar[str] = ContextVar("account", default="")
"""The account that the running thread works for, as `zoom/berlin`; empty if messages need not name it."""

OWN_LOGGERS = ("harvester", "connectors")
NARROWEST = 40
"""Lines are never broken to fewer columns."""
KEPT_RECORDS = 1000
"""How many messages quiet mode keeps to show them if something goes wrong; the newest ones."""

_QUERY = re.compile(r"\?[^\s\"'<>]+")
_OWN_FIELDS = {"message", "asctime", "earlier", *ONCE, *EVEN_IF_QUIET, *LINES}
_STANDARD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | _OWN_FIELDS


@contextmanager
def messages_of(account: str) -> Iterator[None]:
    """Every message of the block names the account, `zoom/berlin`, and so does every message of a thread that runs in a
    copy of its context."""
    token = _account.set(account)
    try:
        yield
    finally:
        _account.reset(token)


def indented(traceback: str) -> str:
    """A traceback to print: its lines are indented, since an exception may quote lines that look like messages."""
    return textwrap.indent(printable_lines(traceback.rstrip("\n")), "  ")


def configure_logging(
    *,
    level: Level = "info",
    format: Format = "text",  # named after --log-format
    quiet: bool = False,
    redactor: Redactor | None = None,
) -> None:
    """Send log messages to stderr. Replaces what an earlier call set up."""
    reset_logging()
    logging.raiseExceptions = False  # a report about a bad message would print its arguments unredacted
    redact = redactor if redactor is not None else Redactor()
    handler: logging.Handler = StderrHandler(wraps=format == "text")
    handler.setFormatter(
        JsonFormatter(redact) if format == "json" else TextFormatter(redact, detailed=level == "debug")
    )
    if quiet:
        handler = QuietHandler(handler)
    handler.addFilter(_add_account)
    handler.addFilter(_is_wanted)
    handler.addFilter(OnceFilter())
    logging.getLogger().addHandler(handler)
    for name in OWN_LOGGERS:
        logging.getLogger(name).setLevel(level.upper())


def reset_logging() -> None:
    """Remove the handlers that `configure_logging` added."""
    root = logging.getLogger()
    for handler in [each for each in root.handlers if isinstance(each, StderrHandler | QuietHandler)]:
        root.removeHandler(handler)
        handler.close()
    for name in OWN_LOGGERS:
        logging.getLogger(name).setLevel(logging.NOTSET)


def is_configured() -> bool:
    return any(isinstance(each, StderrHandler | QuietHandler) for each in logging.getLogger().handlers)


@contextmanager
def collect_messages(logger: logging.Logger) -> Iterator[list[str]]:
    """Messages of this logger go into the list, each once, and are not shown."""
    collector = _Collector()
    collector.addFilter(OnceFilter())
    propagate, logger.propagate = logger.propagate, False
    logger.addHandler(collector)
    try:
        yield collector.messages
    finally:
        logger.removeHandler(collector)
        logger.propagate = propagate


@contextmanager
def log_tail(redact: Redactor, *, max_characters: int) -> Iterator[Callable[[], str]]:
    """Yields a function that returns the last messages, redacted: those that are shown, or kept in quiet mode, so far."""
    handler = _TailHandler(redact, max_characters)
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield handler.text
    finally:
        root.removeHandler(handler)


class StderrHandler(logging.StreamHandler[TextIO]):
    """Writes to whatever `sys.stderr` is at the moment: a progress bar replaces it while it is shown.

    A stderr that is closed, full or missing never ends a run.
    """

    show: ClassVar[Callable[[str], None] | None] = None
    """Prints a message instead of the handler, as long as a progress bar is shown."""

    def __init__(self, *, wraps: bool = False) -> None:
        """`wraps`: on a terminal, lines are broken between words."""
        logging.Handler.__init__(self)
        self._wraps = wraps

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        width = _terminal_width(self.stream) if self._wraps and StderrHandler.show is None else None
        return text if width is None else wrap_lines(text, width)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]  # the base class stores it
        return sys.stderr

    def emit(self, record: logging.LogRecord) -> None:
        show = StderrHandler.show
        if sys.stderr is None:
            return
        if show is None:
            super().emit(record)
            return
        with suppress(OSError, ValueError):
            show(self.format(record))

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            super().flush()


def _terminal_width(stream: TextIO) -> int | None:
    """The columns of the terminal; `None` if it is none, or does not know."""
    try:
        columns = os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):
        return None
    return max(NARROWEST, columns) if columns else None


@contextmanager
def messages_through(show: Callable[[str], None]) -> Iterator[None]:
    """Messages are passed to `show`, which knows what else is on the terminal, instead of being written to stderr."""
    StderrHandler.show = staticmethod(show)
    try:
        yield
    finally:
        StderrHandler.show = None


class QuietHandler(MemoryHandler):
    """Keeps messages until one is an error, then shows the error, what was kept (as text, with `earlier:` before it), and
    every later message.

    A message with `EVEN_IF_QUIET` is shown at once, and alone.
    """

    def __init__(self, target: logging.Handler) -> None:
        super().__init__(KEPT_RECORDS, flushLevel=logging.ERROR, target=target, flushOnClose=False)
        self._failed = False

    def emit(self, record: logging.LogRecord) -> None:
        if getattr(record, "even_if_quiet", False) and self.target is not None:
            self.target.handle(record)
        else:
            super().emit(record)

    def shouldFlush(self, record: logging.LogRecord) -> bool:  # noqa: N802  # the base class names it
        self._failed = self._failed or record.levelno >= self.flushLevel
        if not self._failed and len(self.buffer) > self.capacity:
            del self.buffer[0]
        return self._failed

    def flush(self) -> None:
        if self._failed:  # the interpreter flushes every handler when it ends
            errors = [record for record in self.buffer if record.levelno >= self.flushLevel]
            others = [record for record in self.buffer if record.levelno < self.flushLevel]
            for record in others if errors else ():
                record.earlier = True
            self.buffer = [*errors, *others]
            super().flush()


class OnceFilter(logging.Filter):
    """Drops a message logged with `extra=ONCE` if it has been seen before."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: set[str] = set()
        self._lock = Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        if not getattr(record, "once", False):
            return True
        message = f"{_account.get()} {record.getMessage()}"
        with self._lock:
            if message in self._seen:
                return False
            self._seen.add(message)
            return True


class TextFormatter(logging.Formatter):
    """The bare message for people; `detailed` puts time, level and logger before it."""

    def __init__(self, redact: Redactor, *, detailed: bool = False) -> None:
        super().__init__()
        self._redact = redact
        self._detailed = detailed

    def format(self, record: logging.LogRecord) -> str:
        text = self._redact(_message(record))
        text = printable_lines(text) if getattr(record, "lines", False) else printable(text)
        if record.exc_info:
            text += "\n" + indented(self._redact(self.formatException(record.exc_info)))
        if not _is_own(record):
            text = f"{record.name}: {_without_queries(text)}"
        if getattr(record, "earlier", False) and not self._detailed:
            text = f"earlier: {text}"
        if self._detailed:
            text = f"{_instant(record)} {record.levelname.lower():7} {text}"
        return text


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, what was given as `extra`, and the exception."""

    def __init__(self, redact: Redactor) -> None:
        super().__init__()
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] = {
            "time": _instant(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(record),
        }
        fields |= {name: value for name, value in vars(record).items() if name not in _STANDARD_FIELDS}
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        own = _is_own(record)
        cleaned = {name: self._clean(value, own=own) for name, value in fields.items()}
        return printable_json(json.dumps(cleaned, ensure_ascii=False))

    def _clean(self, value: Any, *, own: bool) -> Any:
        if value is None or isinstance(value, bool | int | float):
            return value
        text = str(value) if own else _without_queries(str(value))
        return self._redact(text)


class _Collector(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


class _TailHandler(logging.Handler):
    def __init__(self, redact: Redactor, max_characters: int) -> None:
        super().__init__()
        self.setFormatter(TextFormatter(redact, detailed=True))
        self.addFilter(_is_wanted)
        self.addFilter(OnceFilter())
        self._redact = redact
        self._room = max_characters
        self._lines: deque[str] = deque()

    def emit(self, record: logging.LogRecord) -> None:
        line = self.format(record)
        self._lines.append(line)
        self._room -= len(line) + 1
        while self._room < 0 and len(self._lines) > 1:
            self._room += len(self._lines.popleft()) + 1

    def text(self) -> str:
        """Redacted again, since a setting that is read later may be a secret in an earlier message."""
        with self.lock or nullcontext():
            return self._redact("\n".join(self._lines))


def _add_account(record: logging.LogRecord) -> bool:
    """Here, since the message may be formatted later, and in another thread."""
    if account := _account.get():
        record.account = account
    return True


def _message(record: logging.LogRecord) -> str:
    """With the name of the account before it instead of that of the vendor, if the message has an account."""
    text, account = record.getMessage(), getattr(record, "account", "")
    if not account or getattr(record, "lines", False) or text.startswith(f"{account}: "):
        return text
    return f"{account}: {without_prefix(text, account.partition('/')[0])}"


def _is_wanted(record: logging.LogRecord) -> bool:
    """Whether it is the project's own, or a warning of a library, but for `urllib3.connection`: it quotes headers that it
    cannot read, with a traceback, and the HTTP clients say what becomes of the request."""
    is_library_warning = record.levelno >= logging.WARNING and record.name != "urllib3.connection"
    return _is_own(record) or is_library_warning


def _is_own(record: logging.LogRecord) -> bool:
    return record.name.partition(".")[0] in OWN_LOGGERS


def _without_queries(text: str) -> str:
    """Other libraries' messages may quote whole URLs."""
    return _QUERY.sub("?…", text)


def _instant(record: logging.LogRecord) -> str:
    return (
        datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )
