"""Everything that a run does for privacy, in one value: forgotten people, the treatment, and sealed ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from connectors.models import MeetingRecord
from harvester.documents import Document
from harvester.privacy.encrypted_ids import Sealer, map_hint
from harvester.privacy.forgotten_people import ForgottenList, ForgottenPeople
from harvester.privacy.personal_fields import Nature
from harvester.privacy.treatment import REMOVED, Treatment


@dataclass(frozen=True, slots=True, kw_only=True)
class Privacy:
    """What becomes of records, documents, hints and messages before they leave the process."""

    treatment: Treatment
    forgotten: ForgottenPeople
    sealer: Sealer

    @property
    def keeps_all(self) -> bool:
        return self.treatment.keeps_all and not self.forgotten

    @property
    def drops_personal(self) -> bool:
        """Whether personal fields are left out."""
        return self.treatment.mode == "drop"

    def with_others(self, others: Sequence[ForgottenList]) -> Privacy:
        """The same, and people are left out whom other state folders remember."""
        return replace(self, forgotten=self.forgotten.with_others(others)) if others else self

    def record(self, record: MeetingRecord) -> MeetingRecord:
        return self.treatment.record(self.forgotten.record(record))

    def document(self, document: Document) -> Document | None:
        """`None` if the document is to be left out, since its person is forgotten."""
        kept = self.forgotten.document(document)
        return None if kept is None else self.treatment.document(kept)

    def text(self, text: str) -> str:
        return self.treatment.text(self.forgotten.text(text, REMOVED))

    def stored_hint(self, hint: Mapping[str, Any]) -> Mapping[str, Any]:
        """The hint as it may be stored."""
        if self.keeps_all:
            return hint
        return map_hint(hint, self._stored)

    def _stored(self, value: str) -> str | None:
        if self.forgotten.find(Nature.person_id, value):
            return None
        return value if self.treatment.keeps_all else self.sealer.seal(value)

    def opened_hint(self, hint: Mapping[str, Any]) -> Mapping[str, Any]:
        """The hint for the vendor, whatever run has stored it."""
        return map_hint(hint, self.sealer.open)
