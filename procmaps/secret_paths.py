"""Secrets in paths and in the names that processes give themselves."""

from functools import lru_cache
from typing import Final

from procmaps.masking_options import KEPT_AS_THEY_ARE, Masking
from procmaps.secret_names import names
from procmaps.secret_patterns import mask_text

PATHS_REMEMBERED: Final = 65_536
PATH_LIMIT_BYTES: Final = 4096  # a path of the kernel; of what is longer the rest is dropped


@lru_cache(maxsize=PATHS_REMEMBERED)
def mask_path(path: bytes, masking: Masking = KEPT_AS_THEY_ARE) -> bytes:
    """Each folder by itself: a secret in one must not take the object's name away, which labels rest on."""
    known = names(masking.words)
    return b"/".join(mask_text(part, known) for part in path[:PATH_LIMIT_BYTES].split(b"/"))


@lru_cache(maxsize=PATHS_REMEMBERED)
def mask_word(word: bytes, masking: Masking = KEPT_AS_THEY_ARE) -> bytes:
    """The content of /proc/PID/comm."""
    return mask_text(word[:PATH_LIMIT_BYTES], names(masking.words))
