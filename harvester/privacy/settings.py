"""The settings `HARVESTER_PII`, `HARVESTER_PII_KEY` and `HARVESTER_PII_KEEP`, checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from connectors.errors import ConfigurationError
from harvester.privacy.encrypted_ids import Sealer
from harvester.privacy.forgotten_people import ForgottenPeople
from harvester.privacy.personal_fields import PERSONAL
from harvester.privacy.run_privacy import Privacy
from harvester.privacy.treatment import Mode, Treatment
from harvester.state.secrets_and_forgotten_people import PrivacyState

LEAST_KEY_BYTES = 32
HOW_TO_MAKE_A_KEY = "make one with `openssl rand -hex 32`, and keep it: another key makes other pseudonyms"
SALT, HINTS = "forgotten", "hints"
"""The names of secrets in the state."""


def to_treatment(values: Mapping[str, str]) -> Treatment:
    """The treatment that the settings name. Raises ConfigurationError."""
    mode = cast("Mode", values.get("HARVESTER_PII", "keep"))
    key = to_key(values)
    if mode == "hash" and not key:
        raise ConfigurationError(f"HARVESTER_PII=hash needs HARVESTER_PII_KEY: {HOW_TO_MAKE_A_KEY}")
    return Treatment(mode, key=key, kept=_kept(values.get("HARVESTER_PII_KEEP", "")))


def to_key(values: Mapping[str, str]) -> bytes:
    """The key, empty if none is set. Raises ConfigurationError if it is too short."""
    key = values.get("HARVESTER_PII_KEY", "").encode()
    if key and len(key) < LEAST_KEY_BYTES:
        raise ConfigurationError(
            f"HARVESTER_PII_KEY must have at least {LEAST_KEY_BYTES} bytes: {HOW_TO_MAKE_A_KEY}"
        )
    return key


def _kept(text: str) -> frozenset[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in PERSONAL]
    if unknown:
        raise ConfigurationError(
            f"HARVESTER_PII_KEEP: {', '.join(map(repr, unknown))} not among the fields that are hashed or dropped: "
            f"{', '.join(PERSONAL)}"
        )
    return frozenset(names)


def to_privacy(values: Mapping[str, str], state: PrivacyState) -> Privacy:
    """The treatment that the settings name, and what the state remembers. Raises ConfigurationError and StateError."""
    treatment, key = to_treatment(values), to_key(values)

    def keys() -> Sequence[bytes]:
        """A run that stores sealed ids, and has no key in its settings, makes one in the state."""
        must_seal = not treatment.keeps_all and not key
        made = state.secret(HINTS) if must_seal else state.find_secret(HINTS)
        return [each for each in (key, made) if each]

    entries = state.forgotten()
    salt = state.secret(SALT) if entries else b""
    return Privacy(
        treatment=treatment,
        forgotten=ForgottenPeople(salt, entries, treatment.pseudonyms),
        sealer=Sealer(keys),
    )
