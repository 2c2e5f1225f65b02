"""Certificates that hosts show: who signed them, for which names and until when."""

import binascii
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import paramiko
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization

from collector.ssh.known_host_lines import HostKey
from collector.ssh.public_files import wire, words_of

SUFFIX: Final = "-cert-v01@openssh.com"
CERTIFICATE_BYTES: Final = 64 * 2**10


class CertificateError(ValueError):
    """What a host shows is not a certificate that counts; the words are for people, and partly the host's."""


@dataclass(frozen=True, slots=True)
class HostCertificate:
    """A certificate that is for the key of the host, and was signed by the key that it names."""

    authority: HostKey
    principals: tuple[bytes, ...]
    valid_after_s: int  # since 1970
    valid_before_s: int
    has_conditions: bool  # critical options: none is defined for hosts

    def problem(self, name: str, now_s: float) -> str:
        """Why it does not prove that the host has this name, in lower case and without a port; "" if it does.

        A certificate without names proves none: it would hold for every host. Names are no patterns.
        """
        if self.has_conditions:
            return "its certificate has a condition that is not supported"
        if now_s < self.valid_after_s:
            return f"its certificate is not valid before {_day(self.valid_after_s)}"
        if now_s >= self.valid_before_s:
            return f"its certificate has been expired since {_day(self.valid_before_s)}"
        if not self.principals:
            return "its certificate names no host: sign it with `ssh-keygen -h -n NAME`"
        if name.encode("utf-8", "surrogateescape") not in self.principals:
            names = b", ".join(self.principals).decode("utf-8", "replace")
            return f"its certificate is for {names}"
        return ""


def parsed(blob: bytes, key: HostKey) -> HostCertificate:
    """The certificate of a host in wire form; CertificateError if it is not one for this key."""
    found = _read(blob)
    authority = wire(found.signature_key())
    faults = (
        (found.type is not serialization.SSHCertificateType.HOST, "is that of a user"),
        (wire(found.public_key()) != key.blob, "is for another key"),
        (
            _signature_algorithm(blob) == "ssh-rsa",
            "was signed with SHA-1: sign it with `ssh-keygen -t rsa-sha2-512`",
        ),
    )
    for is_so, fault in faults:
        if is_so:
            raise CertificateError(f"its certificate {fault}")
    return HostCertificate(
        HostKey(_type_of(authority), authority),
        tuple(found.valid_principals),
        found.valid_after,
        found.valid_before,
        bool(found.critical_options),
    )


def _read(blob: bytes) -> serialization.SSHCertificate:
    """A certificate whose signature is that of the key that it names."""
    if len(blob) > CERTIFICATE_BYTES:
        raise CertificateError(f"its certificate is larger than {CERTIFICATE_BYTES} bytes")
    kind = blob[4 : 4 + int.from_bytes(blob[:4], "big")]
    try:
        found = serialization.load_ssh_public_identity(kind + b" " + binascii.b2a_base64(blob, newline=False))
        if isinstance(found, serialization.SSHCertificate):
            found.verify_cert_signature()
            return found
    except InvalidSignature:
        raise CertificateError("its certificate has a wrong signature") from None
    except Exception as error:  # noqa: BLE001 - the library has many for what a host can send
        raise CertificateError(f"its certificate is not readable ({words_of(error)})") from None
    raise CertificateError("its certificate is a bare key")


def _signature_algorithm(blob: bytes) -> str:
    """The algorithm by which a certificate was signed; the library has read all of its fields."""
    fields = paramiko.Message(blob)
    kind = fields.get_text()
    for _ in range(2 if kind.startswith("ssh-ed25519") else 3):  # the nonce, and the numbers of the key
        fields.get_binary()
    fields.get_int64()  # serial number
    fields.get_int()  # of a host or of a user
    for _ in range(2):  # identity, principals
        fields.get_binary()
    for _ in range(2):  # the time for which it is valid
        fields.get_int64()
    for _ in range(4):  # critical options, extensions, reserved, the key that signed it
        fields.get_binary()
    return paramiko.Message(fields.get_binary()).get_text()


def _type_of(blob: bytes) -> str:
    return blob[4 : 4 + int.from_bytes(blob[:4], "big")].decode("ascii", "replace")


def _day(seconds: int) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (ValueError, OverflowError, OSError):
        return "a time beyond all calendars"
