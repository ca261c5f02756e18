"""Opens every file that the program writes for its user: documents, summaries, settings, credentials.

| what the path names | how it is written |
| --- | --- |
| nothing yet, or a regular file | under a random name in the same folder, and renamed when it is whole |
| a device or a FIFO | as it is; a FIFO waits for its reader |
| a descriptor that the shell has opened (`/dev/stdout`, `/dev/fd/63`) | through that descriptor |
| a symbolic link of this user or of root | its target is written in the same way, and the link stays |
| a symbolic link of another user | not at all |

A file in a folder where this user may not create files is overwritten in place. Every function raises OSError with the
path that was given.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event
from typing import BinaryIO

_MAX_LINKS = 40
_FIFO_SECONDS = 0.1
"""How often a FIFO without a reader is tried again."""
_DESCRIPTOR = re.compile(r"(?:/dev|/proc/self)/fd/(\d+)")
_STANDARD = {"/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2}
_NO_NEW_FILES = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_SAFE = _NO_FOLLOW | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)


def wait_uninterrupted(seconds: float) -> None:
    """The wait of a caller that nothing interrupts."""
    Event().wait(seconds)


def check_output(path: Path) -> None:
    """Raises OSError if the file certainly cannot be written: for commands that open it after a long time only."""
    with _naming(path):
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        path.parent.stat()


@contextmanager
def open_output(
    path: Path, *, private: bool = False, wait: Callable[[float], object] = wait_uninterrupted
) -> Iterator[OutputFile]:
    """Open the file, and put it in its place at the end of the block; after an exception a regular file stays as it was.

    The arguments are those of `prepare_output`.
    """
    file = prepare_output(path, private=private, wait=wait)
    try:
        yield file
    except BaseException:
        file.discard()
        raise
    file.close()


def prepare_output(
    path: Path, *, private: bool = False, wait: Callable[[float], object] = wait_uninterrupted
) -> OutputFile:
    """Open the file to write it; `close` puts it in its place. Raises OSError at once if it cannot be written.

    `private`: a regular file is readable by its owner only. `wait`: called with seconds while a FIFO has no reader; what
    it raises ends the wait.
    """
    with _naming(path):
        return _open(path, private, wait)


def write_output(
    path: Path, content: bytes, *, private: bool = False, wait: Callable[[float], object] = wait_uninterrupted
) -> None:
    """Write the whole file at once. The arguments are those of `prepare_output`."""
    with open_output(path, private=private, wait=wait) as file, _naming(path):
        file.stream.write(content)


class OutputFile:
    """A file that is being written: a device, a FIFO, a descriptor of the shell, or a file that cannot be replaced."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self.stream: BinaryIO = os.fdopen(descriptor, "wb")
        self.complete = True
        """False: a regular file goes to `incomplete_path` instead, unless it is empty, and the old one stays."""
        self.incomplete_path: Path | None = None
        """`None` if it is not a regular file that can be replaced."""

    def close(self) -> None:
        with _naming(self._path):
            self._finish()

    def discard(self) -> None:
        """Close it and remove what was written, if that is possible."""
        with suppress(OSError):
            self.stream.close()

    def _finish(self) -> None:
        self.stream.close()


class _Replacement(OutputFile):
    """A regular file under a random name, which takes the place of `target` in the end."""

    def __init__(self, path: Path, target: Path, old: os.stat_result | None, private: bool) -> None:
        self._target = target
        self._temporary = target.with_name(f".harvester-{secrets.token_hex(8)}.part")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _SAFE
        descriptor = os.open(self._temporary, flags, 0o600 if private else 0o666)
        if old is not None and not private:
            _copy_owner_and_mode(descriptor, old)
        super().__init__(path, descriptor)
        self.incomplete_path: Path = target.with_name(target.name + ".incomplete")

    def _finish(self) -> None:
        try:
            self.stream.flush()
            os.fsync(self.stream.fileno())
            empty = os.fstat(self.stream.fileno()).st_size == 0
            self.stream.close()
            if self.complete:
                self._replace_target()
            elif not empty:
                os.replace(self._temporary, self.incomplete_path)
        finally:
            self.discard()

    def discard(self) -> None:
        super().discard()
        with suppress(OSError):
            self._temporary.unlink()

    def _replace_target(self) -> None:
        try:
            os.replace(self._temporary, self._target)
        except OSError as error:
            if error.errno != errno.EBUSY:  # a container's mount of this one file, which cannot be renamed
                raise
            with self._temporary.open("rb") as source, os.fdopen(_open_in_place(self._target), "wb") as file:
                shutil.copyfileobj(source, file)


