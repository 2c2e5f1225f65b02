"""Files of private keys and certificates: read once, within limits, and parsed from memory."""

import base64
import binascii
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from typing import Final, TypeAlias

import bcrypt
import paramiko
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from collector.ssh.public_files import certificates, public_beside, public_line, read_within, wire, words_of
from collector.trouble import HostTrouble
from domain.records import Stage
from domain.rights import exposed_mode

KEY_BYTES: Final = 16 * 2**10  # an RSA key of 16,384 bits has 13 KiB
BCRYPT_ROUNDS: Final = 1024  # about 8 s; ssh-keygen takes 16 to 24 unless told otherwise
PKCS8_COST: Final = 2**22  # iterations of PBKDF2 (about 2 s), or N * r * p of scrypt (512 MiB)

PrivateKey: TypeAlias = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

_LABEL: Final = re.compile(
    rb"^-----BEGIN ((?:OPENSSH |RSA |EC |ENCRYPTED )?PRIVATE KEY)-----(.*?)-----END", re.MULTILINE | re.DOTALL
)
_MAGIC: Final = b"openssh-key-v1\0"
_SCRYPT: Final = bytes.fromhex("2b06010401da47040b")  # the object identifier 1.3.6.1.4.1.11591.4.11
BLOCK_BYTES: Final = 16  # of AES
_CIPHERS: Final[dict[bytes, tuple[int, type[modes.CBC | modes.CTR]]]] = {
    b"aes128-cbc": (16, modes.CBC),
    b"aes192-cbc": (24, modes.CBC),
    b"aes128-ctr": (16, modes.CTR),
    b"aes192-ctr": (24, modes.CTR),
}
_CURVES: Final = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
_TYPES: Final = frozenset(
    (b"ssh-ed25519", b"ssh-rsa", b"ecdsa-sha2-nistp256", b"ecdsa-sha2-nistp384", b"ecdsa-sha2-nistp521")
)


@dataclass(frozen=True, slots=True)
class KeyFile:
    """The content of a file: keys to offer in this order, or the trouble with it."""

    keys: tuple[paramiko.PKey, ...] = ()
    trouble: HostTrouble | None = None
    missing: bool = False  # there is no such file
    public: bytes = b""  # where the private key is not readable: its public half in wire form, if known
    certificates: tuple[bytes, ...] = ()  # of `public`, in wire form


def load(path: Path, passphrase: str, certificate_files: tuple[Path, ...] = ()) -> KeyFile:
    """The private key in a file; its certificates are offered first, then the key alone.

    These are in FILE-cert.pub, and in those of `certificate_files` that were made for this key.
    """
    content = b""
    try:
        content = read_within(path, KEY_BYTES, "key_unreadable")
        if public_line(content):
            raise _only_public()
        _refuse_exposed(path, content)
        key = private_key(content, passphrase)
        blobs = certificates(path, wire(key.public_key()), certificate_files)
    except HostTrouble as trouble:
        if trouble.reason == "certificate_unreadable":
            return KeyFile(trouble=trouble)
        named = HostTrouble(trouble.stage, trouble.reason, f"{path} ({trouble.detail})")
        missing = not content and isinstance(trouble.__cause__, FileNotFoundError | NotADirectoryError)
        return _without_private_key(KeyFile(trouble=named, missing=missing), path, content, certificate_files)
    return KeyFile((*(paramiko_key(key, blob) for blob in blobs), paramiko_key(key)))


def _refuse_exposed(path: Path, content: bytes) -> None:
    if b"PRIVATE KEY-----" in content and (mode := exposed_mode(path)):
        raise HostTrouble(Stage.AUTH, "key_exposed", f"its mode is {mode:04o}")


def _without_private_key(
    file: KeyFile, path: Path, content: bytes, certificate_files: tuple[Path, ...]
) -> KeyFile:
    """The same with what is known of the public half, so that an agent that has the key can be found."""
    public = _public_half(content) or public_line(content) or public_beside(path)
    if not public:
        return file
    try:
        return replace(file, public=public, certificates=certificates(path, public, certificate_files))
    except HostTrouble as trouble:
        return KeyFile(trouble=trouble)


def private_key(content: bytes, passphrase: str) -> PrivateKey:
    """The private key in a file's content; HostTrouble if it is not one."""
    try:
        return _parsed(content, passphrase)
    except HostTrouble:
        raise
    except Exception as error:  # noqa: BLE001 - parsers fail on damaged bytes in any way
        raise _unreadable(f"is damaged, or has an unsupported format ({words_of(error)})") from None


def paramiko_key(key: PrivateKey, certificate_blob: bytes = b"") -> paramiko.PKey:
    """The key as paramiko needs it, with a certificate if there is one."""
    made: paramiko.PKey
    if isinstance(key, rsa.RSAPrivateKey):
        made = paramiko.RSAKey(key=key)
    elif isinstance(key, ec.EllipticCurvePrivateKey):
        made = paramiko.ECDSAKey(vals=(key, key.public_key()))
    else:  # paramiko takes this one only as text
        text = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
        )
        made = paramiko.Ed25519Key(file_obj=StringIO(text.decode()))
    if certificate_blob:
        made.load_certificate(paramiko.Message(certificate_blob))
    return made


