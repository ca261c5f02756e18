"""Files of data: what cannot be read is named, with the reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.errors import OutputError
from connectors.exit_codes import ExitCode
from harvester.input_file import UnusableFile, is_utf8, open_input, read_input, standard_input_is_closed


def test_a_file_is_opened_to_read_bytes(tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(b"\xff\n")
    with open_input(tmp_path / "data") as file:
        assert file.read() == b"\xff\n"


@pytest.mark.parametrize(
    ("name", "reason"), [("missing", "No such file or directory"), ("folder", "Is a directory")]
)
def test_what_cannot_be_read_is_named(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError) as raised:
        open_input(tmp_path / name)
    assert str(raised.value) == f"{tmp_path / name} cannot be read ({reason})"
    assert raised.value.exit_code == ExitCode.IOERR


def test_other_contents_and_a_closed_stream_have_codes_of_their_own() -> None:
    assert UnusableFile("line 3").exit_code == ExitCode.DATAERR
    assert standard_input_is_closed().exit_code == ExitCode.IOERR


def test_a_device_that_never_ends_is_not_read_into_memory() -> None:
    with pytest.raises(UnusableFile, match=r"^/dev/zero is larger than 1 MB$"):
        read_input(Path("/dev/zero"), 1 << 20)


def test_a_file_of_just_the_permitted_size_is_read(tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(b"abc")
    assert read_input(tmp_path / "data", 3) == b"abc"


@pytest.mark.parametrize(("text", "expected"), [("", True), ("Größe 会议", True), ("caf\udce9", False)])
def test_a_name_in_another_encoding_is_recognized(text: str, expected: bool) -> None:
    assert is_utf8(text) is expected
