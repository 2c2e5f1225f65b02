"""Answers that are remembered over many hosts: of short texts alone, because hosts choose the texts."""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Concatenate, Final, ParamSpec, TypeVar

SHORT_BYTES: Final = 256  # longer than nearly all names, paths and cgroups
_P = ParamSpec("_P")
_R = TypeVar("_R")
_Function = Callable[Concatenate[bytes, _P], _R]


def remembered(most: int, short_bytes: int = SHORT_BYTES) -> Callable[[_Function[_P, _R]], _Function[_P, _R]]:
    """Remembers the last `most` answers to texts of at most `short_bytes`; the rest must be hashable."""

    def of(function: _Function[_P, _R]) -> _Function[_P, _R]:
        answers = lru_cache(maxsize=most)(function)

        @wraps(function)
        def answer(text: bytes, /, *args: _P.args, **options: _P.kwargs) -> _R:
            return (answers if len(text) <= short_bytes else function)(text, *args, **options)

        return answer

    return of
