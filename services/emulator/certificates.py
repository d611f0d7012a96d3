"""The emulator's own certificate authority: clients trust its certificate, and it signs one for every host.

A client that verifies certificates, as all should, is given the authority's file (ccxt: ``cafile``). Its key stays
beside it, readable by its owner alone, so that an emulator that starts again is trusted by clients that are running.
"""

from __future__ import annotations

import os
import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from live_runner.contracts.errors import ConfigError

__all__ = ["Authority"]

CERTIFICATE: Final = "ca.pem"
_KEY: Final = "ca.key"
VALID_DAYS: Final = 365
"""Of the authority and of what it signs; one that is about to expire is made anew."""
_RENEW_DAYS: Final = 30
_BEFORE: Final = timedelta(days=1)
"""As clocks differ."""


class Authority:
    """The authority in a folder: made at first, read again later. ConfigError when the folder cannot be used."""

    def __init__(self, folder: Path) -> None:
        self.certificate = folder / CERTIFICATE
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._host_key = ec.generate_private_key(ec.SECP256R1())
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._authority, self._key = _read(folder) or _make(folder)
        except OSError as error:
            raise ConfigError(
                f"The emulator cannot keep its certificate in {folder}: {error.strerror}",
                remedy="Give a folder of yours with --state",
                path=str(folder),
            ) from error

    def context(self, host: str) -> ssl.SSLContext:
        """What a server needs to speak as ``host``."""
        if host not in self._contexts:
            self._contexts[host] = self._signed(host)
        return self._contexts[host]

    def _signed(self, host: str) -> ssl.SSLContext:
        key = self._host_key
        builder = _builder(_name(host), self._authority.subject, key.public_key())
        certificate = (
            builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        # Python's ssl takes certificate and key as a file only.
        with tempfile.NamedTemporaryFile(suffix=".pem") as file:
            file.write(certificate.public_bytes(serialization.Encoding.PEM) + _private(key))
            file.flush()
            context.load_cert_chain(file.name)
        return context


def _read(folder: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None:
    """What an earlier start left there; None when it is absent, damaged or about to expire."""
    try:
        certificate = x509.load_pem_x509_certificate((folder / CERTIFICATE).read_bytes())
        key = serialization.load_pem_private_key((folder / _KEY).read_bytes(), password=None)
    except (FileNotFoundError, ValueError):
        return None
    is_ours = isinstance(key, ec.EllipticCurvePrivateKey) and key.public_key() == certificate.public_key()
    is_fresh = certificate.not_valid_after_utc > datetime.now(UTC) + timedelta(days=_RENEW_DAYS)
    return (certificate, key) if is_ours and is_fresh and isinstance(key, ec.EllipticCurvePrivateKey) else None


def _make(folder: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("live-runner emulator")
    certificate = (
        _builder(name, name, key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                key_cert_sign=True,
                crl_sign=True,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .sign(key, hashes.SHA256())
    )
    _write(folder / _KEY, _private(key), 0o600)
    _write(folder / CERTIFICATE, certificate.public_bytes(serialization.Encoding.PEM), 0o644)
    return certificate, key


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BEFORE)
        .not_valid_after(now + timedelta(days=VALID_DAYS))
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes, mode: int) -> None:
    """Whole or not at all: another process may be reading it."""
    beside = path.with_suffix(f"{path.suffix}.{os.getpid()}")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
    beside.replace(path)
