"""Exit codes: their values, and which one applies if a run has several causes."""

from __future__ import annotations

import pytest

from connectors.exit_codes import ExitCode


@pytest.mark.parametrize(
    ("codes", "worst"),
    [
        ([], ExitCode.OK),
        ([ExitCode.OK, ExitCode.DATAERR], ExitCode.DATAERR),
        ([ExitCode.DATAERR, ExitCode.TEMPFAIL], ExitCode.TEMPFAIL),
        ([ExitCode.TEMPFAIL, ExitCode.NOPERM, ExitCode.UNAVAILABLE], ExitCode.NOPERM),
        ([ExitCode.CONFIG, ExitCode.INTERRUPTED], ExitCode.INTERRUPTED),
        ([75, 0, 65], ExitCode.TEMPFAIL),
    ],
)
def test_the_most_important_code_of_several_applies(codes: list[int], worst: ExitCode) -> None:
    assert ExitCode.worst(codes) is worst
    assert ExitCode.worst(reversed(codes)) is worst


def test_values_are_those_of_sysexits_and_of_signals() -> None:
    assert {code.name: int(code) for code in ExitCode} == {
        "OK": 0,
        "USAGE": 64,
        "DATAERR": 65,
        "UNAVAILABLE": 69,
        "SOFTWARE": 70,
        "IOERR": 74,
        "TEMPFAIL": 75,
        "NOPERM": 77,
        "CONFIG": 78,
        "INTERRUPTED": 128 + 2,
        "TERMINATED": 128 + 15,
    }
