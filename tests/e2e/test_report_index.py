"""`report` and `attendance` from the index and from a file: the same page, the same tables, the same rows."""

from __future__ import annotations

import subprocess
from pathlib import Path

from harvester.documents import encode, to_documents
from tests.e2e.harness import clean_environment, command
from tests.e2e.index_sandbox import IndexSandbox
from tests.invented_meetings import full_harvest, plain


def run(sandbox: IndexSandbox, folder: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    environment = clean_environment(
        ES_HOST=sandbox.node.url, ES_INDEX_PREFIX=sandbox.prefix, HARVESTER_STATE_DIR=str(folder / "state")
    )
    return subprocess.run(
        command(*words), capture_output=True, env=environment, cwd=folder, check=False, input=b""
    )


def test_the_index_and_a_file_give_the_same(sandbox: IndexSandbox, tmp_path: Path) -> None:
    records = [full_harvest(), *(plain(number * 700, sessions=90) for number in range(25))]
    list(sandbox.loader().load(records))
    sandbox.ask("POST", f"/{sandbox.prefix}*/_refresh")
    # A copied index matches the same pattern, and is not read.
    sandbox.ask(
        "PUT", f"/{sandbox.prefix}sessions-copy/_doc/1?refresh=true", {"kind": "session", "vendor": "zoom"}
    )
    file = tmp_path / "documents.ndjson"
    file.write_bytes(b"".join(encode(d) + b"\n" for record in records for d in to_documents(record)))
    days = ("--from", "2026-11-20", "--to", "2026-11-27", "--timezone", "Asia/Kolkata")
    pages = {}
    for name, source in (("file", str(file)), ("index", "--from-index")):
        made = run(sandbox, tmp_path, "report", source, *days, "--csv", name, "-o", f"{name}.html")
        assert made.returncode == 0, made.stderr.decode()
        listed = run(sandbox, tmp_path, "attendance", source, *days, "--format", "csv")
        assert listed.returncode == 0, listed.stderr.decode()
        tables = {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()}
        pages[name] = (tables, listed.stdout, (tmp_path / f"{name}.html").read_bytes())
    assert pages["index"] == pages["file"]
    assert len(pages["file"][1].splitlines()) > 1_000
    assert not (tmp_path / "state").exists()


def test_an_empty_cluster_is_an_empty_input(newest: IndexSandbox, tmp_path: Path) -> None:
    made = run(newest, tmp_path, "attendance", "--from-index")
    assert made.returncode == 0, made.stderr.decode()
    assert b"the input is empty" in made.stderr
