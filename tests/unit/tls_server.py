"""A TLS server on loopback with a certificate that has one fault, for tests of the messages about it."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address
from pathlib import Path
from threading import Thread

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NOW = datetime.now(UTC)


class Authority:
    """A certificate authority. `file` contains its certificate."""

    def __init__(self, folder: Path) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.folder = folder
        self.file = folder / "authority.pem"
        self.certificate = self._sign("Test authority", self.key, days=(-9, 9), names=(), authority=True)
        self.file.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def server_file(
        self, *, days: tuple[int, int] = (-1, 1), host: str = "127.0.0.1", self_signed: bool = False
    ) -> Path:
        """A file with a key and a certificate for this host, valid between these days from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        issued = self._sign("server", key, days=days, names=(host,), authority=False, self_signed=self_signed)
        file = self.folder / "server.pem"
        pem, traditional = serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL
        file.write_bytes(
            key.private_bytes(pem, traditional, serialization.NoEncryption()) + issued.public_bytes(pem)
        )
        return file

    def _sign(
        self,
        name: str,
        key: ec.EllipticCurvePrivateKey,
        *,
        days: tuple[int, int],
        names: tuple[str, ...],
        authority: bool,
        self_signed: bool = False,
    ) -> x509.Certificate:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        issuer = subject if authority or self_signed else self.certificate.subject
        signer = key if authority or self_signed else self.key
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW + timedelta(days=days[0]))
            .not_valid_after(NOW + timedelta(days=days[1]))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )
        if names:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_general_name(n) for n in names]), False
            )
        return builder.sign(signer, hashes.SHA256())


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


class _Hello(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("X-Elastic-Product", "Elasticsearch")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None: ...


class _Quiet(HTTPServer):
    def handle_error(self, *_: object) -> None: ...


@contextmanager
def tls_server(certificate: Path | None) -> Iterator[int]:
    """The port of a server that answers `{}` as Elasticsearch would; `None`: without TLS."""
    with _Quiet(("127.0.0.1", 0), _Hello) as server:
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
