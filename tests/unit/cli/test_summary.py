"""The summary is written whatever the end of a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from connectors.errors import ConfigurationError, CredentialsError, Interrupted, OutputError
from harvester.cli.render.summary import summarized
from harvester.pipeline.report import Report


def written(path: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(path.read_text())
    return told


def report(name: str, error: Exception | None = None) -> Report:
    made = Report(vendor=name, account="main")
    if error is not None:
        made.stopped_by(error)  # type: ignore[arg-type]  # every error here is one of ours
    return made


def test_the_whole_has_the_worst_exit_code_and_every_reason(tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    with summarized(path, ("one", "two"), "main") as summary:
        summary.reports += [report("one", CredentialsError("refused")), report("two")]
    told = written(path)
    assert (summary.exit_code, told["exit_code"], told["reason"]) == (77, 77, "one: refused")
    assert [vendor["exit_code"] for vendor in told["vendors"]] == [77, 0]
    with summarized(path, ("one", "two"), "main") as summary:
        summary.reports += [report("one", CredentialsError("refused")), report("two", Interrupted())]
    assert written(path)["exit_code"] == summary.exit_code == 130


def test_what_fails_before_any_vendors_turn_stands_for_each(tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    with pytest.raises(ConfigurationError), summarized(path, ("one", "two"), "main"):
        raise ConfigurationError("ES_HOST is no URL")
    told = written(path)
    assert (told["exit_code"], told["reason"]) == (78, "ES_HOST is no URL")
    assert [(vendor["exit_code"], vendor["reason"]) for vendor in told["vendors"]] == [
        (78, "ES_HOST is no URL")
    ] * 2


def test_a_bug_is_told_as_one(tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    with pytest.raises(ZeroDivisionError), summarized(path, ("one",), "main") as summary:
        summary.reports.append(report("one"))
        raise ZeroDivisionError
    told = written(path)
    assert (told["exit_code"], told["vendors"][0]["exit_code"]) == (70, 70)
    assert "traceback" in told["vendors"][0]["reason"]


def test_a_summary_that_cannot_be_written_is_an_output_error(tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "summary.json"
    with pytest.raises(OutputError, match=r"summary\.json cannot be written"), summarized(path, (), "main"):
        pass
