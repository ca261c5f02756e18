"""Proxies and certificate authorities that the environment names, by one rule for vendors and Elasticsearch.

`requests` reads the variables: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY, REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE. This
machine is never reached through a proxy.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import requests
from requests.utils import select_proxy
from urllib3.util.ssl_match_hostname import CertificateError

from connectors.error_causes import causes
from connectors.errors import ConfigurationError
from connectors.parsing import is_loopback


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSettings:
    proxies: Mapping[str, str]
    """By scheme, as `requests` takes them; empty if the URL is reached directly."""
    ca_bundle: str | None
    """A file or folder with certificate authorities; `None`: those that come with `requests`."""


def network_settings(url: str) -> NetworkSettings:
    """The settings of the environment for this URL. Raises ConfigurationError if its proxy or CA bundle cannot be used."""
    with requests.Session() as session:
        found = session.merge_environment_settings(url, {}, None, None, None)
    proxies = dict(found["proxies"])
    proxy = None if is_loopback(url) else select_proxy(url, proxies)
    if proxy is not None:
        check_proxy(proxy)
    direct = proxy is None
    ca_bundle = found["verify"] if isinstance(found["verify"], str) and url.startswith("https:") else None
    if ca_bundle is not None:
        check_bundle("REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE", ca_bundle)
    return NetworkSettings(proxies={} if direct else proxies, ca_bundle=ca_bundle)


def check_proxy(proxy: str) -> None:
    """Raise ConfigurationError unless this is the URL of a proxy; `http://` may be left out. It may contain a password."""
    try:
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        usable = bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or not proxy.isprintable() or " " in proxy:
        raise ConfigurationError(
            "HTTP_PROXY, HTTPS_PROXY or ALL_PROXY is not a URL like http://proxy.example.org:3128"
        )


def check_bundle(setting: str, path: str) -> None:
    """Raise ConfigurationError unless this is a folder, or a file with certificates."""
    try:
        if not Path(path).is_dir():
            _load_certificates(path, Path(path).stat().st_mtime_ns)
    except OSError as error:  # SSLError is one
        problem = (
            "does not exist" if isinstance(error, FileNotFoundError) else "holds no certificates in PEM form"
        )
        raise ConfigurationError(f"{setting} names {path}, which {problem}") from None


@cache
def _load_certificates(path: str, _changed: int) -> None:
    """Raise OSError unless the file holds certificates.

    Cached for each version of a file: loading takes tens of milliseconds, and every thread that sends requests asks.
    """
    ssl.create_default_context(cafile=path)


class CertificateFault(NamedTuple):
    """Why a server's certificate was refused: "the certificate of HOST …", and what to do."""

    words: str
    remedy: str
    authority: bool = False
    """Whether naming the right certificate authority is the remedy."""


_UNKNOWN = CertificateFault(
    "is from an unknown certificate authority", "name the file of that authority", True
)
# By OpenSSL's X509_V_ERR codes.
_FAULTS = {
    9: CertificateFault("is not valid yet", "check the clock of this machine and of the server"),
    10: CertificateFault("has expired", "renew it, and check the clock of this machine"),
    18: CertificateFault("is self-signed", "name the file of that certificate", True),
    19: _UNKNOWN,
    20: _UNKNOWN,
    21: _UNKNOWN,
    23: CertificateFault("has been revoked", "install another one on the server"),
    62: CertificateFault("is for another host name", "use the name that it is for"),
    64: CertificateFault("is for another IP address", "use the name that it is for"),
    66: CertificateFault("has a key that is too weak", "install another one on the server"),
    67: CertificateFault(
        "is from an authority with a key that is too weak", "install another one on the server"
    ),
    68: CertificateFault("is signed with a weak digest", "install another one on the server"),
}


def certificate_fault(error: BaseException) -> CertificateFault | None:
    """What is wrong with the server's certificate, if that is what this error or one of its causes is about."""
    for cause in causes(error):
        if isinstance(cause, CertificateError):  # urllib3 compares the host name itself
            return _FAULTS[62]
        if isinstance(cause, ssl.SSLCertVerificationError):
            if cause.verify_code in _FAULTS:
                return _FAULTS[cause.verify_code]
            return CertificateFault(
                f"is refused ({cause.verify_message})", "install another one on the server"
            )
    return None
