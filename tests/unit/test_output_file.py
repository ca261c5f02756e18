"""Files that the program writes: regular files whole or not at all, everything else as it is."""

from __future__ import annotations

import errno
import os
import re
import stat
import threading
from pathlib import Path

import pytest

from harvester.output_file import check_output, open_output, prepare_output, write_output

OTHER_USER = 4242


def content_of_folder(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def give_to_another_user(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root gives the file away; any other user becomes another one than its owner."""
    if os.geteuid() == 0:
        os.lchown(path, OTHER_USER, OTHER_USER)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: OTHER_USER)


def make_device(path: Path) -> None:
    try:
        os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    except OSError as error:
        pytest.skip(f"this user may not make a device ({error.strerror})")


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "documents.ndjson"
    with open_output(path) as file:
        file.stream.write(b"first\n")
        file.stream.flush()
        assert not path.exists()
    assert path.read_bytes() == b"first\n"
    with open_output(path) as file:
        file.stream.write(b"second\n")
        file.stream.flush()
        assert path.read_bytes() == b"first\n"
    assert path.read_bytes() == b"second\n"
    assert content_of_folder(tmp_path) == {path.name}


def test_an_exception_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "documents.ndjson"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), open_output(path) as file:
        file.stream.write(b"new")
        raise ZeroDivisionError
    assert path.read_text() == "old"
    assert content_of_folder(tmp_path) == {path.name}


@pytest.mark.parametrize(
    ("content", "names"), [(b"half", {"documents", "documents.incomplete"}), (b"", {"documents"})]
)
def test_an_incomplete_file_is_set_aside(tmp_path: Path, content: bytes, names: set[str]) -> None:
    path = tmp_path / "documents"
    path.write_text("old")
    with open_output(path) as file:
        file.stream.write(content)
        file.complete = False
    assert path.read_text() == "old"
    assert content_of_folder(tmp_path) == names
    assert file.incomplete_path == tmp_path / "documents.incomplete"


def test_a_new_file_follows_the_umask_and_an_old_ones_mode_stays(tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    previous = os.umask(0o027)
    try:
        write_output(path, b"new")
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        path.chmod(0o604)
        write_output(path, b"newer")
        assert stat.S_IMODE(path.stat().st_mode) == 0o604
        write_output(path, b"secret", private=True)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    finally:
        os.umask(previous)


def test_a_device_stays_a_device(tmp_path: Path) -> None:
    path = tmp_path / "null"
    make_device(path)
    write_output(path, b"gone")
    assert stat.S_ISCHR(path.stat().st_mode)
    assert content_of_folder(tmp_path) == {path.name}


def test_a_fifo_stays_a_fifo_and_gets_the_content(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    received: list[bytes] = []
    waited: list[float] = []
    reader = threading.Thread(target=lambda: received.append(path.read_bytes()))

    def wait(seconds: float) -> None:
        """The reader comes after the writer."""
        if not waited:
            reader.start()
        waited.append(seconds)
        threading.Event().wait(0.01)

    with open_output(path, wait=wait) as file:
        file.stream.write(b"summary")
    reader.join()
    assert received == [b"summary"]
    assert waited
    assert stat.S_ISFIFO(path.stat().st_mode)
    assert content_of_folder(tmp_path) == {path.name}


def test_the_wait_for_the_reader_of_a_fifo_can_be_ended(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)

    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare_output(path, wait=interrupt)


def test_the_target_of_a_link_of_this_user_is_written(tmp_path: Path) -> None:
    target, first, second = tmp_path / "elsewhere" / "target", tmp_path / "first", tmp_path / "second"
    target.parent.mkdir()
    first.symlink_to("second")
    second.symlink_to(target)
    for content in (b"new", b"newer"):
        write_output(first, content)
        assert target.read_bytes() == content
    assert first.is_symlink()
    assert second.is_symlink()
    assert content_of_folder(target.parent) == {"target"}


def test_a_link_of_another_user_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target, link = tmp_path / "target", tmp_path / "summary.json"
    target.write_text("old")
    link.symlink_to(target)
    give_to_another_user(link, monkeypatch)
    with pytest.raises(OSError, match="symbolic link of another user") as raised:
        write_output(link, b"new")
    assert (raised.value.errno, raised.value.filename) == (errno.ELOOP, str(link))
    assert target.read_text() == "old"
    assert link.is_symlink()


def test_links_in_a_circle_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OSError, match=os.strerror(errno.ELOOP)):
        write_output(tmp_path / "a", b"")


@pytest.mark.parametrize("suffix", [".part", ".new", ".incomplete"])
def test_a_planted_link_next_to_the_file_is_not_followed(tmp_path: Path, suffix: str) -> None:
    victim, path = tmp_path / "victim", tmp_path / "summary.json"
    victim.write_text("precious")
    Path(f"{path}{suffix}").symlink_to(victim)
    write_output(path, b"new")
    with open_output(path) as file:
        file.stream.write(b"half")
        file.complete = False
    assert victim.read_text() == "precious"
    assert path.read_bytes() == b"new"


def test_another_hard_link_to_the_file_keeps_the_old_content(tmp_path: Path) -> None:
    path, other = tmp_path / "summary.json", tmp_path / "other"
    other.write_text("old")
    path.hardlink_to(other)
    write_output(path, b"new")
    assert (path.read_text(), other.read_text()) == ("new", "old")


def test_a_descriptor_of_the_shell_is_written_where_it_stands(tmp_path: Path) -> None:
    """`> file` and `>> file` mean that file, which nothing may replace."""
    path = tmp_path / "appended"
    path.write_text("before\n")
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
    os.set_inheritable(descriptor, True)
    inode = path.stat().st_ino
    try:
        for folder in ("/dev/fd", "/proc/self/fd", f"/proc/{os.getpid()}/fd"):
            write_output(Path(folder, str(descriptor)), b"after\n")
    finally:
        os.close(descriptor)
    assert path.read_text() == "before\n" + 3 * "after\n"
    assert path.stat().st_ino == inode


def test_a_descriptor_that_this_process_has_opened_is_not_written(tmp_path: Path) -> None:
    database = tmp_path / "database"
    with database.open("wb") as opened, pytest.raises(OSError, match="descriptor"):
        write_output(Path(f"/dev/fd/{opened.fileno()}"), b"new")
    assert database.read_bytes() == b""


def test_what_cannot_be_written_is_found_at_once_and_named(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere" / "summary.json"):
        with pytest.raises(OSError, match=f"{re.escape(str(path))}'$"):
            prepare_output(path)
    assert content_of_folder(tmp_path) == set()


def test_a_file_of_another_user_in_a_sticky_folder_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o1777)
    path = tmp_path / "summary.json"
    path.write_text("old")
    path.chmod(0o666)
    monkeypatch.setattr(os, "geteuid", lambda: OTHER_USER)
    with pytest.raises(PermissionError) as raised:
        prepare_output(path)
    assert raised.value.filename == str(path)
    assert content_of_folder(tmp_path) == {path.name}


@pytest.mark.parametrize("refusal", [errno.EACCES, errno.EROFS])
def test_a_file_in_a_folder_without_new_files_is_overwritten_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusal: int
) -> None:
    path = tmp_path / "mounted.json"
    path.write_text("a longer old content")
    inode, real = path.stat().st_ino, os.open

    def open_no_new_file(name: Path, flags: int, mode: int = 0o777) -> int:
        if flags & os.O_CREAT:
            raise OSError(refusal, os.strerror(refusal), str(name))
        return real(name, flags, mode)

    monkeypatch.setattr(os, "open", open_no_new_file)
    write_output(path, b"new")
    assert path.read_bytes() == b"new"
    assert path.stat().st_ino == inode
    with pytest.raises(OSError, match=r"another\.json'$") as raised:
        prepare_output(tmp_path / "another.json")
    assert raised.value.errno == refusal


def test_a_file_that_is_mounted_by_itself_is_overwritten_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mounted.json"
    path.write_text("a longer old content")

    def refuse(_source: Path, target: Path) -> None:
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), str(target))

    monkeypatch.setattr(os, "replace", refuse)
    write_output(path, b"new")
    assert path.read_bytes() == b"new"
    assert content_of_folder(tmp_path) == {path.name}


def test_a_file_that_cannot_be_written_is_found_before_it_is_opened(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    check_output(tmp_path / "new")
    for name, reason in (("folder", errno.EISDIR), ("none/new", errno.ENOENT)):
        with pytest.raises(OSError, match=name) as raised:
            check_output(tmp_path / name)
        assert (raised.value.errno, raised.value.filename) == (reason, str(tmp_path / name))
    assert content_of_folder(tmp_path) == {"folder"}
