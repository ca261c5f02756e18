"""Real Elasticsearch nodes for tests and benchmarks: fetched once, started when first asked for, ended by their id.

The server comes from Maven Central as `org.elasticsearch.distribution.integ-test-zip:elasticsearch`: the real one
without most modules. It has bulk, external versions, templates, aliases and security; it lacks `GET /` (405), ingest
pipelines, ILM and data streams. It is unpacked once into the user's cache folder and works offline from then on.

Elasticsearch 9 needs Java 21 or newer, 8.19 runs on 17; `ES_JAVA_HOME`, `JAVA_HOME` and the installed ones are asked
for their versions. It refuses to run as root, so that root starts it as `nobody`.
"""

from __future__ import annotations

import atexit
import base64
import fcntl
import hashlib
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

NEWEST = "9.2.8"
OLDEST = "8.19.21"
ARTIFACT = "org.elasticsearch.distribution.integ-test-zip:elasticsearch:{version}:zip"
READY_SECONDS = 300.0
SHORT_LIVED = "-Xms512m -Xmx512m -XX:TieredStopAtLevel=1 -XX:-AlwaysPreTouch"
"""For nodes of a few minutes: the second compiler would cost as much as all the rest of a start, and not pay any more."""

_JAVA_FOLDERS = (
    "/usr/lib/jvm",
    "/opt/java",
    "/Library/Java/JavaVirtualMachines",
    "~/.sdkman/candidates/java",
)
_SETTINGS = """\
cluster.name: meeting-harvester-tests
discovery.type: single-node
network.host: 127.0.0.1
http.port: {port}
transport.port: 0
path.data: {folder}/data
path.logs: {folder}/logs
xpack.security.enabled: {security}
cluster.routing.allocation.disk.threshold_enabled: false
"""
_PLAIN_HTTP = """\
xpack.security.http.ssl.enabled: false
xpack.security.transport.ssl.enabled: false
"""


class Missing(RuntimeError):
    """Something that has to be installed by hand; the message says what and how."""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A user of a secure node. `role`: a name in `roles.yml` or a built-in one."""

    name: str
    password: str
    role: str


@dataclass(slots=True, kw_only=True, eq=False)
class Node:
    """A node that is running. `version`: as asked for. With a `process` it is this one's own, which has to `stop` it."""

    url: str
    version: str
    process: subprocess.Popen[bytes] | None = None
    folder: Path | None = None
    users: Mapping[str, User] = field(default_factory=dict)

    def lent(self) -> Node:
        """The same for another process, which cannot end it."""
        return replace(self, process=None, folder=None)

    def kill(self) -> None:
        """The launcher and the server, as the kernel does when memory is short."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def begin_again(self) -> None:
        """After a kill, on the same port and with what it had on its disk; answering when this returns."""
        assert self.folder is not None
        self.process = _launched(self.version, self.folder, SHORT_LIVED)
        _await(self)

    def stop(self) -> None:
        """End the launcher and the server that it started, and remove what they wrote."""
        _started.discard(self)
        if self.process is not None:
            _end(self.process)
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)


_started: set[Node] = set()
"""What this process has to stop."""


@atexit.register
def stop_all() -> None:
    """Those as well that do not answer yet; whoever waits for one is told that it did not start."""
    for node in tuple(_started):
        node.stop()


def start(
    version: str, *, roles: str = "", users: tuple[User, ...] = (), java_options: str = SHORT_LIVED
) -> Node:
    """A node of its own, answering when this returns. With `users` it has security on, over plain HTTP.

    `roles`: the text of `roles.yml`. Raises Missing without a suitable Java or, on the first use, Maven.
    """
    home = distribution(version)
    folder = Path(tempfile.mkdtemp(prefix="harvester-es-"))
    port = _free_port()
    _configure(home, folder, port, roles=roles, users=users)
    _hand_over(folder)
    process = _launched(version, folder, java_options)
    node = Node(
        url=f"http://127.0.0.1:{port}",
        version=version,
        process=process,
        folder=folder,
        users={user.name: user for user in users},
    )
    _started.add(node)
    _await(node)
    return node


def _launched(version: str, folder: Path, java_options: str) -> subprocess.Popen[bytes]:
    java = java_home(21 if int(version.partition(".")[0]) >= 9 else 17)
    with (folder / "output.log").open("ab") as output:
        return subprocess.Popen(
            [*_as_nobody(), str(distribution(version) / "bin/elasticsearch")],
            env=_environment(folder, java, java_options),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def distribution(version: str) -> Path:
    """The unpacked server in the user's cache, fetched by Maven where it is not there yet. Safe among processes."""
    cache = (
        Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "meeting-harvester/elasticsearch"
    )
    home = cache / version
    if home.is_dir():
        return _reachable(home)
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / f"{version}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not home.is_dir():
            _unpack(version, home)
    return _reachable(home)


