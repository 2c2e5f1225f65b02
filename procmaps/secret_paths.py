"""Secrets in paths and in the names that processes give themselves."""

import re
from typing import Final

from procmaps.lazy_pattern import compiled
from procmaps.masking import Budget
from procmaps.masking_options import AS_BY_DEFAULT, Masking
from procmaps.remembered import remembered
from procmaps.secret_names import names
from procmaps.secret_patterns import mask_forms, mask_text
from procmaps.secret_walk import STEP_BYTES

PATHS_REMEMBERED: Final = 65_536  # with their limit of length, 32 MiB at most
# different paths per host, each with its least cost; of further ones only that they are files is kept
PATHS_LIMIT_BYTES: Final = 6 * 2**20
PATH_COST_BYTES: Final = 32
TOO_MANY: Final = b"/***"
_SIGNS = compiled(rb"[=:@\"'$|<>?\s%]|-----")
# behind the inode in maps: a file, or what a process calls its anonymous memory; names of the kernel stay
_PATHS = compiled(rb" [0-9]+ +(/[^\n]*|\[anon(?:_shmem)?:[^\n]*)")
_OWN_NAME = compiled(rb"(\[anon(?:_shmem)?:)([^\]]*)(.*)", re.DOTALL)
_GROUP = compiled(rb"((?:[0-9]*:[^:]*:)?)(.*)")  # HIERARCHY:CONTROLLERS:PATH
PATH_LIMIT_BYTES: Final = 4096  # a path of the kernel; of what is longer the rest is dropped


def is_plain(path: bytes) -> bool:
    """Whether no sign in it can stand between a name and a secret."""
    return _SIGNS.search(path) is None


@remembered(PATHS_REMEMBERED)
def mask_path(path: bytes, masking: Masking = AS_BY_DEFAULT) -> bytes:
    """Masks each folder separately, because labels depend on the object's name."""
    if is_plain(path):
        return mask_forms(path)
    known = names(masking.words)
    return b"/".join(mask_text(part, known) for part in path[:PATH_LIMIT_BYTES].split(b"/"))


@remembered(PATHS_REMEMBERED)
def mask_word(word: bytes, masking: Masking = AS_BY_DEFAULT) -> bytes:
    """The content of /proc/PID/comm."""
    return mask_text(word[:PATH_LIMIT_BYTES], names(masking.words))


def mask_comm(content: bytes, masking: Masking = AS_BY_DEFAULT) -> bytes:
    """The content of /proc/PID/comm, whose last newline is not part of the name."""
    name = content.removesuffix(b"\n")
    return mask_word(name, masking) + content[len(name) :]


def mask_mapped(name: bytes, masking: Masking = AS_BY_DEFAULT) -> bytes:
    """What stands last in a line of maps: a path, or the name of anonymous memory in brackets."""
    own = _OWN_NAME.match(name)
    return own[1] + mask_word(own[2], masking) + own[3] if own else mask_path(name, masking)


def mask_mappings(text: bytes, masking: Masking = AS_BY_DEFAULT) -> bytes:
    """The content of /proc/PID/maps or smaps."""
    paths = Paths(masking)
    paths.look_at(text)
    return paths.masked(text) if paths.found else text


def mask_cgroup(content: bytes, masking: Masking = AS_BY_DEFAULT, budget: Budget | None = None) -> bytes:
    """The content of /proc/PID/cgroup; dropped once the budget of the host is spent.

    Its paths are masked as those of `cgroup-memory` are, so that they stay equal.
    """
    if budget is not None and budget.spent:
        return b""
    paths = [_GROUP.match(line) for line in content.split(b"\n")]
    telling = any(path and not is_plain(path[2]) for path in paths)
    if budget is not None:
        budget.left_steps -= len(content) // (STEP_BYTES if telling else 4 * STEP_BYTES)
    return b"\n".join(path[1] + mask_path(path[2], masking) for path in paths if path)


class Paths:
    """The paths of one host's mappings: each is looked at once, as often as it occurs."""

    def __init__(self, masking: Masking = AS_BY_DEFAULT) -> None:
        self._masking = masking
        self._seen: set[bytes] = set()
        self._masked: dict[bytes, bytes] = {}
        self._left_bytes = PATHS_LIMIT_BYTES

    def look_at(self, text: bytes) -> None:
        """Whole lines of maps or smaps, or of a stream that holds them."""
        if self._is_full():
            return
        for path in set(_PATHS.findall(text)) - self._seen:
            if not self._learn(path):
                return

    @property
    def found(self) -> bool:
        """Whether the lines have to be written anew."""
        return bool(self._masked) or self._is_full()

    def masked(self, text: bytes) -> bytes:
        """The same lines with the secrets in paths masked, and the paths that were too many dropped."""
        return _PATHS.sub(self._instead, text)

    def one(self, path: bytes) -> bytes:
        """One path, masked; or TOO_MANY."""
        if path not in self._seen:
            self._learn(path)
        return self._masked.get(path, path) if path in self._seen else TOO_MANY

    def _learn(self, path: bytes) -> bool:
        """Mask a new one and remember it, unless they are too many."""
        if not self._is_full():
            self._left_bytes -= PATH_COST_BYTES + (len(path) // 8 if is_plain(path) else len(path))
        if self._is_full():
            return False
        self._seen.add(path)
        masked = mask_mapped(path, self._masking)
        if masked != path:
            self._masked[path] = masked
        return True

    def _is_full(self) -> bool:
        return self._left_bytes < 0

    def _instead(self, found: re.Match[bytes]) -> bytes:
        path = found[1]
        return found[0][: -len(path)] + self.one(path)
