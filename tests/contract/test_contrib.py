"""The files in contrib/, the Dockerfile, the compose file and the release workflow use existing commands and settings."""

from __future__ import annotations

import ast
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import connectors
from connectors.exit_codes import ExitCode
from harvester.config import OWN
from harvester.metrics_file import METRICS
from harvester.setting_checks import is_nearby
from tests.contract.test_docs import ROOT, unknown_words

CONTRIB = ROOT / "contrib"
UNIT = (CONTRIB / "systemd" / "harvester.service").read_text()
CRONJOB = yaml.safe_load((CONTRIB / "kubernetes" / "cronjob.yaml").read_text())
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
DOCKERFILE = (ROOT / "Dockerfile").read_text()
WORKFLOW_TEXT = (ROOT / ".github" / "workflows" / "release.yml").read_text()
WORKFLOW = yaml.safe_load(WORKFLOW_TEXT)

SETTINGS = {
    each.name: each
    for each in [*OWN, *(s for name in connectors.CONNECTORS for s in connectors.load(name).settings)]
}


def assigned(name: str) -> list[str]:
    """The values of one directive of the service."""
    return re.findall(rf"^{name}=(.*)$", UNIT, flags=re.MULTILINE)


# systemd


def test_the_service_starts_a_command_that_exists() -> None:
    (line,) = assigned("ExecStart")
    program, *words = shlex.split(line)
    assert program == "/opt/harvester/bin/harvester"
    assert unknown_words(shlex.join(words)) == []


def test_each_credential_of_the_service_is_a_secret_setting_that_is_read_from_its_file() -> None:
    environment = dict(value.split("=", 1) for value in assigned("Environment"))
    credentials = [value.partition(":")[0] for value in assigned("LoadCredential")]
    assert credentials
    for name in credentials:
        assert SETTINGS[name].secret
        assert environment.pop(f"{name}_FILE") == f"%d/{name}"
    assert environment.keys() <= SETTINGS.keys()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
