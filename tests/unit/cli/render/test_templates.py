"""Differences between the cluster's templates and the shipped ones, as a table."""

from __future__ import annotations

from harvester.cli.render.templates import TEMPLATE_REMEDY, difference_lines
from harvester.sinks.elastic.templates import Difference


def test_differences_are_a_table_with_what_to_do_below() -> None:
    differences = [
        Difference(template="harvester-settings", field="", shipped="a template", installed=None),
        Difference(template="harvester-meetings", field="dynamic", shipped=False, installed=True),
        Difference(template="harvester-meetings", field="email type", shipped="keyword", installed=None),
    ]
    header, *rows, remedy = difference_lines(differences, TEMPLATE_REMEDY)
    assert header.split("  ")[0] == "TEMPLATE OR INDEX"
    assert [row.split() for row in rows] == [
        ["harvester-settings", "not", "installed"],
        ["harvester-meetings", "dynamic", "true", "false"],
        ["harvester-meetings", "email", "type", "absent", "keyword"],
    ]
    assert "harvester templates install" in remedy
    assert difference_lines([], TEMPLATE_REMEDY) == []
