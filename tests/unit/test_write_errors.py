"""harvester/write_errors.py: the message says why, and what to do about this very error."""

from __future__ import annotations

import errno

import pytest

from connectors.errors import OutputError
from connectors.exit_codes import ExitCode
from harvester.write_errors import access_error, read_error, write_error, write_errors

ELSEWHERE = "choose another file with --output"


@pytest.mark.parametrize(
    ("number", "reason", "remedy"),
    [
        (errno.ENOSPC, "No space left on device", f"free some space, or {ELSEWHERE}"),
        (errno.EDQUOT, "Disk quota exceeded", f"free some space, or {ELSEWHERE}"),
        (errno.EROFS, "Read-only file system", f"make its file system writable, or {ELSEWHERE}"),
        (errno.EACCES, "Permission denied", f"check its owner and permissions, or {ELSEWHERE}"),
        (errno.EPERM, "it belongs to another user", f"check its owner and permissions, or {ELSEWHERE}"),
        (errno.ENOENT, "No such file or directory", f"create its folder, or {ELSEWHERE}"),
        (errno.ENOTDIR, "Not a directory", f"create its folder, or {ELSEWHERE}"),
        (errno.EIO, "Input/output error", f"check the disk, or {ELSEWHERE}"),
        (errno.EFBIG, "File too large", f"raise the limit of this process (ulimit -f), or {ELSEWHERE}"),
        (errno.EISDIR, "Is a directory", ELSEWHERE),
        (errno.ENAMETOOLONG, "File name too long", ELSEWHERE),
    ],
)
def test_each_error_has_its_remedy(number: int, reason: str, remedy: str) -> None:
    error = write_error("days.ndjson", OSError(number, reason), elsewhere=ELSEWHERE)
    assert str(error) == f"days.ndjson cannot be written ({reason}): {remedy}"
    assert error.exit_code == ExitCode.IOERR


def test_without_another_place_only_the_cause_can_be_mended() -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    assert str(write_error("a", full, elsewhere="")) == (
        "a cannot be written (No space left on device): free some space"
    )
    assert str(write_error("a", IsADirectoryError(errno.EISDIR, "Is a directory"), elsewhere="")) == (
        "a cannot be written (Is a directory)"
    )


def test_an_error_without_a_text_is_called_by_its_type() -> None:
    assert str(write_error("stdout", TimeoutError())) == (
        "stdout cannot be written (TimeoutError): name another place"
    )


def test_errors_of_a_block_are_output_errors() -> None:
    with (
        pytest.raises(
            OutputError, match=r"^days cannot be written \(No space left\): free some space, or sweep$"
        ),
        write_errors("days", elsewhere="sweep"),
    ):
        raise OSError(errno.ENOSPC, "No space left")


def test_a_closed_pipe_is_an_error_unless_its_reader_may_leave() -> None:
    with pytest.raises(OutputError, match="Broken pipe"), write_errors("fifo"):
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")
    with pytest.raises(BrokenPipeError), write_errors("fifo", pipe_may_close=True):
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")


def test_what_cannot_be_read_or_used_has_the_same_remedies() -> None:
    denied = PermissionError(errno.EACCES, "Permission denied")
    assert (
        str(read_error("a", denied))
        == "a cannot be read (Permission denied): check its owner and permissions"
    )
    assert (
        str(access_error("a", denied))
        == "a cannot be used (Permission denied): check its owner and permissions"
    )
