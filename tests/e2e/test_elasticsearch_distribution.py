"""A machine without Maven and Java fetches both, once, from a server that may break off or send rubbish. A server on loopback replaces Maven Central and the source of install-jdk. No node is started here."""

from __future__ import annotations

import hashlib
import io
import re
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from jdk.client.adoptium import AdoptiumClient

from tests.e2e import elasticsearch_distribution as fetching
from tests.e2e import elasticsearch_nodes as nodes
from tests.e2e.download import CHUNK_BYTES, TRIES, DownloadError, download
from tests.e2e.elasticsearch_distribution import Missing, distribution, java_home

VERSION = "9.2.8"
CONTENT = bytes(range(256)) * 4096
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@dataclass(kw_only=True)
class StandIn:
    """A server of files. `breaks`: after how many bytes each of the next answers ends too early."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True
    breaks: list[int] = field(default_factory=list)
    asked: list[tuple[str, str | None]] = field(default_factory=list)

    def answer(self, path: str, asked: str | None) -> tuple[int, bytes, int]:
        """Status, body, and how much of the body is sent."""
        self.asked.append((path, asked))
        if path not in self.files:
            return 404, b"not here", 8
        status, body = 200, self.files[path]
        if asked is not None and self.ranges:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            if start >= len(body):
                return 416, b"", 0
            status, body = 206, body[start:]
        return status, body, self.breaks.pop(0) if self.breaks else len(body)


@pytest.fixture
def server() -> Iterator[StandIn]:
    stand_in = StandIn()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body, sent = stand_in.answer(self.path, self.headers.get("Range"))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[:sent])

        def log_message(self, *_given: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as serving:
        thread = Thread(target=serving.serve_forever, args=(0.01,))
        thread.start()
        stand_in.url = f"http://127.0.0.1:{serving.server_port}"
        yield stand_in
        serving.shutdown()
        thread.join()


# A file


def test_a_file_is_complete_or_not_there(server: StandIn, tmp_path: Path) -> None:
    server.files["/file"] = CONTENT
    download(f"{server.url}/file", tmp_path / "file", DIGEST)
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_download_that_breaks_off_goes_on_where_it_was(server: StandIn, tmp_path: Path) -> None:
    server.files["/file"], server.breaks = CONTENT, [2 * CHUNK_BYTES, CHUNK_BYTES]
    download(f"{server.url}/file", tmp_path / "file", DIGEST)
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert [asked for _, asked in server.asked] == [
        None,
        f"bytes={2 * CHUNK_BYTES}-",
        f"bytes={3 * CHUNK_BYTES}-",
    ]


def test_a_server_without_ranges_sends_it_again(server: StandIn, tmp_path: Path) -> None:
    server.files["/file"], server.breaks, server.ranges = CONTENT, [CHUNK_BYTES], False
    download(f"{server.url}/file", tmp_path / "file", DIGEST)
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_partial_download_of_a_dead_process_is_completed(server: StandIn, tmp_path: Path) -> None:
    server.files["/file"] = CONTENT
    for length in (10, len(CONTENT)):
        (tmp_path / "file.part").write_bytes(CONTENT[:length])
        download(f"{server.url}/file", tmp_path / "file", DIGEST)
        assert (tmp_path / "file").read_bytes() == CONTENT
    assert [asked for _, asked in server.asked] == ["bytes=10-", f"bytes={len(CONTENT)}-"]


def test_a_connection_that_always_breaks_is_given_up_and_what_came_is_kept(
    server: StandIn, tmp_path: Path
) -> None:
    server.files["/file"], server.breaks = CONTENT, [CHUNK_BYTES] * TRIES
    with pytest.raises(DownloadError, match=rf"/file: \w+ after {TRIES} attempts"):
        download(f"{server.url}/file", tmp_path / "file", DIGEST)
    assert len(server.asked) == TRIES
    assert [path.name for path in tmp_path.iterdir()] == ["file.part"]
    assert (tmp_path / "file.part").read_bytes() == CONTENT[: CHUNK_BYTES * TRIES]


def test_other_content_is_refused_and_deleted(server: StandIn, tmp_path: Path) -> None:
    server.files["/file"] = b"rubbish"
    with pytest.raises(DownloadError, match=f"SHA-256 .* not {DIGEST}"):
        download(f"{server.url}/file", tmp_path / "file", DIGEST)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_file_is_not_requested_again(server: StandIn, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="/nothing: status 404"):
        download(f"{server.url}/nothing", tmp_path / "file", DIGEST)
    assert len(server.asked) == 1


@pytest.mark.parametrize("url", ["http://example.org/file", "ftp://127.0.0.1/file", "file:///etc/hosts"])
def test_only_https_and_loopback_urls_are_accepted(tmp_path: Path, url: str) -> None:
    with pytest.raises(DownloadError, match="only https"):
        download(url, tmp_path / "file", DIGEST)


# The server


@pytest.fixture
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: StandIn) -> Path:
    """A machine without Maven and Java. The path is its empty cache folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path / "no programs"))
    monkeypatch.setenv("TEST_MAVEN_URL", server.url + "/")
    for name in ("ES_JAVA_HOME", "JAVA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(fetching, "_JAVA_FOLDERS", ())
    monkeypatch.setattr(fetching, "_readable", lambda home, _name: home)
    return tmp_path / "cache" / "meeting-harvester"


@pytest.fixture
def archive(server: StandIn, monkeypatch: pytest.MonkeyPatch) -> str:
    """A small one at Maven Central; its path there."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr(f"elasticsearch-{VERSION}/bin/elasticsearch", "#!/bin/sh\n")
        file.writestr(f"elasticsearch-{VERSION}/config/elasticsearch.yml", "")
    path = "/" + fetching.ARCHIVE.format(version=VERSION)
    server.files[path] = packed.getvalue()
    monkeypatch.setitem(fetching.SHA256, VERSION, hashlib.sha256(packed.getvalue()).hexdigest())
    return path


def programs(folder: Path, monkeypatch: pytest.MonkeyPatch, **scripts: str) -> None:
    """The only ones that are found."""
    folder.mkdir()
    for name, script in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def test_without_maven_the_server_is_fetched_once_and_can_be_run(
    bare_machine: Path, server: StandIn, archive: str
) -> None:
    home = distribution(VERSION)
    assert home == distribution(VERSION) == bare_machine / "elasticsearch" / VERSION
    assert (home / "bin/elasticsearch").stat().st_mode & 0o111 == 0o111
    assert (home / "config/elasticsearch.yml").exists()
    assert server.asked == [(archive, None)]
    assert sorted(path.name for path in home.parent.iterdir()) == [VERSION, f"{VERSION}.lock"]


def test_maven_that_fails_is_followed_by_https(
    bare_machine: Path, archive: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs(tmp_path / "programs", monkeypatch, mvn="echo '[ERROR] offline'; exit 1")
    assert (distribution(VERSION) / "bin/elasticsearch").exists()


def test_maven_is_tried_first(
    bare_machine: Path, server: StandIn, archive: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own.zip").write_bytes(server.files[archive])
    copy = f'for word; do folder="$word"; done; /bin/cp {tmp_path}/own.zip "${{folder#-DoutputDirectory=}}/es.zip"'
    programs(tmp_path / "programs", monkeypatch, mvn=copy)
    assert (distribution(VERSION) / "bin/elasticsearch").exists()
    assert server.asked == []


def test_if_both_fail_the_message_says_what_to_install(
    bare_machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Missing) as without:
        distribution(VERSION)
    message = str(without.value)
    assert "Maven is not installed; http://127.0.0.1:" in message
    for word in ("status 404", "apt install maven", "TEST_MAVEN_URL", "TEST_ES_URL", "TEST_ES8_URL"):
        assert word in message
    programs(tmp_path / "programs", monkeypatch, mvn="echo '[ERROR] offline'; exit 1")
    with pytest.raises(Missing, match=re.escape("Maven failed with 1: [ERROR] offline; http://")):
        distribution(VERSION)
    assert not (bare_machine / "elasticsearch" / VERSION).exists()


def test_the_versions_that_are_started_have_a_checksum() -> None:
    assert {nodes.NEWEST, nodes.OLDEST} == set(fetching.SHA256)


# Java


def offer_java(server: StandIn, monkeypatch: pytest.MonkeyPatch, version: int | None) -> None:
    """A JDK that says that it has this version, at the place from where install-jdk fetches; None: there is none."""
    script = f"#!/bin/sh\necho 'openjdk version \"{version}.0.9\" 2025-10-21' >&2\n".encode()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as file:
        program = tarfile.TarInfo(f"jdk-{version}.0.9+10/bin/java")
        program.size, program.mode = len(script), 0o755
        file.addfile(program, io.BytesIO(script))
    if version is not None:
        server.files["/jdk.tar.gz"] = packed.getvalue()
    monkeypatch.setattr(AdoptiumClient, "get_download_url", lambda *_given: f"{server.url}/jdk.tar.gz")


def test_without_java_one_is_fetched_once(
    bare_machine: Path, server: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer_java(server, monkeypatch, fetching.FETCHED_JAVA)
    home = java_home(21)
    assert (home / "bin/java").exists()
    assert home.is_relative_to(bare_machine / "java")
    assert java_home(17) == home
    assert len(server.asked) == 1


def test_a_java_that_is_installed_and_too_old_is_no_reason_not_to_fetch(
    bare_machine: Path, server: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs(tmp_path / "bin", monkeypatch, java="echo 'openjdk version \"17.0.1\"' >&2")
    offer_java(server, monkeypatch, fetching.FETCHED_JAVA)
    assert java_home(17) == tmp_path
    assert java_home(21).is_relative_to(bare_machine)


@pytest.mark.parametrize(
    ("offered", "message"), [(None, "apt install openjdk-21-jdk"), (11, "is no Java 21")]
)
def test_without_any_download_the_message_names_the_package(
    bare_machine: Path, server: StandIn, monkeypatch: pytest.MonkeyPatch, offered: int | None, message: str
) -> None:
    offer_java(server, monkeypatch, offered)
    with pytest.raises(Missing, match=message) as missing:
        java_home(21)
    assert "ES_JAVA_HOME" in str(missing.value)
    assert [path.name for path in (bare_machine / "java").iterdir()] == ["21.lock"]
