"""The house stands as it is described: import arrows, README, example.env, exit codes, what `--help` costs."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import click
import pytest

import connectors
from connectors import errors
from connectors.models import Meeting, Session
from harvester.cli import cli
from harvester.config import OWN, RETIRED

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
HEAVY = ("elasticsearch", "googleapiclient", "starlette", "uvicorn", "requests", "rich")


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


def vendor_of(path: Path) -> str | None:
    modules = {target.partition(":")[0].split(".")[1] for target in connectors.CONNECTORS.values()}
    part = path.relative_to(ROOT / "connectors").parts[0].removesuffix(".py")
    return part if part in modules else None


CONNECTOR_FILES = sorted((ROOT / "connectors").rglob("*.py"))


@pytest.mark.parametrize("path", CONNECTOR_FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_connectors_know_no_destination_no_environment_and_no_other_vendor(path: Path) -> None:
    names = imported(path)
    forbidden = {"harvester", "click", "elasticsearch", "dotenv", "os", "time"}
    assert not {name for name in names if name.split(".")[0] in forbidden}
    own = vendor_of(path)
    others = {target.partition(":")[0] for target in connectors.CONNECTORS.values()} - {f"connectors.{own}"}
    assert not {name for name in names for other in others if name == other or name.startswith(other + ".")}
    assert ".now(" not in path.read_text(encoding="utf-8").replace("context.now(", "")


def test_only_the_command_line_reads_the_environment_and_the_clock() -> None:
    for path in sorted((ROOT / "harvester").rglob("*.py")):
        if "cli" in path.parts or "simulator" in path.parts:
            continue
        text = path.read_text(encoding="utf-8")
        assert "os.environ" not in text, path
        assert not re.search(r"\btime\.(time|monotonic|sleep|perf_counter)\b|datetime\.now\(", text), path


def test_the_simulated_truth_knows_no_connector() -> None:
    for path in sorted((ROOT / "harvester" / "simulator").rglob("*.py")):
        assert not {name for name in imported(path) if name.split(".")[0] == "connectors"}, path


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from harvester.cli import cli\n"
        "try: cli.main(['--help'], prog_name='harvester')\n"
        f"finally: print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert ended.returncode == 0
    assert ended.stderr.strip() == "[]"
    for name in connectors.CONNECTORS:
        assert name in ended.stdout


def test_a_stdout_harvest_imports_no_elasticsearch() -> None:
    code = (
        "import sys, harvester.cli.harvest as h\n"
        "h.vendor_command('zoom')\n"
        "print([m for m in ('elasticsearch', 'googleapiclient', 'starlette', 'rich') if m in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert ended.stdout.strip() == "[]"


GOOGLES = ("googleapiclient", "google.auth", "google.oauth2", "google_auth_oauthlib", "httplib2")


@pytest.mark.parametrize(
    "what",
    [
        "from harvester.cli import cli; cli.main(['google-meet', '--help'], standalone_mode=False)",
        "from harvester.cli import cli; cli.main(['zoom', '--help'], standalone_mode=False)",
        "from harvester.cli import cli; cli.main(['status'], standalone_mode=False)",
        "import connectors; [connectors.load(name) for name in connectors.CONNECTORS]",
        "import connectors.zoom.check, connectors.webex.check, connectors.webex.login",
    ],
)
def test_nobody_who_does_not_ask_google_imports_its_library(what: str, tmp_path: Path) -> None:
    code = f"import sys; {what}; print([m for m in {GOOGLES!r} if m in sys.modules], file=sys.stderr)"
    environment = {"HARVESTER_STATE_DIR": str(tmp_path), "PATH": "/usr/bin:/bin"}
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT, env=environment
    )
    assert ended.stderr.splitlines()[-1] == "[]"


def every_setting() -> dict[str, str]:
    settings = [*OWN, *(s for name in connectors.CONNECTORS for s in connectors.load(name).settings)]
    return {setting.name: setting.help for setting in settings}


def test_example_env_lists_every_setting_and_no_other() -> None:
    text = (ROOT / "example.env").read_text(encoding="utf-8")
    listed = re.findall(r"^# ?([A-Z][A-Z0-9_]+)=", text, flags=re.MULTILINE)
    assert sorted(listed) == sorted(every_setting())
    assert not re.search(r"^[A-Z]", text, flags=re.MULTILINE), (
        "everything is commented out: copying it changes nothing"
    )


def test_settings_named_in_the_readme_exist() -> None:
    named = set(
        re.findall(r"\b(?:ZOOM|WEBEX|GOOGLE|MEETECHO|DATATRACKER|ES|HARVESTER)_[A-Z_]+\b", README)
    ) - set(RETIRED)
    assert named <= set(every_setting())


def table(marker: str) -> list[list[str]]:
    lines = README.partition(f"<!-- {marker} -->\n")[2].partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|", 1)] for line in lines]


def names_in(cells: list[list[str]]) -> set[str]:
    return {name for first, _ in cells for name in re.findall(r"`([^`]+)`", first)}


def test_the_readme_tells_every_field_of_a_meeting_and_no_other() -> None:
    made = {"document_id", "@timestamp", "kind", "period"}
    assert names_in(table("fields: meeting")) == made | {f.name for f in fields(Meeting)}


def test_the_readme_tells_every_field_of_a_session_and_no_other() -> None:
    made = {"document_id", "@timestamp", "kind", "vendor", "account", "meeting", "topic", "host_email"}
    made |= {"meeting_timestamp", "period", "detail", "harvested_at"}
    assert names_in(table("fields: session")) == made | {f.name for f in fields(Session) if f.name != "key"}


def subclasses(kind: type[BaseException]) -> list[type[BaseException]]:
    return [found for sub in kind.__subclasses__() for found in (sub, *subclasses(sub))]


def test_the_readme_tells_every_exit_code() -> None:
    told = {int(code) for first, _ in table("exit codes") for code in re.findall(r"\d+", first)}
    made = {
        found.exit_code for found in subclasses(errors.HarvestError) if issubclass(found, errors.HarvestError)
    }
    assert made | {0, 64, 65, 70, 143} == told


def test_the_error_tree_in_the_docstring_is_the_one_in_the_code() -> None:
    drawn = dict(re.findall(r"── (\w+) +(\d+)", errors.__doc__ or ""))
    made = {
        name: str(kind.exit_code)
        for name, kind in vars(errors).items()
        if isinstance(kind, type)
        and issubclass(kind, errors.HarvestError)
        and kind is not errors.HarvestError
    }
    assert drawn == made


def commands_in_the_readme() -> list[str]:
    blocks = re.findall(r"```(?:sh)?\n(.*?)```", README, flags=re.DOTALL)
    lines = [line.partition("  #")[0] for block in blocks for line in block.splitlines()]
    found = [
        re.sub(r"^.*?\bharvester ", "", part)
        for line in lines
        for part in re.split(r"(?<!\|)\|(?!\|)", line)
        if re.match(r"\s*harvester ", part)
    ]
    return sorted({re.sub(r"\s*[<>].*$", "", part).strip() for part in found})


@pytest.mark.parametrize("command", commands_in_the_readme())
def test_every_command_in_the_readme_is_understood(command: str) -> None:
    words = shlex.split(command)
    with click.Context(cli) as context:
        current: click.Command = cli
        while isinstance(current, click.Group) and words:
            found = current.get_command(context, words[0])
            assert found is not None, words[0]
            current, words = found, words[1:]
        options = {flag: param for param in current.params for flag in param.opts}
        for word in words:
            assert not word.startswith("-") or word in options, word


def test_every_command_has_help() -> None:
    with click.Context(cli) as context:
        for name in cli.list_commands(context):
            command = cli.get_command(context, name)
            assert command is not None
            assert command.help


def test_the_makefile_offers_what_the_readme_says() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"^make (\w+)", README, flags=re.MULTILINE)):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target


def test_every_dependency_has_its_reason_beside_it() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    wanted = re.findall(r'^  "[a-z][a-z-]*(?:\[demo\])?[>=<].*$', text, flags=re.MULTILINE)
    assert len(wanted) > 10
    assert [line for line in wanted if "#" not in line] == []


def test_every_installed_version_is_pinned() -> None:
    pinned = set(
        re.findall(r"^([A-Za-z0-9_.-]+)==", (ROOT / "constraints.txt").read_text(), flags=re.MULTILINE)
    )
    normal = {name.lower().replace("_", "-") for name in pinned}
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    wanted = set(re.findall(r'^  "([a-z][a-z-]*)[>=<]', text, flags=re.MULTILINE)) | {"hatchling"}
    assert wanted <= normal