def _parsed(content: bytes, passphrase: str) -> PrivateKey:
    found = _LABEL.search(content)
    if found is None:
        raise _unreadable("has no private key of a supported type")
    label, body = found.groups()
    openssh = label.startswith(b"OPENSSH")
    encrypted = _check_openssh(body) if openssh else _check_pem(label, body)
    if encrypted and not passphrase:
        raise HostTrouble(Stage.AUTH, "key_encrypted", "needs a passphrase")
    secret = passphrase.encode("utf-8", "surrogateescape") if encrypted else None
    content = content[found.start() :]
    try:
        key: object
        if openssh:
            key = _read_openssh(content, body, secret)
        else:
            key = serialization.load_pem_private_key(content, secret)
    except ValueError:
        if not encrypted:
            raise
        raise _unreadable("the passphrase is wrong, or the file is damaged") from None
    if isinstance(key, ec.EllipticCurvePrivateKey) and not isinstance(key.curve, _CURVES):
        raise _unreadable(f"its curve {key.curve.name} is not used in SSH")
    if not isinstance(key, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey, ed25519.Ed25519PrivateKey)):
        raise _unreadable("its type is not supported: RSA, ECDSA and Ed25519 are")
    return key


def _check_openssh(body: bytes) -> bool:
    """Whether it is encrypted; HostTrouble for another type, or a passphrase that costs too much."""
    message = paramiko.Message(binascii.a2b_base64(body))
    if message.get_bytes(len(_MAGIC)) != _MAGIC:
        raise _unreadable("is damaged: it does not begin like an OpenSSH key")
    cipher, derivation, options = message.get_binary(), message.get_binary(), message.get_binary()
    message.get_int()
    kind = paramiko.Message(message.get_binary()).get_binary()
    if kind not in _TYPES:
        raise _unreadable(f"its type {kind[:40]!r} is not supported: RSA, ECDSA and Ed25519 are")
    if cipher == b"none" and derivation == b"none":
        return False
    costs = paramiko.Message(options)
    costs.get_binary()
    if (rounds := costs.get_int()) > BCRYPT_ROUNDS:
        raise _unreadable(f"its passphrase takes {rounds} rounds; the limit is {BCRYPT_ROUNDS}")
    return True


def _read_openssh(content: bytes, body: bytes, secret: bytes | None) -> object:
    try:
        return serialization.load_ssh_private_key(content, secret)
    except UnsupportedAlgorithm:
        if secret is None:
            raise
        return serialization.load_ssh_private_key(_decrypted(body, secret), None)


def _decrypted(body: bytes, secret: bytes) -> bytes:
    """Decrypts an OpenSSH key itself, because `cryptography` supports fewer ciphers in key files.

    The layout is that of PROTOCOL.key of OpenSSH.
    """
    message = paramiko.Message(binascii.a2b_base64(body))
    message.get_bytes(len(_MAGIC))
    name, _, options = message.get_binary(), message.get_binary(), paramiko.Message(message.get_binary())
    if name not in _CIPHERS:
        remedy = "ssh-keygen -p -Z aes256-ctr -f FILE changes it"
        raise _unreadable(f"its cipher {name[:40]!r} is not supported; {remedy}")
    key_bytes, mode = _CIPHERS[name]
    message.get_int()
    public, locked = message.get_binary(), message.get_binary()
    salt, rounds = options.get_binary(), options.get_int()
    derived = bcrypt.kdf(secret, salt, key_bytes + BLOCK_BYTES, rounds, ignore_few_rounds=True)
    decryptor = Cipher(algorithms.AES(derived[:key_bytes]), mode(derived[key_bytes:])).decryptor()
    clear = paramiko.Message()
    clear.add_bytes(_MAGIC)
    for field in (b"none", b"none", b""):
        clear.add_string(field)
    clear.add_int(1)
    clear.add_string(public)
    clear.add_string(decryptor.update(locked) + decryptor.finalize())
    text = base64.b64encode(clear.asbytes())
    return b"-----BEGIN OPENSSH PRIVATE KEY-----\n" + text + b"\n-----END OPENSSH PRIVATE KEY-----\n"


def _check_pem(label: bytes, body: bytes) -> bool:
    """Whether it is encrypted; HostTrouble if deriving the key from the passphrase would take too long."""
    if not label.startswith(b"ENCRYPTED"):
        return b"ENCRYPTED" in body  # Proc-Type: 4,ENCRYPTED
    der = binascii.a2b_base64(body)
    numbers = list(_integers(der))
    cost = math.prod(numbers) if _SCRYPT in der else max(numbers, default=0)
    if cost > PKCS8_COST:
        raise _unreadable(f"its passphrase takes more than {PKCS8_COST} iterations")
    return True


def _integers(der: bytes) -> Iterator[int]:
    """Every INTEGER of a structure in DER (X.690), at any depth."""
    at = 0
    while at + 2 <= len(der):
        tag, length = der[at], der[at + 1]
        at += 2
        if length & 0x80:
            width = length & 0x7F
            length = int.from_bytes(der[at : at + width], "big")
            at += width
        value = der[at : at + length]
        at += length
        if tag == 0x02:
            yield int.from_bytes(value, "big")
        elif tag & 0x20:
            yield from _integers(value)


def _public_half(content: bytes) -> bytes:
    """The public key that an OpenSSH private key file has in clear; b"" if it has none."""
    found = _LABEL.search(content)
    if found is None or not found[1].startswith(b"OPENSSH"):
        return b""
    try:
        message = paramiko.Message(binascii.a2b_base64(found[2]))
        message.get_bytes(len(_MAGIC))
        for _ in range(3):
            message.get_binary()
        message.get_int()
        return message.get_binary()
    except Exception:  # noqa: BLE001 - as above
        return b""


def _unreadable(detail: str) -> HostTrouble:
    return HostTrouble(Stage.AUTH, "key_unreadable", detail)


def _only_public() -> HostTrouble:
    detail = "is a public key, and the agent does not have the private one"
    return HostTrouble(Stage.AUTH, "no_key", detail)
