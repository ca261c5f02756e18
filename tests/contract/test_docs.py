"""The documentation matches the code: README.md, CONTRIBUTING.md, docs/*.md, example.env and help texts."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import pytest

import connectors
from connectors import errors
from connectors.base import Connector
from connectors.exit_codes import ExitCode
from connectors.models import Meeting, Session
from harvester.cli import cli
from harvester.config import OWN, RETIRED
from harvester.metrics_file import METRICS
from harvester.pipeline.report import Report

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
TEXTS = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in PAGES}
DOCS = "\n\n".join(TEXTS.values())
README_LIMIT = 8 * 1024
FILE = r"[\w<>.-]+(?:/[\w<>.-]+)*\.(?:py|json|md|env|toml|txt|yml)"


def test_the_readme_is_short() -> None:
    assert (ROOT / "README.md").stat().st_size <= README_LIMIT


# Settings


def every_setting() -> dict[str, str]:
    settings = [*OWN, *(s for name in connectors.CONNECTORS for s in connectors.load(name).settings)]
    return {setting.name: setting.help for setting in settings}


def test_example_env_lists_every_setting_and_no_other() -> None:
    text = (ROOT / "example.env").read_text(encoding="utf-8")
    listed = re.findall(r"^# ?([A-Z][A-Z0-9_]+)=", text, flags=re.MULTILINE)
    assert sorted(listed) == sorted(every_setting())
    assert not re.search(r"^[A-Z]", text, flags=re.MULTILINE), "every setting is commented out"


def test_settings_named_in_the_docs_exist() -> None:
    prefixes = {name.partition("_")[0] for name in every_setting()}
    assert len(prefixes) > 8
    pattern = rf"\b(?:{'|'.join(sorted(prefixes))})_[A-Z_]+\b"
    names = {name.removesuffix("_FILE") for name in re.findall(pattern, DOCS)}
    assert names - set(RETIRED) <= set(every_setting())


@pytest.mark.parametrize("vendor", sorted(connectors.CONNECTORS))
def test_the_page_of_a_vendor_names_each_of_its_settings_and_options(vendor: str) -> None:
    connector, page = connectors.load(vendor), TEXTS[f"docs/{vendor}.md"]
    missing = [setting.name for setting in connector.settings if f"`{setting.name}`" not in page]
    missing += [option.name for option in connector.options if f"--{option.name}" not in page]
    assert missing == []


# Tables


def table(marker: str) -> list[list[str]]:
    """The rows of the table below a marker, as cells."""
    lines = DOCS.partition(f"<!-- {marker} -->\n")[2].partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))] for line in lines]


def names_in(rows: list[list[str]]) -> set[str]:
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row[0])}


def test_the_docs_list_every_field_of_a_meeting_and_no_other() -> None:
    added = {"document_id", "@timestamp", "kind", "period"}
    assert names_in(table("fields: meeting")) == added | {f.name for f in fields(Meeting)}


def test_the_docs_list_every_field_of_a_session_and_no_other() -> None:
    added = {"document_id", "@timestamp", "kind", "vendor", "account", "meeting", "topic", "host_email"}
    added |= {"meeting_series_id", "meeting_code", "meeting_timestamp", "period", "detail", "harvested_at"}
    assert names_in(table("fields: session")) == added | {*Session.__struct_fields__} - {"key"}


def mapped(kind: str) -> dict[str, str]:
    """The type of each field in the index templates; a field with properties is an object."""
    found: dict[str, str] = {}
    for name in ("component-shared", "component-quality", f"index-{kind}s"):
        template = json.loads((ROOT / "index_templates" / f"{name}.json").read_text(encoding="utf-8"))
        properties: Mapping[str, Any] = template["template"]["mappings"]["properties"]
        found |= {field: spec.get("type", "object") for field, spec in properties.items()}
    return found


@pytest.mark.parametrize("kind", ["meeting", "session"])
def test_the_docs_give_each_field_the_type_of_the_index_templates(kind: str) -> None:
    types = mapped(kind)
    documented = {name: row[1] for row in table(f"fields: {kind}") for name in names_in([row])}
    assert documented == {name: types[name] for name in documented}


def test_the_readme_shows_a_session_document_with_fields_that_exist() -> None:
    shown = json.loads(re.findall(r"```json\n(.*?)```", TEXTS["README.md"], flags=re.DOTALL)[0])
    assert set(shown) <= names_in(table("fields: session"))
    assert shown["kind"] == "session"


def subclasses(kind: type[BaseException]) -> list[type[BaseException]]:
    return [found for sub in kind.__subclasses__() for found in (sub, *subclasses(sub))]


def test_the_exit_codes_of_the_docs_are_those_of_the_code_in_their_order() -> None:
    documented = {int(code) for row in table("exit codes") for code in re.findall(r"\d+", row[0])}
    assert documented == set(ExitCode)
    below = DOCS.partition("<!-- exit codes -->\n")[2].splitlines()
    (header,) = re.findall(r"the first of ([0-9, ]+) that applies", below[0])
    unranked = {ExitCode.OK, ExitCode.USAGE, ExitCode.INTERRUPTED, ExitCode.TERMINATED}
    assert [int(code) for code in header.split(", ")] == [code for code in ExitCode if code not in unranked]


def test_the_docs_list_every_exit_code() -> None:
    documented = {int(code) for row in table("exit codes") for code in re.findall(r"\d+", row[0])}
    raised = {
        found.exit_code for found in subclasses(errors.HarvestError) if issubclass(found, errors.HarvestError)
    }
    assert raised | {0, 64, 65, 70, 143} == documented


def test_the_docs_list_every_key_of_the_summary_and_no_other() -> None:
    assert names_in(table("summary keys")) == set(Report(vendor="zoom", account="main").summary())


def test_the_docs_list_every_metric_and_its_label_and_no_other() -> None:
    rows = table("metrics")
    assert names_in(rows) == set(METRICS)
    for name, text in rows:
        label = METRICS[name.strip("`")].label
        assert label is None or f"by `{label}`" in text, name


# Commands


def commands_in_the_docs() -> list[str]:
    blocks = re.findall(r"^ *```(\w*)\n(.*?)^ *```$", DOCS, flags=re.DOTALL | re.MULTILINE)
    lines = [line for kind, block in blocks if kind in {"", "sh"} for line in block.splitlines()]
    found = [
        re.sub(r"^.*?\bharvester (?=[a-z])", "", part)
        for line in lines
        for part in re.split(r"(?<!\|)\|(?!\|)", re.sub(r"\$\([^)]*\)", "X", re.sub(r"  +#.*", "", line)))
        if re.match(r"\s*(?:[\d *]+cd \S+ && \S*/|\(umask \d+; )?harvester ", part)
    ]
    return sorted({re.sub(r"\s*[<>].*$", "", part).strip() for part in found})


def inline_commands() -> list[str]:
    found = re.findall(r"`(?:\S*/)?harvester ([a-z][^`]*)`", DOCS)
    return sorted({" ".join(command.split()) for command in found})


def unknown_words(line: str) -> list[str]:
    """The first word of this command that is not a command, or its words that are not options."""
    words = shlex.split(line)
    with click.Context(cli) as context:
        current: click.Command = cli
        while isinstance(current, click.Group) and words:
            if words[0].startswith("-") and current.invoke_without_command:
                break  # the group itself is the command
            found = current.get_command(context, words[0])
            if found is None:
                return words[:1]
            current, words = found, words[1:]
    options = {flag for param in current.params for flag in param.opts}
    return [word for word in words if word.startswith("-") and word != "-" and word not in options]


def test_unknown_commands_and_options_are_found() -> None:
    assert unknown_words("zoom --date 2026-11-19 --dat - --nothing") == ["--dat", "--nothing"]
    assert unknown_words("rejects lst --no") == ["lst"]


def test_commands_are_found_in_the_docs() -> None:
    found = commands_in_the_docs()
    assert len(found) > 40
    assert {"all -q", "init zoom --print"} <= set(found)


def test_before_the_installation_the_readme_calls_the_program_by_its_path() -> None:
    """`make demo` installs it into .venv, which is not on PATH."""
    section = TEXTS["README.md"].partition("## Try it\n")[2].partition("\n## Install\n")[0]
    commands = re.findall(r"[^\s`]*\bharvester [a-z]+", section)
    assert [command for command in commands if not command.startswith(".venv/bin/")] == []
    assert commands


def test_a_file_that_may_hold_secrets_is_made_for_its_owner_only() -> None:
    example = (ROOT / "examples" / "harvester-example" / "README.md").read_text(encoding="utf-8")
    lines = re.findall(r"^.*[^>]> \S*\.env\b.*$", DOCS + example, flags=re.MULTILINE)
    assert len(lines) > 1
    assert [line for line in lines if not line.startswith("(umask 077; ")] == []


def test_the_line_for_a_file_per_day_names_the_day(tmp_path: Path) -> None:
    """As cron runs it: it takes a backslash before % away, and the rest is for the shell."""
    (line,) = re.findall(r"^15 3 \* \* \*  cd \S+ && (.*--output.*)$", DOCS, flags=re.MULTILINE)
    assert re.search(r"(?<!\\)%", line) is None, "cron ends a command at a bare %"
    program = "/opt/harvester/bin/harvester"
    days = [datetime.now(UTC).date() - timedelta(days=1)]
    printed = subprocess.run(
        ["sh", "-c", line.replace("\\%", "%").replace(program, "echo")],
        capture_output=True, text=True, check=True, cwd=tmp_path, timeout=60,
    ).stdout.split()  # fmt: skip
    days.append(datetime.now(UTC).date() - timedelta(days=1))
    assert printed[:4] == ["all", "-q", "--date", "yesterday"]
    assert printed[5] in {f"/srv/meetings/{day}.ndjson" for day in days}


def test_every_command_in_the_docs_is_understood() -> None:
    commands = [*commands_in_the_docs(), *inline_commands()]
    assert {command: unknown for command in commands if (unknown := unknown_words(command))} == {}


def every_command(group: click.Group, context: click.Context) -> Iterator[click.Command]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None, name
        yield command
        if isinstance(command, click.Group):
            yield from every_command(command, context)


def test_options_named_in_the_docs_exist() -> None:
    with click.Context(cli) as context:
        commands = [cli, *every_command(cli, context)]
    flags = {flag for command in commands for param in command.params for flag in param.opts} | {"--help"}
    named = set(re.findall(r"`(--[a-z][a-z-]+)", DOCS))
    assert named <= flags


def test_every_command_has_help() -> None:
    with click.Context(cli) as context:
        assert [command.name for command in every_command(cli, context) if not command.help] == []


def test_the_makefile_has_every_target_in_the_docs() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"^make (\w+)", DOCS, flags=re.MULTILINE)):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target


# Links


def anchors(text: str) -> set[str]:
    """The anchors of the headings of a page, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links() -> list[tuple[str, str]]:
    return [
        (page, target)
        for page, text in TEXTS.items()
        for target in re.findall(r"\]\(([^)\s]+)\)", text)
        if "://" not in target
    ]