def java_home(oldest: int) -> Path:
    """The installed Java with the lowest version that is at least `oldest`; Missing where there is none."""
    found = sorted(
        (version, home)
        for home in _java_homes()
        if (version := _java_version(home)) is not None and version >= oldest
    )
    if not found:
        raise Missing(
            f"Java {oldest} or newer is needed for this Elasticsearch: install a JDK (Debian: apt install"
            f" openjdk-{oldest}-jdk-headless, anywhere: https://adoptium.net) or set ES_JAVA_HOME to one"
        )
    return found[0][1]


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
        told = subprocess.run(
            [str(home / "bin/java"), "-version"], capture_output=True, text=True, check=False
        )
    except OSError:
        return None
    match = re.search(r'version "(\d+)', told.stderr)
    return int(match.group(1)) if match else None


def _unpack(version: str, home: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise Missing(
            "Maven fetches the Elasticsearch of these tests: install it (Debian: apt install maven, anywhere:"
            " https://maven.apache.org), or name a node of yours in TEST_ES_URL and TEST_ES8_URL"
        )
    with tempfile.TemporaryDirectory(dir=home.parent) as scratch:
        artifact = ARTIFACT.format(version=version)
        command = [
            maven,
            "-q",
            "-B",
            "dependency:copy",
            f"-Dartifact={artifact}",
            f"-DoutputDirectory={scratch}",
        ]
        subprocess.run(command, cwd=scratch, check=True)
        (archive,) = Path(scratch).glob("*.zip")
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(scratch)
        archive.unlink()
        (unpacked,) = (path for path in Path(scratch).iterdir() if (path / "bin").is_dir())
        for program in (unpacked / "bin").iterdir():  # zip files carry run bits, Python drops them
            program.chmod(program.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
        unpacked.rename(home)


def _reachable(home: Path) -> Path:
    """The same server where `nobody` can read it: a home folder of root is closed to all others."""
    if os.geteuid() != 0 or _open_to_all(home):
        return home
    open_home = Path(tempfile.gettempdir()) / f"meeting-harvester-elasticsearch-{home.name}"
    with (home.parent / f"{home.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not open_home.is_dir():
            scratch = Path(tempfile.mkdtemp(prefix="harvester-es-copy-"))
            shutil.copytree(home, scratch / "server", symlinks=True)
            scratch.chmod(0o755)
            (scratch / "server").rename(open_home)
            scratch.rmdir()
    if open_home.stat().st_uid != 0:
        raise Missing(f"{open_home} is somebody else's; remove it")
    return open_home


def _open_to_all(path: Path) -> bool:
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in (path, *path.parents))


def _configure(home: Path, folder: Path, port: int, *, roles: str, users: Sequence[User]) -> None:
    config = folder / "config"
    shutil.copytree(home / "config", config)
    for name in ("data", "logs", "tmp"):
        (folder / name).mkdir()
    settings = _SETTINGS.format(port=port, folder=folder, security=str(bool(users)).lower())
    (config / "elasticsearch.yml").write_text(settings + (_PLAIN_HTTP if users else ""), encoding="utf-8")
    if roles:
        (config / "roles.yml").write_text(roles, encoding="utf-8")
    if users:
        # What `elasticsearch-users useradd` writes, without a Java machine for each of them.
        hashes = "".join(f"{user.name}:{_hashed(user.password)}\n" for user in users)
        (config / "users").write_text(hashes, encoding="utf-8")
        roles_of = "".join(f"{user.role}:{user.name}\n" for user in users)
        (config / "users_roles").write_text(roles_of, encoding="utf-8")


def _hashed(password: str) -> str:
    """As Elasticsearch reads it: rounds, salt, and PBKDF2 with SHA-512 of 32 bytes."""
    rounds, salt = 1_000, os.urandom(32)
    told = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, rounds, 32)
    return f"{{PBKDF2}}{rounds}${base64.b64encode(salt).decode()}${base64.b64encode(told).decode()}"


def _environment(folder: Path, java: Path, java_options: str) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(folder),
        "ES_PATH_CONF": str(folder / "config"),
        "ES_JAVA_HOME": str(java),
        "ES_JAVA_OPTS": java_options,
        "ES_TMPDIR": str(folder / "tmp"),
        "CLI_JAVA_OPTS": f"-XX:TieredStopAtLevel=1 -Djava.io.tmpdir={folder / 'tmp'}",  # the launcher's own
    }


def _as_nobody() -> list[str]:
    if os.geteuid() != 0:
        return []
    return ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]


def _hand_over(folder: Path) -> None:
    if os.geteuid() != 0:
        return
    for path in (folder, *folder.rglob("*")):
        shutil.chown(path, "nobody", "nogroup")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await(node: Node) -> None:
    assert node.process is not None
    assert node.folder is not None
    began = time.monotonic()
    while not answers(node.url):
        if node.process.poll() is not None or time.monotonic() - began > READY_SECONDS:
            output = (node.folder / "output.log").read_text(encoding="utf-8", errors="replace")
            node.stop()
            raise RuntimeError(f"Elasticsearch {node.version} did not start:\n{output[-4000:]}")
        time.sleep(0.2)


def answers(url: str) -> bool:
    """Whether a node there can take writes; one that wants credentials first counts as well."""
    try:
        with urllib.request.urlopen(f"{url}/_cluster/health", timeout=5) as answer:  # noqa: S310  # our own URL
            return b'"red"' not in answer.read()
    except urllib.error.HTTPError as refused:
        return refused.code == 401
    except OSError:
        return False


def _end(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(15)
        except ProcessLookupError:
            break
        except subprocess.TimeoutExpired:
            continue
