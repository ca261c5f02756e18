"""No record contains the means to open or delete a room, and no error quotes an answer."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson
import pytest

from connectors.errors import HarvestError
from connectors.meetecho import Meetecho
from connectors.meetecho.redaction_rules import redact_row
from connectors.models import MeetingRef
from harvester.documents import to_documents
from tests.examples import statuses
from tests.unit.fake_context import FakeContext
from tests.unit.meetecho.fake_api import DAY, SECRET, Account, room

Build = Callable[..., Meetecho]
URL = "https://meetecho.example.org/interim/?short=r-1"
MARK = "marked"

# Everything that may be in an answer and must be in no document, each marked: the room's deletion token, the groups' tokens,
# the client's secret, keys that are not documented, what people wrote, addresses of people.
OF_A_ROOM: dict[str, Any] = {
    "deletion_token": MARK,
    "moderator_url": MARK,
    "apikey": MARK,
    "x": {"token": MARK},
}
OF_A_SESSION: dict[str, Any] = {
    "remote_instructions": f"{URL} passcode {MARK}",
    "comments": MARK,
    "agenda_note": MARK,
    "client_secret": MARK,
    "host_password": MARK,
    "email": MARK,
    "deep": [{"wg_token": MARK}],
}


@pytest.fixture
def filled(account: Account) -> Account:
    account.session(**OF_A_SESSION)
    account.attends(1)
    account.tables["/api/v1/person/person/"][1]["email"] = f"{MARK}@example.org"
    one = room(18, "2026-11-20 10:00:00", URL, **{f"in_{name}": value for name, value in OF_A_ROOM.items()})
    other = room(77, "2026-11-20 12:00:00", URL.replace("r-1", "r-2"))
    account.rooms["acro"] = {"r-1": {**one, **OF_A_ROOM}, "r-2": {**other, **OF_A_ROOM}}
    return account


def test_no_secret_leaves_the_connector(meetecho: Build, filled: Account, context: FakeContext) -> None:
    hidden = [MARK, SECRET, "token-1-acro", "passcode"]
    connector = meetecho(raw=True)
    found = [ref for ref in connector.meetings(DAY) if isinstance(ref, MeetingRef)]
    assert len(found) == 2
    for ref in (*found, *(replace(ref, row=None) for ref in found)):
        written = b"".join(orjson.dumps(document) for document in to_documents(connector.fetch(ref))).decode()
        assert "vendor_data" in written
        kept = repr((ref.uuid, ref.digest, ref.hint))
        assert not [secret for secret in hidden if secret in written + kept]
        assert "deletion_token" not in written + repr(ref)
        assert "token-1-acro" not in repr(ref)
    assert not [notice for notice in context.notices for secret in hidden if secret in notice]


@pytest.mark.parametrize("name", list(OF_A_SESSION))
def test_no_secret_field_of_a_record_is_kept(name: str) -> None:
    assert MARK not in repr(redact_row({"id": 1, name: OF_A_SESSION[name]}))


BODIES = [f'{{"error": "{MARK}"}}', f"<html>{MARK}</html>", f'["{MARK}"]']


@pytest.mark.parametrize("status", statuses(200, 204, 301, 400, 401, 403, 404, 429, 500))
@pytest.mark.parametrize("part", ["meetecho.", "fetchRooms", "datatracker.", "attended"])
def test_no_error_repeats_the_response(
    part: str, status: int, meetecho: Build, filled: Account, context: FakeContext
) -> None:
    (ref, *_) = [ref for ref in meetecho().meetings(DAY) if isinstance(ref, MeetingRef)]
    for body in BODIES:
        filled.refused = {part: [(status, {}, body)]}
        connector = meetecho()
        for act in (
            lambda it=connector: list(it.meetings(DAY)),
            lambda it=connector: it.fetch(ref),
            lambda it=connector: it.fetch(replace(ref, row=None)),
        ):
            error = error_of(act)
            text = "".join(traceback.format_exception(error)) if error is not None else ""
            assert MARK not in text.replace("test_secrets", "")
            assert SECRET not in text
            assert "?" not in str(error)
        assert not [result for result in connector.check() if MARK in repr(result) or SECRET in repr(result)]
    assert not [notice for notice in context.notices if MARK in notice]


def error_of(act: Callable[[], Any]) -> HarvestError | None:
    try:
        act()
    except HarvestError as error:
        return error
    return None


def test_flags_stay_even_if_they_are_named_like_secrets() -> None:
    assert redact_row({"on_agenda": True, "agenda_note": "the passcode is 1234"}) == {"on_agenda": True}