def is_broken(page: str, target: str) -> bool:
    path, _, heading = target.partition("#")
    found = (ROOT / page).parent / path if path else ROOT / page
    if not found.exists():
        return True
    return bool(heading) and heading not in anchors(found.read_text(encoding="utf-8"))


def test_every_link_leads_to_a_page_and_heading() -> None:
    assert len(links()) > 20
    assert [(page, target) for page, target in links() if is_broken(page, target)] == []


@pytest.mark.parametrize("target", ["docs/nothing.md", "docs/zoom.md#nothing", "#nothing"])
def test_a_broken_link_is_found(target: str) -> None:
    assert is_broken("README.md", target)


def test_the_readme_links_to_every_page() -> None:
    linked = {target for page, target in links() if page == "README.md"}
    assert set(TEXTS) - {"README.md"} <= linked


# Recipes of CONTRIBUTING.md

VENDORS = {name: name.replace("-", "_") for name in sorted(connectors.CONNECTORS)}
"""The name of each vendor, and that of its package."""

SPECIAL_FIELDS = {"vendor_data": "harvester/simulator/expected/"}
"""Fields that need not occur in files of this folder: `vendor_data` exists with --raw only, which the expected documents
do not cover."""


def recipe(marker: str) -> list[list[str]]:
    """The files of each item of a recipe's list. An item with several files names alternatives."""
    body = TEXTS["CONTRIBUTING.md"].partition(f"<!-- recipe: {marker} -->\n")[2]
    items = re.split(r"^ *(?:\d+\.|-) ", re.split(r"\n\n(?! )", body)[0], flags=re.MULTILINE)
    files = [re.findall(rf"`({FILE})`", item) for item in items]
    assert any(files), marker
    return [found for found in files if found]