@pytest.mark.parametrize(
    ("start", "accepted"), [("ExecStart=/bin/true", True), ("ExecBegin=/bin/true", False)]
)
def test_systemd_accepts_the_units(start: str, accepted: bool, tmp_path: Path) -> None:
    (tmp_path / "harvester.service").write_text(re.sub(r"(?m)^ExecStart=\S+", start, UNIT))
    shutil.copy(CONTRIB / "systemd" / "harvester.timer", tmp_path)
    units = [str(tmp_path / "harvester.service"), str(tmp_path / "harvester.timer")]
    ended = subprocess.run(
        ["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False, timeout=60
    )
    # Other units of this machine may have faults as well.
    assert ([line for line in ended.stderr.splitlines() if "harvester" in line] == []) is accepted


def test_cron_and_systemd_and_kubernetes_start_the_same_harvest() -> None:
    (line,) = re.findall(
        r"^(?:\S+ +){5}cd /etc/harvester && /opt/harvester/bin/harvester (.*)$",
        (CONTRIB / "crontab").read_text(),
        flags=re.MULTILINE,
    )
    assert unknown_words(line) == []
    args = container()["args"]
    assert shlex.split(line) == args == shlex.split(assigned("ExecStart")[0])[1 : 1 + len(args)]


# Kubernetes


def container() -> dict[str, Any]:
    (only,) = CRONJOB["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    found: dict[str, Any] = only
    return found


def test_the_cronjob_mounts_every_volume_it_names_and_fits_the_image() -> None:
    pod = CRONJOB["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    mounts = {mount["name"]: mount["mountPath"] for mount in container()["volumeMounts"]}
    assert mounts.keys() == {volume["name"] for volume in pod["volumes"]}
    assert f"HARVESTER_STATE_DIR={mounts['state']}" in DOCKERFILE
    assert f"USER {pod['securityContext']['runAsUser']}\n" in DOCKERFILE
    for variable in container()["env"]:
        name = variable["name"].removesuffix("_FILE")
        assert SETTINGS[name].secret
        assert variable["value"] == f"{mounts['secrets']}/{name}"


def test_the_cronjob_is_short() -> None:
    lines = (CONTRIB / "kubernetes" / "cronjob.yaml").read_text().splitlines()
    assert len([line for line in lines if not line.startswith("#")]) <= 26


# Airflow


def test_the_dag_is_short_and_uses_options_that_exist() -> None:
    text = (CONTRIB / "airflow" / "harvester_dag.py").read_text()
    code = [line for line in text.partition('"""\n\n')[2].splitlines() if line.strip()]
    assert len(code) <= 50
    options = set(re.findall(r'"(--[a-z-]+)', text))
    known = {
        "--account",
        "--chunks",
        "--json",
        "--destination",
        "--state",
        "--for",
        "--summary-json",
        "--config",
    }
    assert options <= known
    assert unknown_words("accounts --chunks 100 --json") == []
    assert unknown_words("all --account zoom/a --from 2026-11-19 --to 2026-11-20 --destination index") == []
    assert unknown_words("all --state index --for 50m --summary-json summary.json") == []


def test_the_dag_sorts_every_exit_code() -> None:
    """What is neither finished nor hopeless is tried again."""
    text = (CONTRIB / "airflow" / "harvester_dag.py").read_text()
    sets = dict(re.findall(r"^(FINISHED|HOPELESS) = (\{[\d, ]+\})", text, flags=re.MULTILINE))
    finished, hopeless = (ast.literal_eval(sets[name]) for name in ("FINISHED", "HOPELESS"))
    retried = {
        ExitCode.UNAVAILABLE,
        ExitCode.IOERR,
        ExitCode.TEMPFAIL,
        ExitCode.INTERRUPTED,
        ExitCode.TERMINATED,
    }
    assert finished | hopeless | retried == set(ExitCode)
    assert len(finished) + len(hopeless) + len(retried) == len(ExitCode)


def test_the_requirements_of_airflow_are_pinned() -> None:
    folder = CONTRIB / "airflow"
    (wanted,) = re.findall(
        r"^(apache-airflow==\S+)", (folder / "requirements.txt").read_text(), flags=re.MULTILINE
    )
    pins = [
        line for line in (folder / "constraints.txt").read_text().splitlines() if not line.startswith("#")
    ]
    assert wanted in pins
    assert [line for line in pins if not re.fullmatch(r"[\w.-]+==[\w.+]+", line)] == []


# A chunk by its number


Script = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def harvest_chunk(tmp_path: Path) -> Script:
    """The script, with the real `accounts` and an `all` that prints its words."""
    tables = (f'[zoom.a{number}]\naccount_id = "{number}"\n' for number in range(6))
    (tmp_path / "harvester.toml").write_text("\n".join(tables))
    program = tmp_path / "harvester"
    program.write_text(
        f'#!/bin/sh\n[ "$1" = all ] && {{ echo "$@"; exit 75; }}\nexec {sys.executable} -m harvester "$@"\n'
    )
    program.chmod(0o700)

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
        return subprocess.run(
            ["sh", CONTRIB / "harvest-chunk", *words],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=environment,
            check=False,
        )

    return run


@pytest.mark.slow
def test_the_chunks_of_all_hosts_are_all_accounts(harvest_chunk: Script) -> None:
    ended = [harvest_chunk("3", str(number), "-q", "--state", "index") for number in range(3)]
    printed = [each.stdout for each in ended if each.stdout]
    assert [each.returncode for each in ended if each.stdout] == [75] * len(printed), "that of the harvest"
    assert all(line.startswith("all -q --state index --account=zoom/a") for line in printed)
    names = [word.partition("=")[2] for line in printed for word in line.split()[4:]]
    assert sorted(names) == [f"zoom/a{number}" for number in range(6)]


@pytest.mark.slow
def test_an_empty_chunk_harvests_nothing(harvest_chunk: Script, tmp_path: Path) -> None:
    (tmp_path / "harvester.toml").write_text('[zoom.only]\naccount_id = "0"\n')
    ended = [harvest_chunk("3", str(number)) for number in range(3)]
    assert sorted(each.returncode for each in ended) == [0, 0, 75]
    assert sorted(each.stdout for each in ended) == ["", "", "all --account=zoom/only\n"]


@pytest.mark.parametrize("words", [["3"], [], ["3", "3"], ["3", "-1"], ["3", "x"], ["x", "0"], ["0", "0"]])
def test_a_chunk_that_does_not_exist_is_refused(harvest_chunk: Script, words: list[str]) -> None:
    ended = harvest_chunk(*words)
    assert ended.returncode == 64
    assert ended.stdout == ""
    assert "usage" in ended.stderr.lower()


def test_accounts_that_cannot_be_listed_end_the_script(harvest_chunk: Script, tmp_path: Path) -> None:
    (tmp_path / "harvester.toml").write_text("[zoom")
    ended = harvest_chunk("3", "0")
    assert (ended.returncode, ended.stdout) == (78, "")


def test_the_indexed_job_harvests_each_chunk_once() -> None:
    job = yaml.safe_load((CONTRIB / "kubernetes" / "indexed-job.yaml").read_text())["spec"]["jobTemplate"][
        "spec"
    ]
    assert job["completionMode"] == "Indexed"
    (container,) = job["template"]["spec"]["containers"]
    chunks = job["completions"]
    assert container["command"][:2] == ["harvest-chunk", str(chunks)]
    assert container["command"][2] == "$(JOB_COMPLETION_INDEX)"
    assert unknown_words(shlex.join(["all", *container["command"][3:]])) == []
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert mounts.keys() == {volume["name"] for volume in job["template"]["spec"]["volumes"]}


# Prometheus


def expressions() -> Iterator[str]:
    alerts = yaml.safe_load((CONTRIB / "prometheus" / "alerts.yml").read_text())
    for group in alerts["groups"]:
        for rule in group["rules"]:
            yield rule["expr"]


def test_alerts_use_metrics_and_labels_that_exist() -> None:
    found = list(expressions())
    assert len(found) > 3
    for expression in found:
        (name, label) = re.findall(r"(harvester_\w+)(?:\{(\w+)=)?", expression)[0]
        assert label in {"", METRICS[name].label, "vendor", "account"}


def test_alerts_advise_commands_that_exist() -> None:
    text = (CONTRIB / "prometheus" / "alerts.yml").read_text()
    assert [unknown_words(line) for line in re.findall(r"`harvester ([^`]+)`", text)] == [[], []]


# Docker


def test_the_image_copies_what_exists_and_installs_extras_that_exist() -> None:
    sources = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, flags=re.MULTILINE)
    files = [name for line in sources for name in line.split()]
    assert len(files) > 5
    assert [name for name in files if not (ROOT / name).exists()] == []
    ignore = (ROOT / ".dockerignore").read_text().splitlines()
    assert {f"!{name}" for name in files} == {line for line in ignore if line.startswith("!")}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (extras,) = re.findall(r"'\.\[(.+)\]'", DOCKERFILE)
    assert set(extras.split(",")) <= project["optional-dependencies"].keys()


def test_the_image_runs_as_a_user_without_rights() -> None:
    last = DOCKERFILE.rpartition("\nFROM ")[2]
    (user,) = re.findall(r"^USER (\S+)$", last, flags=re.MULTILINE)
    assert int(user) > 1000


def test_compose_runs_a_demo_into_its_own_elasticsearch() -> None:
    service = COMPOSE["services"]["harvester"]
    assert unknown_words(shlex.join(service["command"])) == []
    assert service["command"][0] == "demo"
    assert service["environment"].keys() <= SETTINGS.keys()
    url = service["environment"]["ES_HOST"]
    assert is_nearby(url), "no warning about http"
    assert re.fullmatch(r"http://(\w+):9200", url).group(1) in COMPOSE["services"]  # type: ignore[union-attr]  # the test fails if there is none
    assert service["profiles"], "docker compose up does not start it"


# The release workflow


def test_every_action_of_the_release_is_pinned_to_a_commit() -> None:
    uses = re.findall(r"uses: (\S+)  # v[0-9.]+$", WORKFLOW_TEXT, flags=re.MULTILINE)
    assert len(uses) == WORKFLOW_TEXT.count("uses:") > 5
    assert [each for each in uses if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", each)] == []


def test_the_release_is_unused_and_has_no_rights_by_default() -> None:
    assert WORKFLOW["permissions"] == {}
    assert "vars.RELEASES == 'enabled'" in WORKFLOW["jobs"]["build"]["if"]
    assert WORKFLOW["jobs"]["publish"]["needs"] == "build"
    assert "secrets." not in WORKFLOW_TEXT
