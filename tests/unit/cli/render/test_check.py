"""What `harvester check` prints of its results."""

from __future__ import annotations

import json

import click
import pytest

from connectors.base import CheckResult
from connectors.exit_codes import ExitCode
from harvester.cli.render.check import CheckOutput, CheckTable, output_for, rendered_row, shows_marks

GOOD = CheckResult(subject="zoom", status="ok", message="Zoom: token received")
ODD = CheckResult(subject="plan", status="warning", message="no Dashboard", remedy="set ZOOM_PLAN=pro")
BAD = CheckResult(
    subject="users",
    status="failed",
    message="Zoom: scope missing, see https://example.org/scopes",
    remedy="add the scope",
    exit_code=ExitCode.NOPERM,
)

UNUSED = CheckResult(subject="meetecho", status="unused", message="not configured")


def show(*results: CheckResult, quiet: bool = False) -> tuple[list[str], CheckOutput]:
    lines: list[str] = []
    output = CheckOutput(echo=lines.append, quiet=quiet)
    for result in results:
        output.show(result, "meetecho" if result is UNUSED else "zoom")
    output.show_verdict()
    return lines, output


def test_a_result_is_a_line_without_the_vendor_twice() -> None:
    lines, _ = show(GOOD)
    assert lines == ["ok      zoom: token received", "works"]


def test_a_remedy_is_shown_once_below_its_result() -> None:
    lines, output = show(ODD, ODD)
    assert lines == [
        "warning zoom plan: no Dashboard",
        "        set ZOOM_PLAN=pro",
        "warning zoom plan: no Dashboard",
        "works, 2 warnings",
    ]
    assert output.codes == []


def test_a_remedy_that_links_to_the_page_of_the_message_is_left_out() -> None:
    remedy = CheckResult(
        subject="users", status="failed", message=BAD.message, remedy="open https://example.org/scopes"
    )
    lines, _ = show(remedy)
    assert len([line for line in lines if "https://example.org/scopes" in line]) == 1


def test_failures_decide_the_verdict_and_the_exit_code() -> None:
    lines, output = show(GOOD, BAD, ODD)
    assert lines[-1] == "does not work yet: 1 failed, 1 warning"
    assert output.codes == [ExitCode.NOPERM]


def test_what_is_not_used_is_no_warning() -> None:
    lines, output = show(GOOD, UNUSED)
    assert lines == ["ok      zoom: token received", "unused  meetecho: not configured", "works"]
    assert (output.codes, output.warnings) == ([], 0)
    assert show(UNUSED, quiet=True)[0] == []


def test_quiet_shows_failures_only() -> None:
    assert show(GOOD, ODD, quiet=True)[0] == []
    lines, _ = show(GOOD, BAD, quiet=True)
    assert lines == [
        "FAILED  zoom users: scope missing, see https://example.org/scopes",
        "        add the scope",
        "does not work yet: 1 failed",
    ]


# The table of a terminal


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")


def table(
    capsys: pytest.CaptureFixture[str], *results: tuple[str, CheckResult], width: int = 80
) -> list[str]:
    output = CheckTable(
        echo=click.echo, quiet=False, redact=lambda text: text.replace("s3cret", "***"), width=width
    )
    for vendor, result in results:
        output.show(result, vendor)
    output.show_verdict()
    return capsys.readouterr().out.splitlines()


@pytest.mark.usefixtures("plain")
def test_a_terminal_shows_a_table_with_marks_and_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    settings = CheckResult(subject="settings", status="ok", message="read from s3cret")
    lines = table(capsys, ("", settings), ("zoom", GOOD), ("zoom", ODD), ("webex", BAD), ("meetecho", UNUSED))
    gap = " " * 32
    assert lines == [
        f"✔  settings{gap[8:]}  read from ***",
        "zoom",
        f"✔  zoom{gap[4:]}  token received",
        f"!  plan{gap[4:]}  no Dashboard",
        "   → set ZOOM_PLAN=pro",
        "webex",
        f"✘  users{gap[5:]}  Zoom: scope missing, see",
        f"   {gap}  https://example.org/scopes",
        "   → add the scope",
        f"-  meetecho{gap[8:]}  not configured",
        "does not work yet: 1 failed, 1 warning",
    ]


@pytest.mark.usefixtures("plain")
def test_a_link_is_never_broken(capsys: pytest.CaptureFixture[str]) -> None:
    link = "https://example.org/" + "scopes,https://example.org/" * 5
    result = CheckResult(subject="users", status="failed", message=f"see {link}", remedy=f"open {link}more")
    lines = table(capsys, ("zoom", result), width=40)
    assert lines[:4] == ["zoom", "✘  users", "   see", f"   {link}"]
    assert lines[4:6] == ["   → open", f"     {link}more"]


@pytest.mark.usefixtures("plain")
def test_control_characters_are_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    odd = CheckResult(subject="users\x1b[2J", status="ok", message="\x1b[31mred", remedy="[bold]no markup[/]")
    shown = "\n".join(table(capsys, ("zoom\x1b", odd)))
    assert "\x1b" not in shown
    assert r"\x1b[31mred" in shown
    assert "[bold]no markup[/]" in shown


@pytest.mark.parametrize("variable", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_marks_are_plain_if_the_user_or_the_terminal_wants_it(
    variable: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in {"FORCE_COLOR": "1", "TERM": "xterm", **variable}.items():
        monkeypatch.setenv(name, value)
    assert rendered_row("failed", "a", "b", "c", 40) == f"✘  a{' ' * 17}b\n   → c"
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert "\x1b[" in rendered_row("failed", "a", "b", "c", 40)


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [("utf-8", True), ("ascii", False), ("latin-1", False), ("nonsense", False), (None, False)],
)
def test_marks_are_shown_only_if_the_encoding_has_them(encoding: str | None, expected: bool) -> None:
    assert shows_marks(encoding) is expected


def test_a_pipe_gets_lines() -> None:
    assert type(output_for(str, quiet=False, as_json=False)) is CheckOutput


def test_json_has_every_result_with_its_remedy_and_no_secret(capsys: pytest.CaptureFixture[str]) -> None:
    output = output_for(lambda text: text.replace("marked", "***"), quiet=True, as_json=True)
    output.show(CheckResult(subject="settings", status="ok", message="read from marked"))
    output.show(ODD, "zoom")
    output.show(ODD, "zoom")
    output.show(BAD, "zoom")
    output.show(UNUSED, "meetecho")
    output.show_verdict()
    answer = json.loads(capsys.readouterr().out)
    assert (answer["works"], answer["exit_code"]) == (False, ExitCode.NOPERM)
    assert [check["remedy"] for check in answer["checks"]] == [None, ODD.remedy, ODD.remedy, BAD.remedy, None]
    assert answer["checks"][-1]["status"] == "unused"
    assert answer["checks"][0] == {
        "vendor": None,
        "account": None,
        "subject": "settings",
        "status": "ok",
        "message": "read from ***",
        "remedy": None,
    }
