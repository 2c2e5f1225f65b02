"""What is stored of command lines: all with the secrets masked, the names alone, or nothing."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Final

WORDS_LIMIT_COUNT: Final = 100
# a letter may have its value attached: of those the letter alone
_NAME = re.compile(
    rb"--[A-Za-z][\w.-]{0,127}|-[a-z][a-z.-]{1,31}(?=[=:]|\Z)|-D[\w.-]{1,128}(?==)|-[A-Za-z0-9]|/[A-Za-z][\w-]{0,63}(?=[:=])"
)
_JAVA = re.compile(rb"java[\d.]*\Z")
# what the classifier reads of a JVM: numbers and switches, never a text
_JVM = re.compile(
    rb"-X(?:mx|ms|mn|ss|int)[0-9]{0,19}[kKmMgGtT]?\Z|-XX:[+-][A-Za-z0-9]{1,64}\Z|-XX:[A-Za-z0-9]{1,64}=[0-9]{1,19}(?:\.[0-9]{1,9}|[kKmMgGtT])?\Z|-XX:ShenandoahGCMode=[a-z]{1,16}\Z"
)
_TAKES_MAIN: Final = frozenset((b"-jar", b"-m", b"--module"))


class Arguments(StrEnum):
    """How much of a command line is stored."""

    NONE = "none"  # not even the program: the file that is mapped says which it is
    NAMES = "names"  # the program, the names of its flags, and what the classifier reads of a JVM
    MASKED = "masked"  # all of it, with the secrets masked


@dataclass(frozen=True, slots=True)
class Masking:
    """What the site decided; `words` are names whose value is a secret, beside those known everywhere."""

    arguments: Arguments = Arguments.MASKED
    words: tuple[str, ...] = ()

    def reduced(self, argv: tuple[bytes, ...]) -> Iterator[bytes]:
        """What is stored of masked arguments where not all of them are."""
        if self.arguments is Arguments.NAMES and argv:
            yield from _names(argv)


AS_BY_DEFAULT: Final = Masking()


def _names(argv: tuple[bytes, ...]) -> Iterator[bytes]:
    program = argv[0].partition(b" ")[0]  # of a title the first word
    yield program
    java = bool(_JAVA.match(program.rpartition(b"/")[2]))
    for before, argument in pairwise(argv):
        name = _NAME.match(argument)
        if java and (_JVM.match(argument) or before in _TAKES_MAIN):
            yield argument
        elif name:
            yield name[0]
