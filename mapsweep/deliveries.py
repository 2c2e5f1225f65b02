"""What a command that delivers something says of each delivery, and how it ends."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from mapsweep import documents
from mapsweep.documents import Json
from mapsweep.manner import Manner
from mapsweep.terminal.exits import Exit, complain
from workers.life.tries import Tell, to_nobody

Delivered = TypeVar("Delivered")


def tries_told(manner: Manner) -> Tell:
    """What tells on standard error before each pause why a delivery is tried again; nothing if quiet."""
    return to_nobody if manner.quiet else complain


def told_each(
    deliveries: Iterable[Delivered],
    told: Callable[[Delivered, Manner], Exit],
    as_json: Callable[[Delivered], Json],
    manner: Manner,
    member: str,
) -> Exit:
    """Tell what became of each when it is delivered; exit code 5 if somebody has not got one.

    With --json, they are the `member` of one document.
    """
    documented, code = [], Exit.OK
    for one in deliveries:
        code = max(code, told(one, manner))
        documented.append(as_json(one))
    if manner.as_json:
        documents.echo(**{member: documented})
    return code
