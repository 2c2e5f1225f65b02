"""Who planned a run: a signature beside its manifest, made with a key that planners and their workers share.

A manifest decides what is done with the SSH keys and the mail account of its readers. Whoever can write to
the folder of the runs but does not have the key can write a manifest, but not sign it.
"""

import hmac

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
