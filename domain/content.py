"""The bytes of a part of a dump, which are too many for memory if a host is large."""

from collections.abc import Iterator
from typing import Protocol, TypeAlias


class Kept(Protocol):
    """Bytes that are kept elsewhere, and are read as often as they are asked for."""

    def __len__(self) -> int: ...

    def pieces(self) -> Iterator[bytes]:
        """All of them, in order."""
        ...


Content: TypeAlias = bytes | Kept


def pieces(content: Content) -> Iterator[bytes]:
    """The bytes in order, never all at once unless they are in memory."""
    if isinstance(content, bytes):
        yield content
    else:
        yield from content.pieces()


def whole(content: Content) -> bytes:
    """All bytes in memory."""
    return content if isinstance(content, bytes) else b"".join(content.pieces())
