"""Attendance as a table for people."""

from __future__ import annotations

import pytest

from harvester.analysis.attendance import Totals
from harvester.cli.render.attendance import attendance_lines

COLUMNS = ("vendor", "meeting", "name", "minutes")


@pytest.mark.parametrize(("vendors", "hint"), [(("zoom", "webex"), True), (("zoom", "zoom"), False)])
def test_the_totals_of_several_vendors_say_that_people_may_count_twice(
    vendors: tuple[str, ...], hint: bool
) -> None:
    rows = [(vendor, "m", "Ada", 20.0) for vendor in vendors]
    totals = Totals(meetings=2, rows=2, people=2, seconds=2400, untimed={})
    lines = list(attendance_lines(COLUMNS, rows, totals))
    assert "2 meetings, 2 people, 40.0 minutes" in lines
    assert (lines[-1] == "A person at two vendors counts twice here; --by person merges them.") is hint
