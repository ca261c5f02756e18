"""The exit codes of the program: values, meanings, and which one applies if a run has several causes."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes, named as in sysexits.h, most important first: the order in which `worst` chooses.

    `outcome` says in a word how a run ended, `meaning` explains the code.
    """

    outcome: str
    meaning: str

    INTERRUPTED = 130, "interrupted", "Interrupted by Ctrl-C; the same command resumes."
    TERMINATED = 143, "interrupted", "Interrupted by SIGTERM or SIGHUP; the same command resumes."
    SOFTWARE = 70, "a bug", "A bug; the traceback is on stderr."
    CONFIG = 78, "configuration", "Configuration, or a damaged state database."
    NOPERM = 77, "refused", "Credentials, scope or plan refused."
    IOERR = (
        74,
        "disk or output",
        "The disk or the output is full or cannot be written, or a file of data cannot be read.",
    )
    UNAVAILABLE = 69, "unreachable", "A vendor or Elasticsearch is unreachable, after the retries."
    TEMPFAIL = (
        75,
        "partial",
        "Partial: something failed, a daily quota is spent, or another run holds the lock; the same command resumes.",
    )
    DATAERR = 65, "documents rejected", "Finished, but documents were rejected or findings remain."
    USAGE = 64, "usage", "The command line is wrong."
    OK = 0, "complete", "Everything available today has been stored."

    def __new__(cls, value: int, outcome: str, meaning: str) -> ExitCode:
        member = int.__new__(cls, value)
        member._value_ = value
        member.outcome = outcome
        member.meaning = meaning
        return member

    @classmethod
    def worst(cls, codes: Iterable[int]) -> ExitCode:
        """The one exit code for several causes; OK for none."""
        present = set(codes)
        return next((code for code in cls if code in present), cls.OK)


def outcome_of(exit_code: int) -> str:
    """In a word how a run with this exit code ended, "unknown" for one that no version of the program has."""
    return next((code.outcome for code in ExitCode if code == exit_code), "unknown")
