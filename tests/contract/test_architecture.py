"""The architecture: import rules, and what starting the command line may import."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import connectors
from connectors import errors
from tests.contract.source_files import ROOT, forbidden_imports, imports, name, python_files, read

HEAVY = (
    "elasticsearch",
    "googleapiclient",
    "starlette",
    "uvicorn",
    "requests",
    "rich",
    "duckdb",
    "jinja2",
    "vl_convert",
)


def vendor_of(path: Path) -> str | None:
    modules = {target.partition(":")[0].split(".")[1] for target in connectors.CONNECTORS.values()}
    part = path.relative_to(ROOT / "connectors").parts[0].removesuffix(".py")
    return part if part in modules else None


def foreign_imports(path: Path) -> list[str]:
    """The forbidden imports of a connector's file: the harvester, the environment, the clock and other vendors."""
    own = vendor_of(path)
    others = {target.partition(":")[0] for target in connectors.CONNECTORS.values()} - {f"connectors.{own}"}
    return forbidden_imports(
        path, "harvester", "click", "elasticsearch", "dotenv", "os", "time", *sorted(others)
    )


def test_connectors_import_no_harvester_no_environment_and_no_other_vendor() -> None:
    files = python_files("connectors")
    assert len(files) > 50
    assert not [found for path in files for found in foreign_imports(path)]
    assert not [name(path) for path in files if ".now(" in read(path).replace("context.now(", "")]


def test_the_example_of_another_package_imports_no_harvester_and_no_vendor() -> None:
    files = python_files("examples/harvester-example/harvester_example")
    assert len(files) > 5
    vendors = [target.partition(":")[0] for target in connectors.CONNECTORS.values()]
    assert not [found for path in files for found in forbidden_imports(path, "harvester", *vendors)]


WRITERS = (
    "harvester/cli/meetecho_options.py",
    "harvester/cli/meetecho_rooms.py",
    "harvester/cli/meetecho_slides.py",
    "harvester/cli/render/writes.py",
    "harvester/meetecho_write_account.py",
    "harvester/state/write_log.py",
)
"""The modules that may import what writes to a vendor."""


def test_no_harvest_can_write_to_a_vendor() -> None:
    """Only the commands below import `connectors.meetecho.writing`, and nothing but `meetecho` has these commands."""
    writing = "connectors.meetecho.writing"
    assert not [writer for writer in WRITERS if not (ROOT / writer).is_file()]
    for folder in ("connectors", "harvester"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if name in WRITERS or name.startswith(writing.replace(".", "/")):
                continue
            names = imports(path)
            assert not {each for each in names if each.startswith(writing)}, name
            commands = {f"{Path(writer).with_suffix('').as_posix().replace('/', '.')}" for writer in WRITERS}
            assert not names & commands, name


def test_only_the_command_line_reads_the_environment_and_the_clock() -> None:
    for path in python_files("harvester"):
        if "cli" in path.parts or "simulator" in path.parts:
            continue
        text = read(path)
        assert "os.environ" not in text, path
        assert not re.search(r"\btime\.(time|monotonic|sleep|perf_counter)\b|datetime\.now\(", text), path


def test_expected_documents_import_no_connector() -> None:
    files = python_files("harvester/simulator")
    assert not [found for path in files for found in forbidden_imports(path, "connectors")]


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
    assert not [vendor for vendor in connectors.CONNECTORS if vendor not in ended.stdout]


def test_a_stdout_harvest_imports_no_elasticsearch() -> None:
    code = (
        "import sys, harvester.cli.vendor_commands as h\n"
        "h.vendor_command('zoom')\n"
        "print([m for m in ('elasticsearch', 'googleapiclient', 'starlette', 'rich') if m in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert ended.stdout.strip() == "[]"


GOOGLE_LIBRARIES = ("googleapiclient", "google.auth", "google.oauth2", "google_auth_oauthlib", "httplib2")


@pytest.mark.slow
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
def test_other_commands_import_no_google_library(what: str, tmp_path: Path) -> None:
    code = (
        f"import sys; {what}; print([m for m in {GOOGLE_LIBRARIES!r} if m in sys.modules], file=sys.stderr)"
    )
    environment = {"HARVESTER_STATE_DIR": str(tmp_path), "PATH": "/usr/bin:/bin"}
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT, env=environment
    )
    assert ended.stderr.splitlines()[-1] == "[]"


def test_the_error_tree_in_the_docstring_matches_the_code() -> None:
    drawn = dict(re.findall(r"── (\w+) +(\d+)", errors.__doc__ or ""))
    made = {
        name: str(kind.exit_code)
        for name, kind in vars(errors).items()
        if isinstance(kind, type)
        and issubclass(kind, errors.HarvestError)
        and kind is not errors.HarvestError
    }
    assert drawn == made


def test_every_dependency_has_a_reason() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    wanted = re.findall(r'^  "[a-z][a-z-]*(?:\[[a-z,]+\])?[>=<].*$', text, flags=re.MULTILINE)
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


def test_a_connector_is_built_in_one_place_where_its_answers_are_treated() -> None:
    building = re.compile(r"connectors\.load\([^()]*(\([^()]*\))?[^()]*\)\(")
    found = [name(path) for path in python_files("harvester") if building.search(read(path))]
    assert found == ["harvester/pipeline/account.py"]
    assert "private(connectors.load(" in read(ROOT / "harvester/pipeline/account.py")


def test_one_function_says_that_something_cannot_be_written() -> None:
    found = [
        name(path)
        for path in (*python_files("harvester"), *python_files("connectors"))
        if "cannot be written (" in read(path)
    ]
    assert found == ["harvester/write_errors.py"]
