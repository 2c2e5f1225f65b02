"""Patterns that are compiled at their first use, because compiling all takes longer than most commands."""

import re
from functools import cached_property
from typing import Any, Final, cast
from weakref import WeakSet


class _Lazy:
    """Stands for a compiled pattern until one of its methods is asked for."""

    def __init__(self, pattern: bytes, flags: int) -> None:
        self._pattern, self._flags = pattern, flags

    @cached_property
    def whole(self) -> re.Pattern[bytes]:
        return re.compile(self._pattern, self._flags)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        found = getattr(self.whole, name)
        setattr(self, name, found)  # from now on it is found as fast as that of a compiled pattern
        return found


_ALL: Final = WeakSet[_Lazy]()


def compiled(pattern: bytes, flags: int = 0) -> re.Pattern[bytes]:
    """The pattern; what is wrong in it is raised at its first use (re.error)."""
    lazy = _Lazy(pattern, flags)
    _ALL.add(lazy)
    return cast("re.Pattern[bytes]", lazy)


def compile_all() -> None:
    """Compile all patterns of the modules that are imported: for a process of which others are copies."""
    for lazy in _ALL:
        _ = lazy.whole
