"""Runs the command line and the simulator as processes, and compares documents with the truth."""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from tests.e2e.environment import ROOT, clean_environment
from tests.e2e.forked_command_line import HARVESTER, SIMULATOR, ForkedCommandLine, ForkedProcess

READY_SECONDS = 120.0
HANGS_SECONDS = 60.0
"""A process that has not ended after so long hangs. None takes nearly as long, not even on a busy machine."""

Documents = dict[str, dict[str, Any]]

SETTINGS = (
    "ARDUINO_", "DATATRACKER_", "ES_", "GOOGLE_", "HARVESTER_", "MEETECHO_", "ROOMS_", "TEAMS_", "WEBEX_", "ZOOM_",
)  # fmt: skip
"""What the names of the harvester's settings begin with. It reads them whenever a command needs them."""

NOTHING = Path(os.devnull)

COMMAND_LINE = ForkedCommandLine()
atexit.register(COMMAND_LINE.close)


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "harvester", *words]


def traffic_of(settings: Mapping[str, str], vendor: str) -> dict[str, Any]:
    """The simulator's counts of the requests to one vendor, and of the faults injected for all vendors."""
    url = next(value for name, value in settings.items() if name.endswith("_API_URL"))
    base = "{0.scheme}://{0.netloc}".format(urlsplit(url))
    with urllib.request.urlopen(base + "/_simulator/traffic") as answer:  # noqa: S310  # loopback
        counted: dict[str, Any] = json.load(answer)
    return {**counted["vendors"][vendor], "faults": counted["faults"]}


@dataclass
class Simulator:
    """`harvester simulate` as a forked process. A context manager. `settings` point the harvester at it."""

    folder: Path
    now: datetime
    size: int = 200
    days: int = 7
    seed: int = 11
    speed: float = 25.0
    faults: float = 0.0
    more: Sequence[str] = ()
    vendors: Sequence[str] = ("zoom",)
    truth_file: bool = True
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def dates(self) -> list[str]:
        """The options that select all of its days."""
        first = self.now.date() - timedelta(days=self.days)
        return ["--from", first.isoformat(), "--to", self.now.date().isoformat()]

    @property
    def truth(self) -> Documents:
        with (self.folder / "truth.ndjson").open(encoding="utf-8") as lines:
            return by_id(map(json.loads, lines))

    def __enter__(self) -> Simulator:
        self.folder.mkdir(parents=True, exist_ok=True)
        env = self.folder / "sim.env"
        words = {
            "--port": "0",
            "--seed": str(self.seed),
            "--size": str(self.size),
            "--days": str(self.days),
            "--now": self.now.isoformat(),
            "--speed": str(self.speed),
            "--faults": str(self.faults),
            "--env": str(env),
        }
        if self.truth_file:
            words["--truth"] = str(self.folder / "truth.ndjson")
        flat = [word for pair in words.items() for word in pair]
        flat += [word for vendor in self.vendors for word in ("--vendor", vendor)]
        with (self.folder / "simulator.log").open("wb") as log, NOTHING.open("rb") as nothing:
            self._process = COMMAND_LINE.start(
                "simulate",
                *flat,
                *self.more,
                env=clean_environment(),
                folder=ROOT,
                streams=(nothing.fileno(), log.fileno(), log.fileno()),
                packages=SIMULATOR,
            )
        deadline = time.monotonic() + READY_SECONDS
        while not env.exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError((self.folder / "simulator.log").read_text())
            time.sleep(0.05)
        pairs = (line.partition("=") for line in env.read_text().splitlines() if line.strip())
        # Each Harvester has its own state folder.
        self.settings = {name: value for name, _, value in pairs if name != "HARVESTER_STATE_DIR"}
        return self

    def traffic(self, vendor: str = "zoom") -> dict[str, Any]:
        """The simulator's counts of the requests to one vendor, and of the faults injected for all vendors."""
        return traffic_of(self.settings, vendor)

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.stop()


@dataclass
class Harvester:
    """The command line with its settings and its state folder. Call it to run a command.

    Its process has imported the commands already, which takes longer than most of them. A test of the process itself, of
    its memory or of a signal that it hears starts `command` instead.
    """

    folder: Path
    settings: Mapping[str, str]

    def environment(self, **more: str) -> dict[str, str]:
        state = {"HARVESTER_STATE_DIR": str(self.folder / "state"), "HARVESTER_RATE_SHARE": "1.0"}
        return clean_environment(**{**state, **self.settings, **more})

    def __call__(
        self,
        *words: str,
        stdin: bytes | None = None,
        timeout: float = 300,
        module: str = HARVESTER,
        **more: str,
    ) -> subprocess.CompletedProcess[bytes]:
        """Run `python -m MODULE`. `more`: settings that differ for this command."""
        environment = self.environment(**more)
        if _needs_a_new_interpreter(environment):
            return subprocess.run(
                [sys.executable, "-m", module, *words],
                input=stdin or b"",
                capture_output=True,
                env=environment,
                cwd=self.folder,
                timeout=timeout,
                check=False,
            )
        return COMMAND_LINE.run(
            *words, env=environment, folder=self.folder, stdin=stdin or b"", timeout=timeout, module=module
        )

    def start(
        self, *words: str, module: str = HARVESTER, errors: Path = NOTHING, **more: str
    ) -> ForkedProcess:
        """Start `python -m MODULE` without input. What it prints is lost, but for its messages, which go to the end of `errors`."""
        with NOTHING.open("r+b") as nothing, errors.open("ab") as stderr:
            return COMMAND_LINE.start(
                *words,
                env=self.environment(**more),
                folder=self.folder,
                streams=(nothing.fileno(), nothing.fileno(), stderr.fileno()),
                module=module,
            )


def _needs_a_new_interpreter(environment: Mapping[str, str]) -> bool:
    """Whether it differs in anything but the harvester's settings, such as what only the start of an interpreter reads."""
    usual = clean_environment()
    changed = {name for name in environment.keys() | usual.keys() if environment.get(name) != usual.get(name)}
    return not all(name.startswith(SETTINGS) for name in changed)


def by_id(documents: Iterable[dict[str, Any]]) -> Documents:
    """Documents by `document_id`. Fails if two have the same id."""
    found: Documents = {}
    for document in documents:
        assert document["document_id"] not in found, f"twice: {document['document_id']}"
        found[document["document_id"]] = document
    return found


def lines(output: bytes) -> Documents:
    return by_id(json.loads(line) for line in output.splitlines())


def differences(found: Documents, truth: Documents, limit: int = 25) -> list[str]:
    """Every difference between the documents and the truth, except in `harvested_at`."""
    result = [f"missing: {name}" for name in sorted(truth.keys() - found.keys())]
    result += [f"not in the truth: {name}" for name in sorted(found.keys() - truth.keys())]
    for name in sorted(truth.keys() & found.keys()):
        one, other = found[name], truth[name]
        result += [
            f"{name} {key}: {one.get(key)!r} should be {other.get(key)!r}"
            for key in sorted((one.keys() | other.keys()) - {"harvested_at"})
            if one.get(key) != other.get(key)
        ]
    return result[:limit]
