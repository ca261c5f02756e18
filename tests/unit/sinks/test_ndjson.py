"""Documents as lines on a stream."""

from __future__ import annotations

import errno
import io
import os

import orjson
import pytest

from connectors.errors import OutputError
from harvester.documents import to_documents
from harvester.sinks.base import Ack, PipeClosed
from harvester.sinks.ndjson import Ndjson
from tests.invented_meetings import full_harvest, loads, many


class Full(io.BytesIO):
    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number

    def flush(self) -> None:
        raise OSError(self._number, os.strerror(self._number))


def test_every_document_is_a_line_and_every_harvest_is_acknowledged() -> None:
    stream = io.BytesIO()
    records = [full_harvest(), *many(3)]
    assert list(Ndjson(stream).load(loads(records))) == [
        Ack(uuid=record.meeting.uuid, ok=1 + len(record.sessions)) for record in records
    ]
    lines = stream.getvalue().splitlines()
    assert [orjson.loads(line)["document_id"] for line in lines] == [
        document["document_id"] for record in records for document in to_documents(record)
    ]


def test_a_meeting_is_readable_before_the_next_one_is_pulled() -> None:
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as readable, os.fdopen(writer, "wb") as stream:
        acknowledged = Ndjson(stream).load(loads(many(2)))
        next(acknowledged)
        assert len(os.read(readable.fileno(), 1 << 16).splitlines()) == 4


def test_a_closed_pipe_is_the_end_and_no_failure() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb", buffering=0) as stream, pytest.raises(PipeClosed) as raised:
        list(Ndjson(stream).load(loads(many(1))))
    assert raised.value.exit_code == 0


def test_a_full_disk_is_named() -> None:
    with pytest.raises(OutputError, match="No space left"):
        list(Ndjson(Full(errno.ENOSPC)).load(loads(many(1))))
