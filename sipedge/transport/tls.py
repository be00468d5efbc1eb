"""TLS for SIP: the certificate of the server, made where none is named, reloaded on change."""

import ipaddress
import os
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Stamp = tuple[int, int, int]


class ServerTls:
    """A server-side TLS context over two files that may be replaced while the edge runs.

    Connections that are up keep what they have; the next handshake uses the new certificate.
    """

    def __init__(self, certificate: Path, key: Path) -> None:
        self.certificate = certificate
        self.key = key
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._stamps = self._read_stamps()
        self.context.load_cert_chain(certificate, key)

    def reload_if_changed(self) -> bool:
        """Load the files again if one changed; True when that was done.

        Raises OSError or ssl.SSLError for files that do not fit each other, once for each change:
        the old ones stay in use.
        """
        stamps = self._read_stamps()
        if stamps == self._stamps:
            return False
        self._stamps = stamps
        # Tried on a context of its own first: a half-written pair must not break the live one.
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
            self.certificate, self.key
        )
        self.context.load_cert_chain(self.certificate, self.key)
        return True

    def _read_stamps(self) -> tuple[Stamp | None, Stamp | None]:
        return _stamp(self.certificate), _stamp(self.key)


def _stamp(path: Path) -> Stamp | None:
    """Return what tells one version of a file from the next; None while it is not there.

    The time alone does not: tools that renew certificates copy files with their old times.
    """
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def make_certificate(certificate: Path, key: Path, hosts: list[str]) -> None:
    """Make a self-signed certificate for these hosts, valid for a year, and its key (0600)."""
    private_key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0][:64])])
    now = datetime.now(UTC)
    alternatives = x509.SubjectAlternativeName([_general_name(host) for host in hosts])
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private_key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=365))
        .add_extension(alternatives, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(private_key, hashes.SHA256())
    )
    descriptor = os.open(key, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(
            private_key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
    certificate.write_bytes(built.public_bytes(serialization.Encoding.PEM))


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
