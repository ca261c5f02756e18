"""The Elasticsearch server and the Java that it runs on: found on this machine, or fetched once into the cache folder.

Maven Central has the server as `org.elasticsearch.distribution.integ-test-zip:elasticsearch`: the real one without most
modules. It has bulk, external versions, templates, aliases and security; it lacks `GET /` (405), ingest pipelines, ILM
and data streams. Maven fetches it, or HTTPS if there is no Maven; `TEST_MAVEN_URL` names another repository for HTTPS.

Elasticsearch 9 needs Java 21 or newer, 8.19 Java 17 or newer: `ES_JAVA_HOME`, `JAVA_HOME`, the installed ones and the
cache folder are asked for their versions; if none is suitable, install-jdk fetches one.

The cache folder is `meeting-harvester` in XDG_CACHE_HOME or ~/.cache. All of this is safe among processes.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import stat
import subprocess
import tempfile
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError

from tests.e2e.download import DownloadError, download

ARTIFACT = "org.elasticsearch.distribution.integ-test-zip:elasticsearch:{version}:zip"
MAVEN_CENTRAL = "https://repo.maven.apache.org/maven2"
ARCHIVE = "org/elasticsearch/distribution/integ-test-zip/elasticsearch/{version}/elasticsearch-{version}.zip"
SHA256 = {
    "9.2.8": "db508f13489de1f46f1af9b487e1589071f34f5eb03a996b851a8bd67880f09b",
    "8.19.21": "215d5f3dbf0609a149f6218a9e47b6ae2df34ebbff3c5754e35f15a5e5393c8a",
}
"""Of the archives; what is released on Maven Central never changes."""

FETCHED_JAVA = 21
"""Runs every version of SHA256."""

_JAVA_FOLDERS = (
    "/usr/lib/jvm",
    "/opt/java",
    "/Library/Java/JavaVirtualMachines",
    "~/.sdkman/candidates/java",
)


class Missing(RuntimeError):
    """Something that has to be installed by hand; the message says what and how."""


def cache() -> Path:
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "meeting-harvester"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Lets one process at a time create `path`; the lock file is next to it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f"{path.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


# The server


def distribution(version: str) -> Path:
    """The folder of the unpacked server. Raises Missing if it has to be fetched and cannot be."""
    home = cache() / "elasticsearch" / version
    if not home.is_dir():
        with _locked(home):
            if not home.is_dir():
                _unpack(_fetched(version, home.parent), home)
    return _readable(home, f"meeting-harvester-elasticsearch-{version}")


def _fetched(version: str, folder: Path) -> Path:
    """The archive, by Maven or else over HTTPS."""
    target = folder / f"elasticsearch-{version}.zip"
    try:
        _fetch_with_maven(version, target)
        return target
    except Missing as error:
        without_maven = str(error)
    url = f"{os.environ.get('TEST_MAVEN_URL', MAVEN_CENTRAL).rstrip('/')}/{ARCHIVE.format(version=version)}"
    try:
        download(url, target, SHA256[version])
    except DownloadError as error:
        raise Missing(
            f"the Elasticsearch {version} of these tests cannot be fetched. {without_maven}; {error}. Install Maven (Debian:"
            " apt install maven; elsewhere: https://maven.apache.org), or name a Maven repository in TEST_MAVEN_URL, or"
            " nodes that are running in TEST_ES_URL and TEST_ES8_URL"
        ) from None
    return target


def _fetch_with_maven(version: str, target: Path) -> None:
    """Raises Missing if there is no Maven, or it fails."""
    maven = shutil.which("mvn")
    if maven is None:
        raise Missing("Maven is not installed")
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        command = [
            *(maven, "-q", "-B", "dependency:copy"),
            f"-Dartifact={ARTIFACT.format(version=version)}",
            f"-DoutputDirectory={scratch}",
        ]
        ended = subprocess.run(command, cwd=scratch, capture_output=True, text=True, check=False)
        if ended.returncode:
            first = next(iter((ended.stdout + ended.stderr).splitlines()), "no output")
            raise Missing(f"Maven failed with {ended.returncode}: {first}")
        (archive,) = Path(scratch).glob("*.zip")
        archive.replace(target)


def _unpack(archive: Path, home: Path) -> None:
    """Unpack the server to `home`, whole or not at all, and remove the archive."""
    with tempfile.TemporaryDirectory(dir=home.parent) as scratch:
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(scratch)
        (unpacked,) = (path for path in Path(scratch).iterdir() if (path / "bin").is_dir())
        for program in (unpacked / "bin").iterdir():  # zip files carry run bits, Python drops them
            program.chmod(program.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
        unpacked.rename(home)
    archive.unlink()


# Java


def java_home(oldest: int) -> Path:
    """The Java with the lowest version that is at least `oldest`, fetched if there is none. Raises Missing."""
    found = sorted(
        (version, home)
        for home in _java_homes()
        if (version := _java_version(home)) is not None and version >= oldest
    )
    return found[0][1] if found else _fetched_java(oldest)


def _java_homes() -> Iterator[Path]:
    for name in ("ES_JAVA_HOME", "JAVA_HOME"):
        if home := os.environ.get(name):
            yield Path(home)
    if java := shutil.which("java"):
        yield Path(java).resolve().parent.parent
    for folder in _JAVA_FOLDERS:
        for java in sorted(Path(folder).expanduser().glob("*/**/bin/java")):
            yield java.resolve().parent.parent


def _java_version(home: Path) -> int | None:
    try:
        answer = subprocess.run(
            [str(home / "bin/java"), "-version"], capture_output=True, text=True, check=False
        )
    except OSError:
        return None
    match = re.search(r'version "(\d+)', answer.stderr)
    return int(match.group(1)) if match else None


def _fetched_java(oldest: int) -> Path:
    """The Java in the cache folder."""
    folder = cache() / "java" / str(FETCHED_JAVA)
    if not folder.is_dir():
        with _locked(folder):
            if not folder.is_dir():
                _fetch_java(folder, oldest)
    home = next(java.parent.parent for java in folder.glob("**/bin/java"))
    return _readable(home, f"meeting-harvester-java-{FETCHED_JAVA}")


def _fetch_java(folder: Path, oldest: int) -> None:
    """Unpack a JDK into `folder`, whole or not at all."""
    import jdk  # only a machine without Java needs it

    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of tarfile, about filters that install-jdk does not name
                jdk.install(str(FETCHED_JAVA), path=f"{scratch}/{folder.name}")
        except jdk.JdkError as error:
            if isinstance(error.__cause__, HTTPError):
                error.__cause__.close()  # install-jdk leaves it open
            raise Missing(
                f"Java {oldest} or newer is needed for this Elasticsearch: none is installed, and install-jdk could not"
                f" fetch Java {FETCHED_JAVA} ({error}). Install a JDK (Debian: apt install"
                f" openjdk-{FETCHED_JAVA}-jdk-headless; elsewhere: https://adoptium.net), or set ES_JAVA_HOME to one"
            ) from None
        home = next(iter(Path(scratch).glob("*/**/bin/java")), None)
        if home is None or (_java_version(home.parent.parent) or 0) < oldest:
            raise Missing(f"what install-jdk fetched is no Java {oldest}; set ES_JAVA_HOME to one")
        (Path(scratch) / folder.name).rename(folder)


# For root


def _readable(home: Path, name: str) -> Path:
    """A copy that the user `nobody` can read, who cannot enter root's home folder."""
    if os.geteuid() != 0 or _is_open_to_all(home):
        return home
    copy = Path(tempfile.gettempdir()) / name
    with _locked(home):
        if not copy.is_dir():
            scratch = Path(tempfile.mkdtemp(prefix="harvester-es-copy-"))
            shutil.copytree(home, scratch / "copy", symlinks=True)
            scratch.chmod(0o755)
            (scratch / "copy").rename(copy)
            scratch.rmdir()
    if copy.stat().st_uid != 0:
        raise Missing(f"{copy} belongs to another user; remove it")
    return copy


def _is_open_to_all(path: Path) -> bool:
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in (path, *path.parents))
