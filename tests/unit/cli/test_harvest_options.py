"""Options that a connector defines."""

from __future__ import annotations

from typing import Any

import click
import pytest
from click.testing import CliRunner

from connectors.base import Option
from harvester.cli.harvest_options import split_options, vendor_options
from harvester.pipeline.request import VendorOptions

OPTIONS = (
    Option(name="qos", help="a switch"),
    Option(name="meeting-code", help="one value", metavar="CODE", filters=True),
    Option(name="user", help="several", metavar="EMAIL", repeatable=True, filters=True),
    Option(name="upcoming", help="days", metavar="DAYS", filters=True, future_days=True),
    Option(name="mine", help="a switch that narrows", filters=True),
)


def parse(*words: str) -> VendorOptions | str:
    """The parsed options, or the error message."""
    found: list[VendorOptions] = []

    @click.command()
    @vendor_options(OPTIONS)
    def command(**values: Any) -> None:
        found.append(split_options(OPTIONS, values))

    ended = CliRunner().invoke(command, list(words))
    return found[0] if found else ended.output


@pytest.mark.parametrize(
    ("words", "options", "given", "narrow", "ahead"),
    [
        ([], set(), {}, False, None),
        (["--qos"], {"qos"}, {}, False, None),
        (["--meeting-code", "a-b-c"], set(), {"meeting-code": ("a-b-c",)}, True, None),
        (["--user", "a", "--user", "b"], set(), {"user": ("a", "b")}, True, None),
        (["--upcoming", "7", "--qos"], {"qos"}, {"upcoming": ("7",)}, True, 7),
        (["--mine"], set(), {"mine": ()}, True, None),
    ],
)
def test_given_options_reach_the_request(
    words: list[str], options: set[str], given: dict[str, tuple[str, ...]], narrow: bool, ahead: int | None
) -> None:
    assert parse(*words) == VendorOptions(
        switches=frozenset(options), values=given, filtered=narrow, upcoming_days=ahead
    )


def test_days_ahead_are_a_number() -> None:
    assert "a whole number from 1 to 366" in str(parse("--upcoming", "0"))
