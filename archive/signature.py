"""Who planned a run: a signature beside its manifest, made with a key that planners and their workers share.

What a manifest says is done with the SSH keys and the mail account of those who read it. Whoever can write
where runs lie, and does not hold the key, can write a manifest but not sign it.
"""

import hmac

SIGNATURE = "manifest.sig"
KEY_BYTES_MIN = 32


def sign(key: bytes, manifest: bytes) -> bytes:
    """The signature of a manifest's bytes: HMAC-SHA256 in hex, a line. ValueError where the key is short."""
    if len(key) < KEY_BYTES_MIN:
        raise ValueError(f"a signing key has at least {KEY_BYTES_MIN} bytes")
    return f"{hmac.new(key, manifest, 'sha256').hexdigest()}\n".encode()


def is_signed(key: bytes, manifest: bytes, signature: bytes) -> bool:
    """Whether a signature is of this manifest and made with this key."""
    return hmac.compare_digest(sign(key, manifest), signature)
