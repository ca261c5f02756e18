"""The exit code of `harvester verify`."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from connectors.exit_codes import ExitCode
from harvester.verify.comparison import Tally
from harvester.verify.findings import Finding
from harvester.verify.result import VerifyResult, worst_exit_code


def result(**values: object) -> VerifyResult:
    return VerifyResult(**{"vendor": "zoom", "account": "main", "zone": ZoneInfo("UTC"), **values})  # type: ignore[arg-type]  # the values are those of a keyword


def missing(*, repaired: bool | None = None) -> Finding:
    return Finding(kind="missing", uuid="a", repair="harvest", repaired=repaired)


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"complete": True}, ExitCode.OK),
        ({"complete": True, "findings": [missing()]}, ExitCode.DATAERR),
        ({"complete": True, "findings": [missing(repaired=True)]}, ExitCode.OK),
        ({"complete": True, "tally": Tally(rejected={"a"})}, ExitCode.DATAERR),
        ({"codes": {75}, "findings": [missing()]}, ExitCode.TEMPFAIL),
        ({"codes": {69, 143}}, ExitCode.TERMINATED),
    ],
)
def test_failures_findings_and_rejects_decide_the_exit_code(
    values: dict[str, object], code: ExitCode
) -> None:
    assert result(**values).exit_code == code


def test_only_a_complete_comparison_without_findings_is_clean() -> None:
    assert result(complete=True).is_clean
    assert not result().is_clean
    assert not result(complete=True, findings=[missing(repaired=True)]).is_clean


def test_an_interruption_outranks_every_other_failure() -> None:
    results = [result(codes={78}), result(codes={130})]
    assert worst_exit_code(results) == ExitCode.INTERRUPTED
    assert worst_exit_code(results[:1]) == ExitCode.CONFIG