def paths(file: str) -> list[Path]:
    """The file itself, or that of every vendor."""
    names = [file.replace("<vendor>", package).replace("<name>", name) for name, package in VENDORS.items()]
    return [ROOT / name for name in dict.fromkeys(names)]


def files_of(*markers: str) -> list[Path]:
    return [path for marker in markers for item in recipe(marker) for file in item for path in paths(file)]


def test_every_file_of_the_recipes_exists() -> None:
    named = set(files_of("field", "field, vendor", "vendor", "vendor, shared"))
    assert len(named) > 50
    assert sorted(path for path in named if not path.is_file()) == []


def test_every_file_that_contributing_names_exists() -> None:
    named = set(re.findall(rf"`((?:connectors|harvester|tests)/{FILE})`", TEXTS["CONTRIBUTING.md"]))
    assert len(named) > 60
    assert [file for file in sorted(named) if "<" not in file and not (ROOT / file).is_file()] == []


@pytest.mark.parametrize("item", recipe("field"), ids=lambda item: item[0])
def test_every_session_field_is_in_each_file_of_the_field_recipe(item: list[str]) -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for file in item for path in paths(file))
    special = {name for name, folder in SPECIAL_FIELDS.items() if item[0].startswith(folder)}
    names = {*Session.__struct_fields__} - {"key"} - special
    assert [name for name in sorted(names) if not re.search(rf"\b{name}\b", text)] == []


