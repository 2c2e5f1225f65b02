"""What the code works for now: run, host, stage, reason. Log lines carry it, so that each names its host."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

NAMES: Final = ("run", "host", "stage", "reason")

# One mapping that is never changed, so that an inner block cannot alter what an outer one set.
_known: ContextVar[Mapping[str, str]] = ContextVar("about", default={})  # noqa: B039 - nobody writes into it


@contextmanager
def about(*, run: str = "", host: str = "", stage: str = "", reason: str = "") -> Iterator[None]:
    """Within the block, `current()` has these as well; an empty text changes nothing.

    A new thread begins without what its parent had: it sets it again, or runs in a copy of the context.
    """
    given = {"run": run, "host": host, "stage": stage, "reason": reason}
    token = _known.set({**_known.get(), **{name: text for name, text in given.items() if text}})
    try:
        yield
    finally:
        _known.reset(token)


def current() -> dict[str, str]:
    """What is known here, in the order of `NAMES`; a copy, without what is not known."""
    known = _known.get()
    return {name: known[name] for name in NAMES if name in known}
