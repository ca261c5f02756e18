"""What the words of `harvester simulate` mean to the simulator."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from harvester.cli.simulate import simulate
from harvester.simulator import server


def options(monkeypatch: pytest.MonkeyPatch, *words: str) -> server.Options:
    seen: list[server.Options] = []
    monkeypatch.setattr(server, "run", seen.append)
    answer = CliRunner().invoke(simulate, words, catch_exceptions=False)
    assert answer.exit_code == 0, answer.output
    return seen[0]


def test_without_words_everything_is_served_with_each_vendors_usual_source(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = options(monkeypatch)
    assert told.vendors == ("zoom", "webex", "google-meet", "meetecho")
    assert (told.truth_source, told.google_source) == ("dashboard", "auto")
    assert told.google == server.GoogleTerms()
    assert told.meetecho == server.MeetechoTerms()
    assert options(monkeypatch, "--zoom-plan", "pro").truth_source == "reports"


@pytest.mark.parametrize(
    ("words", "sources"),
    [
        (["reports"], ("reports", "auto")),  # without a name: Zoom's
        (["zoom=reports"], ("reports", "auto")),
        (["google-meet=reports"], ("dashboard", "reports")),
        (["google-meet=meet", "reports"], ("reports", "meet")),
    ],
)
def test_the_source_of_the_truth_by_vendor(
    monkeypatch: pytest.MonkeyPatch, words: list[str], sources: tuple[str, str]
) -> None:
    flat = [part for word in words for part in ("--truth-source", word)]
    told = options(monkeypatch, *flat)
    assert (told.truth_source, told.google_source) == sources


def test_what_is_agreed_with_the_workspace(monkeypatch: pytest.MonkeyPatch) -> None:
    told = options(
        monkeypatch, "--google-without", "reports", "--google-without", "calendar", "--google-disabled", "meet",
        "--google-organised-only", "--google-ids", "other", "--google-user",
    )  # fmt: skip
    assert told.google == server.GoogleTerms(
        without=("reports", "calendar"), disabled=("meet",), attended=False, ids="other", user=True
    )


def test_what_is_agreed_with_meetecho(monkeypatch: pytest.MonkeyPatch) -> None:
    told = options(
        monkeypatch, "--meetecho-no-credentials", "--meetecho-refused", "zquilt", "--meetecho-unknown", "brambl",
        "--meetecho-unknown", "tealcup",
    )  # fmt: skip
    assert told.meetecho == server.MeetechoTerms(
        credentials=False, refused=("zquilt",), unknown=("brambl", "tealcup")
    )


def test_a_source_that_a_vendor_has_not_is_refused() -> None:
    answer = CliRunner().invoke(simulate, ["--truth-source", "webex=reports"])
    assert answer.exit_code == 2