def python_files() -> Iterator[Path]:
    for folder in ("connectors", "harvester", "tests", "benchmarks", "examples"):
        yield from sorted((ROOT / folder).rglob("*.py"))


def test_the_field_recipe_has_each_file_that_lists_all_fields_of_a_session() -> None:
    """Such a file has to change with the fields, so the recipe must not miss it."""
    names = {*Session.__struct_fields__} - {"key"}
    wholes = {
        path for path in python_files() if names <= set(re.findall(r"\w+", path.read_text(encoding="utf-8")))
    }
    assert len(wholes) > 4
    assert wholes - set(files_of("field")) == set()


def test_the_field_recipe_names_a_response_of_each_vendor() -> None:
    (responses,) = (item for item in recipe("field, vendor") if len(item) > 1)
    folders = {file.split("/")[2] for file in responses if file.startswith("harvester/simulator/")}
    assert folders == set(VENDORS.values())


def test_the_optional_members_of_a_connector_are_those_without_which_it_loads() -> None:
    members = {name for name in {**vars(Connector), **Connector.__annotations__} if not name.startswith("_")}
    table = TEXTS["CONTRIBUTING.md"].partition("| member | without it |\n")[2].partition("\n\n")[0]
    optional = re.findall(r"^\| `(\w+)`", table, flags=re.MULTILINE)
    assert sorted({*optional, *connectors._REQUIRED}) == sorted(members)
    assert not {*optional} & {*connectors._REQUIRED}


@pytest.mark.parametrize("item", recipe("vendor, shared"), ids=lambda item: item[0])
def test_every_vendor_is_in_each_shared_file_of_the_vendor_recipe(item: list[str]) -> None:
    for file in item:
        text = (ROOT / file).read_text(encoding="utf-8").lower().replace("_", "-").replace(" ", "-")
        assert [name for name in VENDORS if name not in text] == [], file


@pytest.mark.parametrize("file", [file for item in recipe("vendor, optional") for file in item])
def test_the_optional_files_of_the_vendor_recipe_are_used(file: str) -> None:
    assert any(path.is_file() for path in paths(file))
