"""The service account: its key and its credentials file. The key is derived from fixed words, so it is the
same everywhere."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harvester.output_file import write_output
from harvester.simulator.organisation import seeded_random

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

CLIENT_EMAIL = "harvester@invented-project.iam.gserviceaccount.com"
CLIENT_ID = "109876543210987654321"
KEY_ID = "0123456789abcdef0123456789abcdef01234567"
_EXPONENT = 65_537
# The distance from the derived numbers to the next primes.
_STEPS = {"first": 52, "second": 2294}


def _prime(name: str) -> int:
    # The two highest bits are set, so that the product has 2,048 bits.
    digest_bytes = b"".join(seeded_random.digest("google key", name, part, size=64) for part in (1, 2))
    return (int.from_bytes(digest_bytes, "big") | 3 << 1022 | 1) + _STEPS[name]


@cache
def _private() -> RSAPrivateKey:
    from cryptography.hazmat.primitives.asymmetric import rsa

    p, q = _prime("first"), _prime("second")
    d = pow(_EXPONENT, -1, (p - 1) * (q - 1))
    public = rsa.RSAPublicNumbers(_EXPONENT, p * q)
    crt = rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q)
    numbers = rsa.RSAPrivateNumbers(p, q, d, *crt, public)
    return numbers.private_key(unsafe_skip_rsa_key_validation=True)


@cache
def public_key() -> RSAPublicKey:
    return _private().public_key()


def service_account(token_uri: str) -> dict[str, str]:
    """Return the content of a service account's key file."""
    from cryptography.hazmat.primitives import serialization

    pem = _private().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return {
        "type": "service_account",
        "project_id": "invented-project",
        "private_key_id": KEY_ID,
        "private_key": pem.decode(),
        "client_email": CLIENT_EMAIL,
        "client_id": CLIENT_ID,
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "token_uri": token_uri,
        "universe_domain": "googleapis.com",
    }


def write_private_file(path: Path, content: Mapping[str, Any]) -> None:
    """Write a file atomically, readable by its owner only."""
    write_output(path, json.dumps(content, indent=2).encode(), private=True)
