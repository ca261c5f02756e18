"""`HARVESTER_PII`: hashes or drops the personal fields of records, documents and messages.

A pseudonym is a keyed hash (HMAC-SHA-256) of a value and its nature, so that one person has the same one in every
document of every vendor, and it cannot be found by trying without the key.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import fields, replace
from functools import lru_cache
from typing import Any, Literal

import msgspec

from connectors.models import Host, Meeting, MeetingRecord, Session
from harvester.documents import Document
from harvester.privacy.personal_fields import PERSONAL, RAW, Nature

Mode = Literal["keep", "hash", "drop"]

PSEUDONYM = re.compile(r"pii-[0-9a-f]{32}")
PSEUDONYM_BYTES = 16
EMAIL = re.compile(r"[^\s@<>()\[\]\"',;:=/]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,10}")
"""An e-mail address in a text. The lengths are those of RFC 5321; without them a long text would take minutes."""
REMOVED = "***"
"""Stands for an e-mail address in a message, if there is no pseudonym for it."""

IPV4_NETWORK, IPV6_NETWORK = 24, 48
"""The bits of an address that are kept."""

CACHED = 50_000

_TEXTS = frozenset({Nature.topic, Nature.reason})
_HOST = {f"host.{f.name}": f.name for f in fields(Host) if f"host.{f.name}" in PERSONAL}
_SESSION = tuple(name for name in Session.__struct_fields__ if name in PERSONAL)
_HOST_EMAIL = frozenset({"host.email", "host_email"})
"""One value, in the meeting and in its sessions."""
_TOP_LEVEL = tuple(name for name in PERSONAL if "." not in name)


class Pseudonyms:
    """The pseudonyms of one key. Safe for threads."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.of = lru_cache(maxsize=CACHED)(self._compute)

    def _compute(self, nature: Nature, value: str) -> str:
        """An e-mail address has one pseudonym, in whatever field it is and however it is written."""
        if nature is Nature.email or (nature not in _TEXTS and EMAIL.fullmatch(value)):
            nature, value = Nature.email, value.lower()
        text = f"{nature}\x1f{value}".encode("utf-8", "surrogatepass")
        return f"pii-{hmac.digest(self._key, text, 'sha256')[:PSEUDONYM_BYTES].hex()}"


class Treatment:
    """What becomes of personal values: they are kept, hashed or dropped."""

    def __init__(self, mode: Mode = "keep", *, key: bytes = b"", kept: frozenset[str] = frozenset()) -> None:
        """`key`: needed to hash. `kept`: fields, named as in documents, that stay as they are."""
        self.mode = mode
        self.kept = kept | _HOST_EMAIL if kept & _HOST_EMAIL else kept
        self.pseudonyms = Pseudonyms(key) if mode == "hash" else None

    @property
    def keeps_all(self) -> bool:
        return self.mode == "keep"

    def value(self, field: str, value: str) -> str | None:
        """The value to store in a personal field; `None` if there is none."""
        if self.keeps_all or field in self.kept:
            return value
        if self.pseudonyms is None:
            return None
        nature = PERSONAL[field]
        return cut_address(value) if nature is Nature.address else self.pseudonyms.of(nature, value)

    def record(self, record: MeetingRecord) -> MeetingRecord:
        if self.keeps_all:
            return record
        return replace(
            record,
            meeting=self._meeting(record.meeting),
            sessions=[self._session(session) for session in record.sessions],
        )

    def _meeting(self, meeting: Meeting) -> Meeting:
        topic = self.value("topic", meeting.topic) if meeting.topic is not None else None
        host = meeting.host
        if host is not None:
            host = replace(host, **{name: self._of(host, name, field) for field, name in _HOST.items()})
        return replace(meeting, topic=topic, host=host, vendor_data=None)

    def _session(self, session: Session) -> Session:
        treated: dict[str, Any] = {name: self._of(session, name, name) for name in _SESSION}
        return msgspec.structs.replace(session, vendor_data=None, **treated)

    def _of(self, owner: Host | Session, name: str, field: str) -> str | None:
        value = getattr(owner, name)
        return None if value is None else self.value(field, value)

    def document(self, document: Document) -> Document:
        """The same for a document. What is hashed already stays as it is; what is not text is dropped."""
        if self.keeps_all:
            return document
        treated = {name: value for name, value in document.items() if name not in RAW}
        for name in _TOP_LEVEL:
            _put(treated, name, self._again(name, treated.get(name)))
        if isinstance(host := treated.get("host"), Mapping):
            kept = dict(host)
            for field, name in _HOST.items():
                _put(kept, name, self._again(field, kept.get(name)))
            _put(treated, "host", kept or None)
        else:
            treated.pop("host", None)
        return treated

    def _again(self, field: str, value: Any) -> str | None:
        if not isinstance(value, str):
            return None
        if self.mode == "hash" and PSEUDONYM.fullmatch(value):
            return value
        return self.value(field, value)

    def text(self, text: str) -> str:
        """A message without e-mail addresses."""
        if self.keeps_all or "@" not in text:
            return text
        return EMAIL.sub(lambda found: self.value("email", found[0]) or REMOVED, text)


def cut_address(text: str) -> str | None:
    """The network of an IP address: the first 24 bits of IPv4, the first 48 of IPv6; `None` if it is not an address."""
    try:
        address = ipaddress.ip_address(text.strip())
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    if mapped is not None:
        address = mapped
    bits = IPV4_NETWORK if address.version == 4 else IPV6_NETWORK
    number = int(address) >> (address.max_prefixlen - bits) << (address.max_prefixlen - bits)
    return str(type(address)(number))


def _put(document: Document, name: str, value: Any) -> None:
    if value is None:
        document.pop(name, None)
    else:
        document[name] = value
