from __future__ import annotations

from typing import Any

import pytest

from connectors.teams.legs import to_legs
from tests.unit.teams.fake_api import DIRECT, MARA, data, record_row, session_row, session_rows

JON = "00000000-0000-4000-8000-000000000002"
GROUP, PAIR = data("call_records")["value"]


def people(record: dict[str, Any], rows: list[dict[str, Any]]) -> list[tuple[str | None, str]]:
    legs, _ = to_legs(record, rows)
    return [(leg.identity.id, leg.side if leg.is_direct else "") for leg in legs]


def test_each_session_of_a_group_call_is_a_stay_of_its_caller() -> None:
    legs, skipped = to_legs(GROUP, session_rows())
    assert [leg.side for leg in legs] == ["caller"] * 7
    assert [leg.key for leg in legs] == [(row["id"],) for row in session_rows()[:7]]
    assert skipped == 1  # the recording bot


def test_a_repeated_session_is_one_stay_with_all_segments() -> None:
    first = session_row(0)
    copy = {**first, "segments": [first["segments"][1], {**first["segments"][0], "id": "another"}]}
    (leg,), _ = to_legs(GROUP, [first, copy])
    ids = [segment["id"] for segment in leg.row["segments"]]
    assert ids == [*(segment["id"] for segment in first["segments"]), "another"]


def test_two_callers_of_one_session_are_two_stays() -> None:
    other = {**session_row(1), "id": session_row(0)["id"]}
    assert [person for person, _ in people(GROUP, [session_row(0), other])] == [MARA, JON]


def test_a_call_of_two_people_is_a_stay_of_each() -> None:
    direct = session_rows("sessions_escalated")[:1]
    assert people(PAIR, direct) == [(MARA, "caller"), (JON, "callee")]


def test_no_person_counts_twice_in_an_escalated_call() -> None:
    record = record_row(DIRECT)
    found = people(record, session_rows("sessions_escalated"))
    assert sorted(str(person) for person, _ in found) == sorted({str(person) for person, _ in found})
    assert {side for _, side in found} == {""}


def test_who_left_before_the_call_was_escalated_keeps_the_direct_leg() -> None:
    direct, mara, _, third = session_rows("sessions_escalated")
    found = people(record_row(DIRECT), [direct, mara, third])
    assert (JON, "callee") in found
    assert (MARA, "") in found
    assert (MARA, "caller") not in found


def test_people_without_an_id_are_not_taken_for_each_other() -> None:
    direct, mara, *_ = session_rows("sessions_escalated")
    unknown = {"@odata.type": "#microsoft.graph.callRecords.participantEndpoint"}
    found = people(record_row(DIRECT), [{**direct, "callee": unknown}, {**mara, "caller": unknown}])
    assert found == [(MARA, "caller"), (None, "callee"), (None, "")]


def test_a_call_to_a_voicemail_is_a_stay_of_the_caller() -> None:
    direct = {**session_rows("sessions_escalated")[0], "callee": session_row(0)["callee"]}
    assert people(PAIR, [direct]) == [(MARA, "caller")]
    assert to_legs(PAIR, [direct])[1] == 1


def test_the_sides_of_a_direct_call_have_their_own_endpoints() -> None:
    caller, callee = to_legs(PAIR, session_rows("sessions_escalated")[:1])[0]
    assert caller.endpoint["identity"]["user"]["id"] == MARA
    assert callee.endpoint["identity"]["user"]["id"] == JON
    assert [leg.key for leg in (caller, callee)] == [(DIRECT, "caller"), (DIRECT, "callee")]


@pytest.mark.parametrize("kind", ["unknown", "unknownFutureValue", None, "meeting"])
def test_a_call_of_an_unknown_type_is_read_by_its_sessions(kind: str | None) -> None:
    assert len(people(record_row(type=kind), session_rows())) == 7
    assert len(people({**PAIR, "type": kind}, session_rows("sessions_escalated")[:1])) == 2


@pytest.mark.parametrize("row", [{}, {"caller": None, "callee": None}, {"caller": "x"}])
def test_a_session_without_endpoints_is_no_stay(row: dict[str, Any]) -> None:
    assert to_legs(GROUP, [row]) == ([], 1)
