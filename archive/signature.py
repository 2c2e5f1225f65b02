"""Who planned a run, and who wrote a notice: signatures, by a key that planners and their workers share.

A manifest decides what is done with the SSH keys of its readers, and a notice what is mailed from their mail
account. Whoever can write to the folder of the runs but does not have the key can write them, but not sign
them. The signature of a manifest lies beside it, that of a notice is one of its fields.
"""

import hmac
from dataclasses import Field, replace
from typing import Any, ClassVar, Protocol, TypeVar

from archive import codec

SIGNATURE = "manifest.sig"
KEY_BYTES_MIN = 32


def sign(key: bytes, manifest: bytes) -> bytes:
    """The signature of a manifest's bytes: HMAC-SHA256 in hex. ValueError if the key is too short."""
    if len(key) < KEY_BYTES_MIN:
        raise ValueError(f"a signing key has at least {KEY_BYTES_MIN} bytes")
    return f"{hmac.new(key, manifest, 'sha256').hexdigest()}\n".encode()


def is_signed(key: bytes, manifest: bytes, signature: bytes) -> bool:
    """Whether a signature belongs to this manifest and this key."""
    return hmac.compare_digest(sign(key, manifest), signature)


class SignedRecord(Protocol):
    """A record with a field for its signature."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    @property
    def signature(self) -> str:
        """As `with_signature` makes it; "" for none."""


S = TypeVar("S", bound=SignedRecord)


def with_signature(record: S, key: bytes) -> S:
    """The record with its signature; without one where there is no key."""
    return replace(record, signature=_signature(record, key) if key else "")


def has_signature(record: SignedRecord, key: bytes) -> bool:
    """Whether a record was signed with this key, and is unchanged since; of any record without a key."""
    return not key or hmac.compare_digest(_signature(record, key).encode(), record.signature.encode())


def _signature(record: SignedRecord, key: bytes) -> str:
    """Of the kind of the record too, so that none can pass for another."""
    bare = replace(record, signature="")
    return sign(key, f"{type(record).__name__}\n".encode() + codec.encode(bare)).decode().strip()
