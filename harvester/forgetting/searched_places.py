"""The places that may hold documents of a person: files, rejects, journals and the index."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import orjson

from connectors.errors import OutputError
from harvester.documents import Document, encode
from harvester.forgetting.person import Count, LeftOut, Person, with_fewer_sessions
from harvester.input_file import open_input, unreadable
from harvester.output_file import open_output
from harvester.privacy.encrypted_ids import Sealer, map_hint
from harvester.privacy.personal_fields import Nature
from harvester.sinks.elastic.config import ElasticConfig
from harvester.sinks.elastic.person_search import PersonSearch, StoredDocument
from harvester.state.journal_scrubbing import count_scrubbed, scrub_journal
from harvester.state.layout import JournalLocation
from harvester.state.rejects import Rejects
from harvester.state.shared.log import DatabaseRecorder
from harvester.write_errors import write_errors


class Place(Protocol):
    kind: str
    name: str

    def documents(self, person: Person) -> Iterator[Document]:
        """The documents that may name the person."""
        ...

    def count(self, person: Person) -> Count:
        """What names the person. Nothing is changed."""
        ...

    def forget(self, person: Person, left_out: LeftOut) -> None:
        """Remove or blank it. `left_out`: sessions that the meetings in this place count and that go, from whatever place."""
        ...


class FilePlace:
    """A file of NDJSON."""

    kind = "file"

    def __init__(self, path: Path) -> None:
        """Raises OutputError for a device or a FIFO: it may never end, and what was read of it cannot be written again."""
        if path.exists() and not path.is_file() and not path.is_dir():
            raise OutputError(f"{path} is not a regular file: write its documents into one first")
        self.name = str(path)
        self._path = path

    def documents(self, _person: Person) -> Iterator[Document]:
        return (document for _, document in self._lines() if document is not None)

    def count(self, person: Person) -> Count:
        count = Count()
        for line, document in self._lines():
            if document is not None:
                count.add(person, document)
            elif person.is_named_in(line.decode("utf-8", "replace")):
                count.unreadable += 1
        return count

    def forget(self, person: Person, _left_out: LeftOut) -> None:
        count = self.count(person)
        if count.removed or count.blanked:
            with write_errors(self._path, elsewhere=""), open_output(self._path) as output:
                output.stream.writelines(self._kept_lines(person, count.left_out))

    def _kept_lines(self, person: Person, left_out: LeftOut) -> Iterator[bytes]:
        for line, document in self._lines():
            if document is None:
                yield line
                continue
            kept = Count().add(person, document)
            if kept is not None:
                kept = with_fewer_sessions(kept, left_out)
                yield line if kept is document else encode(kept) + b"\n"

    def _lines(self) -> Iterator[tuple[bytes, Document | None]]:
        try:
            with open_input(self._path) as stream:
                for line in stream:
                    yield line, _to_document(line)
        except OSError as error:
            raise unreadable(self._path, error) from None


class RejectsPlace:
    """The rejects of one index."""

    kind = "rejects"

    def __init__(self, folder: Path, rejects: Rejects) -> None:
        self.name = folder.name
        self._rejects = rejects

    def documents(self, _person: Person) -> Iterator[Document]:
        return (document for _, text in self._rejects.documents() if (document := _to_document(text)))

    def count(self, person: Person) -> Count:
        count = Count()
        for _, text in self._rejects.documents():
            self._treat(text, person, count)
        return count

    def forget(self, person: Person, left_out: LeftOut) -> None:
        changes = [
            (name, kept)
            for name, text in self._rejects.documents()
            if (kept := self._treat(text, person, Count(), left_out)) != text
        ]
        if changes:
            self._rejects.rewrite(changes)

    def _treat(
        self, text: bytes, person: Person, count: Count, left_out: LeftOut | None = None
    ) -> bytes | None:
        document = _to_document(text)
        if document is None:
            if not person.is_named_in(text.decode("utf-8", "replace")):
                return text
            count.removed += 1
            return None
        kept = count.add(person, document)
        if kept is not None and left_out is not None:
            kept = with_fewer_sessions(kept, left_out)
        return text if kept is document else None if kept is None else encode(kept)


class JournalPlace:
    """A journal: ids of users in hints, and texts of errors."""

    kind = "journal"

    def __init__(
        self, location: JournalLocation, sealer: Sealer, recorder: DatabaseRecorder | None = None
    ) -> None:
        """`recorder`: gets every change before it is committed."""
        self._recorder = recorder
        self.name = f"{location.folder.parent.name}/{location.folder.name}"
        self._location = location
        self._sealer = sealer

    def documents(self, _person: Person) -> Iterator[Document]:
        return iter(())

    def count(self, person: Person) -> Count:
        return Count(blanked=count_scrubbed(self._location, self._scrub(person)))

    def forget(self, person: Person, left_out: LeftOut) -> None:
        meetings = {name.split(":", 2)[-1] for name, _, _ in left_out}
        scrub_journal(self._location, self._scrub(person), meetings, self._recorder)

    def _scrub(self, person: Person) -> Any:
        def id_or_nothing(stored: str) -> str | None:
            plain = self._sealer.open(stored)
            return None if plain and person.forgotten.find(Nature.person_id, plain) else stored

        def scrub(column: str, text: str) -> str:
            if column != "hint":
                return person.without(text)
            hint = orjson.loads(text)
            kept = map_hint(hint, id_or_nothing)
            return text if kept == hint else orjson.dumps(dict(kept)).decode()

        return scrub


class IndexPlace:
    """The indices of one cluster and prefix."""

    kind = "index"

    def __init__(self, config: ElasticConfig, search: PersonSearch) -> None:
        self.name = f"{config.url} {config.prefix}*"
        self._config = config
        self._search = search

    def _found(self, person: Person) -> Iterator[StoredDocument]:
        return self._search.find({each.text.strip() for each in person.all_identifiers})

    def documents(self, person: Person) -> Iterator[Document]:
        return (stored.document for stored in self._found(person))

    def count(self, person: Person) -> Count:
        count = Count()
        for stored in self._found(person):
            count.add(person, stored.document)
        return count

    def forget(self, person: Person, left_out: LeftOut) -> None:
        self._search.change(self._changes(person))
        self._search.change(self._recounted(left_out))

    def _changes(self, person: Person) -> Iterator[tuple[StoredDocument, Document | None]]:
        for stored in self._found(person):
            kept = Count().add(person, stored.document)
            if kept is not stored.document:
                yield stored, kept

    def _recounted(self, left_out: LeftOut) -> Iterator[tuple[StoredDocument, Document | None]]:
        """The meetings of removed sessions. Both are filed by the meeting's time, which only the index knows."""
        ids = sorted({name for name, _, _ in left_out})
        for meeting in self._search.with_ids(ids):
            changed = with_fewer_sessions(meeting.document, left_out)
            if changed is not meeting.document:
                yield meeting, changed


def _to_document(line: bytes) -> Document | None:
    try:
        document = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return document if isinstance(document, dict) else None
