"""The lines of a .env file: each is read or refused, none is passed over."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.errors import ConfigurationError
from harvester.env_file import read_env_file


def written(folder: Path, content: bytes) -> Path:
    path = folder / "marked.env"
    path.write_bytes(content)
    return path


def test_values_quotes_comments_and_export_are_read(tmp_path: Path) -> None:
    content = b"# comment\n\nA=1\r\nexport B='two $A' # why\n  C = \"3\\n4\"\nD=\nA=5\n"
    assert read_env_file(written(tmp_path, content)) == {"A": "5", "B": "two $A", "C": "3\n4", "D": ""}


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    content = b"\xef\xbb\xbfHARVESTER_ACCOUNT=berlin\n"
    assert read_env_file(written(tmp_path, content)) == {"HARVESTER_ACCOUNT": "berlin"}


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b'HARVESTER_ACCOUNT="berlin\nB=1\n', 1),
        (b'\n# comment\n\nES_INDEX_PREFIX="hidden-\nB="2"\n', 4),
        (b"A=1\r\n\r\nHARVESTER_TIMEZONE='hidden/Berlin\r\n", 3),
        (b"A=1\nHARVESTER_ACCOUNT: hidden\n", 2),
        (b"HARVESTER_ACCOUNT:=hidden\n", 1),
        (b"HARVESTER_ACCOUNT\n", 1),
        (b"export HARVESTER_ACCOUNT\n", 1),
        (b"=hidden\n", 1),
        (b"A B=hidden\n", 1),
        (b'A="hidden" and more\n', 1),
        ("A=1\n\N{ZERO WIDTH SPACE}B=hidden\n".encode(), 2),
    ],
)
def test_a_line_that_is_not_a_setting_is_refused_with_its_number(
    tmp_path: Path, content: bytes, line: int
) -> None:
    with pytest.raises(ConfigurationError, match=rf"marked\.env, line {line}, is not NAME=value") as refused:
        read_env_file(written(tmp_path, content))
    assert "hidden" not in str(refused.value)


@pytest.mark.parametrize("content", ["A=hidden".encode("utf-16"), b"# caf\xe9\nA=hidden\n", b"A=hidden\0\n"])
def test_another_encoding_is_refused_with_the_name_of_the_file(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ConfigurationError, match=r"marked\.env .*UTF-8") as refused:
        read_env_file(written(tmp_path, content))
    assert "hidden" not in str(refused.value)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"cannot be read \(Is a directory\)"):
        read_env_file(tmp_path)


@given(st.binary(max_size=200) | st.text("AB=\"'\\ #\n\r\t$:\x00\ufeff\xe9", max_size=60).map(str.encode))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_file_is_read_or_refused_in_words(tmp_path: Path, content: bytes) -> None:
    try:
        names = set(read_env_file(written(tmp_path, content)))
    except ConfigurationError:
        return
    assert all(re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]*", name) for name in names)


def test_a_name_with_two_values_is_warned_about_without_them(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """`echo ES_HOST=… >> .env` leaves the old line in place."""
    path = written(tmp_path, b"# main\nES_HOST=http://a\nA=1\n\nES_HOST=http://b\nA=1\n")
    assert read_env_file(path) == {"ES_HOST": "http://b", "A": "1"}
    assert caplog.messages == [
        f"{path}: ES_HOST is in line 2 and, with another value, in line 5, which counts"
    ]
