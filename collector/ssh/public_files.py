"""Public keys and certificates in files, and their wire forms; every file is read within a limit."""

import binascii
import os
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from archive.regular_file import opened
from collector.trouble import HostTrouble
from domain.records import Stage

PUBLIC_BYTES: Final = 16 * 2**10
CERTIFICATE_BYTES: Final = 64 * 2**10


def certificates(path: Path, public: bytes, more: tuple[Path, ...]) -> tuple[bytes, ...]:
    """The certificates of a key, in wire form, each once.

    One in FILE-cert.pub must be for this key. The others are for several keys, and need not be there.
    """
    blobs: dict[bytes, None] = {}
    for each in (Path(f"{path.with_suffix('') if path.suffix == '.pub' else path}-cert.pub"), *more):
        if not os.path.lexists(each):
            continue
        try:
            blob, certified = certificate(read_within(each, CERTIFICATE_BYTES, "certificate_unreadable"))
            if certified == public:
                blobs[blob] = None
            elif each not in more:
                raise _uncertified("is for another key")
        except HostTrouble as trouble:
            raise HostTrouble(trouble.stage, trouble.reason, f"{each} ({trouble.detail})") from None
    return tuple(blobs)


def certificates_in(files: tuple[Path, ...]) -> tuple[tuple[bytes, bytes], ...]:
    """The certificates in files that are there: wire form, and the public key that they are for.

    HostTrouble for one that is not readable.
    """
    there = [each for each in files if os.path.lexists(each)]
    return tuple(
        certificate(read_within(each, CERTIFICATE_BYTES, "certificate_unreadable")) for each in there
    )


def certificate(content: bytes) -> tuple[bytes, bytes]:
    """The wire forms of a user certificate and of its key; HostTrouble if it is not one."""
    try:
        identity = serialization.load_ssh_public_identity(content)
        blob = binascii.a2b_base64(content.split(maxsplit=2)[1])
        public = wire(identity.public_key()) if isinstance(identity, serialization.SSHCertificate) else b""
    except Exception as error:  # noqa: BLE001 - as above
        raise _uncertified(f"is not a readable certificate ({words_of(error)})") from None
    if not isinstance(identity, serialization.SSHCertificate):
        raise _uncertified("is a public key, not a certificate")
    if identity.type is not serialization.SSHCertificateType.USER:
        raise _uncertified("is a certificate of a host, not of a user")
    return blob, public


def public_line(content: bytes) -> bytes:
    """The public key that a file of one line is, in wire form; b"" if it is something else."""
    try:
        return wire(serialization.load_ssh_public_key(content.strip()))
    except Exception:  # noqa: BLE001 - as above
        return b""


def public_beside(path: Path) -> bytes:
    """The public key in FILE.pub; b"" if there is none."""
    try:
        return public_line(read_within(Path(f"{path}.pub"), PUBLIC_BYTES, "key_unreadable"))
    except HostTrouble:
        return b""


def read_within(path: Path, most_bytes: int, reason: str) -> bytes:
    """A file's content, within its limit."""
    try:
        with opened(path) as file:
            content = file.read(most_bytes + 1)
    except OSError as error:
        raise HostTrouble(Stage.AUTH, reason, error.strerror or str(error)) from error
    if len(content) > most_bytes:
        raise HostTrouble(Stage.AUTH, reason, f"is larger than {most_bytes} bytes")
    return content


def wire(key: object) -> bytes:
    """A public key in the form that SSH sends; empty if SSH does not know its type."""
    if not isinstance(key, (rsa.RSAPublicKey, ec.EllipticCurvePublicKey, ed25519.Ed25519PublicKey)):
        return b""
    line = key.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return binascii.a2b_base64(line.split()[1])


def words_of(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error)[:80]}"


def _uncertified(detail: str) -> HostTrouble:
    return HostTrouble(Stage.AUTH, "certificate_unreadable", detail)
