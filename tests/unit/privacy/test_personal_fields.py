"""Every field of every document is classified, so that no new field is stored in plain by mistake."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from connectors.models import Host, Meeting, Session
from harvester.documents import to_documents
from harvester.privacy.personal_fields import NEUTRAL, PARTICIPANT_FIELDS, PERSONAL, RAW
from tests.invented_meetings import full_harvest

CLASSES = (PERSONAL.keys(), NEUTRAL, RAW)


def field_names(document: dict[str, Any]) -> Iterator[str]:
    for name, value in document.items():
        if name == "host":
            yield from (f"host.{member}" for member in value)
        else:
            yield name


def test_every_field_of_a_document_is_in_exactly_one_class() -> None:
    written = {name for document in to_documents(full_harvest()) for name in field_names(document)}
    declared = {*(f.name for f in fields(Meeting)), *Session.__struct_fields__} - {"key", "host"}
    declared |= {f"host.{f.name}" for f in fields(Host)}
    names = written | declared
    assert len(names) > 50
    assert {name: sum(name in each for each in CLASSES) for name in names} == dict.fromkeys(names, 1)
    assert {name for each in CLASSES for name in each} == names


def test_fields_about_a_participant_belong_to_sessions() -> None:
    assert set(PARTICIPANT_FIELDS) <= {*Session.__struct_fields__}
    assert PERSONAL.keys() & {*Session.__struct_fields__} <= set(PARTICIPANT_FIELDS)
