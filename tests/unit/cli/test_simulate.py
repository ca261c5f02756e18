"""Tests how the options of `harvester simulate` are passed to the simulator."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from harvester.cli.simulate import simulate
from harvester.simulator import server


def options(monkeypatch: pytest.MonkeyPatch, *words: str) -> server.Options:
    seen: list[server.Options] = []
    monkeypatch.setattr(server, "run", lambda parsed, announce: seen.append(parsed))
    answer = CliRunner().invoke(simulate, words, catch_exceptions=False)
    assert answer.exit_code == 0, answer.output
    return seen[0]


def test_by_default_all_vendors_are_served_with_their_usual_source(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values = options(monkeypatch)
    assert values.vendors == ("zoom", "webex", "google-meet", "meetecho", "teams")
    assert (values.truth_source, values.google_source) == ("dashboard", "auto")
    assert values.google == server.GoogleOptions()
    assert values.meetecho == server.MeetechoOptions()
    assert values.teams == server.TeamsOptions()
    assert (values.teams_calls, values.teams_titles) == (False, False)
    assert options(monkeypatch, "--zoom-plan", "pro").truth_source == "reports"


@pytest.mark.parametrize(
    ("words", "sources"),
    [
        (["reports"], ("reports", "auto")),  # without a vendor: Zoom's
        (["zoom=reports"], ("reports", "auto")),
        (["google-meet=reports"], ("dashboard", "reports")),
        (["google-meet=meet", "reports"], ("reports", "meet")),
    ],
)
def test_truth_source_is_set_per_vendor(
    monkeypatch: pytest.MonkeyPatch, words: list[str], sources: tuple[str, str]
) -> None:
    flat = [part for word in words for part in ("--truth-source", word)]
    values = options(monkeypatch, *flat)
    assert (values.truth_source, values.google_source) == sources


def test_the_options_of_the_workspace(monkeypatch: pytest.MonkeyPatch) -> None:
    values = options(
        monkeypatch, "--google-without", "reports", "--google-without", "calendar", "--google-disabled", "meet",
        "--google-organised-only", "--google-ids", "other", "--google-user",
    )  # fmt: skip
    assert values.google == server.GoogleOptions(
        without=("reports", "calendar"), disabled=("meet",), attended=False, ids="other", user=True
    )


def test_the_options_of_teams(monkeypatch: pytest.MonkeyPatch) -> None:
    values = options(
        monkeypatch, "--teams-without", "titles", "--teams-expired-secret", "--teams-refuse-old", "--teams-limit", "10",
        "--truth-calls", "--truth-titles",
    )  # fmt: skip
    assert values.teams == server.TeamsOptions(
        permissions=("CallRecords.Read.All",),
        expired_secret=True,
        refuse_old_filters=True,
        requests_per_20_seconds=10,
    )
    assert (values.teams_calls, values.teams_titles) == (True, True)


def test_the_options_of_meetecho(monkeypatch: pytest.MonkeyPatch) -> None:
    values = options(
        monkeypatch, "--meetecho-no-credentials", "--meetecho-refused", "zquilt", "--meetecho-unknown", "brambl",
        "--meetecho-unknown", "tealcup", "--meetecho-one-room",
    )  # fmt: skip
    assert values.meetecho == server.MeetechoOptions(
        credentials=False, refused=("zquilt",), unknown=("brambl", "tealcup"), one_room=True
    )


def test_an_unknown_source_of_a_vendor_is_refused() -> None:
    answer = CliRunner().invoke(simulate, ["--truth-source", "webex=reports"])
    assert answer.exit_code == 2
