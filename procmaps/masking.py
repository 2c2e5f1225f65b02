"""Masks secrets in command lines before anything is written; only the value is replaced.

It masks too much rather than too little: if the name says that a value is a secret, it is always masked. The
names of flags and the number of arguments stay.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from procmaps.masking_options import AS_BY_DEFAULT, Arguments, Masking
from procmaps.remembered import remembered
from procmaps.secret_names import names
from procmaps.secret_walk import ARGUMENT_LIMIT_BYTES, Effort, Walk

# limits of what is kept, because each byte costs time and a stranger chooses the bytes
PROCESS_LIMIT_BYTES: Final = 32_768
ARGUMENTS_LIMIT: Final = 1024
REMEMBERED_LIMIT_BYTES: Final = 4096
REMEMBERED_COMMAND_LINES: Final = 4096  # with the limit above, 16 MiB at most
HOST_LIMIT_STEPS: Final = 240_000  # about 16,000 different command lines; half a minute of the worst ones


class Budget:
    """The masking budget of one host, and the number of command lines that were dropped."""

    __slots__ = ("dropped", "left_steps")

    def __init__(self, steps: int = HOST_LIMIT_STEPS) -> None:
        self.left_steps = steps
        self.dropped = 0

    @property
    def spent(self) -> bool:
        return self.left_steps <= 0

    def take(self, effort: Effort) -> None:
        """A remembered command line costs only once."""
        self.left_steps -= effort.steps
        effort.steps = 0


def mask_argv(argv: tuple[bytes, ...], options: Masking = AS_BY_DEFAULT) -> tuple[bytes, ...]:
    """The arguments with their secrets masked; what exceeds the limits is dropped."""
    return _masked_argv(argv[:ARGUMENTS_LIMIT], options, Effort())


def _masked_argv(argv: tuple[bytes, ...], options: Masking, effort: Effort) -> tuple[bytes, ...]:
    return tuple(_bounded(Walk(names(options.words), effort).over(_affordable(argv))))


def mask_line(text: str, options: Masking = AS_BY_DEFAULT) -> str:
    """A line of text that may hold command lines, such as a program's complaint, with its secrets masked."""
    return b"".join(mask_argv((text.encode("utf-8", "replace"),), options)).decode("utf-8", "replace")


def mask_cmdline(cmdline: bytes, options: Masking = AS_BY_DEFAULT, budget: Budget | None = None) -> bytes:
    """The content of /proc/PID/cmdline, NUL between the arguments, with its secrets masked.

    After the budget of the host is spent, it is dropped, because it must not be passed on unmasked.
    """
    if options.arguments is Arguments.NONE:
        return b""
    if budget is not None and budget.spent and cmdline:
        budget.dropped += 1
        return b""
    masked, effort = _mask(cmdline, options)
    if budget is not None:
        budget.take(effort)
    return masked


@remembered(REMEMBERED_COMMAND_LINES, REMEMBERED_LIMIT_BYTES)
def _mask(cmdline: bytes, options: Masking) -> tuple[bytes, Effort]:
    """Remembered, because the hosts of a fleet run the same command lines and masking is the largest cost."""
    effort = Effort()
    argv = tuple(cmdline.split(b"\0", ARGUMENTS_LIMIT)[:ARGUMENTS_LIMIT])
    masked = _masked_argv(argv, options, effort)
    kept = masked if options.arguments is Arguments.MASKED else options.reduced(masked)
    return b"\0".join(kept), effort


def _affordable(argv: tuple[bytes, ...]) -> Iterator[bytes]:
    """The arguments up to the limit of what may be read, because masked ones cost time too."""
    left = PROCESS_LIMIT_BYTES
    for argument in argv:
        if left <= 0:
            return
        yield argument
        left -= min(len(argument), ARGUMENT_LIMIT_BYTES) + 1


def _bounded(masked: Iterable[bytes]) -> Iterator[bytes]:
    """The masked arguments up to the limits; masking stops when nothing more is kept."""
    left = PROCESS_LIMIT_BYTES
    for argument in masked:
        kept = argument[:ARGUMENT_LIMIT_BYTES]
        left -= len(kept) + 1
        if left < 0:
            return
        yield kept
