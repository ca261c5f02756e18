"""Real Elasticsearch nodes for tests and benchmarks: started when a test first asks for one, ended by their process id, at
the latest when the process that started them ends.

Elasticsearch refuses to run as root; root starts it as `nobody`.
"""

from __future__ import annotations

import atexit
import base64
import hashlib
import os
import shutil
import socket
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.e2e.elasticsearch_distribution import distribution, java_home
from tests.e2e.guarded_process import GuardedProcess

NEWEST = "9.2.8"
OLDEST = "8.19.21"
READY_SECONDS = 300.0
SHORT_LIVED = "-Xms512m -Xmx512m -XX:TieredStopAtLevel=1 -XX:-AlwaysPreTouch"
"""For nodes of a few minutes: the second compiler would cost as much as all the rest of a start, and not pay any more."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A user of a secure node. `role`: a name in `roles.yml` or a built-in one."""

    name: str
    password: str
    role: str


@dataclass(slots=True, kw_only=True, eq=False)
class Node:
    """A running node. `version`: as requested. A node with a `process` belongs to this one, which has to `stop` it."""

    url: str
    version: str
    process: GuardedProcess | None = None
    folder: Path | None = None
    users: Mapping[str, User] = field(default_factory=dict)

    def lent(self) -> Node:
        """The same node for another process, which cannot stop it."""
        return replace(self, process=None, folder=None)

    def kill(self) -> None:
        """Kill the launcher and the server with SIGKILL, as the kernel does when memory runs out."""
        assert self.process is not None
        self.process.kill()

    def begin_again(self) -> None:
        """Start it again after a kill, on the same port and with the same data. Returns when it answers."""
        assert self.folder is not None
        self.process = _launched(self.version, self.folder, SHORT_LIVED)
        _await(self)

    def stop(self) -> None:
        """Stop the launcher and its server, and remove their files."""
        _started.discard(self)
        if self.process is not None:
            self.process.end()
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)


_started: set[Node] = set()
"""The nodes that this process has to stop."""


@atexit.register
def stop_all() -> None:
    """Stop every node, also those that do not answer yet; a caller that waits for one gets an error."""
    for node in tuple(_started):
        node.stop()


def start(
    version: str, *, roles: str = "", users: tuple[User, ...] = (), java_options: str = SHORT_LIVED
) -> Node:
    """Start a node and wait until it answers. With `users` security is on, over plain HTTP.

    `roles`: the text of `roles.yml`. Raises Missing if no suitable Java or no server archive can be had.
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


def _launched(version: str, folder: Path, java_options: str) -> GuardedProcess:
    java = java_home(21 if int(version.partition(".")[0]) >= 9 else 17)
    with (folder / "output.log").open("ab") as output:
        return GuardedProcess(
            [*_as_nobody(), str(distribution(version) / "bin/elasticsearch")],
            folder=folder,
            env=_environment(folder, java, java_options),
            output=output,
        )


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
    """The password hash in the form that Elasticsearch reads: rounds, salt, and PBKDF2 with SHA-512 of 32 bytes."""
    rounds, salt = 1_000, os.urandom(32)
    result = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, rounds, 32)
    return f"{{PBKDF2}}{rounds}${base64.b64encode(salt).decode()}${base64.b64encode(result).decode()}"


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
    """Whether the node at this URL is ready for writes. A node that asks for credentials is ready."""
    try:
        with urllib.request.urlopen(f"{url}/_cluster/health", timeout=5) as answer:  # noqa: S310  # our own URL
            return b'"red"' not in answer.read()
    except urllib.error.HTTPError as refused:
        return refused.code == 401
    except OSError:
        return False
