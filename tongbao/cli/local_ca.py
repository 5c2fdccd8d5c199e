"""Certificates for a network of one's own: an authority, a server certificate for this machine, client certificates for partners.

For demos, tests and branches. A bank on the open internet takes its server certificate from a public authority.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import psutil
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_CA_DAYS: Final = 1825
_DAYS: Final = 397
"""Telephones refuse server certificates that are good for longer than 825 days, public ones beyond 398."""
_EARLIER: Final = timedelta(hours=1)
"""For clocks that are slow."""

Names = list[x509.DNSName | x509.IPAddress]


def make(folder: Path, names: list[str], at: datetime) -> tuple[Path, Path, Path]:
    """`ca.pem`, `server.pem` and `server.key` in `folder`; an authority that is there already signs again."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    ca, ca_key = _authority(folder, at)
    given = [*names, *_own_names()]
    certificate, key = _issue(ca, ca_key, _common_name(names), _as_names(given), ExtendedKeyUsageOID.SERVER_AUTH, at)
    _write(folder / "server.pem", certificate.public_bytes(Encoding.PEM) + ca.public_bytes(Encoding.PEM))
    _write(folder / "server.key", _pem(key), secret=True)
    return folder / "ca.pem", folder / "server.pem", folder / "server.key"


def make_client(folder: Path, name: str, at: datetime) -> tuple[Path, Path]:
    """`NAME.pem` and `NAME.key`: a certificate that a partner's server shows."""
    if not (folder / "ca.key").exists():
        sys.exit(f"tongbao: there is no authority in {folder}; `tongbao key local-ca {folder}` makes one")
    ca, ca_key = _authority(folder, at)
    certificate, key = _issue(ca, ca_key, name, [], ExtendedKeyUsageOID.CLIENT_AUTH, at)
    _write(folder / f"{name}.pem", certificate.public_bytes(Encoding.PEM))
    _write(folder / f"{name}.key", _pem(key), secret=True)
    return folder / f"{name}.pem", folder / f"{name}.key"


def _authority(folder: Path, at: datetime) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    file, key_file = folder / "ca.pem", folder / "ca.key"
    if file.exists() and key_file.exists():
        key = load_pem_private_key(key_file.read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return x509.load_pem_x509_certificate(file.read_bytes()), key
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(f"Tongbao on {socket.gethostname()}"[:64])
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    ca = (
        _begun(name, name, key.public_key(), at, _CA_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, SHA256())
    )
    _write(key_file, _pem(key), secret=True)
    _write(file, ca.public_bytes(Encoding.PEM))
    return ca, key


def _issue(
    ca: x509.Certificate,
    ca_key: ec.EllipticCurvePrivateKey,
    name: str,
    names: Names,
    usage: x509.ObjectIdentifier,
    at: datetime,
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    begun = (
        _begun(_name(name), ca.subject, key.public_key(), at, _DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
    )
    if names:
        begun = begun.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return begun.sign(ca_key, SHA256()), key


def _begun(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, at: datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - _EARLIER)
        .not_valid_after(at + timedelta(days=days))
    )


def _own_names() -> list[str]:
    """What this machine is called and where it is reached on the networks that it is on."""
    host = socket.gethostname()
    addresses = [
        found.address.partition("%")[0]
        for nets in psutil.net_if_addrs().values()
        for found in nets
        if found.family in (socket.AF_INET, socket.AF_INET6)
    ]
    return ["localhost", host, f"{host}.local", "127.0.0.1", "::1", *addresses]


def _as_names(given: list[str]) -> Names:
    names: Names = []
    for text in dict.fromkeys(given):
        try:
            names.append(x509.IPAddress(ipaddress.ip_address(text)))
        except ValueError:
            names.append(x509.DNSName(_ascii(text)))
    return list(dict.fromkeys(names))


def _ascii(name: str) -> str:
    try:
        return name.encode("idna").decode()
    except UnicodeError:
        sys.exit(f"tongbao: {name!r} is no name of a machine")


def _common_name(names: list[str]) -> str:
    return (names[0] if names else socket.gethostname())[:64]


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write(file: Path, content: bytes, *, secret: bool = False) -> None:
    """A secret is never readable by others, not even for the moment before its mode is changed."""
    file.unlink(missing_ok=True)
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if secret else 0o644)
    with os.fdopen(handle, "wb") as out:
        out.write(content)
