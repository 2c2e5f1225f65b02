"""What is stored of command lines: everything with secrets masked, only names, or nothing."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Final

from procmaps.lazy_pattern import compiled

WORDS_LIMIT_COUNT: Final = 100
# a letter may have its value attached, so only the letter is kept
_NAME = compiled(
    rb"--[A-Za-z][\w.-]{0,127}|-[a-z][a-z.-]{1,31}(?=[=:]|\Z)|-D[\w.-]{1,128}(?==)|-[A-Za-z0-9]|/[A-Za-z][\w-]{0,63}(?=[:=])"
)
_JAVA = compiled(rb"java[\d.]*\Z")
# options of a JVM that the classifier reads: numbers and switches, never text
_JVM = compiled(
    rb"-X(?:mx|ms|mn|ss|int)[0-9]{0,19}[kKmMgGtT]?\Z|-XX:[+-][A-Za-z0-9]{1,64}\Z|-XX:[A-Za-z0-9]{1,64}=[0-9]{1,19}(?:\.[0-9]{1,9}|[kKmMgGtT])?\Z|-XX:ShenandoahGCMode=[a-z]{1,16}\Z"
)
_HEAP_FILE = compiled(rb"-XX:Allocate(?:Heap|OldGen)At=")  # the classifier asks whether there is one
_TAKES_MAIN: Final = frozenset((b"-jar", b"-m", b"--module"))


class Arguments(StrEnum):
    """How much of a command line is stored."""

    NONE = "none"  # not even the program, which is known from the mapped file
    NAMES = "names"  # the program, the names of its flags, and the options of a JVM that the classifier reads
    MASKED = "masked"  # everything, with secrets masked


@dataclass(frozen=True, slots=True)
class Masking:
    """The choices of the site; `words` are further words that mark a name as that of a secret."""

    arguments: Arguments = Arguments.MASKED
    words: tuple[str, ...] = ()

    def reduced(self, argv: tuple[bytes, ...]) -> Iterator[bytes]:
        """The part of masked arguments that is stored, if not all are."""
        if self.arguments is Arguments.NAMES and argv:
            yield from _names(argv)


AS_BY_DEFAULT: Final = Masking()


def _names(argv: tuple[bytes, ...]) -> Iterator[bytes]:
    program = argv[0].partition(b" ")[0]  # of a title the first word
    yield program
    java = bool(_JAVA.match(program.rpartition(b"/")[2]))
    for before, argument in pairwise(argv):
        name = _NAME.match(argument)
        # what runs a JVM need not be called java, and numbers tell nobody a secret
        if _JVM.match(argument) or (java and before in _TAKES_MAIN):
            yield argument
        elif heap_file := _HEAP_FILE.match(argument):
            yield heap_file[0]
        elif name:
            yield name[0]
