"""NKEYs, JWTs and certificates, made as `nsc` and a certificate authority would make them."""

from __future__ import annotations

import base64
import datetime
import hashlib
import ipaddress
import json
import os
import time
from pathlib import Path
from typing import Any

import nkeys
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

__all__ = ["Authority", "Key", "creds", "operator_configuration"]


class Key:
    """A seed and its public key. The first letter of each says whose it is: operator, account or user."""

    def __init__(self, whose: str) -> None:
        prefix = {"O": nkeys.PREFIX_BYTE_OPERATOR, "A": nkeys.PREFIX_BYTE_ACCOUNT, "U": nkeys.PREFIX_BYTE_USER}[whose]
        self.seed: str = nkeys.encode_seed(os.urandom(32), prefix).decode()
        self.public: str = nkeys.from_seed(bytearray(self.seed.encode())).public_key.decode()

    def jwt(self, name: str, subject: str, facts: dict[str, Any]) -> str:
        """Claims about a subject, signed by this key."""
        claims = {"iat": int(time.time()), "iss": self.public, "name": name, "sub": subject, "nats": facts, "jti": ""}
        digest = hashlib.new("sha512_256", json.dumps(claims).encode()).digest()
        claims["jti"] = base64.b32encode(digest).decode().rstrip("=")
        head = _base64(json.dumps({"typ": "JWT", "alg": "ed25519-nkey"}).encode())
        signed = f"{head}.{_base64(json.dumps(claims).encode())}"
        signature = nkeys.from_seed(bytearray(self.seed.encode())).sign(signed.encode())
        return f"{signed}.{_base64(signature)}"


def creds(account: Key, user: Key) -> str:
    """A `.creds` file of a user of an account."""
    facts = {"type": "user", "version": 2, "pub": {}, "sub": {}, "subs": -1, "data": -1, "payload": -1}
    return (
        f"-----BEGIN NATS USER JWT-----\n{account.jwt('runner', user.public, facts)}\n------END NATS USER JWT------\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{user.seed}\n------END USER NKEY SEED------\n"
    )


def operator_configuration(account: Key) -> str:
    """A server's configuration that trusts an operator, who vouches for the account."""
    operator, system = Key("O"), Key("A")
    limits = dict.fromkeys(
        ("subs", "data", "payload", "imports", "exports", "conn", "leaf", "mem_storage", "disk_storage", "streams",
         "consumer"),
        -1,
    )  # fmt: skip
    facts = {"type": "account", "version": 2, "limits": {**limits, "wildcards": True}}
    of_the_system = {
        "type": "account",
        "version": 2,
        "limits": {key: limits[key] for key in ("subs", "data", "payload", "imports", "exports", "conn", "leaf")},
    }
    trusted = {"type": "operator", "version": 2, "system_account": system.public}
    return (
        f"operator: {operator.jwt('operator', operator.public, trusted)}\n"
        f"system_account: {system.public}\nresolver: MEMORY\nresolver_preload: {{\n"
        f"  {account.public}: {operator.jwt('account', account.public, facts)}\n"
        f"  {system.public}: {operator.jwt('system', system.public, of_the_system)}\n}}\n"
    )


class Authority:
    """A private certificate authority; its certificate is in ``certificate``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "authority of a test")])
        self.certificate = folder / "ca.pem"
        self._write(self.certificate, self._name, self._key, is_authority=True)

    def issue(self, name: str) -> tuple[Path, Path]:
        """Files with a certificate for 127.0.0.1 and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate, private = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        self._write(certificate, subject, key, is_authority=False)
        private.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return certificate, private

    def _write(self, path: Path, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, is_authority: bool) -> None:
        now = datetime.datetime.now(datetime.UTC)
        places = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(places, critical=False)
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
            .add_extension(
                x509.KeyUsage(
                    digital_signature=True, key_cert_sign=is_authority, crl_sign=is_authority,
                    content_commitment=False, key_encipherment=False, data_encipherment=False,
                    key_agreement=False, encipher_only=False, decipher_only=False,
                ),
                critical=True,
            )
            .sign(self._key, hashes.SHA256())
        )  # fmt: skip
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