def _open(path: Path, private: bool, wait: Callable[[float], object]) -> OutputFile:
    target = path
    for _ in range(_MAX_LINKS):
        if (descriptor := _inherited_descriptor(target)) is not None:
            return OutputFile(path, os.dup(descriptor))
        found = _lstat(target)
        if found is None or not stat.S_ISLNK(found.st_mode):
            return _open_target(path, target, found, private, wait)
        if not _is_trusted(found):
            raise OSError(errno.ELOOP, "it is a symbolic link of another user")
        target = target.parent / os.readlink(target)
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))


def _open_target(
    path: Path, target: Path, found: os.stat_result | None, private: bool, wait: Callable[[float], object]
) -> OutputFile:
    if found is None:
        return _Replacement(path, target, None, private)
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(found.st_mode):
        return OutputFile(path, _open_special(target, found, wait))
    if not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    if _is_kept_by_sticky_folder(target, found):
        raise PermissionError(errno.EPERM, "it belongs to another user")
    try:
        return _Replacement(path, target, found, private)
    except OSError as error:
        if error.errno not in _NO_NEW_FILES or not _is_trusted(found) or found.st_nlink > 1:
            raise
        return OutputFile(path, _open_in_place(target))


def _open_special(target: Path, found: os.stat_result, wait: Callable[[float], object]) -> int:
    while True:
        try:
            descriptor = os.open(target, os.O_WRONLY | os.O_NONBLOCK | _SAFE)
            break
        except OSError as error:
            if error.errno != errno.ENXIO or not stat.S_ISFIFO(found.st_mode):
                raise
        wait(_FIFO_SECONDS)
    opened = os.fstat(descriptor)
    if (opened.st_dev, opened.st_ino) != (found.st_dev, found.st_ino):
        os.close(descriptor)
        raise OSError(errno.EAGAIN, "it was replaced meanwhile")
    os.set_blocking(descriptor, True)
    return descriptor


def _open_in_place(target: Path) -> int:
    return os.open(target, os.O_WRONLY | os.O_TRUNC | _SAFE)


def _inherited_descriptor(path: Path) -> int | None:
    text = str(path).replace(f"/proc/{os.getpid()}/", "/proc/self/")
    number = _STANDARD.get(text)
    if number is None and (found := _DESCRIPTOR.fullmatch(text)):
        number = int(found[1])
    if number is not None and not os.get_inheritable(number):  # a file that this process has opened itself
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    return number


def _lstat(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except FileNotFoundError:
        return None


def _is_trusted(found: os.stat_result) -> bool:
    """Whether this user or root has made it."""
    return not hasattr(os, "geteuid") or found.st_uid in {os.geteuid(), 0}


def _is_kept_by_sticky_folder(target: Path, found: os.stat_result) -> bool:
    """Whether a folder like /tmp forbids this user to replace the file."""
    folder = target.parent.stat()
    if not folder.st_mode & stat.S_ISVTX or not hasattr(os, "geteuid"):
        return False
    return os.geteuid() not in {0, found.st_uid, folder.st_uid}


def _copy_owner_and_mode(descriptor: int, old: os.stat_result) -> None:
    if hasattr(os, "fchown") and (old.st_uid, old.st_gid) != (os.geteuid(), os.getegid()):
        with suppress(OSError):
            os.fchown(descriptor, old.st_uid, old.st_gid)
    if hasattr(os, "fchmod"):
        os.fchmod(descriptor, stat.S_IMODE(old.st_mode) & 0o777)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Errors name the path that was given, not a random one."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror or type(error).__name__, str(path)) from None
