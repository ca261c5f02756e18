"""What `harvester check` prints of its results."""

from __future__ import annotations

from connectors.base import CheckResult
from connectors.exit_codes import ExitCode
from harvester.cli.render.check import CheckOutput

GOOD = CheckResult(subject="zoom", status="ok", message="Zoom: token received")
ODD = CheckResult(subject="plan", status="warning", message="no Dashboard", remedy="set ZOOM_PLAN=pro")
BAD = CheckResult(
    subject="users",
    status="failed",
    message="Zoom: scope missing, see https://example.org/scopes",
    remedy="add the scope",
    exit_code=ExitCode.NOPERM,
)


def show(*results: CheckResult, quiet: bool = False) -> tuple[list[str], CheckOutput]:
    lines: list[str] = []
    output = CheckOutput(echo=lines.append, quiet=quiet)
    for result in results:
        output.show(result, "zoom")
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


def test_quiet_shows_failures_only() -> None:
    assert show(GOOD, ODD, quiet=True)[0] == []
    lines, _ = show(GOOD, BAD, quiet=True)
    assert lines == [
        "FAILED  zoom users: scope missing, see https://example.org/scopes",
        "        add the scope",
        "does not work yet: 1 failed",
    ]
