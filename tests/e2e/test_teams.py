"""A simulated Microsoft Teams through the command line to stdout, compared with the truth."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.e2e.harness import Harvester, Simulator, differences, lines

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def simulated(folder: Path, *more: str, faults: float = 0.0) -> Simulator:
    """A tenant with meetings on five days."""
    return Simulator(
        folder / "simulator",
        NOW,
        size=60,
        days=4,
        seed=3,
        speed=200,
        faults=faults,
        more=more,
        vendors=("teams",),
    )


@pytest.mark.parametrize("options", [(), ("calls",), ("titles",), ("calls", "titles")])
def test_stdout_contains_the_documents_of_the_truth(tmp_path: Path, options: tuple[str, ...]) -> None:
    with simulated(tmp_path, *(f"--truth-{option}" for option in options), faults=0.05) as simulator:
        harvester = Harvester(tmp_path, simulator.settings)
        asked = (f"--{option}" for option in options)
        ended = harvester("teams", *simulator.dates, *asked, "--destination", "stdout")
        assert ended.returncode == 0, ended.stderr.decode()
        found, truth = lines(ended.stdout), simulator.truth
    assert len(found) > 100
    assert differences(found, truth) == []


def test_an_expired_secret_is_named(tmp_path: Path) -> None:
    with simulated(tmp_path, "--teams-expired-secret") as simulator:
        ended = Harvester(tmp_path, simulator.settings)("teams", "--date", "2026-11-19")
    assert ended.returncode == 77
    assert "the client secret has expired" in ended.stderr.decode()
    assert ended.stdout == b""


def test_missing_consent_is_named(tmp_path: Path) -> None:
    with simulated(tmp_path, "--teams-without", "call-records") as simulator:
        harvester = Harvester(tmp_path, simulator.settings)
        ended, checked = harvester("teams", "--date", "2026-11-19"), harvester("check", "teams")
    assert (ended.returncode, checked.returncode) == (77, 77)
    assert "CallRecords.Read.All" in ended.stderr.decode()
    assert "grant admin consent" in checked.stdout.decode()


def test_refused_titles_are_partitions_and_no_failure(tmp_path: Path) -> None:
    with simulated(tmp_path, "--teams-without", "titles") as simulator:
        harvester = Harvester(tmp_path, simulator.settings)
        ended = harvester("teams", *simulator.dates, "--titles", "--destination", "stdout")
    assert ended.returncode == 0, ended.stderr.decode()
    assert "partitions skipped" in ended.stderr.decode()
    found = lines(ended.stdout).values()
    assert found
    assert not [document for document in found if "topic" in document]
