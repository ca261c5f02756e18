"""Input that is not NDJSON: its name in the message, and the command there that converts it."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.non_ndjson_input import NdjsonStream, NotNdjsonError, find_problem
from harvester.sinks.elastic.ndjson_reader import read_blocks

DOCUMENTS = [
    {
        "document_id": f"zoom:main:{n}",
        "kind": "meeting",
        "topic": "Besprechung über Räume",
        "hosts": [{}, {"a": []}],
    }
    for n in range(3)
]
LINES = [json.dumps(document, ensure_ascii=False) for document in DOCUMENTS]
NDJSON = "".join(f"{line}\n" for line in LINES).encode()
PRETTY = "\n".join(json.dumps(document, indent=2, ensure_ascii=False) for document in DOCUMENTS).encode()
BULK = "".join(f'{{"index":{{"_id":"{n}"}}}}\n{line}\n' for n, line in enumerate(LINES)).encode()
HITS = [{"_index": "x", "_id": str(n), "_source": document} for n, document in enumerate(DOCUMENTS)]
RESPONSE = {"took": 1, "hits": {"total": {"value": 3}, "hits": HITS}}


def as_tar() -> bytes:
    with io.BytesIO() as made:
        with tarfile.open(fileobj=made, mode="w") as archive:
            entry = tarfile.TarInfo("documents.ndjson")
            entry.size = len(NDJSON)
            archive.addfile(entry, io.BytesIO(NDJSON))
        return made.getvalue()


def as_zip() -> bytes:
    with io.BytesIO() as made:
        with zipfile.ZipFile(made, "w") as archive:
            archive.writestr("documents.ndjson", NDJSON)
        return made.getvalue()


CONVERTIBLE = {
    "gzip": (gzip.compress(NDJSON, mtime=0), "compressed"),
    "bzip2": (bz2.compress(NDJSON), "compressed"),
    "xz": (lzma.compress(NDJSON), "compressed"),
    "zip": (as_zip(), "compressed"),
    "tar": (as_tar(), "a tar archive"),
    "pretty-printed": (PRETTY, "not one JSON object per line"),
    "pretty-printed with a byte order mark": (b"\xef\xbb\xbf" + PRETTY, "not one JSON object per line"),
    "pretty-printed, one": (json.dumps(DOCUMENTS[0], indent="\t").encode(), "not one JSON object per line"),
    "several on a line": ("".join(LINES).encode(), "not one JSON object per line"),
    "an array": (json.dumps(DOCUMENTS).encode(), "a JSON array"),
    "a pretty-printed array": (json.dumps(DOCUMENTS, indent=4).encode(), "a JSON array"),
    "an array of lines": (b"[\n" + ",\n".join(LINES).encode() + b"\n]\n", "a JSON array"),
    "a bulk body": (BULK, "the body of a bulk request"),
    "hits": ("\n".join(json.dumps(hit) for hit in HITS).encode(), "hits of a search"),
    "a search response": (json.dumps(RESPONSE).encode(), "the response of a search"),
    "a pretty-printed search response": (json.dumps(RESPONSE, indent=1).encode(), "the response of a search"),
    "UTF-16": (NDJSON.decode().encode("utf-16"), "in UTF-16"),
    "UTF-16, big-endian, without a mark": (NDJSON.decode().encode("utf-16-be"), "in UTF-16BE"),
    "UTF-16, little-endian, without a mark": (NDJSON.decode().encode("utf-16-le"), "in UTF-16LE"),
    "UTF-32": (NDJSON.decode().encode("utf-32"), "in UTF-32"),
    "Latin-1": (NDJSON.decode().encode("latin-1"), "not in UTF-8"),
    "a text sequence": ("".join(f"\x1e{line}\n" for line in LINES).encode(), "a JSON text sequence"),
}


@pytest.mark.parametrize("form", CONVERTIBLE)
def test_other_formats_are_named_with_a_command_that_converts_them(form: str, tmp_path: Path) -> None:
    content, what = CONVERTIBLE[form]
    problem = find_problem(content, ended=True)
    assert problem is not None
    assert problem.what == what
    file = tmp_path / "it's all.json"
    file.write_bytes(content)
    message = problem.message("it", str(file))
    command = message.removeprefix(f"it is {what}: use ").removesuffix(" | harvester load")
    if shutil.which(command.split()[0]) is None:
        pytest.skip(f"{command.split()[0]} is not installed")
    made = subprocess.run(["sh", "-c", command], capture_output=True, check=True).stdout
    expected = DOCUMENTS[: 1 if form.endswith("one") else None]
    assert [orjson.loads(line) for line in made.splitlines()] == expected
    assert find_problem(made, ended=True) is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x28\xb5\x2f\xfd\x00", "it is compressed: use zstdcat FILE | harvester load"),
        (
            b"document_id,kind\na,meeting\n",
            "it is a table, not NDJSON: use mlr --icsv --ojsonl --infer-none cat FILE",
        ),
        (b"document_id;kind\na;meeting\n", "it is a table, not NDJSON: use mlr --icsv --ifs ';' --ojsonl"),
        (b"document_id\tkind\na\tmeeting\n", "it is a table, not NDJSON: use mlr --itsv --ojsonl"),
        (b"SQLite format 3\x00", "it is binary, not NDJSON"),
        (bytes(5000), "it is binary, not NDJSON"),
        (b"harvester: command not found\n", "it is not NDJSON: none of its first lines is a JSON object"),
        (b"<html>\n<p>502</p>\n</html>", "it is not NDJSON: none of its first lines is a JSON object"),
        (b"[" * 100_000, "it is a JSON array"),
    ],
)
def test_what_no_command_here_converts_is_named(content: bytes, message: str) -> None:
    problem = find_problem(content, ended=True)
    assert problem is not None
    assert problem.message("it", None).startswith(message)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n \n",
        NDJSON,
        NDJSON.rstrip(b"\n"),
        NDJSON.replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + NDJSON,
        b"\n\n" + NDJSON,
        b"harvester: a message on the wrong stream\n" + NDJSON,
        LINES[0][30:].encode() + b"\n" + NDJSON,
        LINES[0][:30].encode() + b"\n" + NDJSON,
        LINES[0].replace("ü", "\xfc").encode("latin-1") + b"\n" + NDJSON,
        b"[]\n" + NDJSON,
        LINES[0].encode() + b"}\n" + NDJSON,
        b'{"kind":"meeting"}\n',
    ],
)
def test_ndjson_with_bad_lines_is_no_problem_of_the_input(content: bytes) -> None:
    assert find_problem(content, ended=True) is None


def test_a_first_line_that_has_not_arrived_is_not_judged() -> None:
    assert find_problem(b'{"document_id":"' + b"x" * 100, ended=False) is None


@given(st.binary(max_size=300))
def test_no_input_raises(content: bytes) -> None:
    find_problem(content, ended=True)
    find_problem(content, ended=False)


class Pieces:
    """A pipe into which a few bytes are written at a time."""

    def __init__(self, content: bytes, size: int) -> None:
        self.pieces = [content[at : at + size] for at in range(0, len(content), size)]

    def read1(self, size: int, /) -> bytes:
        return self.pieces.pop(0) if self.pieces else b""


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_ndjson_passes_unchanged_from_any_pipe(size: int) -> None:
    stream = NdjsonStream(Pieces(NDJSON, size), "it", None)
    assert [line for block in read_blocks(stream) for line in block] == NDJSON.splitlines()


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_other_formats_are_recognized_from_any_pipe(size: int) -> None:
    with pytest.raises(NotNdjsonError, match=r"standard input is .+: use jq -c \. FILE \| harvester load"):
        NdjsonStream(Pieces(PRETTY, size), "standard input", None).read1(100)


def test_a_document_is_passed_on_as_soon_as_its_line_has_arrived() -> None:
    pipe = Pieces(NDJSON, len(LINES[0].encode()) + 1)
    NdjsonStream(pipe, "it", None).read1(1 << 20)
    assert len(pipe.pieces) > 1
